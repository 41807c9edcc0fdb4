package sdk

import (
	"errors"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

func openAIClient(t *testing.T) *openai.Client {
	t.Helper()
	c := openai.NewClient(
		option.WithAPIKey(need(t, "WEIR_API_KEY")), option.WithBaseURL(need(t, "WEIR_BASE_URL")+"/v1"), option.WithMaxRetries(0),
	)
	return &c
}

func chatParams(text string, tools ...string) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{
		Model: model("CHAT"), Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
	for _, name := range tools {
		p.Tools = append(p.Tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: name, Parameters: citySchema()}))
	}
	return p
}

func TestOpenAIChat(t *testing.T) {
	c := openAIClient(t)
	answer, err := c.Chat.Completions.New(t.Context(), chatParams("hello there"))
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, answer.Choices[0].Message.Content, "hello there")
	if answer.Choices[0].FinishReason != "stop" || answer.Usage.TotalTokens == 0 {
		t.Errorf("got finish reason %q, usage %+v", answer.Choices[0].FinishReason, answer.Usage)
	}
}

func TestOpenAIChatStream(t *testing.T) {
	c := openAIClient(t)
	p := chatParams("one two three")
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	var all openai.ChatCompletionAccumulator
	chunks := 0
	for stream.Next() {
		chunks++
		if !all.AddChunk(stream.Current()) {
			t.Fatalf("chunk %d does not go on from the others: %s", chunks, stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	wantText(t, all.Choices[0].Message.Content, "one two three")
	if chunks < 4 || all.Usage.TotalTokens == 0 {
		t.Errorf("got %d chunks, usage %+v", chunks, all.Usage)
	}
}

func TestOpenAITools(t *testing.T) {
	c := openAIClient(t)
	p := chatParams("get_weather and get_time", "get_weather", "get_time")
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	var all openai.ChatCompletionAccumulator
	for stream.Next() {
		all.AddChunk(stream.Current())
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if n := len(all.Choices[0].Message.ToolCalls); n != 2 {
		t.Fatalf("streamed tool calls: got %d, want 2", n)
	}
	first, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	message := first.Choices[0].Message
	p.Messages = append(p.Messages, message.ToParam())
	for _, call := range message.ToolCalls {
		wantCity(t, call.Function.Arguments)
		p.Messages = append(p.Messages, openai.ToolMessage("sunny", call.ID))
	}
	second, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, second.Choices[0].Message.Content, "sunny")
}

func TestOpenAIVisionAndStructuredOutput(t *testing.T) {
	c := openAIClient(t)
	p := chatParams("")
	p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
		openai.TextContentPart("look"),
		openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64," + pixel}),
	})}
	answer, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, answer.Choices[0].Message.Content, "saw 1 images")
	p = chatParams("who")
	p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "person", Schema: personSchema(), Strict: openai.Bool(true)},
	}
	if answer, err = c.Chat.Completions.New(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	wantPerson(t, answer.Choices[0].Message.Content)
}

func TestOpenAIResponses(t *testing.T) {
	c := openAIClient(t)
	ask := func(text string) responses.ResponseNewParams {
		return responses.ResponseNewParams{Model: model("CHAT"), Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)}}
	}
	first, err := c.Responses.New(t.Context(), ask("hello there"))
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, first.OutputText(), "hello there")
	p := ask("and more")
	p.PreviousResponseID = openai.String(first.ID)
	second, err := c.Responses.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, second.OutputText(), "and more")
	if same, err := c.Responses.Get(t.Context(), first.ID, responses.ResponseGetParams{}); err != nil || same.ID != first.ID {
		t.Errorf("get: got %v, want %s", err, first.ID)
	}
	if err := c.Responses.Delete(t.Context(), first.ID); err != nil {
		t.Errorf("delete: %v", err)
	}
	stream := c.Responses.NewStreaming(t.Context(), ask("one two"))
	var text strings.Builder
	last := ""
	for stream.Next() {
		e := stream.Current()
		last = e.Type
		if e.Type == "response.output_text.delta" {
			text.WriteString(e.Delta)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	wantText(t, text.String(), "one two")
	if last != "response.completed" {
		t.Errorf("last event: got %q, want response.completed", last)
	}
}

func TestOpenAIEmbeddingsAndModels(t *testing.T) {
	c := openAIClient(t)
	answer, err := c.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
		Model: model("EMBED"), Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Data) != 2 || len(answer.Data[0].Embedding) == 0 {
		t.Errorf("got %d embeddings, want 2", len(answer.Data))
	}
	found := false
	models := c.Models.ListAutoPaging(t.Context())
	for models.Next() {
		found = found || strings.HasSuffix(models.Current().ID, "echo")
	}
	if err := models.Err(); err != nil || !found {
		t.Errorf("models: error %v, echo among them: %v", err, found)
	}
	if one, err := c.Models.Get(t.Context(), model("CHAT")); err != nil || one.Object != "model" {
		t.Errorf("model: got %v", err)
	}
}

func TestOpenAIErrors(t *testing.T) {
	c := openAIClient(t)
	for _, status := range []int{400, 401, 403, 404, 429, 503} {
		_, err := c.Chat.Completions.New(t.Context(), chatParams("x"), option.WithHeader("x-sim-fault", refuse(status)))
		var own *openai.Error
		if !errors.As(err, &own) || own.StatusCode != status || own.Message == "" {
			t.Errorf("%d: got %v, want the SDK's own error", status, err)
		}
		stream := c.Chat.Completions.NewStreaming(t.Context(), chatParams("x"), option.WithHeader("x-sim-fault", refuse(status)))
		for stream.Next() {
			t.Errorf("%d: got an event, want an error", status)
		}
		if !errors.As(stream.Err(), &own) || own.StatusCode != status {
			t.Errorf("%d in a stream: got %v, want the SDK's own error", status, stream.Err())
		}
	}
	p := chatParams("x")
	p.Model = model("MISSING")
	var own *openai.Error
	if _, err := c.Chat.Completions.New(t.Context(), p); !errors.As(err, &own) || own.StatusCode != 404 {
		t.Errorf("unknown model: got %v, want 404", err)
	}
}

func TestOpenAIErrorWithinAStream(t *testing.T) {
	c := openAIClient(t)
	stream := c.Chat.Completions.NewStreaming(t.Context(), chatParams("a b c d"), option.WithHeader("x-sim-fault", "error-event-at=2"))
	events := 0
	for stream.Next() {
		events++
	}
	if stream.Err() == nil || events == 0 {
		t.Errorf("got %d events and %v, want some and an error", events, stream.Err())
	}
}
