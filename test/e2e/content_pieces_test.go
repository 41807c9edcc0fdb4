package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// exact are streams in which a secret is cut three times, half of it escaped, in texts and in tool arguments.
func exact() []exactly {
	chat := func(rest string) string {
		return `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,` + rest + "}]}\n\n"
	}
	anthropic := func(kind, rest string) string {
		return "event: " + kind + "\ndata: {\"type\":\"" + kind + "\"," + rest + "}\n\n"
	}
	gemini := func(text, rest string) string {
		return `{"candidates": [{"content": {"parts": [{"text": "` + text + `"}],"role": "model"}` + rest + `,"index": 0}],"usageMetadata": {"promptTokenCount": 1,"candidatesTokenCount": 9,"totalTokenCount": 10},"modelVersion": "m"}`
	}
	n := -1
	responses := func(kind, rest string) string {
		n++
		return fmt.Sprintf("event: %s\ndata: {\"type\":%q,\"sequence_number\":%d,%s}\n\n", kind, kind, n, rest)
	}
	const part = `"item_id":"i","output_index":0,"content_index":0,`
	const arguments = `"{\"q\":\"a s`
	text := []string{`a s\u0065c`, `r\u00e9t-k`, `ey b`}
	return []exactly{
		{
			name: "chat", media: "text/event-stream", manner: manner{chatDialect(), true},
			stream: chat(`"delta":{"role":"assistant","content":""}`) + chat(`"delta":{"content":"`+text[0]+`"}`) + chat(`"delta":{"content":"`+text[1]+`"}`) +
				chat(`"delta":{"content":"`+text[2]+`"}`) +
				chat(`"delta":{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]}`) +
				chat(`"delta":{"tool_calls":[{"index":0,"function":{"arguments":`+arguments+`"}}]}`) +
				chat(`"delta":{"tool_calls":[{"index":0,"function":{"arguments":"ecr\\u00e9t-"}}]}`) +
				chat(`"delta":{"tool_calls":[{"index":0,"function":{"arguments":"key b\"}"}}]}`) +
				chat(`"delta":{},"finish_reason":"tool_calls"`) + "data: [DONE]\n\n",
			want: map[string]string{"choices 0 delta content": `a "x" b`, "choices 0 delta tool_calls 0 function arguments": `{"q":"a \"x\" b"}`},
		},
		{
			name: "messages", media: "text/event-stream", manner: manner{messagesDialect(), true},
			stream: anthropic("message_start", `"message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":1,"output_tokens":1}}`) +
				anthropic("content_block_start", `"index":0,"content_block":{"type":"text","text":""}`) +
				anthropic("content_block_delta", `"index":0,"delta":{"type":"text_delta","text":"`+text[0]+`"}`) +
				anthropic("content_block_delta", `"index":0,"delta":{"type":"text_delta","text":"`+text[1]+`"}`) +
				anthropic("content_block_delta", `"index":0,"delta":{"type":"text_delta","text":"`+text[2]+`"}`) +
				anthropic("content_block_stop", `"index":0`) +
				anthropic("content_block_start", `"index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}`) +
				anthropic("content_block_delta", `"index":1,"delta":{"type":"input_json_delta","partial_json":`+arguments+`"}`) +
				anthropic("content_block_delta", `"index":1,"delta":{"type":"input_json_delta","partial_json":"ecr\\u00e9t-"}`) +
				anthropic("content_block_delta", `"index":1,"delta":{"type":"input_json_delta","partial_json":"key b\"}"}`) +
				anthropic("content_block_stop", `"index":1`) +
				anthropic("message_delta", `"delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}`) + anthropic("message_stop", `"x":0`),
			want: map[string]string{"delta text": `a "x" b`, "delta partial_json": `{"q":"a \"x\" b"}`},
		},
		{
			name: "responses", media: "text/event-stream", manner: manner{responsesDialect(), true},
			stream: responses("response.created", `"response":{"id":"r","object":"response","output":[]}`) +
				responses("response.output_text.delta", part+`"delta":"`+text[0]+`"`) + responses("response.output_text.delta", part+`"delta":"`+text[1]+`"`) +
				responses("response.output_text.delta", part+`"delta":"`+text[2]+`"`) +
				responses("response.output_text.done", part+`"text":"`+strings.Join(text, "")+`"`) +
				responses("response.completed", `"response":{"id":"r","object":"response","status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"`+strings.Join(text, "")+`","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":9,"total_tokens":10}}`),
			want: map[string]string{"delta": `a "x" b`, "text": `a "x" b`, "response output 0 content 0 text": `a "x" b`},
		},
		{
			name: "gemini", media: "text/event-stream", manner: manner{geminiDialect(), true},
			stream: "data: " + gemini(text[0], "") + "\r\n\r\ndata: " + gemini(text[1], "") + "\r\n\r\ndata: " + gemini(text[2], `,"finishReason":"STOP"`) + "\r\n\r\n",
			want:   map[string]string{"candidates 0 content parts 0 text": `a "x" b`},
		},
		{
			name: "gemini array", media: "application/json", manner: manner{geminiArrayDialect(), true},
			stream: "[" + gemini(text[0], "") + "\n,\r\n" + gemini(text[1], "") + "\n,\r\n" + gemini(text[2], `,"finishReason":"STOP"`) + "\n]",
			want:   map[string]string{"candidates 0 content parts 0 text": `a "x" b`},
		},
	}
}

