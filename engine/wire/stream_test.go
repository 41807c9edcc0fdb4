package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// streamFacts is what an observer knows at the end of a stream.
type streamFacts struct {
	Signals           string // the first letters of the signals, E for end and X for error
	Ended             bool
	Finish, ID, Model string
	Usage             Usage
	Failure           Failure
}

// signalLetters spells signals so that a stream's fit on a line.
const signalLetters = "PCUXEOM"

// watch cuts a stream and shows its events to an observer.
func watch(t *testing.T, o *Observer, s *Splitter, pieces ...string) streamFacts {
	t.Helper()
	var (
		letters strings.Builder
		ev      Event
	)
	for _, piece := range pieces {
		s.Feed([]byte(piece))
		for {
			ok, err := s.Next(&ev)
			if err != nil {
				t.Fatalf("cutting the stream: %v", err)
			}
			if !ok {
				break
			}
			letters.WriteByte(signalLetters[o.Observe(&ev)])
		}
	}
	if ok, err := s.Finish(&ev); ok {
		letters.WriteByte(signalLetters[o.Observe(&ev)])
	} else if err != nil {
		t.Fatalf("finishing the stream: %v", err)
	}
	return streamFacts{
		Signals: letters.String(), Ended: o.Ended(), Finish: o.FinishReason(), ID: o.ResponseID(), Model: o.Model(),
		Usage: o.Usage(), Failure: o.Failure(),
	}
}

// sse writes one data-only event for each line.
func sse(lines ...string) string {
	return "data: " + strings.Join(lines, "\n\ndata: ") + "\n\n"
}

// typed writes one event for each line, named by its type as the vendors do.
func typed(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString("event: " + getText(getMember([]byte(line), "type")) + "\ndata: " + line + "\n\n")
	}
	return b.String()
}

type streamCase struct {
	name, stream string
	api          API
	framing      Framing
	want         streamFacts
}

