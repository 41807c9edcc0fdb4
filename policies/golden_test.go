package policies

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"weir/actions"
)

// update is set by go test -update to write the diagnostics that come out into the archives.
var update = flag.Bool("update", false, "write golden files")

// TestDiagnostics compiles each archive's policy and compares everything that is reported with the archive's want.
func TestDiagnostics(t *testing.T) {
	files, err := filepath.Glob("testdata/diagnostics/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d archives and error %v, want some", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			opts := testOptions()
			var policy []byte
			name, want, wantAt := "", "", -1
			for i, f := range archive.Files {
				switch f.Name {
				case "want":
					want, wantAt = string(f.Data), i
				case "secrets":
					opts.Secrets = []Source{MapSecrets(secretLines(f.Data))}
				default:
					name, policy = f.Name, f.Data
				}
			}
			_, diags := Compile(Input{Path: name, Text: policy}, opts)
			got := diags.Error()
			if got != "" {
				got += "\n"
			}
			if *update && wantAt >= 0 {
				archive.Files[wantAt].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("diagnostics differ (-want +got):\n%s", diff)
			}
		})
	}
}

func testOptions() Options { return Options{Actions: actions.Registry()} }

func secretLines(data []byte) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := parseEnvLine(line); ok {
			out[key] = value
		}
	}
	return out
}
