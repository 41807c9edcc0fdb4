package catalog

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func imported(t *testing.T, text string, format Format) (*Catalog, []Diagnostic) {
	t.Helper()
	c, diags, err := Import(strings.NewReader(text), format)
	if err != nil {
		t.Fatal(err)
	}
	return c, diags
}

// lines is the models of a catalog as the data file has them, without what goes around.
func lines(t *testing.T, c *Catalog) []string {
	t.Helper()
	var out []string
	for line := range strings.SplitSeq(write(t, c), "\n") {
		if strings.HasPrefix(line, "   {") {
			line = strings.TrimSuffix(strings.TrimSpace(line), ",")
			if !json.Valid([]byte(line)) { // the last of a provider closes its list too
				line = strings.TrimSuffix(line, "]}")
			}
			out = append(out, line)
		}
	}
	return out
}

func TestImportModelsDev(t *testing.T) {
	const text = `{
 "togetherai": {"id":"togetherai","name":"Together AI","env":["TOGETHER_API_KEY"],"models":{
  "meta-llama/Llama-3.3-70B": {"id":"x","name":"Llama 3.3","release_date":"2024-12","attachment":true,"reasoning":false,
   "tool_call":true,"structured_output":true,"temperature":true,"open_weights":true,"knowledge":"2023-12",
   "cost":{"input":0.88,"output":0.88,"cache_read":0},"limit":{"context":131072,"output":4096},
   "modalities":{"input":["text","pdf","image"],"output":["text"]}},
  "gratis": {"name":"gratis","cost":{"input":0,"output":0},"limit":{"context":1,"output":1},"modalities":{"input":["text"],"output":["text"]}},
  "gratis:free": {"name":"g","cost":{"input":0,"output":0},"limit":{"context":1,"output":1},"modalities":{"input":["text"],"output":["text"]}},
  "o9": {"name":"Thinker\nof lines","temperature":false,"reasoning":true,"limit":{"context":9,"output":9},"modalities":{"input":["text"],"output":["text"]}},
  "text-embedding-9": {"name":"E","temperature":false,"cost":{"input":0.1,"output":0},"limit":{"context":8,"output":1536},
   "modalities":{"input":["text"],"output":["text"]}}
 }},
 "odd": {"models":{"a\nb":{"limit":{},"modalities":{}},"neg":{"cost":{"input":-1}},"list":[]}},
 "none": 7
}`
	c, diags := imported(t, text, FormatAuto)
	want := []string{
		`{"id":"meta-llama/Llama-3.3-70B","author":"meta-llama","name":"Llama 3.3","context":131072,"output":4096,"in":["text","file","image"],"out":["text"],"features":["tool-calling","structured-output","vision","attachments","open-weights"],"price":{"input":0.88,"output":0.88},"released":"2024-12-01"}`,
		`{"id":"gratis","context":1,"output":1,"in":["text"],"out":["text"]}`,
		`{"id":"gratis:free","name":"g","context":1,"output":1,"in":["text"],"out":["text"],"price":{"input":0,"output":0}}`,
		`{"id":"o9","context":9,"output":9,"in":["text"],"out":["text"],"features":["reasoning"],"unsupported_params":["temperature"]}`,
		`{"id":"text-embedding-9","author":"openai","name":"E","context":8,"in":["text"],"out":["embedding"],"features":["embeddings"],"price":{"input":0.1,"output":0}}`,
	}
	if diff := cmp.Diff(want, lines(t, c)); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
	wantDiags(t, diags, `"odd:a\nb"`, `"odd:neg"`, `"odd:list"`, `"none"`)
	if got := c.Providers(); len(got) != 1 || got[0] != "together" {
		t.Errorf("got providers %v, want together", got)
	}
}

func wantDiags(t *testing.T, diags []Diagnostic, want ...string) {
	t.Helper()
	if len(diags) != len(want) {
		t.Fatalf("got %v, want %d diagnostics", diags, len(want))
	}
	for i, d := range diags {
		if !strings.HasPrefix(d.String(), want[i]+": ") || strings.Contains(d.String(), "\n") {
			t.Errorf("got %q, want one line about %s", d.String(), want[i])
		}
	}
}

