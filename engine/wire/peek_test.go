package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// peekFacts is a Peek as tests compare it.
type peekFacts struct {
	Model, User, Previous, Conversation string
	HasModel, Stream, Usage             bool
	Models                              []string
	Max                                 int64
}

func TestPeek(t *testing.T) {
	tests := []struct {
		name string
		api  API
		body string
		want peekFacts
	}{
		{"nothing", OpenAIChat, `{}`, peekFacts{}},
		{"model", OpenAIChat, `{"model":"gpt"}`, peekFacts{Model: "gpt", HasModel: true}},
		{"empty model", OpenAIChat, `{"model":""}`, peekFacts{HasModel: true}},
		{"escaped", OpenAIChat, `{"\u006dodel":"g\u0070t"}`, peekFacts{Model: "gpt", HasModel: true}},
		{
			"chat", OpenAIChat,
			`{"model":"m","models":["a","b\u002f"],"stream":true,"stream_options":{"include_usage":true},"max_tokens":10,"max_completion_tokens":20,"user":"u"}`,
			peekFacts{Model: "m", HasModel: true, Models: []string{"a", "b/"}, Stream: true, Usage: true, Max: 20, User: "u"},
		},
		{"larger limit first", OpenAIChat, `{"max_completion_tokens":20,"max_tokens":10}`, peekFacts{Max: 20}},
		{"no limit of local servers", OpenAIChat, `{"max_tokens":-1}`, peekFacts{}},
		{"float limit", OpenAIChat, `{"max_tokens":1e3}`, peekFacts{Max: 1000}},
		{
			"nulls", OpenAIChat,
			`{"models":null,"stream":null,"stream_options":null,"max_tokens":null,"user":null,"conversation":null,"previous_response_id":null}`,
			peekFacts{},
		},
		{"usage not asked", OpenAIChat, `{"stream":true,"stream_options":{"include_usage":false}}`, peekFacts{Stream: true}},
		{"usage null", OpenAIChat, `{"stream":true,"stream_options":{"include_usage":null}}`, peekFacts{Stream: true}},
		{"usage of another API", OpenAIResponses, `{"stream_options":{"include_usage":true}}`, peekFacts{}},
		{
			"responses", OpenAIResponses, `{"model":"m","max_output_tokens":5,"previous_response_id":"resp_1","conversation":"conv_1"}`,
			peekFacts{Model: "m", HasModel: true, Max: 5, Previous: "resp_1", Conversation: "conv_1"},
		},
		{"conversation object", OpenAIResponses, `{"conversation":{"id":"conv_2"}}`, peekFacts{Conversation: "conv_2"}},
		{
			"anthropic", AnthropicMessages, `{"model":"claude","max_tokens":7,"stream":false,"metadata":{"user_id":"u"},"user":1}`,
			peekFacts{Model: "claude", HasModel: true, Max: 7, User: "u"},
		},
		{"anthropic without metadata", AnthropicMessages, `{"metadata":null}`, peekFacts{}},
		{"gemini without a limit", GeminiGenerate, `{"generationConfig":null}`, peekFacts{}},
		{"gemini", GeminiGenerate, `{"contents":[],"generationConfig":{"maxOutputTokens":9},"stream":1}`, peekFacts{Max: 9}},
		{"gemini field names", GeminiGenerate, `{"generation_config":{"max_output_tokens":"9"}}`, peekFacts{Max: 9}},
		{"gemini embed", GeminiEmbed, `{"model":"models/x"}`, peekFacts{}},
		{"names of other things", OpenAIChat, `{"modality":1,"streams":2,"MAX":3,"é":4}`, peekFacts{}},
	}
	var p Peek
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if problem := p.Read(tt.api, []byte(tt.body)); problem != nil {
				t.Fatal(problem)
			}
			got := peekFacts{
				Model: p.Model, HasModel: p.HasModel, Models: p.Models, Stream: p.Stream, Usage: p.StreamUsageAsked,
				Max: p.MaxOutputTokens, User: p.User, Previous: p.PreviousResponseID, Conversation: p.Conversation,
			}
			if len(got.Models) == 0 {
				got.Models = nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPeekRefuses(t *testing.T) {
	many := `{"models":["m"` + strings.Repeat(`,"m"`, peekMaxModels) + `]}`
	tests := []struct {
		name          string
		api           API
		body          string
		param, phrase string
		offset        int
	}{
		{"model is null", OpenAIChat, `{"model":null}`, "model", "a string, not null", 9},
		{"model is a number", AnthropicMessages, `{"model":1}`, "model", "a string, not a number", 9},
		{"model is an array", OpenAIEmbeddings, `{"model":["a"]}`, "model", "a string, not an array", 9},
		{"models is a string", OpenAIChat, `{"models":"a"}`, "models", "an array of strings, not a string", 10},
		{"models holds a number", OpenAIChat, `{"models":["a",1]}`, "models", "models[1] must be a string, not a number", 15},
		{"too many models", OpenAIChat, many, "models", "more than 32", 11 + 4*32},
		{"stream is a string", OpenAIChat, `{"stream":"true"}`, "stream", "a boolean, not a string", 10},
		{"stream is a number", AnthropicMessages, `{"stream":1}`, "stream", "a boolean, not a number", 10},
		{"stream_options is a boolean", OpenAIChat, `{"stream_options":true}`, "stream_options", "an object", 18},
		{"include_usage is a string", OpenAIChat, `{"stream_options":{"include_usage":"x"}}`, "include_usage", "a boolean", 35},
		{"include_usage twice", OpenAIChat, `{"stream_options":{"include_usage":true,"include\u005fusage":false}}`, "stream_options.include_usage", "twice", 40},
		{"include_usage in another case", OpenAIChat, `{"stream_options":{"Include_usage":true}}`, "Include_usage", "spelled", 1},
		{"limit is a string", OpenAIChat, `{"max_tokens":"9"}`, "max_tokens", "a whole number", 14},
		{"limit is a fraction", AnthropicMessages, `{"max_tokens":1.5}`, "max_tokens", "a whole number", 14},
		{"limit is too large", OpenAIResponses, `{"max_output_tokens":1e300}`, "max_output_tokens", "a whole number", 21},
		{"user is a number", OpenAIChat, `{"user":1}`, "user", "a string", 8},
		{"conversation is a number", OpenAIResponses, `{"conversation":1}`, "conversation", "a string", 16},
		{"previous_response_id is an array", OpenAIResponses, `{"previous_response_id":[]}`, "previous_response_id", "a string", 24},
		{"user_id twice", AnthropicMessages, `{"metadata":{"user_id":"a","user_id":"b"}}`, "metadata.user_id", "twice", 27},
		{"Model", OpenAIChat, `{"model":"a","Model":"b"}`, "Model", "spelled model", 13},
		{"Model alone", AnthropicMessages, `{"MODEL":"b"}`, "MODEL", "spelled model", 1},
		{"long s", OpenAIChat, `{"ſtream":true}`, "ſtream", "spelled stream", 1},
		{"Kelvin sign", OpenAIChat, `{"max_toKens":1}`, "max_toKens", "spelled max_tokens", 1},
		{"Messages", OpenAIChat, `{"messages":[],"Messages":[]}`, "Messages", "spelled messages", 15},
		{"gemini limit is a word", GeminiGenerate, `{"generationConfig":{"maxOutputTokens":"x"}}`, "maxOutputTokens", "a whole number", 39},
		{"gemini limit in both spellings", GeminiGenerate, `{"generationConfig":{"maxOutputTokens":1,"max_output_tokens":2}}`, "max_output_tokens", "both", 41},
		{"gemini config in both spellings", GeminiGenerate, `{"generationConfig":{},"generation_config":{}}`, "generationConfig", "both", 1},
		{"gemini config is an array", GeminiGenerate, `{"generationConfig":[]}`, "generationConfig", "an object", 20},
		{"gemini model is a number", GeminiEmbed, `{"model":1}`, "model", "a string", 9},
		{"gemini batch model twice", GeminiBatchEmbed, `{"requests":[{"model":"a","model":"b"}]}`, "requests.model", "twice", 26},
		{"gemini batch Model", GeminiBatchEmbed, `{"requests":[{"Model":"a"}]}`, "Model", "spelled model", 13},
		{"gemini wrapped array", GeminiCountTokens, `{"generateContentRequest":[]}`, "generateContentRequest", "an object", 26},
		{"gemini batch of strings", GeminiBatchEmbed, `{"requests":["a"]}`, "requests", "an array of objects", 13},
		{"gemini wrapped in both spellings", GeminiCountTokens, `{"generateContentRequest":{},"generate_content_request":{}}`, "generateContentRequest", "both", 1},
		{"not JSON", OpenAIChat, `{"model":"a"`, "", "ends inside", 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Peek
			problem := p.Read(tt.api, []byte(tt.body))
			if problem == nil {
				t.Fatalf("got no problem, want %q", tt.phrase)
			}
			if problem.Param != tt.param || problem.Offset != tt.offset || !strings.Contains(problem.Message, tt.phrase) {
				t.Errorf("got %+v, want %q at %d with %q", *problem, tt.param, tt.offset, tt.phrase)
			}
		})
	}
}

func TestPeekBodyModels(t *testing.T) {
	tests := []struct {
		name string
		api  API
		body string
		want string
	}{
		{"none", GeminiGenerate, `{"contents":[{"model":"a"}]}`, `{"contents":[{"model":"a"}]}`},
		{"embed", GeminiEmbed, `{"content":{}, "model" : "models/a" }`, `{"content":{}, "model" : "models/z" }`},
		{
			"batch", GeminiBatchEmbed,
			`{"requests":[{"model":"models/a","content":{}}, {"content":{"model":1}},{"content":{},"\u006dodel":"b"}]}`,
			`{"requests":[{"model":"models/z","content":{}}, {"content":{"model":1}},{"content":{},"\u006dodel":"models/z"}]}`,
		},
		{"count", GeminiCountTokens, `{"generateContentRequest":{"model":"a"}}`, `{"generateContentRequest":{"model":"models/z"}}`},
	}
	var p Peek
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if problem := p.Read(tt.api, []byte(tt.body)); problem != nil {
				t.Fatal(problem)
			}
			if p.HasModel {
				t.Errorf("got model %q from a body, want the path to name it", p.Model)
			}
			if got := string(p.SpliceModels(nil, []byte(`"models/z"`))); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestPeekReset(t *testing.T) {
	var p Peek
	body := []byte(`{"model":"m","models":["a"],"stream":true`)
	for i := range scanKeepMembers {
		body = fmt.Appendf(body, `,"k%d":1`, i)
	}
	if problem := p.Read(OpenAIChat, append(body, '}')); problem != nil {
		t.Fatal(problem)
	}
	p.scratch = make([]byte, 0, 2*textKeepScratch)
	p.Reset()
	if p.HasModel || p.Model != "" || p.Stream || len(p.Models) != 0 || len(p.Doc.Members()) != 0 || p.Doc.body != nil {
		t.Errorf("got %+v after a reset, want nothing", p)
	}
	if cap(p.Doc.members) > scanKeepMembers || cap(p.scratch) > textKeepScratch {
		t.Errorf("got %d members and %d bytes kept", cap(p.Doc.members), cap(p.scratch))
	}
	if got := p.Models[:1][0]; got != "" {
		t.Errorf("got %q kept from the body before", got)
	}
}
