package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTexts(t *testing.T) {
	tests := []struct {
		name   string
		api    API
		body   string
		want   []string
		images int
	}{
		{"nothing", OpenAIChat, `{"model":"m","user":"u"}`, nil, 0},
		{
			"chat", OpenAIChat,
			`{"model":"m","messages":[{"role":"system","content":"be\nbrief"},
			{"role":"user","name":"bo","content":[{"type":"text","text":"what is \u0022this\""},
			{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},
			{"type":"input_audio","input_audio":{"data":"BBBB","format":"wav"}},
			{"type":"file","file":{"file_data":"CCCC","filename":"x"}}]},
			{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
			{"role":"tool","tool_call_id":"c1","content":"42"}],"temperature":1,
			"tools":[{"type":"function","function":{"name":"f"}}],"response_format":{"type":"json_object"}}`,
			[]string{
				"be\nbrief", "bo", `what is "this"`, "hm", "f", `{"a":1}`, "42",
				`[{"type":"function","function":{"name":"f"}}]`, `{"type":"json_object"}`,
			},
			1,
		},
		{"image without a type", OpenAIChat, `{"messages":[{"content":[{"image_url":"https://x/y.png"}]}]}`, nil, 1},
		{"escaped keys", OpenAIChat, `{"\u006dessages":[{"conten\u0074":"x"}]}`, []string{"x"}, 0},
		{"repeated nested keys", OpenAIChat, `{"messages":[{"content":"a","content":"b"}]}`, []string{"a", "b"}, 0},
		{"completions", OpenAICompletions, `{"prompt":["a","b"],"suffix":"c"}`, []string{"a", "b", "c"}, 0},
		{"token numbers", OpenAICompletions, `{"prompt":[[1,2],[3]]}`, nil, 0},
		{"embeddings", OpenAIEmbeddings, `{"input":["a",""]}`, []string{"a", ""}, 0},
		{"speech", OpenAISpeech, `{"input":"say","instructions":"softly","voice":"v"}`, []string{"say", "softly"}, 0},
		{"images", OpenAIImages, `{"prompt":"a cat"}`, []string{"a cat"}, 0},
		{"moderations", OpenAIModerations, `{"input":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]}`, []string{"a"}, 1},
		{"rerank", OpenAIRerank, `{"query":"q","documents":["a",{"text":"b"}]}`, []string{"q", "a", "b"}, 0},
		{
			"responses", OpenAIResponses,
			`{"instructions":"i","input":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:x"},{"type":"input_image","file_id":"f"}]},
			{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":"EEEE"},
			{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"o"},
			{"type":"custom_tool_call","name":"g","input":"raw"},
			{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"data:y"}},
			{"type":"image_generation_call","result":"FFFF"}],
			"prompt":{"id":"pmpt_1","variables":{"city":"Oslo"}},"text":{"format":{"type":"text"}}}`,
			[]string{"i", "a", "s", "f", "{}", "o", "g", "raw", `{"city":"Oslo"}`, `{"format":{"type":"text"}}`},
			3,
		},
		{"responses of one text", OpenAIResponses, `{"input":"hello"}`, []string{"hello"}, 0},
		{
			"anthropic", AnthropicMessages,
			`{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[
			{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},
			{"type":"document","title":"t","source":{"data":"plain","type":"text","media_type":"text/plain"}},
			{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"BBBB"}},
			{"type":"document","source":{"type":"content","content":[{"type":"text","text":"inner"}]}},
			{"type":"search_result","source":"https://s","title":"T","content":[{"type":"text","text":"found"}]},
			{"type":"tool_result","tool_use_id":"x","content":[{"type":"text","text":"r"},{"type":"image","source":{"type":"url","url":"u"}}]}]},
			{"role":"assistant","content":[{"type":"thinking","thinking":"th","signature":"CCCC"},{"type":"tool_use","id":"x","name":"n","input":{"q":"w"}}]}]}`,
			[]string{"s", "t", "plain", "inner", "https://s", "T", "found", "r", "th", "n", `{"q":"w"}`},
			2,
		},
		{
			"gemini", GeminiGenerate,
			`{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"a"},
			{"inlineData":{"data":"AAAA","mimeType":"image/png"}},{"file_data":{"mime_type":"image/jpeg","file_uri":"u"}},
			{"inlineData":{"mimeType":"audio/wav","data":"BBBB"}},
			{"functionCall":{"name":"f","args":{}}},{"functionResponse":{"name":"f","response":{"r":1},"parts":[{"inlineData":{"mimeType":"image/png","data":"CCCC"}}]}}]}],
			"tools":[{"functionDeclarations":[]}],"generationConfig":{"temperature":1,"responseSchema":{"type":"STRING"}}}`,
			[]string{
				"s", "a", `{"name":"f","args":{}}`, "f", `{"r":1}`, `[{"functionDeclarations":[]}]`,
				`{"type":"STRING"}`,
			},
			3,
		},
		{"gemini batch", GeminiBatchEmbed, `{"requests":[{"model":"m","content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]},"title":"t"}]}`, []string{"a", "b", "t"}, 0},
		{"gemini count", GeminiCountTokens, `{"generateContentRequest":{"model":"m","contents":[{"parts":[{"text":"a"}]}]}}`, []string{"a"}, 0},
	}
	var p Peek
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if problem := p.Read(tt.api, []byte(tt.body)); problem != nil {
				t.Fatal(problem)
			}
			var got []string
			p.Texts(tt.api, func(text string) bool {
				got = append(got, strings.Clone(text))
				return true
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if n := p.Images(tt.api); n != tt.images {
				t.Errorf("got %d images, want %d", n, tt.images)
			}
			for stop := range got {
				n := 0
				p.Texts(tt.api, func(string) bool { n++; return n <= stop })
				if n != stop+1 {
					t.Errorf("got %d texts, want the walk to stop after %d", n, stop+1)
				}
			}
		})
	}
}
