package expr

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	_ "cel.dev/expr/conformance/proto2"
	_ "cel.dev/expr/conformance/proto3"
	conformance "cel.dev/expr/conformance/test"
	"google.golang.org/protobuf/encoding/prototext"

	"weir/engine/vars"
)

// conformanceFiles are the parts of the language that policies have: no protocol buffers, no optional values, no extensions
// that are not switched on.
func conformanceFiles() []string {
	return []string{
		"basic", "comparisons", "conversions", "encoders_ext", "fp_math", "integer_math", "lists", "logic", "macros", "parse",
		"plumbing", "string", "string_ext", "timestamps",
	}
}

// TestConformance runs the tests of CEL's own specification, as they come with the module that cel-go needs, in the
// environment of policies: what is added and rewritten here must not change what the language means.
func TestConformance(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "cel.dev/expr").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "tests", "simple", "testdata")
	if _, statErr := os.Stat(dir); err != nil || statErr != nil {
		t.Fatalf("the module with the tests is not there: %v, %v", err, statErr)
	}
	e := newEnv(t, Options{})
	ran := 0
	for _, name := range conformanceFiles() {
		text, err := os.ReadFile(filepath.Join(dir, name+".textproto"))
		if err != nil {
			t.Fatal(err)
		}
		var file conformance.SimpleTestFile
		if err := prototext.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		for _, section := range file.GetSection() {
			for _, c := range section.GetTest() {
				full := name + "/" + section.GetName() + "/" + c.GetName()
				if !applies(c) || differs(full) {
					continue
				}
				ran++
				t.Run(full, func(t *testing.T) { conform(t, e, c) })
			}
		}
	}
	const least = 1000 // fewer would mean that the tests are no longer read
	if ran < least {
		t.Errorf("ran %d tests, want at least %d", ran, least)
	}
}

// applies says whether a test needs nothing that policies do not have.
func applies(c *conformance.SimpleTest) bool {
	if c.GetContainer() != "" || len(c.GetTypeEnv()) > 0 || len(c.GetBindings()) > 0 || c.GetDisableMacros() ||
		c.GetDisableCheck() || c.GetCheckOnly() {
		return false
	}
	for _, foreign := range []string{"google.protobuf", "TestAllTypes", "optional", "cel.", "NullValue"} {
		if strings.Contains(c.GetExpr(), foreign) {
			return false
		}
	}
	return true
}

// differs lists where the language of policies is another one.
func differs(name string) bool {
	// The Go library and the documents that policies are written by agree on -1 here.
	return name == "string_ext/value_errors/indexof_out_of_range"
}

func conform(t *testing.T, e *Env, c *conformance.SimpleTest) {
	t.Helper()
	u, diags := e.compile(scope{env: e.cel, phase: vars.PhaseRequest}, Text{Value: c.GetExpr()})
	fails := c.GetEvalError() != nil || c.GetAnyEvalErrors() != nil
	if diags.HasErrors() {
		if !fails {
			t.Errorf("%s: got %v", c.GetExpr(), diags)
		}
		return
	}
	got, err := u.run(bindings{src: source{}})
	if fails {
		if err == nil {
			t.Errorf("%s: got %v, want an error", c.GetExpr(), got)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: got %v", c.GetExpr(), err)
		return
	}
	var want ref.Val = types.True
	if c.GetValue() != nil {
		if want, err = cel.ProtoAsValue(types.DefaultTypeAdapter, c.GetValue()); err != nil {
			t.Fatalf("the wanted value cannot be read: %v", err)
		}
	}
	if d, ok := want.(types.Double); ok && math.IsNaN(float64(d)) { // NaN equals nothing
		if g, ok := got.(types.Double); !ok || !math.IsNaN(float64(g)) {
			t.Errorf("%s: got %v, want NaN", c.GetExpr(), got)
		}
		return
	}
	if got.Type() != want.Type() || got.Equal(want) != types.True {
		t.Errorf("%s: got %v (%v), want %v (%v)", c.GetExpr(), got, got.Type(), want, want.Type())
	}
}
