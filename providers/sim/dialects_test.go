package sim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMessages(t *testing.T) {
	tests := []struct {
		name, body string
		want       map[string]any
	}{
		{"text", `{"model":"m","max_tokens":99,"system":"s","messages":[{"role":"user","content":"hi"}]}`, map[string]any{
			"type": "message", "role": "assistant", "content.0.type": "text", "content.0.text": "sim: hi", "stop_reason": "end_turn",
			"usage.input_tokens": 3, "usage.output_tokens": 3, "usage.cache_read_input_tokens": 0,
		}},
		{"tool", `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"call f"}],"tools":[{"name":"f","input_schema":{"type":"object","properties":{"a":{"type":"boolean"}}}}]}`, map[string]any{
			"content.0.type": "tool_use", "content.0.name": "f", "content.0.input.a": true, "stop_reason": "tool_use",
		}},
		{"tool result", `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":[{"type":"text","text":"42"}]}]}]}`, map[string]any{
			"content.0.text": "sim: the tool said 42",
		}},
		{"thinking and image", `{"model":"m","max_tokens":2048,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"user","content":[{"type":"image","source":{}},{"type":"text","text":"hi"}]}]}`, map[string]any{
			"content.0.type": "thinking", "content.0.signature": "c2lt", "content.1.text": "sim: hi (saw 1 images)",
		}},
		{"structured", `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"hi"}],"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"ok":{"type":"boolean"}}}}}}`, map[string]any{
			"content.0.text": `{"ok":true}`,
		}},
		{"length", `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}`, map[string]any{"stop_reason": "max_tokens"}},
	}
	r := newRig(t, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := r.ok(t, "POST", "/v1/messages?beta=true", tt.body)
			for path, want := range tt.want {
				g.want(t, path, want)
			}
		})
	}
	r.ok(t, "POST", "/v1/messages/count_tokens", `{"model":"m","messages":[{"role":"user","content":"a b c"}]}`).want(t, "input_tokens", 4)
	g := r.ok(t, "GET", "/v1/models", "", "anthropic-version: 2026-10-21")
	g.want(t, "data.0.type", "model")
	g.want(t, "has_more", false)
}

func TestMessagesStream(t *testing.T) {
	r := newRig(t, Options{})
	body := `{"model":"m","max_tokens":2048,"stream":true,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"user","content":"x"}]}`
	names, data := r.ok(t, "POST", "/v1/messages", body).events(t)
	want := []string{
		"message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta", "content_block_stop",
		"content_block_start", "content_block_delta", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for i, d := range data {
		if got := dig(t, d, "type"); got != names[i] {
			t.Errorf("type: got %v, want the event's name %s", got, names[i])
		}
	}
}

func TestGemini(t *testing.T) {
	tests := []struct {
		name, body string
		want       map[string]any
	}{
		{"text", `{"contents":[{"role":"user","parts":[{"text":"hi"},{"inlineData":{"mimeType":"image/png","data":""}}]}]}`, map[string]any{
			"candidates.0.content.parts.0.text": "sim: hi (saw 1 images)", "candidates.0.content.role": "model", "candidates.0.finishReason": "STOP",
			"modelVersion": "m", "usageMetadata.promptTokenCount": 87,
		}},
		{"tool", `{"contents":[{"parts":[{"text":"f"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}}]}]}`, map[string]any{
			"candidates.0.content.parts.0.functionCall.name": "f", "candidates.0.content.parts.0.functionCall.args.a": "sim", "candidates.0.finishReason": "STOP",
		}},
		{"structured", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"ARRAY","items":{"type":"NUMBER"}}}}`, map[string]any{
			"candidates.0.content.parts.0.text": "[1]",
		}},
		{"thoughts", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}`, map[string]any{
			"candidates.0.content.parts.0.thought": true, "candidates.0.content.parts.1.text": "sim: x",
		}},
		{"names with underscores", `{"contents":[{"parts":[{"text":"f"},{"inline_data":{"mime_type":"image/png","data":""}}]}],"generation_config":{"thinking_config":{"include_thoughts":true}},"tools":[{"function_declarations":[{"name":"f","parameters_json_schema":{"type":"object","properties":{"a_b":{"type":"string"}}}}]}]}`, map[string]any{
			"candidates.0.content.parts.0.thought": true, "candidates.0.content.parts.1.functionCall.args.a_b": "sim", "usageMetadata.promptTokenCount": 87,
		}},
		{"tool result", `{"contents":[{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"r":1}}}]}]}`, map[string]any{
			"candidates.0.content.parts.0.text": `sim: the tool said {"r":1}`,
		}},
	}
	r := newRig(t, Options{})
	for _, version := range []string{"v1", "v1beta"} {
		for _, tt := range tests {
			t.Run(version+" "+tt.name, func(t *testing.T) {
				g := r.ok(t, "POST", "/"+version+"/models/m:generateContent", tt.body)
				for path, want := range tt.want {
					g.want(t, path, want)
				}
			})
		}
	}
	r.ok(t, "POST", "/v1beta/models/m:countTokens", `{"contents":[{"parts":[{"text":"a b c"}]}]}`).want(t, "totalTokens", 4)
	r.ok(t, "POST", "/v1beta/models/m:embedContent", `{"content":{"parts":[{"text":"a"}]},"outputDimensionality":3}`).want(t, "embedding.values.#", 3)
	r.ok(t, "POST", "/v1beta/models/m:batchEmbedContents", `{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}`).want(t, "embeddings.#", 2)
	r.ok(t, "GET", "/v1/models", "", "x-goog-api-key: k").want(t, "models.0.name", "models/echo")
	r.ok(t, "GET", "/v1beta/models/abc", "").want(t, "name", "models/abc")
}

