package sdk

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genai"
)

func genaiClient(t *testing.T, version string, headers http.Header) *genai.Client {
	t.Helper()
	attempts := int32(1)
	c, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		APIKey: need(t, "WEIR_API_KEY"), Backend: genai.BackendGeminiAPI,
		HTTPOptions: genai.HTTPOptions{
			BaseURL: need(t, "WEIR_BASE_URL"), APIVersion: version, Headers: headers,
			RetryOptions: &genai.HTTPRetryOptions{Attempts: &attempts},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func declared(names ...string) *genai.GenerateContentConfig {
	tool := &genai.Tool{}
	for _, name := range names {
		tool.FunctionDeclarations = append(tool.FunctionDeclarations, &genai.FunctionDeclaration{Name: name, ParametersJsonSchema: citySchema()})
	}
	return &genai.GenerateContentConfig{Tools: []*genai.Tool{tool}}
}

func TestGenAIBothVersions(t *testing.T) {
	for _, version := range []string{"v1", "v1beta"} {
		t.Run(version, func(t *testing.T) {
			c := genaiClient(t, version, nil)
			answer, err := c.Models.GenerateContent(t.Context(), model("GEMINI"), genai.Text("hello there"), nil)
			if err != nil {
				t.Fatal(err)
			}
			wantText(t, answer.Text(), "hello there")
			if answer.Candidates[0].FinishReason != genai.FinishReasonStop || answer.UsageMetadata.TotalTokenCount == 0 {
				t.Errorf("got %+v", answer.UsageMetadata)
			}
			var text strings.Builder
			chunks := 0
			for chunk, err := range c.Models.GenerateContentStream(t.Context(), model("GEMINI"), genai.Text("one two three"), nil) {
				if err != nil {
					t.Fatal(err)
				}
				chunks++
				text.WriteString(chunk.Text())
			}
			wantText(t, text.String(), "one two three")
			if chunks < 3 {
				t.Errorf("got %d chunks, want the answer in pieces", chunks)
			}
		})
	}
}

func TestGenAITools(t *testing.T) {
	c := genaiClient(t, "", nil)
	contents := genai.Text("get_weather and get_time")
	config := declared("get_weather", "get_time")
	first, err := c.Models.GenerateContent(t.Context(), model("GEMINI"), contents, config)
	if err != nil {
		t.Fatal(err)
	}
	calls := first.FunctionCalls()
	if len(calls) != 2 {
		t.Fatalf("calls: got %d, want 2", len(calls))
	}
	var parts []*genai.Part
	for _, call := range calls {
		b, err := json.Marshal(call.Args)
		if err != nil {
			t.Fatal(err)
		}
		wantCity(t, string(b))
		parts = append(parts, genai.NewPartFromFunctionResponse(call.Name, map[string]any{"output": "sunny"}))
	}
	contents = append(contents, first.Candidates[0].Content, genai.NewContentFromParts(parts, genai.RoleUser))
	second, err := c.Models.GenerateContent(t.Context(), model("GEMINI"), contents, config)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, second.Text(), "sunny")
}

func TestGenAIVisionAndStructuredOutput(t *testing.T) {
	c := genaiClient(t, "", nil)
	picture, err := base64.StdEncoding.DecodeString(pixel)
	if err != nil {
		t.Fatal(err)
	}
	contents := []*genai.Content{genai.NewContentFromParts([]*genai.Part{
		genai.NewPartFromText("look"), genai.NewPartFromBytes(picture, "image/png"),
	}, genai.RoleUser)}
	answer, err := c.Models.GenerateContent(t.Context(), model("GEMINI"), contents, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, answer.Text(), "saw 1 images")
	config := &genai.GenerateContentConfig{ResponseMIMEType: "application/json", ResponseJsonSchema: personSchema()}
	if answer, err = c.Models.GenerateContent(t.Context(), model("GEMINI"), genai.Text("who"), config); err != nil {
		t.Fatal(err)
	}
	wantPerson(t, answer.Text())
}

func TestGenAIEmbedCountModels(t *testing.T) {
	c := genaiClient(t, "", nil)
	e, err := c.Models.EmbedContent(t.Context(), model("EMBED"), append(genai.Text("a"), genai.Text("b")...), nil)
	if err != nil || len(e.Embeddings) != 2 || len(e.Embeddings[0].Values) == 0 {
		t.Errorf("embed: got %+v, error %v", e, err)
	}
	n, err := c.Models.CountTokens(t.Context(), model("GEMINI"), genai.Text("a b c"), nil)
	if err != nil || n.TotalTokens == 0 {
		t.Errorf("count: got %+v, error %v", n, err)
	}
	found := false
	for m, err := range c.Models.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		found = found || strings.HasPrefix(m.Name, "models/") && strings.HasSuffix(m.Name, "echo")
	}
	if !found {
		t.Error("models: echo is not among them")
	}
}

func TestGenAIErrors(t *testing.T) {
	var own genai.APIError
	for status, word := range map[int]string{
		400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE",
	} {
		c := genaiClient(t, "", http.Header{"X-Sim-Fault": {refuse(status)}})
		_, err := c.Models.GenerateContent(t.Context(), model("GEMINI"), genai.Text("x"), nil)
		if !errors.As(err, &own) || own.Code != status || own.Status != word || own.Message == "" {
			t.Errorf("%d: got %v, want the SDK's own error with %s", status, err, word)
		}
		for _, err := range c.Models.GenerateContentStream(t.Context(), model("GEMINI"), genai.Text("x"), nil) {
			if !errors.As(err, &own) || own.Code != status {
				t.Errorf("%d in a stream: got %v, want the SDK's own error", status, err)
			}
		}
	}
	_, err := genaiClient(t, "", nil).Models.GenerateContent(t.Context(), model("MISSING"), genai.Text("x"), nil)
	if !errors.As(err, &own) || own.Code != 404 {
		t.Errorf("unknown model: got %v, want 404", err)
	}
}