func chatCases() []streamCase {
	return []streamCase{
		{name: "plain", stream: sse(
			`{"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-x","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}`,
			`{"id":"chatcmpl-1","model":"gpt-x","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}`,
			`{"id":"chatcmpl-1","model":"gpt-x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
			`{"id":"chatcmpl-1","model":"gpt-x","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":6,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":2}}}`,
			`[DONE]`,
		), want: streamFacts{
			Signals: "PCOUE", Ended: true, Finish: "stop", ID: "chatcmpl-1", Model: "gpt-x",
			Usage: Usage{Input: 10, Output: 4, CacheRead: 6, CacheWrite: 1, Reasoning: 2, Known: true},
		}},
		{name: "kinds of content", stream: sse(
			`{"choices":[{"delta":{"reasoning_content":"hm"}}]}`,
			`{"choices":[{"delta":{"reasoning":"hm","content":null}}]}`,
			`{"choices":[{"delta":{"refusal":"no"}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[]}}]}`,
			`{"choices":[{"delta":{"function_call":{"arguments":"{"}}}]}`,
			`{"choices":[{"delta":{"audio":{"id":"a","expires_at":5}}}]}`,
			`{"choices":[{"delta":{"audio":{"transcript":"la"}}}]}`,
			`{"choices":[{"delta":{"content":[{"type":"thinking"}]}}]}`,
		), want: streamFacts{Signals: "CCCCPCPCC"}},
		{name: "filter results, comments, empty data", stream: ": OPENROUTER PROCESSING\n\ndata:\n\n" + sse(
			`{"choices":[],"id":"","model":"","prompt_filter_results":[{"prompt_index":0}]}`,
			`{"choices":[{"index":0,"delta":{"content":"a"}}],"model":"gpt-x","id":"c"}`,
		), want: streamFacts{Signals: "PPPC", ID: "c", Model: "gpt-x"}},
		{name: "two choices end apart, no done", stream: sse(
			`{"choices":[{"index":0,"delta":{"content":"a"}}]}`,
			`{"choices":[{"index":1,"delta":{"content":"b"}}]}`,
			`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
		), want: streamFacts{Signals: "CCO", Finish: "stop"}},
		{name: "usage inside the choice", stream: sse(
			`{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop","usage":{"prompt_tokens":3,"completion_tokens":1}}]}`,
		), want: streamFacts{Signals: "C", Ended: true, Finish: "stop", Usage: Usage{Input: 3, Output: 1, Known: true}}},
		{name: "reasoning beside the completion", stream: sse(
			`{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":399,"completion_tokens_details":{"reasoning_tokens":386}}}`,
		), want: streamFacts{Signals: "U", Usage: Usage{Input: 12, Output: 387, Reasoning: 386, Known: true}}},
	}
}

func chatTroubles() []streamCase {
	return []streamCase{
		{name: "error chunk", stream: sse(
			`{"id":"g","choices":[{"delta":{"content":"a"}}]}`,
			`{"id":"g","error":{"code":502,"message":"worker gone","metadata":{"error_type":"provider_unavailable"}},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}`,
			`[DONE]`,
		), want: streamFacts{Signals: "CXE", ID: "g", Finish: "error", Failure: Failure{Status: 502, Code: "502", Message: "worker gone"}}},
		{name: "error without choices", stream: sse(
			`{"error":{"message":"This model's maximum context length is 8 tokens","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`,
		), want: streamFacts{Signals: "X", Failure: Failure{
			Status: 400, Type: "invalid_request_error", Code: "context_length_exceeded",
			Message: "This model's maximum context length is 8 tokens", ContextTooLong: true,
		}}},
		{
			name: "error by name only", stream: "event: error\ndata: it broke\n\n",
			want: streamFacts{Signals: "X", Failure: Failure{Status: 500, Message: "it broke"}},
		},
		{
			name: "old vllm error", stream: sse(`{"object":"error","message":"bad","type":"BadRequestError","param":null,"code":400}`),
			want: streamFacts{Signals: "X", Failure: Failure{Status: 400, Type: "BadRequestError", Code: "400", Message: "bad"}},
		},
		{
			name: "malformed", stream: sse(`{"choices":[{"delta":{"content":"a"}}]}`, `{"choices":[{"delta":{"con`),
			want: streamFacts{Signals: "CM"},
		},
		{
			name: "malformed with a finish reason", stream: sse(`{"choices":[{"finish_reason":"stop"}],}`),
			want: streamFacts{Signals: "M", Finish: "stop"},
		},
		{name: "trailing bytes", stream: sse(`{"choices":[]} x`), want: streamFacts{Signals: "M"}},
		{name: "not json", stream: sse(`<html>`), want: streamFacts{Signals: "M"}},
		{name: "malformed behind the end", stream: sse(`[DONE]`, `{"cost":`), want: streamFacts{Signals: "EO", Ended: true}},
		{name: "completions", api: OpenAICompletions, stream: sse(
			`{"id":"cmpl-1","object":"text_completion","model":"m","choices":[{"text":"","index":0,"finish_reason":null}]}`,
			`{"id":"cmpl-1","choices":[{"text":"a","index":0,"finish_reason":"length"}]}`,
			`[DONE]`,
		), want: streamFacts{Signals: "PCE", Ended: true, Finish: "length", ID: "cmpl-1", Model: "m"}},
	}
}

func responsesCases() []streamCase {
	const id = `"response":{"id":"resp_1","object":"response","status":"in_progress","model":"gpt-x","output":[],"usage":null}`
	return []streamCase{
		{name: "text", stream: typed(
			`{"type":"response.created","sequence_number":0,`+id+`}`,
			`{"type":"response.in_progress","sequence_number":1,`+id+`}`,
			`{"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}`,
			`{"type":"response.content_part.added","part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}`,
			`{"type":"response.output_text.delta","item_id":"msg_1","delta":"Hi","logprobs":[],"obfuscation":"x"}`,
			`{"type":"response.output_text.done","text":"Hi"}`,
			`{"type":"response.content_part.done","part":{"type":"output_text","text":"Hi"}}`,
			`{"type":"response.output_item.done","item":{"type":"message"}}`,
			`{"type":"response.completed","response":{"id":"resp_1","status":"completed","incomplete_details":null,"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":14}}}`,
		), want: streamFacts{
			Signals: "PPPPCCCCE", Ended: true, Finish: "completed", ID: "resp_1", Model: "gpt-x",
			Usage: Usage{Input: 9, Output: 5, CacheRead: 4, CacheWrite: 2, Reasoning: 3, Known: true},
		}},
		{name: "tools and reasoning", stream: typed(
			`{"type":"response.output_item.added","item":{"type":"reasoning","summary":[]}}`,
			`{"type":"response.reasoning_summary_part.added","part":{"type":"summary_text","text":""}}`,
			`{"type":"response.reasoning_summary_text.delta","delta":"hm"}`,
			`{"type":"response.output_item.added","item":{"type":"web_search_call","status":"in_progress"}}`,
			`{"type":"response.web_search_call.searching","item_id":"w"}`,
			`{"type":"response.output_item.added","item":{"type":"function_call","name":"f","arguments":""}}`,
			`{"type":"response.function_call_arguments.delta","delta":""}`,
			`{"type":"response.function_call_arguments.delta","delta":"{"}`,
			`{"type":"response.refusal.delta","delta":"no"}`,
			`{"type":"response.audio.transcript.delta","delta":"la"}`,
			`{"type":"response.image_generation_call.partial_image","partial_image_b64":"aaaa"}`,
			`{"type":"response.something.new"}`,
			`{"type":"keepalive","sequence_number":7}`,
		), want: streamFacts{Signals: "PPCPOCPCCCCOP"}},
		{name: "incomplete", stream: typed(
			`{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}`,
		), want: streamFacts{Signals: "E", Ended: true, Finish: "max_output_tokens"}},
		{name: "failed", stream: typed(
			`{"type":"response.created",`+id+`}`,
			`{"type":"response.failed","response":{"id":"resp_1","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow down"},"usage":{"input_tokens":2,"output_tokens":0}}}`,
		), want: streamFacts{
			Signals: "PX", ID: "resp_1", Model: "gpt-x", Finish: "failed", Usage: Usage{Input: 2, Known: true},
			Failure: Failure{Status: 429, Code: "rate_limit_exceeded", Message: "slow down"},
		}},
		{name: "error as described", stream: typed(
			`{"type":"error","code":"server_error","message":"it broke","param":null,"sequence_number":3}`,
		), want: streamFacts{Signals: "X", Failure: Failure{Status: 500, Code: "server_error", Message: "it broke"}}},
		{name: "error as sent", stream: typed(
			`{"type":"error","error":{"type":"tokens","code":"rate_limit_exceeded","message":"wait","param":null},"sequence_number":2}`,
		), want: streamFacts{Signals: "X", Failure: Failure{Status: 429, Type: "tokens", Code: "rate_limit_exceeded", Message: "wait"}}},
		{name: "no names, no type first", stream: sse(
			`{"sequence_number":4,"delta":"Hi","type":"response.output_text.delta"}`, `[DONE]`,
		), want: streamFacts{Signals: "CE"}},
	}
}

func anthropicCases() []streamCase {
	return []streamCase{
		{name: "text and thinking", stream: typed(
			`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":7,"cache_read_input_tokens":100,"output_tokens":1}}}`,
			`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
			`{"type":"ping"}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"Eq"}}`,
			`{"type":"content_block_stop","index":0}`,
			`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}`,
			`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}`,
			`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}`,
			`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{"}}`,
			`{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":0,"output_tokens":15}}`,
			`{"type":"message_stop"}`,
		), want: streamFacts{
			Signals: "PPPCCOPCCPCOE", Ended: true, Finish: "tool_use", ID: "msg_1", Model: "claude-x",
			Usage: Usage{Input: 132, Output: 15, CacheRead: 100, CacheWrite: 7, Known: true},
		}},
		{
			name: "overloaded", stream: typed(`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`),
			want: streamFacts{Signals: "X", Failure: Failure{Status: 529, Type: "overloaded_error", Message: "Overloaded"}},
		},
		{name: "name without type", stream: "event: message_stop\ndata: {}\n\n", want: streamFacts{Signals: "E", Ended: true}},
		{name: "cut", stream: typed(`{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`), want: streamFacts{Signals: "CO", Finish: "end_turn"}},
		{
			name: "malformed", stream: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\n\n",
			want: streamFacts{Signals: "M"},
		},
	}
}

