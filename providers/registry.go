package providers

import (
	"cmp"
	"slices"

	"weir/engine"
)

// entry is one vendor with what its spec cannot say.
type entry struct {
	rank     int                       // place in the registry; equal ranks are sorted by id
	endpoint func(value string) string // completes what the environment says about the base URL; nil = taken as it is
	spec     engine.ProviderSpec
}

// registered is filled by the init functions of this package only and never changes afterwards.
var registered []entry

func register(rank int, endpoint func(string) string, spec engine.ProviderSpec) {
	registered = append(registered, entry{rank: rank, endpoint: endpoint, spec: spec})
}

// Registry returns every built-in provider: the large vendors first, local servers and those that need an address last.
func Registry() []engine.ProviderSpec {
	entries := slices.Clone(registered)
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.spec.ID, b.spec.ID))
	})
	out := make([]engine.ProviderSpec, len(entries))
	for i := range entries {
		out[i] = entries[i].spec
	}
	return out
}

// Environment wraps a look-up of environment variables: where a variable holds a vendor's address in the form that the
// vendor's own tools take (OLLAMA_HOST without a scheme, AZURE_OPENAI_ENDPOINT without a path), it reads as a base URL.
func Environment(lookup func(name string) (string, bool)) func(name string) (string, bool) {
	endpoints := map[string]func(string) string{}
	for i := range registered {
		if e := &registered[i]; e.endpoint != nil {
			for _, name := range e.spec.BaseURLEnv {
				endpoints[name] = e.endpoint
			}
		}
	}
	return func(name string) (string, bool) {
		value, ok := lookup(name)
		if complete := endpoints[name]; complete != nil && value != "" {
			return complete(value), ok
		}
		return value, ok
	}
}
