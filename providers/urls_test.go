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

// TestIndex compares the table of docs/providers.md with the specs.
func TestIndex(t *testing.T) {
	page, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.SplitSeq(string(page), "\n") {
		if strings.HasPrefix(line, "| [`") {
			got = append(got, line)
		}
	}
	specs := Registry()
	want := make([]string, 0, len(specs))
	for i := range specs {
		spec := &specs[i]
		cells := [6]string{
			fmt.Sprintf("[%#q](../providers/%s.md)", spec.ID, strings.ReplaceAll(spec.ID, "-", "_")),
			"`" + strings.Join(spec.Aliases, "`, `") + "`", "`" + spec.Env[0] + "`",
		}
		served := map[wire.API]bool{}
		for _, s := range spec.Surfaces {
			for _, api := range apisOf(s.Dialect, s.APIs) {
				served[api] = true
			}
		}
		columns := [3][]wire.API{
			{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIResponses, wire.OpenAIEmbeddings, wire.OpenAIImages,
				wire.OpenAISpeech, wire.OpenAITranscriptions, wire.OpenAIModerations, wire.OpenAIRerank,
			},
			{wire.AnthropicMessages, wire.AnthropicCountTokens},
			{wire.GeminiGenerate},
		}
		for c, apis := range columns {
			var names []string
			for _, api := range apis {
				if _, short, _ := strings.Cut(api.String(), "."); served[api] {
					names = append(names, strings.Replace(short, "generate", "all", 1))
				}
			}
			cells[3+c] = strings.Join(names, ", ")
		}
		for c := range cells {
			if strings.Trim(cells[c], "`") == "" {
				cells[c] = "-"
			}
		}
		want = append(want, "| "+strings.Join(cells[:], " | ")+" |")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/providers.md (-specs +page):\n%s", diff)
	}
}
