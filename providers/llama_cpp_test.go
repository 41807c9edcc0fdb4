package providers

import (
	"slices"
	"strings"
	"testing"
)

// 8080 is Weir's own usual port: the probe must be a path that Weir does not answer.
func TestLlamaCppProbe(t *testing.T) {
	spec := specOf(t, "llama-cpp")
	if strings.HasPrefix(spec.Probe, "/v1") || spec.Probe == "/health" {
		t.Errorf("got probe %s, which other servers on the port answer too", spec.Probe)
	}
	if slices.Contains(spec.Env, "LLAMA_API_KEY") {
		t.Error("LLAMA_API_KEY is the key of a cloud service and must not go to a local server")
	}
}