// through asks a gateway with the policy in front of a provider that answers with the stream.
func (e *exactly) through(t *testing.T, rules string) *answer {
	t.Helper()
	provider := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		_, _ = io.Copy(io.Discard, in.Body) // the gateway sends it whole
		out.Header().Set("Content-Type", e.media)
		flush := http.NewResponseController(out)
		for _, piece := range strings.SplitAfter(e.stream, "\n") {
			fmt.Fprint(out, piece)
			_ = flush.Flush() // a client that is gone is the test's end
		}
	}))
	t.Cleanup(provider.Close)
	w := newWorld(t, setup{policy: `providers:
  - id: alpha
    base_url: "` + provider.URL + `"
    supported_api_surfaces: [{format: openai}, {format: anthropic}, {format: gemini}]
    api_keys: [{value: ` + keyOne + `}]
    models: [{id: m}]
` + rules})
	body := e.manner.body("m", "hello", e.manner.stream)
	if e.name == "chat" { // so that the gateway asks for no usage of its own
		body = strings.Replace(body, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
	}
	return w.send(t, post(e.manner.path("m", e.manner.stream), body))
}

func TestSecretsInPieces(t *testing.T) {
	t.Parallel()
	for _, e := range exact() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			a := e.through(t, fmt.Sprintf(contentRules, "window"))
			e.manner.wantWhole(t, a)
			got := map[string]string{}
			for _, d := range e.manner.datas(t, a.body) {
				for path := range e.want {
					var steps []any
					for step := range strings.FieldsSeq(path) {
						if step == "0" {
							steps = append(steps, 0)
						} else {
							steps = append(steps, step)
						}
					}
					s, _ := dig(d, steps...).(string)
					got[path] += s
				}
			}
			for path, want := range e.want {
				if got[path] != want {
					t.Errorf("got %q at %s, want %q of %s", got[path], path, want, a)
				}
			}
			if e.name == "responses" {
				for i, d := range e.manner.datas(t, a.body) {
					if n, _ := d["sequence_number"].(float64); int(n) != i {
						t.Errorf("event %d has the number %v", i, n)
					}
				}
			}
		})
	}
}

// TestUntouchedStreams: where nothing matches, every byte is the provider's.
func TestUntouchedStreams(t *testing.T) {
	t.Parallel()
	for _, e := range exact() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			a := e.through(t, "on_response: [{type: response-body-find-replace, config: {replacements: [{from: 'not there'}, {from: '\\bUmbra \\d+'}]}}]\n")
			if a.status != http.StatusOK || a.cut != nil || string(a.body) != e.stream {
				t.Errorf("got %q, want %q", a.body, e.stream)
			}
		})
	}
}

// TestFieldsOfEvents: the time to reconnect is a field of its own, beside the texts.
func TestFieldsOfEvents(t *testing.T) {
	t.Parallel()
	e := exact()[0]
	e.stream = "retry: 1500\n" + e.stream
	for name, rules := range map[string]string{"texts": "", "per message": "per_message: true, "} {
		a := e.through(t, "on_event_stream_message: [{type: sse-find-replace, config: {"+rules+
			"replacements: [{from: '(\\d)500', to: '$${1}000', field: \"${'re' + 'try'}\"}, {from: 'ey b', to: ab}]}}]\n")
		want := strings.Replace(strings.Replace(e.stream, "1500", "1000", 1), "ey b", "ab", 1)
		want = strings.Replace(want, `key b\"}`, `kab\"}`, 1)
		if string(a.body) != want {
			t.Errorf("%s: got %q, want %q", name, a.body, want)
		}
	}
}

// TestEventsThatNobodyAskedFor: where a provider streams in answer to a request for a whole answer, no API's form says
// where the texts are. Under a rule on content it does not go out.
func TestEventsThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	e := exact()[0]
	e.manner.stream = false
	for _, action := range []string{"response-body-find-replace", "sse-find-replace"} {
		a := e.through(t, "on_response: [{type: "+action+", config: {replacements: [{from: not there}]}}]\n")
		if a.status != http.StatusForbidden || bytes.Contains(a.body, []byte("chunk")) {
			t.Errorf("%s: got %s, want a refusal", action, a)
		}
	}
}
