package providers

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/wire"
)

// TestURLs compares where each API of each provider is asked with the list in testdata, which is kept by hand.
func TestURLs(t *testing.T) {
	var got []string
	for _, spec := range Registry() {
		for _, s := range spec.Surfaces {
			base := s.BaseURL
			if base == "" {
				base = spec.BaseURL
			}
			if base == "" { // configured: the address as Azure's portal shows it
				base = azureEndpoint("https://r.openai.azure.com/")
			}
			for _, api := range apisOf(s.Dialect, s.APIs) {
				version, path := "/v1", api.Path()
				if s.Dialect == wire.DialectGemini {
					version, path = "/v1beta", "/models/MODEL:generateContent"
				}
				got = append(got, fmt.Sprintf("%s %s %s", spec.ID, api, join(t, base, version, path)))
			}
		}
	}
	golden, err := os.ReadFile("testdata/urls.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(golden)), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("testdata/urls.txt (-want +got):\n%s", diff)
	}
	if slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "/v1/v1") }) {
		t.Error("a version is there twice")
	}
}

func apisOf(d wire.Dialect, listed []wire.API) []wire.API {
	switch {
	case listed != nil:
		return listed
	case d == wire.DialectAnthropic:
		return []wire.API{wire.AnthropicMessages, wire.AnthropicCountTokens}
	default:
		return []wire.API{wire.GeminiGenerate}
	}
}
