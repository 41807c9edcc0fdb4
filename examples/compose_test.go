package examples_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"weir/server"
)

// composeFile is what the test reads of a compose file.
type composeFile struct {
	Services map[string]struct {
		Image       string
		Build       struct{ Context, Dockerfile string }
		Command     []string
		Environment map[string]string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Healthcheck struct{ Test []string }
		Volumes     []string
	}
	Volumes map[string]any
}

// TestCompose holds the compose file to what it says of itself: two replicas with a state of their own, servers of a known
// version with health checks, every mounted file there, and no secret in it.
func TestCompose(t *testing.T) {
	const folder = "17-two-replicas"
	text, err := os.ReadFile(filepath.Join(folder, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"postgres", "valkey", "weir-1", "weir-2"}, slices.Sorted(maps.Keys(file.Services))); diff != "" {
		t.Fatalf("services (-want +got):\n%s", diff)
	}
	secret, asked := regexp.MustCompile(`(PASSWORD|TOKEN|_KEY|STORE|COUNTERS)$`), regexp.MustCompile(`\$\{[A-Z_]+:\?[^}]+\}`)
	states := map[string]bool{}
	for name, service := range file.Services {
		for variable, value := range service.Environment {
			if secret.MatchString(variable) && !asked.MatchString(value) {
				t.Errorf("%s: got %s with the value %q, want it asked for from the environment", name, variable, value)
			}
		}
		for _, volume := range service.Volumes {
			source, target, _ := strings.Cut(volume, ":")
			_, named := file.Volumes[source]
			_, err := os.Stat(filepath.Join(folder, source))
			if named == (err == nil) {
				t.Errorf("%s: got the volume %s, want a file that is there or a volume that is declared", name, source)
			}
			if target == "/var/lib/weir" {
				states[source] = true
			}
		}
		if !strings.HasPrefix(name, "weir-") {
			if _, version, _ := strings.Cut(service.Image, ":"); version == "" || version == "latest" || len(service.Healthcheck.Test) == 0 {
				t.Errorf("%s: got the image %q and the check %q, want a version and a check", name, service.Image, service.Healthcheck.Test)
			}
			continue
		}
		for _, other := range []string{"postgres", "valkey"} {
			if service.DependsOn[other].Condition != "service_healthy" {
				t.Errorf("%s: got no wait for %s, want one", name, other)
			}
		}
		if _, err := os.Stat(filepath.Join(folder, service.Build.Context, service.Build.Dockerfile)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff([]string{"serve", "/etc/weir/policy.yaml", "--config", "/etc/weir/weir.yaml", "--listen", "0.0.0.0:8080", "--admin", "0.0.0.0:9080"}, service.Command); diff != "" {
			t.Errorf("%s: command (-want +got):\n%s", name, diff)
		}
	}
	if len(states) != 2 {
		t.Errorf("got the folders of state %v, want one for each replica", states)
	}
	config, diags := server.LoadConfig(filepath.Join(folder, "weir.yaml"))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, name := range []string{config.Access.StoreSecret, config.Access.CountersSecret} {
		if file.Services["weir-1"].Environment[name] == "" || file.Services["weir-2"].Environment[name] == "" {
			t.Errorf("got no variable %s of the replicas, want it", name)
		}
	}
}
