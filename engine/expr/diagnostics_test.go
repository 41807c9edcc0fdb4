package expr

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"weir/engine/diag"
	"weir/engine/vars"
)

// TestDiagnostics reads testdata/diagnostics.txtar: pairs of files NAME (kind and phase on the first line, the expression
// below it) and NAME.want. Run with UPDATE_GOLDEN=1 to write what is got.
func TestDiagnostics(t *testing.T) {
	path := filepath.Join("testdata", "diagnostics.txtar")
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e := newEnv(t, Options{
		Secret:    func(name string) (string, bool) { return "s3cret", name == "token" },
		HasVar:    func(name string, _ vars.Phase) bool { return name != "unset" },
		HasResult: func(name string) bool { return name == "rate_limit" },
	})
	out := &txtar.Archive{Comment: archive.Comment}
	want := make(map[string]string)
	for _, f := range archive.Files {
		want[f.Name] = string(f.Data)
	}
	for _, f := range archive.Files {
		if strings.HasSuffix(f.Name, ".want") {
			continue
		}
		got := diagnose(t, e, f.Name, string(f.Data)) + "\n"
		out.Files = append(out.Files, f, txtar.File{Name: f.Name + ".want", Data: []byte(got)})
		if d := cmp.Diff(want[f.Name+".want"], got); d != "" && os.Getenv("UPDATE_GOLDEN") == "" {
			t.Errorf("%s (-want +got):\n%s", f.Name, d)
		}
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, txtar.Format(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func diagnose(t *testing.T, e *Env, name, data string) string {
	t.Helper()
	kind, body, _ := strings.Cut(data, "\n")
	body = strings.TrimSuffix(body, "\n")
	src := diag.NewSource(name, data)
	// Diagnostics point into the whole file, where the expression begins on the second line.
	text := Text{Value: body, At: func(offset int) diag.Pos {
		return src.Pos(len(kind) + 1 + len(string([]rune(body)[:offset])))
	}}
	var diags diag.List
	switch kind {
	case "request":
		_, diags = e.Predicate(vars.PhaseRequest, []Text{text})
	case "response":
		_, diags = e.Predicate(vars.PhaseResponse, []Text{text})
	case "template":
		_, diags = e.Template(vars.PhaseRequest, text)
	case "strategy":
		_, diags = e.Strategy(text)
	case "keys":
		_, diags = e.KeyStrategy(text)
	case "require":
		_, diags = e.ModelPredicate(text)
	default:
		t.Fatalf("%s: unknown kind %q", name, kind)
	}
	for i := range diags {
		diags[i].Line = src.Line(diags[i].Pos.Line)
	}
	if len(diags) == 0 {
		return "no diagnostics"
	}
	return diags.Error()
}
