package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func showReply(r *Reply) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s\n", r.ID, r.Model, showRest(r.Rest))
	for i := range r.Choices {
		c := &r.Choices[i]
		fmt.Fprintf(&b, "%s%s ", c.Finish, showRest(c.Rest))
		showMessage(&b, &c.Message)
	}
	return b.String()
}

func TestDecodeReply(t *testing.T) {
	tests := []struct {
		name string
		api  API
		body string
		want string
	}{
		{
			name: "chat", api: OpenAIChat,
			body: `{"id":"i","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi","reasoning_content":"hm"},"finish_reason":"stop","logprobs":null},
				{"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{}}`,
			want: `i m +usage={}
stop +index=0 +logprobs=null assistant: <text "hi"> <thinking "hm">
tool_calls +index=1 assistant: <call c f {}>
`,
		},
		{
			name: "completions", api: OpenAICompletions, body: `{"id":"i","choices":[{"text":"t","index":0,"finish_reason":"length"}]}`,
			want: "i \nlength +index=0 assistant: <text \"t\">\n",
		},
		{
			name: "responses", api: OpenAIResponses,
			body: `{"id":"r","model":"m","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[
				{"type":"reasoning","summary":[]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"no"}]},
				{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}`,
			want: "r m\nmax_output_tokens assistant: <thinking> <text \"a\"> <refusal \"no\"> <call c f {}>\n",
		},
		{
			name: "anthropic", api: AnthropicMessages,
			body: `{"id":"g","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"t","name":"f","input":{"x":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1}}`,
			want: "g m +usage={\"input_tokens\":1}\ntool_use assistant: <text \"a\"> <call t f {\"x\":1}>\n",
		},
		{
			name: "gemini", api: GeminiGenerate,
			body: `{"responseId":"g","modelVersion":"m","candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"a"},{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP","index":0}]}`,
			want: "g m\nSTOP +index=0 assistant: <thinking \"hm\"> <text \"a\"> <call  f {}>\n",
		},
		{name: "gemini blocked", api: GeminiGenerate, body: `{"promptFeedback":{"blockReason":"SAFETY"}}`, want: "  +promptFeedback={\"blockReason\":\"SAFETY\"}\n"},
		{name: "embeddings", api: OpenAIEmbeddings, body: `{"data":[]}`, want: " \n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, problem := DecodeReply(tt.api, []byte(tt.body))
			if problem != nil {
				t.Fatal(problem)
			}
			if diff := cmp.Diff(tt.want, showReply(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeReplyRefuses(t *testing.T) {
	tests := []struct {
		api               API
		body, param, want string
	}{
		{OpenAIChat, `{"choices":"x"}`, "choices", "must be an array"},
		{OpenAIChat, `{"id":"x"}`, "choices", "not missing"},
		{OpenAIChat, `{"choices":[{"message":{"role":"assistant","content":{}}}]}`, "choices[0].message.content", "a string or an array"},
		{OpenAIResponses, `{"output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":null}]}]}`, "output[0].content[0].text", "not null"},
		{AnthropicMessages, `{"content":"text"}`, "content", "must be an array"},
		{GeminiGenerate, `{"candidates":[{"content":{"parts":"x"}}]}`, "candidates[0].content.parts", "must be an array"},
		{GeminiGenerate, `not JSON`, "", "not a JSON object"},
	}
	for _, tt := range tests {
		_, problem := DecodeReply(tt.api, []byte(tt.body))
		if problem == nil || !strings.Contains(problem.Message, tt.want) || problem.Param != tt.param {
			t.Errorf("%s: got %v, want %q at %q", tt.body, problem, tt.want, tt.param)
		}
	}
}

func TestDecodeJSON(t *testing.T) {
	got, problem := DecodeJSON([]byte(`{"s":"a\u00e9\n","i":9007199254740993,"f":1.50,"e":1e3,"big":18446744073709551616,"n":null,"t":true,"l":[1,{"x":[]},"y"],"o":{}}`))
	want := map[string]any{
		"s": "aé\n", "i": int64(9007199254740993), "f": 1.5, "e": 1000.0, "big": 18446744073709551616.0, "n": nil, "t": true,
		"l": []any{int64(1), map[string]any{"x": []any{}}, "y"}, "o": map[string]any{},
	}
	if problem != nil {
		t.Fatal(problem)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for body, want := range map[string]string{
		`{"a":[{"b":1,"\u0062":2}]}`: "a[0].b stands twice",
		`[1]`:                        "not a JSON object",
		`{"a":[` + strings.Repeat("0,", decodeMaxValues) + `0]}`: "one more than the 524288",
	} {
		if _, problem := DecodeJSON([]byte(body)); problem == nil || !strings.Contains(problem.Message, want) {
			t.Errorf("%s: got %v, want %q", body[:min(len(body), 40)], problem, want)
		}
	}
}

func fuzzSeeds(f *testing.F) {
	f.Helper()
	f.Add([]byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]}],"tools":[{"type":"function","function":{"name":"f"}}]}`))
	f.Add([]byte(`{"input":[{"role":"user","content":"a"},{"type":"function_call_output","call_id":"c","output":"o"}],"instructions":[{"role":"user","content":"x"}]}`))
	f.Add([]byte(`{"system":"s","messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"document","source":{"type":"content","content":"x"}}]}]}]}`))
	f.Add([]byte(`{"contents":[{"parts":[{"functionResponse":{"response":{},"parts":[{"text":"a"}]}}]}],"generation_config":{"top_p":1}}`))
	f.Add([]byte(`{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"choices":[{"message":{"role":"assistant","content":"a"}}],"output":[],"content":[]}`))
	f.Add([]byte(`{"prompt":["a",[1]],"query":"q","documents":[{"text":"b"}],"requests":[{"content":{}}]}`))
}

// FuzzDecodeConversation pins that a decoder neither panics nor points outside the body.
func FuzzDecodeConversation(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for api := range apiCount {
			c, problem := DecodeConversation(api, body)
			if problem != nil {
				if problem.Offset < 0 || problem.Offset > len(body) || problem.Message == "" {
					t.Fatalf("%s: got a problem %+v in a body of %d bytes", api, problem, len(body))
				}
				continue
			}
			_, _ = c.System(), c.HasImages()
			for i := range c.Messages {
				_ = c.Messages[i].Text()
			}
		}
	})
}

func FuzzDecodeReply(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for api := range apiCount {
			r, problem := DecodeReply(api, body)
			if problem == nil {
				for i := range r.Choices {
					_ = r.Choices[i].Message.Text()
				}
			} else if problem.Offset < 0 || problem.Offset > len(body) {
				t.Fatalf("%s: got a problem %+v in a body of %d bytes", api, problem, len(body))
			}
		}
	})
}

// FuzzDecodeJSON compares with the standard library.
func FuzzDecodeJSON(f *testing.F) {
	fuzzSeeds(f)
	f.Add([]byte(`{"a":[1,-2.5,1e2,{"b":null,"c":[true,"x\ud83d\ude00"]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, problem := DecodeJSON(body)
		if problem != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q: the standard library says %v", body, err)
		}
		if !sameJSON(got, want) {
			t.Fatalf("%q: got %v, want %v", body, got, want)
		}
	})
}

func sameJSON(got, want any) bool {
	switch got := got.(type) {
	case int64:
		return want == float64(got)
	case map[string]any:
		w, ok := want.(map[string]any)
		if !ok || len(w) != len(got) {
			return false
		}
		for k, v := range got {
			if !sameJSON(v, w[k]) {
				return false
			}
		}
		return true
	case []any:
		w, ok := want.([]any)
		if !ok || len(w) != len(got) {
			return false
		}
		for i := range got {
			if !sameJSON(got[i], w[i]) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(got, want)
	}
}