func geminiCases() []streamCase {
	const (
		first = `{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":8,"totalTokenCount":8},"modelVersion":"gemini-x","responseId":"r1"}`
		last  = `{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":3,"thoughtsTokenCount":20,"cachedContentTokenCount":4,"toolUsePromptTokenCount":2,"totalTokenCount":33},"modelVersion":"gemini-x","responseId":"r1"}`
	)
	whole := streamFacts{
		Signals: "CE", Ended: true, Finish: "STOP", ID: "r1", Model: "gemini-x",
		Usage: Usage{Input: 10, Output: 23, CacheRead: 4, Reasoning: 20, Known: true},
	}
	bracket := whole
	bracket.Signals = "CEP"
	return []streamCase{
		{name: "sse", stream: "data: " + first + "\r\n\r\ndata: " + last + "\r\n\r\n", want: whole},
		{name: "array", framing: FrameJSONArray, stream: "[" + first + "\n,\r\n" + last + "\n]", want: bracket},
		{
			name: "text in the last chunk", stream: sse(`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}]}`),
			want: streamFacts{Signals: "C", Ended: true, Finish: "STOP"},
		},
		{
			name: "preamble", stream: sse(`{"usageMetadata":{"promptTokenCount":8}}`, `{"candidates":[{"content":{"role":"model"}}]}`),
			want: streamFacts{Signals: "PP", Usage: Usage{Input: 8, Known: true}},
		},
		{
			name: "blocked prompt", stream: sse(`{"promptFeedback":{"blockReason":"SAFETY"}}`),
			want: streamFacts{Signals: "E", Ended: true, Finish: "SAFETY"},
		},
		{
			name: "error", stream: sse(first, `{"error":{"code":503,"message":"high demand","status":"UNAVAILABLE"}}`),
			want: streamFacts{
				Signals: "CX", ID: "r1", Model: "gemini-x", Usage: Usage{Input: 8, Known: true},
				Failure: Failure{Status: 503, Type: "UNAVAILABLE", Code: "503", Message: "high demand"},
			},
		},
		{
			name: "error in the array", framing: FrameJSONArray, stream: `[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}]`,
			want: streamFacts{Signals: "XP", Failure: Failure{Status: 429, Type: "RESOURCE_EXHAUSTED", Code: "429", Message: "quota"}},
		},
		{name: "cut", framing: FrameJSONArray, stream: "[" + first, want: streamFacts{
			Signals: "C", ID: "r1", Model: "gemini-x",
			Usage: Usage{Input: 8, Known: true},
		}},
	}
}

