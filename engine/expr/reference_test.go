package expr

import (
	"strings"
	"testing"

	"weir/engine/vars"
)

// examplePhase is a phase in which the example of a function compiles.
func examplePhase(f Function) vars.Phase {
	switch {
	case strings.Contains(f.Example, "ai.models") || strings.Contains(f.Example, "ai.providers"):
		return vars.PhaseRoute
	case strings.Contains(f.Name, "Res"):
		return vars.PhaseResponse
	default:
		return vars.PhaseRequest
	}
}

func TestFunctions(t *testing.T) {
	e := newEnv(t, testOptions())
	documented := make(map[string]bool)
	for _, f := range Functions() {
		t.Run(f.Name, func(t *testing.T) {
			if documented[f.Name] {
				t.Errorf("%s stands twice", f.Name)
			}
			documented[f.Name] = true
			if !strings.HasSuffix(f.Doc, ".") || !strings.Contains(f.Signature, f.Name) || !strings.Contains(f.Example, f.Name) || f.Group == "" {
				t.Errorf("got %+v, want a group, a sentence, a signature and an example of it", f)
			}
			got, err := evaluate(t, e, examplePhase(f), f.Example)
			if err != nil || got != f.Want {
				t.Errorf("%s: got %s, %v, want %s", f.Example, got, err, f.Want)
			}
		})
	}
	for _, name := range e.functions {
		if !documented[name] && name != "in" {
			t.Errorf("%s is not documented", name)
		}
	}
	for name := range documented {
		if near := e.nearestFunction(name + "x"); near == "" {
			t.Errorf("%s is not suggested for a name that is nearly it", name)
		}
	}
}

// evaluate gives the result of an expression as JSON.
func evaluate(t *testing.T, e *Env, phase vars.Phase, expression string) (string, error) {
	t.Helper()
	u, diags := e.compile(scope{env: e.cel, phase: phase}, Text{Value: expression})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	v, err := u.run(bindings{src: fixtureSource(), models: fixtureModels(), selects: true})
	if err != nil {
		return "", err
	}
	native, err := toNative(v, 0)
	if err != nil {
		t.Fatal(err)
	}
	return marshal(native)
}
