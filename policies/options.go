package policies

import (
	"time"

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
	// BundleFolder is where the last good bundles are kept for policies that do not say; "" = nowhere.
	BundleFolder string
	// BundleFiles are files that are read in place of bundles, by their URLs.
	BundleFiles map[string]string
	// Offline asks no server for bundles: the copy that is kept is read, and where there is none, nothing is said about the
	// rules that need it. It is for editors and for texts that show a policy.
	Offline bool
	// Bundles keeps what was fetched over several loads; nil = each load, or each store, has its own.
	Bundles *Bundles
	// RegoDeadline bounds evaluations whose action does not say how long they may take; 0 = opa.DefaultDeadline. It is for tests
	// on machines that do other things as well.
	RegoDeadline time.Duration
	// Log gets one line for each load.
	Log zerolog.Logger
}
