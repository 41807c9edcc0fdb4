package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// refusalCase is a stream as far as the client got it, and how it ends.
type refusalCase struct {
	name    string
	api     API
	framing Framing
	stream  string
	want    string // "" = there is no refusal
}

const refusalText = `not "this"`

func refusalCases() []refusalCase {
	return []refusalCase{
		{
			name: "chat", api: OpenAIChat,
			stream: sse(
				`{"id":"c1","object":"chat.completion.chunk","created":5,"model":"m","system_fingerprint":null,"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`,
				`{"id":"c1","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}`,
			),
			want: sse(`{"choices":[{"index":0,"delta":{"refusal":"not \"this\""},"logprobs":null,"finish_reason":"content_filter"}],"id":"c1","object":"chat.completion.chunk","created":5,"model":"m","system_fingerprint":null}`, `[DONE]`),
		},
		{
			name: "chat, one of three choices has ended", api: OpenAIChat,
			stream: sse(
				`{"id":"c1","choices":[{"index":2,"delta":{"content":"a"}},{"index":0,"delta":{"content":"b"}}]}`,
				`{"id":"c1","choices":[{"index":1,"delta":{"content":"c"}},{"index":0,"delta":{},"finish_reason":"stop"}]}`,
			),
			want: sse(`{"choices":[{"index":1,"delta":{"refusal":"not \"this\""},"logprobs":null,"finish_reason":"content_filter"},{"index":2,"delta":{"refusal":"not \"this\""},"logprobs":null,"finish_reason":"content_filter"}],"id":"c1"}`, `[DONE]`),
		},
		{name: "chat, nothing is open", api: OpenAIChat, stream: sse(`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`)},
		{name: "chat, over", api: OpenAIChat, stream: sse(`{"choices":[{"index":0,"delta":{"content":"a"}}]}`, `[DONE]`)},
		{name: "chat, nothing has come", api: OpenAIChat, stream: ": hello\n\n"},
		{
			name: "completions", api: OpenAICompletions, stream: sse(`{"id":"c1","choices":[{"index":0,"text":"a","finish_reason":null}]}`),
			want: sse(`{"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"content_filter"}],"id":"c1"}`, `[DONE]`),
		},
		{
			name: "anthropic", api: AnthropicMessages,
			stream: typed(
				`{"type":"message_start","message":{"id":"msg_1","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}`,
				`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
				`{"type":"content_block_stop","index":0}`,
				`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}`,
			),
			want: typed(
				`{"type":"content_block_stop","index":1}`,
				`{"type":"message_delta","delta":{"stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":null,"explanation":"not \"this\""}},"usage":{"output_tokens":0}}`,
				`{"type":"message_stop"}`,
			),
		},
		{name: "anthropic, no message", api: AnthropicMessages, stream: typed(`{"type":"ping"}`)},
		{name: "anthropic, over", api: AnthropicMessages, stream: typed(`{"type":"message_start","message":{}}`, `{"type":"message_stop"}`)},
		{
			name: "responses", api: OpenAIResponses,
			stream: typed(
				`{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","incomplete_details":null,"model":"m","output":[],"tools":[{"type":"function"}],"usage":null}}`,
				`{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"rs_1","type":"reasoning"}}`,
				`{"type":"response.output_item.added","sequence_number":2,"output_index":1,"item":{"id":"msg_1","type":"message"}}`,
				`{"type":"response.output_text.delta","sequence_number":3,"output_index":1,"delta":"Hi"}`,
			),
			want: typed(
				`{"type":"response.output_item.added","sequence_number":4,"output_index":2,"item":{"id":"msg_refusal","type":"message","status":"in_progress","role":"assistant","content":[]}}`,
				`{"type":"response.content_part.added","sequence_number":5,"output_index":2,"item_id":"msg_refusal","content_index":0,"part":{"type":"refusal","refusal":""}}`,
				`{"type":"response.refusal.delta","sequence_number":6,"output_index":2,"item_id":"msg_refusal","content_index":0,"delta":"not \"this\""}`,
				`{"type":"response.refusal.done","sequence_number":7,"output_index":2,"item_id":"msg_refusal","content_index":0,"refusal":"not \"this\""}`,
				`{"type":"response.content_part.done","sequence_number":8,"output_index":2,"item_id":"msg_refusal","content_index":0,"part":{"type":"refusal","refusal":"not \"this\""}}`,
				`{"type":"response.output_item.done","sequence_number":9,"output_index":2,"item":{"id":"msg_refusal","type":"message","status":"completed","role":"assistant","content":[{"type":"refusal","refusal":"not \"this\""}]}}`,
				`{"type":"response.incomplete","sequence_number":10,"response":{"status":"incomplete","incomplete_details":{"reason":"content_filter"},"output":[{"id":"msg_refusal","type":"message","status":"completed","role":"assistant","content":[{"type":"refusal","refusal":"not \"this\""}]}],"id":"resp_1","object":"response","model":"m","tools":[{"type":"function"}],"usage":null}}`,
			),
		},
		{name: "responses, over", api: OpenAIResponses, stream: typed(`{"type":"response.created","response":{}}`, `{"type":"response.completed","response":{}}`)},
		{
			name: "gemini", api: GeminiGenerate,
			stream: sse(`{"candidates":[{"content":{"parts":[{"text":"a"}]},"index":0}],"usageMetadata":{"promptTokenCount":8},"modelVersion":"m","responseId":"r"}`),
			want:   sse(`{"candidates":[{"finishReason":"PROHIBITED_CONTENT","finishMessage":"not \"this\"","index":0}],"usageMetadata":{"promptTokenCount":8},"modelVersion":"m","responseId":"r"}`),
		},
		{
			name: "gemini, array", api: GeminiGenerate, framing: FrameJSONArray,
			stream: "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}",
			want:   `,{"candidates":[{"finishReason":"PROHIBITED_CONTENT","finishMessage":"not \"this\"","index":0}]}]`,
		},
		{name: "gemini, array over", api: GeminiGenerate, framing: FrameJSONArray, stream: "[{\"candidates\":[]}]"},
		{name: "speech", api: OpenAISpeech, stream: sse(`{"type":"speech.audio.delta","audio":"aaaa"}`)},
	}
}

