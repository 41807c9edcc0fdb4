package providers

import (
	"slices"
	"testing"
)

// The vendor writes its own name with a dot, tools write it with an underscore.
func TestInferenceNetAliases(t *testing.T) {
	if got := specOf(t, "inference-net").Aliases; !slices.Contains(got, "inference.net") || !slices.Contains(got, "inference_net") {
		t.Errorf("got %v, want inference.net and inference_net", got)
	}
}
