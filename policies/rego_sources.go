package policies

import (
	"weir/engine/diag"
	"weir/engine/opa"
)

// regoSources is the Rego of one policy as it is compiled, with the tests beside it.
type regoSources struct {
	// Options hold modules, data and bundles.
	Options opa.Options
	// Tests are the modules whose names end in _test.rego: those of the folders that the policy names, and those beside the
	// files that it names. Tests within bundles are with the bundles.
	Tests []opa.Text
}

// readRego reads and checks a policy and returns its Rego. It is of use only where the diagnostics hold no error.
func readRego(in Input, opts Options) (regoSources, diag.List) {
	c := compile(in, opts, oneLoad(opts))
	return c.sources, c.diags
}
