package sdk

import (
	"errors"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

func anthropicClient(t *testing.T) *anthropic.Client {
	t.Helper()
	c := anthropic.NewClient(
		option.WithAPIKey(need(t, "WEIR_API_KEY")), option.WithBaseURL(need(t, "WEIR_BASE_URL")), option.WithMaxRetries(0),
	)
	return &c
}

func messageParams(text string, tools ...string) anthropic.MessageNewParams {
	p := anthropic.MessageNewParams{
		Model: anthropic.Model(model("ANTHROPIC")), MaxTokens: 4096,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
	}
	schema := citySchema()
	for _, name := range tools {
		p.Tools = append(p.Tools, anthropic.ToolUnionParamOfTool(anthropic.ToolInputSchemaParam{
			Properties: schema["properties"], Required: []string{"city"},
		}, name))
	}
	return p
}

func TestAnthropicMessages(t *testing.T) {
	c := anthropicClient(t)
	m, err := c.Messages.New(t.Context(), messageParams("hello there"))
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, m.Content[0].Text, "hello there")
	if m.StopReason != "end_turn" || m.Usage.InputTokens == 0 {
		t.Errorf("got stop reason %q, usage %+v", m.StopReason, m.Usage)
	}
}

func TestAnthropicStream(t *testing.T) {
	c := anthropicClient(t)
	p := messageParams("one two three")
	p.Thinking = anthropic.ThinkingConfigParamOfEnabled(2048)
	stream := c.Messages.NewStreaming(t.Context(), p)
	var m anthropic.Message
	for stream.Next() {
		if err := m.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if len(m.Content) != 2 || m.Content[0].Type != "thinking" || m.Content[0].Signature == "" {
		t.Fatalf("got %+v, want thinking and text", m.Content)
	}
	wantText(t, m.Content[1].Text, "one two three")
	if m.StopReason != "end_turn" || m.Usage.OutputTokens < 2 {
		t.Errorf("got stop reason %q, usage %+v", m.StopReason, m.Usage)
	}
}

func TestAnthropicTools(t *testing.T) {
	c := anthropicClient(t)
	p := messageParams("get_weather and get_time", "get_weather", "get_time")
	stream := c.Messages.NewStreaming(t.Context(), p)
	var streamed anthropic.Message
	for stream.Next() {
		if err := streamed.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil || len(streamed.Content) != 2 {
		t.Fatalf("streamed: got %d blocks, error %v, want 2", len(streamed.Content), err)
	}
	first, err := c.Messages.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if first.StopReason != "tool_use" {
		t.Fatalf("stop reason: got %q, want tool_use", first.StopReason)
	}
	var results []anthropic.ContentBlockParamUnion
	for i := range first.Content {
		wantCity(t, string(first.Content[i].Input))
		results = append(results, anthropic.NewToolResultBlock(first.Content[i].ID, "sunny", false))
	}
	p.Messages = append(p.Messages, first.ToParam(), anthropic.NewUserMessage(results...))
	second, err := c.Messages.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, second.Content[0].Text, "sunny")
}

func TestAnthropicVisionAndStructuredOutput(t *testing.T) {
	c := anthropicClient(t)
	p := messageParams("")
	p.Messages = []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewImageBlockBase64("image/png", pixel), anthropic.NewTextBlock("look"))}
	m, err := c.Messages.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, m.Content[0].Text, "saw 1 images")
	p = messageParams("who")
	p.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: personSchema()}
	if m, err = c.Messages.New(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	wantPerson(t, m.Content[0].Text)
}

func TestAnthropicCountAndModels(t *testing.T) {
	c := anthropicClient(t)
	n, err := c.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{
		Model: anthropic.Model(model("ANTHROPIC")), Messages: messageParams("a b c").Messages,
	})
	if err != nil || n.InputTokens == 0 {
		t.Errorf("count: got %+v, error %v", n, err)
	}
	found := false
	models := c.Models.ListAutoPaging(t.Context(), anthropic.ModelListParams{})
	for models.Next() {
		found = found || strings.HasSuffix(models.Current().ID, "echo")
	}
	if err := models.Err(); err != nil || !found {
		t.Errorf("models: error %v, echo among them: %v", err, found)
	}
}

func TestAnthropicErrors(t *testing.T) {
	c := anthropicClient(t)
	var own *anthropic.Error
	for _, status := range []int{400, 401, 403, 404, 429, 503} {
		_, err := c.Messages.New(t.Context(), messageParams("x"), option.WithHeader("x-sim-fault", refuse(status)))
		if !errors.As(err, &own) || own.StatusCode != status {
			t.Errorf("%d: got %v, want the SDK's own error", status, err)
		}
	}
	p := messageParams("x")
	p.Model = anthropic.Model(model("MISSING"))
	if _, err := c.Messages.New(t.Context(), p); !errors.As(err, &own) || own.StatusCode != 404 {
		t.Errorf("unknown model: got %v, want 404", err)
	}
}