func mediaCases() []streamCase {
	return []streamCase{
		{name: "speech", api: OpenAISpeech, stream: sse(
			`{"type":"speech.audio.delta","audio":"aaaa"}`,
			`{"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}}`,
		), want: streamFacts{Signals: "CE", Ended: true, Usage: Usage{Input: 14, Output: 101, Known: true}}},
		{name: "transcription", api: OpenAITranscriptions, stream: sse(
			`{"type":"transcript.text.delta","delta":"la"}`,
			`{"type":"transcript.text.done","text":"la","usage":{"type":"tokens","input_tokens":4,"output_tokens":2}}`, `[DONE]`,
		), want: streamFacts{Signals: "CCE", Ended: true, Usage: Usage{Input: 4, Output: 2, Known: true}}},
		{name: "image", api: OpenAIImages, stream: typed(
			`{"type":"image_generation.partial_image","b64_json":"aaaa","partial_image_index":0}`,
			`{"type":"image_generation.completed","b64_json":"bbbb","usage":{"input_tokens":50,"output_tokens":50}}`,
		), want: streamFacts{Signals: "CC", Ended: true, Usage: Usage{Input: 50, Output: 50, Images: 1, Known: true}}},
	}
}

func TestObserver(t *testing.T) {
	groups := []struct {
		name  string
		api   API
		cases []streamCase
	}{
		{"chat", OpenAIChat, chatCases()},
		{"chat", OpenAIChat, chatTroubles()},
		{"responses", OpenAIResponses, responsesCases()},
		{"anthropic", AnthropicMessages, anthropicCases()},
		{"gemini", GeminiGenerate, geminiCases()},
		{"media", OpenAIImages, mediaCases()},
	}
	var (
		o Observer
		s Splitter
	)
	for _, group := range groups {
		for _, tt := range group.cases {
			t.Run(group.name+"/"+tt.name, func(t *testing.T) {
				api := group.api
				if tt.api != APIUnknown {
					api = tt.api
				}
				for i := range len(tt.stream) + 1 {
					o.Reset(api)
					s.Reset(tt.framing, 0)
					if diff := cmp.Diff(tt.want, watch(t, &o, &s, tt.stream[:i], tt.stream[i:])); diff != "" {
						t.Fatalf("split at %d: (-want +got)\n%s", i, diff)
					}
				}
			})
		}
	}
}

func FuzzObserver(f *testing.F) {
	for _, group := range [][]streamCase{chatCases(), chatTroubles(), responsesCases(), anthropicCases(), geminiCases(), mediaCases()} {
		for i := range group {
			f.Add("", []byte(group[i].stream))
			for line := range strings.Lines(group[i].stream) {
				f.Add("error", []byte(strings.TrimPrefix(line, "data: ")))
			}
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		var o Observer
		for a := range apiCount {
			o.Reset(a)
			ev := Event{Raw: data, Data: data, Name: name}
			sig := o.Observe(&ev)
			if sig == SignalContent && !getValid(data) {
				t.Errorf("got content from data that is not JSON: %q", data)
			}
			_, _, _, _ = o.Usage(), o.Failure(), o.FinishReason(), o.Model()
			_, _ = StripUsage(nil, &ev)
			_, complete := ReadUsage(a, data)
			if bom := bytes.HasPrefix(data, []byte("\uFEFF")); complete != getValid(data) && !bom {
				t.Errorf("%s: got complete %v for %q, want %v", a, complete, data, !complete)
			}
			_, _ = ReadFinishReason(a, data), ReadResponseID(data)
		}
	})
}
