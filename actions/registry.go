package actions

import (
	"slices"
	"strings"

	"weir/engine"
)

// registered is filled by the init functions of this package only and never changes afterwards.
var registered []engine.ActionSpec

func register(spec engine.ActionSpec) { registered = append(registered, spec) }

// Registry returns every action, sorted by name.
func Registry() []engine.ActionSpec {
	out := slices.Clone(registered)
	slices.SortFunc(out, func(a, b engine.ActionSpec) int { return strings.Compare(a.Name, b.Name) })
	return out
}