func TestGeminiStream(t *testing.T) {
	r := newRig(t, Options{})
	body := `{"contents":[{"role":"user","parts":[{"text":"one two"}]}]}`
	g := r.ok(t, "POST", "/v1beta/models/m:streamGenerateContent?alt=sse", body)
	if !strings.Contains(string(g.body), "}\r\n\r\n") {
		t.Errorf("got %q, want lines that end in CRLF", g.body)
	}
	_, data := g.events(t)
	if len(data) != 3 || dig(t, data[2], "candidates.0.finishReason") != "STOP" || dig(t, data[0], "candidates.0.finishReason") != nil {
		t.Errorf("got %s", g.body)
	}
	g = r.ok(t, "POST", "/v1beta/models/m:streamGenerateContent", body)
	g.want(t, "#", 3)
	g.want(t, "2.candidates.0.content.parts.0.text", " two")
}

func TestPaths(t *testing.T) {
	none := func(string) string { return "" }
	tests := []struct {
		method, path string
		want         target
	}{
		{"POST", "/openai/v1/chat/completions", target{endpoint: chat}},
		{"POST", "/v1beta/openai/chat/completions", target{endpoint: chat}},
		{"POST", "/api/v1/completions", target{endpoint: completions}},
		{"POST", "/openai/deployments/gpt/embeddings", target{endpoint: embeddings}},
		{"POST", "/v1/messages/count_tokens", target{dialect: anthropic, endpoint: countMessages}},
		{"POST", "/anthropic/v1/messages", target{dialect: anthropic, endpoint: messages}},
		{"POST", "/v1beta/models/a%2Fb:streamGenerateContent", target{dialect: gemini, endpoint: generate, name: "a/b", stream: true}},
		{"POST", "/v1beta/models/sim:echo:generateContent", target{dialect: gemini, endpoint: generate, name: "sim:echo"}},
		{"GET", "/v1/responses/resp_1", target{endpoint: responseByID, name: "resp_1"}},
		{"POST", "/v1/responses/resp_1/cancel", target{endpoint: responseCancel, name: "resp_1"}},
		{"GET", "/v1beta/openai/models", target{endpoint: modelsList}},
		{"GET", "/v1beta/models", target{dialect: gemini, endpoint: modelsList}},
		{"GET", "/v1/models/sim:echo", target{endpoint: modelByID, name: "sim:echo"}},
		{"HEAD", "/", target{endpoint: root}},
		{"POST", "/v1/elsewhere", target{}},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			if got := find(tt.method, tt.path, none); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	r := newRig(t, Options{})
	const gen = "/v1beta/models/"
	tests := []struct {
		name, path, body string
		status           int
		want             map[string]any
	}{
		{"bad JSON", chatPath, `{"model"`, 400, map[string]any{"error.type": "invalid_request_error", "error.code": nil}},
		{"no model", chatPath, `{"messages":[]}`, 400, map[string]any{"error.param": "model"}},
		{"no messages", chatPath, `{"model":"m"}`, 400, map[string]any{"error.param": "messages"}},
		{"wrong type", chatPath, `{"model":"m","messages":"x"}`, 400, nil},
		{"missing model", chatPath, `{"model":"no-such-model","messages":[]}`, 404, map[string]any{"error.code": "model_not_found"}},
		{"anthropic without max_tokens", "/v1/messages", `{"model":"m","messages":[{"role":"user","content":"x"}]}`, 400, map[string]any{"type": "error", "error.type": "invalid_request_error"}},
		{"anthropic missing model", "/v1/messages", `{"model":"no-such-model"}`, 404, map[string]any{"error.type": "not_found_error"}},
		{"gemini without contents", gen + "m:generateContent", `{}`, 400, map[string]any{"error.status": "INVALID_ARGUMENT", "error.code": 400}},
		{"gemini missing model", gen + "no-such-model:generateContent", `{}`, 404, map[string]any{"error.status": "NOT_FOUND"}},
		{"unknown path", "/v1/elsewhere", `{}`, 404, map[string]any{"error.code": "unknown_url"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := r.ask(t, "POST", tt.path, tt.body)
			if g.status != tt.status {
				t.Errorf("status: got %d, want %d", g.status, tt.status)
			}
			for path, want := range tt.want {
				g.want(t, path, want)
			}
		})
	}
}

func TestFit(t *testing.T) {
	tests := []struct{ name, schema, want string }{
		{"none", ``, `{}`},
		{"reference", `{"$ref":"#/$defs/A","$defs":{"A":{"type":"object","properties":{"b":{"type":["null","string"],"format":"date"}}}}}`, `{"b":"2026-01-02"}`},
		{"recursion", `{"$ref":"#/$defs/A","$defs":{"A":{"type":"object","properties":{"next":{"$ref":"#/$defs/A"},"v":{"const":1}},"required":["v"]}}}`, `{"next":{"next":{"next":{"v":1},"v":1},"v":1},"v":1}`},
		{"any of", `{"anyOf":[{"type":"number","maximum":0.5},{"type":"null"}]}`, `0.5`},
		{"array", `{"type":"array","minItems":2,"items":{"type":"string","minLength":5}}`, `["simxx","simxx"]`},
		{"gemini", `{"type":"OBJECT","properties":{"n":{"type":"INTEGER","minimum":3}},"minItems":"1"}`, `{"n":3}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fit([]byte(tt.schema)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
