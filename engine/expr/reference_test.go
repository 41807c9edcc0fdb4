package expr

import (
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"

	"weir/engine/vars"
)

func TestFunctions(t *testing.T) {
	e := newEnv(t, testOptions())
	documented := make(map[string]bool)
	for _, f := range Functions() {
		t.Run(f.Name, func(t *testing.T) {
			documented[f.Name] = true
			if !strings.HasSuffix(f.Doc, ".") || !strings.Contains(f.Signature, f.Name) || !strings.Contains(f.Example, f.Name) {
				t.Errorf("got %+v, want a sentence, a signature and an example of it", f)
			}
			phase := vars.PhaseRequest
			switch {
			case strings.HasPrefix(f.Example, "ai.") || strings.Contains(f.Signature, "model"):
				phase = vars.PhaseRoute
			case strings.Contains(f.Name, "ResHeader"):
				phase = vars.PhaseResponse
			}
			u, diags := e.compile(scope{env: e.cel, phase: phase}, Text{Value: f.Example})
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			v, err := u.run(bindings{src: fixtureSource(), models: fixtureModels(), selects: true})
			if err != nil {
				t.Fatal(err)
			}
			native, err := toNative(v, 0)
			if err != nil {
				t.Fatal(err)
			}
			got, err := marshal(native)
			if err != nil || got != f.Want {
				t.Errorf("%s: got %s, %v, want %s", f.Example, got, err, f.Want)
			}
		})
	}
	plain, err := cel.NewEnv(ext.Strings(), ext.Lists(), ext.Encoders(ext.EncodersVersion(0)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range e.functions {
		if !documented[name] && !plain.HasFunction(name) {
			t.Errorf("%s is not documented", name)
		}
	}
}