// A file may say where its facts came from and put the providers below.
func TestImportModelsDevWrapped(t *testing.T) {
	const text = `{"source":"models.dev (MIT), 2026-07-02","providers":{"zai":{"models":{"glm-9":{"limit":{"context":1}}}}}}`
	c, diags := imported(t, text, FormatAuto)
	if len(diags) != 0 || len(c.Models("z-ai")) != 1 {
		t.Fatalf("got %v and %v", c.Providers(), diags)
	}
	if diff := cmp.Diff([]Source{{Name: "models.dev", Date: "2026-07-02", Licence: "MIT"}}, c.Sources()); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

func TestImportLiteLLM(t *testing.T) {
	const text = `{
 "sample_spec": {"litellm_provider":"one of","max_input_tokens":"max input tokens"},
 "gemini/gemini-9-pro": {"litellm_provider":"gemini","mode":"chat","max_input_tokens":1048576,"max_output_tokens":"65536",
  "input_cost_per_token":1.25e-06,"output_cost_per_token":1e-05,"cache_read_input_token_cost":3e-08,
  "input_cost_per_token_batches":6.25e-07,"search_context_cost_per_query":{"search_context_size_medium":0.035},
  "supports_function_calling":true,"supports_vision":true,"supports_sampling_params":false,"supported_regions":["global","eu-west-1"]},
 "rerank-v9": {"litellm_provider":"cohere","mode":"rerank","max_tokens":4096,"input_cost_per_query":0.002,
  "input_cost_per_token":0.0,"output_cost_per_token":0.0},
 "whisper-9": {"litellm_provider":"openai","mode":"audio_transcription","input_cost_per_second":0.0001},
 "1024-x-1024/dall-e-9": {"litellm_provider":"openai","mode":"image_generation"},
 "ft:gpt-9": {"litellm_provider":"openai","mode":"chat"},
 "azure/eu/gpt-9": {"litellm_provider":"azure","mode":"chat"},
 "gemini-9-pro": {"litellm_provider":"gemini","mode":"chat"},
 "wrong": {"litellm_provider":"openai","input_cost_per_token":"a lot"},
 "nameless": {"mode":"chat"}
}`
	c, diags := imported(t, text, FormatAuto)
	want := []string{
		`{"id":"gemini-9-pro","author":"google","context":1048576,"output":65536,"in":["text","image"],"out":["text"],"features":["tool-calling","vision"],"unsupported_params":["temperature","top_p"],"price":{"input":1.25,"output":10,"cache_read":0.03,"input_batch":0.625,"web_search_per_call":0.035},"datacenters":[{"region":"eu-west-1"}]}`,
		`{"id":"rerank-v9","author":"cohere","context":4096,"in":["text"],"out":["score"],"features":["rerank"]}`,
		`{"id":"whisper-9","author":"openai","in":["audio"],"out":["text"],"features":["transcription"],"price":{"input_per_second":0.0001}}`,
	}
	if diff := cmp.Diff(want, lines(t, c)); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
	wantDiags(t, diags, `"1024-x-1024/dall-e-9"`, `"ft:gpt-9"`, `"azure/eu/gpt-9"`, `"gemini-9-pro"`, `"wrong"`, `"nameless"`)
}

func TestImportRefuses(t *testing.T) {
	tests := []struct {
		name, text, want string
		format           Format
	}{
		{"nothing", "", "not a JSON object", FormatAuto},
		{"a list", "[]", "not a JSON object", FormatAuto},
		{"cut", `{"a":{"models":{`, "reading the value", FormatAuto},
		{"twice", `{"a":{"models":{}},"a":{"models":{}}}`, "twice", FormatAuto},
		{"trailing", `{} {}`, "after the end", FormatAuto},
		{"neither", `{"a":{"b":1}}`, "neither", FormatAuto},
		{"no models", `{"a":{"models":{}}}`, "no usable model", FormatModelsDev},
		{"wrong shape", `{"a":{"models":{}}}`, "no usable model", FormatLiteLLM},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Import(strings.NewReader(tt.text), tt.format)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAuthorOf(t *testing.T) {
	tests := []struct{ name, provider, id, base, want string }{
		{"by the slash", "together", "meta-llama/Llama-4", "", "meta-llama"},
		{"by an alias", "nvidia", "meta/llama-3.1-8b-instruct", "", "meta-llama"},
		{"by a name that moves", "openrouter", "~anthropic/claude-sonnet-latest", "", "anthropic"},
		{"by the beginning", "groq", "llama-3.1-8b-instant", "", "meta-llama"},
		{"resource name", "fireworks", "accounts/fireworks/models/kimi-k2p5", "", "moonshotai"},
		{"by the base", "azure-openai", "router", "microsoft", "microsoft"},
		{"by the vendor", "mistral", "pixie", "", "mistralai"},
		{"the vendor in front", "groq", "groq/compound", "", "groq"},
		{"unknown before a slash", "openrouter", "newcomer/one", "", "newcomer"},
		{"unknown", "azure-openai", "thing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := authorOf(tt.provider, tt.id, tt.base); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzImport(f *testing.F) {
	f.Add(`{"a":{"models":{"b":{"cost":{"input":1}}}}}`)
	f.Add(`{"a/b":{"litellm_provider":"a","input_cost_per_token":"1e-6"}}`)
	f.Add(small)
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []Format{FormatAuto, FormatModelsDev, FormatLiteLLM} {
			c, _, err := Import(strings.NewReader(text), format)
			if err != nil {
				continue
			}
			if err := c.check(); err != nil {
				t.Fatalf("an imported catalog is faulty: %v", err)
			}
			var b strings.Builder
			if err := c.Write(&b); err != nil {
				t.Fatal(err)
			}
			if _, err := Read(strings.NewReader(b.String())); err != nil {
				t.Fatalf("a written catalog cannot be read: %v", err)
			}
		}
	})
}
