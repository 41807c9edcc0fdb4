package policies

import (
	"github.com/rs/zerolog"

	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/diag"
)

// Input is one policy document. Without path and text it is the built-in policy: no rules and the default route.
type Input struct {
	// Path is the file to read, and the name that diagnostics show.
	Path string
	// Text, where not nil, is used in place of the file's content.
	Text []byte
}

// Options is what documents are compiled with.
type Options struct {
	// Name is the endpoint's, for logs; the file's name where empty.
	Name string
	// Actions are the actions that rules may use.
	Actions []engine.ActionSpec
	// Secrets are asked in order for each secrets.get(...); the first that has the name wins.
	Secrets []Source
	// Build makes the plan from what was compiled; diagnostics that are errors stop the load.
	Build func(engine.PlanConfig) (*engine.Plan, diag.List)
	// Catalog and Providers are the models and the built-in providers that strategies are tried on, so that one that can
	// leave no model is reported. Without a catalog none is.
	Catalog   *catalog.Catalog
	Providers []engine.ProviderSpec
	// Services gives actions what they need beyond their configuration, by the name of the policy; nil = none.
	Services func(plan string) engine.Services
	// Log gets one line for each load.
	Log zerolog.Logger
}