func TestRefusal(t *testing.T) {
	var r Refusal
	for _, tt := range refusalCases() {
		t.Run(tt.name, func(t *testing.T) {
			for i := range len(tt.stream) + 1 {
				r.Reset(tt.api, tt.framing)
				r.Watch([]byte(tt.stream[:i]))
				r.Watch([]byte(tt.stream[i:]))
				got, ok := r.Append([]byte("so far "), refusalText)
				if diff := cmp.Diff("so far "+tt.want, string(got)); diff != "" {
					t.Fatalf("split at %d: (-want +got)\n%s", i, diff)
				}
				if ok != (tt.want != "") {
					t.Fatalf("split at %d: got %v, want %v", i, ok, !ok)
				}
			}
		})
	}
}

// What a refusal ends with reads as an end, in every API.
func TestRefusalEnds(t *testing.T) {
	for _, tt := range refusalCases() {
		if tt.want == "" {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			var o Observer
			var s Splitter
			o.Reset(tt.api)
			s.Reset(tt.framing, 0)
			got := watch(t, &o, &s, tt.stream, tt.want)
			if !got.Ended || got.Finish == "" {
				t.Errorf("got %+v, want a stream that has ended", got)
			}
		})
	}
}

func TestRefusalOfCutEvent(t *testing.T) {
	var r Refusal
	r.Reset(OpenAIChat, FrameSSE)
	r.Watch([]byte(sse(`{"id":"c1","choices":[{"index":0,"delta":{"content":"a"}}]}`) + "data: {\"id\""))
	if out, ok := r.Append(nil, refusalText); ok {
		t.Errorf("got %q, want no refusal within an event", out)
	}
}

func TestRefusalKeepsLittle(t *testing.T) {
	var r Refusal
	r.Reset(OpenAIResponses, FrameSSE)
	r.Watch([]byte(typed(`{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":7,"model":"m","instructions":"` + strings.Repeat("x", refusalMaxKept) + `"}}`)))
	out, ok := r.Append(nil, refusalText)
	if !ok || len(out) > 4096 || !strings.Contains(string(out), `"object":"response","id":"resp_1","created_at":7,"model":"m"`) {
		t.Errorf("got %v, %d bytes: %.300q", ok, len(out), out)
	}
}
