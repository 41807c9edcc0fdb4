package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// maskFilter replaces "secret" by "[x]", and "4111" by "[n]", and holds what may become one of them. It blocks "bomb".
type maskFilter struct {
	held   map[int]string
	counts map[TextKind]int // of texts that are no repeats
}

var errBomb = errors.New("blocked")

func (f *maskFilter) Feed(dst []byte, ch TextChannel, text []byte) ([]byte, int, error) {
	if f.held == nil {
		f.held, f.counts = map[int]string{}, map[TextKind]int{}
	}
	if !ch.Repeat && len(text) > 0 {
		f.counts[ch.Kind]++
	}
	all := f.held[ch.Slot] + string(text)
	if strings.Contains(all, "bomb") {
		return dst, 0, errBomb
	}
	all = strings.ReplaceAll(strings.ReplaceAll(all, "secret", "[x]"), "4111", "[n]")
	keep := 0
	for _, word := range []string{"secret", "4111"} {
		for n := range len(word) {
			if strings.HasSuffix(all, word[:n]) {
				keep = max(keep, n)
			}
		}
	}
	f.held[ch.Slot] = all[len(all)-keep:]
	return append(dst, all[:len(all)-keep]...), keep, nil
}

func (f *maskFilter) End(dst []byte, ch TextChannel) ([]byte, error) {
	dst = append(dst, f.held[ch.Slot]...)
	delete(f.held, ch.Slot)
	return dst, nil
}

// rewrite takes a stream, cut into pieces, through the filter.
func rewrite(tb testing.TB, api API, framing Framing, filter TextFilter, pieces ...string) (string, error) {
	tb.Helper()
	var (
		r   TextRewriter
		s   Splitter
		ev  Event
		out []byte
		err error
	)
	r.Reset(api, framing, filter)
	s.Reset(framing, 0)
	for _, piece := range pieces {
		s.Feed([]byte(piece))
		for {
			ok, e := s.Next(&ev)
			if e != nil {
				tb.Fatalf("cutting the stream: %v", e)
			}
			if !ok {
				break
			}
			if out, err = r.Event(out, &ev); err != nil {
				return string(out), err
			}
		}
	}
	if ok, _ := s.Finish(&ev); ok {
		if out, err = r.Event(out, &ev); err != nil {
			return string(out), err
		}
	}
	out, err = r.End(out)
	return string(out), err
}

type rewriteCase struct {
	name    string
	api     API
	framing Framing
	in      string
	want    string // empty: as it came
}

func rewriteChatCases() []rewriteCase {
	const head = `{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[`
	const own = `"id":"c","object":"chat.completion.chunk","created":1,"model":"m"}`
	return []rewriteCase{
		{name: "nothing to change", in: ": hello\n\n" + sse(
			head+`{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}`,
			head+`{"index":0,"delta":{"content":"Caf\u00e9 \/ "},"logprobs":{"content":[{"token":"Caf"}]}}]}`,
			head+`{"index":0,"delta":{},"finish_reason":"stop"}]}`,
			head+`],"usage":{"prompt_tokens":1}}`, `[DONE]`,
		)},
		{name: "over three events", in: sse(
			head+`{"index":0,"delta":{"content":"my se"}}]}`,
			head+`{"index":0,"delta":{"content":"cr"},"logprobs":{"content":[{"token":"cr"}]}}]}`,
			head+`{"index":0,"delta":{"content":"et is"}}]}`,
			head+`{"index":0,"delta":{},"finish_reason":"stop"}]}`, `[DONE]`,
		), want: sse(
			head+`{"index":0,"delta":{"content":"my "}}]}`,
			head+`{"index":0,"delta":{"content":""},"logprobs":null}]}`,
			head+`{"index":0,"delta":{"content":"[x] i"}}]}`,
			`{"choices":[{"index":0,"delta":{"content":"s"},"logprobs":null,"finish_reason":null}],`+own,
			head+`{"index":0,"delta":{},"finish_reason":"stop"}]}`, `[DONE]`,
		)},
		{name: "held text at the end of the answer", in: sse(
			head+`{"index":0,"delta":{"content":"no sec"}}]}`,
			head+`{"index":0,"delta":{"content":"re"},"finish_reason":"length"}]}`, `[DONE]`,
		), want: sse(
			head+`{"index":0,"delta":{"content":"no "}}]}`,
			head+`{"index":0,"delta":{"content":"secre"},"finish_reason":"length"}]}`, `[DONE]`,
		)},
		{name: "no finish reason", in: sse(
			head+`{"index":0,"delta":{"content":"no sec"}}]}`, `[DONE]`,
		), want: sse(
			head+`{"index":0,"delta":{"content":"no "}}]}`,
			`{"choices":[{"index":0,"delta":{"content":"sec"},"logprobs":null,"finish_reason":null}],`+own, `[DONE]`,
		)},
		{name: "no end at all", in: sse(head + `{"index":0,"delta":{"content":"no sec"}}]}`), want: sse(
			head+`{"index":0,"delta":{"content":"no "}}]}`,
			`{"choices":[{"index":0,"delta":{"content":"sec"},"logprobs":null,"finish_reason":null}],`+own,
		)},
		{name: "two choices in turns, two in one chunk", in: sse(
			head+`{"index":0,"delta":{"content":"sec"}},{"index":1,"delta":{"content":"a sec"}}]}`,
			head+`{"index":1,"delta":{"content":"ond"}}]}`,
			head+`{"index":0,"delta":{"content":"ret"}}]}`,
			head+`{"delta":{"content":"se"},"index":1}]}`,
			head+`{"finish_reason":"stop","index":0,"delta":{}}]}`,
			head+`{"index":1,"delta":{},"finish_reason":"stop"}]}`,
		), want: sse(
			head+`{"index":0,"delta":{"content":""}},{"index":1,"delta":{"content":"a "}}]}`,
			head+`{"index":1,"delta":{"content":"second"}}]}`,
			head+`{"index":0,"delta":{"content":"[x]"}}]}`,
			head+`{"delta":{"content":""},"index":1}]}`,
			head+`{"finish_reason":"stop","index":0,"delta":{}}]}`,
			`{"choices":[{"index":1,"delta":{"content":"se"},"logprobs":null,"finish_reason":null}],`+own,
			head+`{"index":1,"delta":{},"finish_reason":"stop"}]}`,
		)},
		{name: "parallel tool calls", in: sse(
			head+`{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}}]}`,
			head+`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":\"se"}}]}}]}`,
			head+`{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"g","arguments":"{\"b\":[\"\\u0073ec"}}]}}]}`,
			head+`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"cret \\\"q\\\"\",\"n\":41"}},{"index":1,"function":{"arguments":"ret\"],\"secret\":1}"}}]}}]}`,
			head+`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"11}"}}]}}]}`,
			head+`{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`,
		), want: sse(
			head+`{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}}]}`,
			head+`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":\""}}]}}]}`,
			head+`{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"g","arguments":"{\"b\":[\""}}]}}]}`,
			head+`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"[x] \\\"q\\\"\",\"n\":"}},{"index":1,"function":{"arguments":"[x]\"],\"[x]\":1}"}}]}}]}`,
			head+`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"[n]\"}"}}]}}]}`,
			head+`{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`,
		)},
		{name: "reasoning gives way", in: sse(
			head+`{"index":0,"delta":{"reasoning_content":"a sec"}}]}`,
			head+`{"index":0,"delta":{"content":"the sec"}}]}`,
			head+`{"index":0,"delta":{"content":"ret"}}]}`,
		), want: sse(
			head+`{"index":0,"delta":{"reasoning_content":"a "}}]}`,
			`{"choices":[{"index":0,"delta":{"reasoning_content":"sec"},"logprobs":null,"finish_reason":null}],`+own,
			head+`{"index":0,"delta":{"content":"the "}}]}`,
			head+`{"index":0,"delta":{"content":"[x]"}}]}`,
		)},
		{name: "a pair of surrogates that was cut", in: sse(
			head+`{"index":0,"delta":{"content":"a \ud83d"}}]}`, head+`{"index":0,"delta":{"content":"\ude00 b"}}]}`,
			head+`{"index":0,"delta":{"content":"\\ud83d"}}]}`, head+`{"index":0,"delta":{"content":"\ud83d"}}]}`,
			head+`{"index":0,"delta":{},"finish_reason":"stop"}]}`,
		), want: sse(
			head+`{"index":0,"delta":{"content":"a "}}]}`, head+`{"index":0,"delta":{"content":"😀 b"}}]}`,
			head+`{"index":0,"delta":{"content":"\\ud83d"}}]}`, head+`{"index":0,"delta":{"content":""}}]}`,
			`{"choices":[{"index":0,"delta":{"content":"`+"\uFFFD"+`"},"logprobs":null,"finish_reason":null}],`+own,
			head+`{"index":0,"delta":{},"finish_reason":"stop"}]}`,
		)},
		{name: "a character that was cut", in: sse(
			head+`{"index":0,"delta":{"content":"a `+"\xf0\x9f"+`"}}]}`, head+`{"index":0,"delta":{"content":"`+"\x98\x80"+`"}}]}`,
		), want: sse(
			head+`{"index":0,"delta":{"content":"a "}}]}`, head+`{"index":0,"delta":{"content":"😀"}}]}`,
		)},
		{name: "parts, details, a transcript, links", in: sse(
			head+`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"sec"}]}]}}]}`,
			head+`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"ret"}]}]}}]}`,
			head+`{"index":0,"delta":{"reasoning":"secret","reasoning_details":[{"type":"reasoning.text","text":"secret","index":0}]}}]}`,
			head+`{"index":0,"delta":{"audio":{"id":"a","transcript":"secret"},"annotations":[{"type":"url_citation","url_citation":{"title":"secret","url":"u"}}]}}],"citations":["http://secret"]}`,
		), want: sse(
			head+`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":""}]}]}}]}`,
			head+`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"[x]"}]}]}}]}`,
			head+`{"index":0,"delta":{"reasoning":"[x]","reasoning_details":[{"type":"reasoning.text","text":"[x]","index":0}]}}]}`,
			head+`{"index":0,"delta":{"audio":{"id":"a","transcript":"[x]"},"annotations":[{"type":"url_citation","url_citation":{"title":"[x]","url":"u"}}]}}],"citations":["http://[x]"]}`,
		)},
		{name: "the message so far beside the delta", in: sse(
			head+`{"index":0,"message":{"content":"ok"},"delta":{"content":"ok"}}]}`,
			head+`{"index":0,"message":{"content":"ok sec"},"delta":{"content":" sec"}}]}`,
		), want: sse(
			head+`{"index":0,"message":{"content":"ok"},"delta":{"content":"ok"}}]}`,
			head+`{"index":0,"message":{"content":""},"delta":{"content":" "}}]}`,
			`{"choices":[{"index":0,"delta":{"content":"sec"},"logprobs":null,"finish_reason":null}],`+own,
		)},
		{name: "CRLF", in: "data: " + head + "{\"index\":0,\"delta\":{\"content\":\"sec\"}}]}\r\n\r\ndata: [DONE]\r\n\r\n", want: "data: " + head +
			"{\"index\":0,\"delta\":{\"content\":\"\"}}]}\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"sec\"},\"logprobs\":null,\"finish_reason\":null}]," + own +
			"\r\n\r\ndata: [DONE]\r\n\r\n"},
		{
			name: "several lines of data", in: "id: 7\ndata: {\"choices\":[{\"delta\":\ndata: {\"content\":\"a secret!\"}}]}\nretry: 5\n\n",
			want: "id: 7\ndata: {\"choices\":[{\"delta\":\ndata: {\"content\":\"a [x]!\"}}]}\nretry: 5\n\n",
		},
		{name: "completions", api: OpenAICompletions, in: sse(
			`{"id":"c","object":"text_completion","choices":[{"text":"my sec","index":0,"logprobs":{"tokens":["my"," sec"]},"finish_reason":null}]}`,
			`{"id":"c","object":"text_completion","choices":[{"text":"ret sec","index":0,"logprobs":null,"finish_reason":null}]}`,
			`{"id":"c","object":"text_completion","choices":[{"index":0,"finish_reason":"stop"}]}`, `[DONE]`,
		), want: sse(
			`{"id":"c","object":"text_completion","choices":[{"text":"my ","index":0,"logprobs":null,"finish_reason":null}]}`,
			`{"id":"c","object":"text_completion","choices":[{"text":"[x] ","index":0,"logprobs":null,"finish_reason":null}]}`,
			`{"choices":[{"index":0,"text":"sec","logprobs":null,"finish_reason":null}],"id":"c","object":"text_completion"}`,
			`{"id":"c","object":"text_completion","choices":[{"index":0,"finish_reason":"stop"}]}`, `[DONE]`,
		)},
	}
}

func rewriteAnthropicCases() []rewriteCase {
	start := `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":25}}}`
	return []rewriteCase{
		{name: "nothing to change", api: AnthropicMessages, in: typed(start,
			`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`, `{"type":"ping"}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi\u0021"}}`,
			`{"type":"content_block_stop","index":0}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}`, `{"type":"message_stop"}`,
		)},
		{name: "thinking, text, a tool", api: AnthropicMessages, in: typed(start,
			`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a se"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"cret sec"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"secret"}}`,
			`{"type":"content_block_stop","index":0}`,
			`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"sec"}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"a secret","document_title":"secret","start_char_index":1}}}`,
			`{"type":"content_block_stop","index":1}`,
			`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}`,
			`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}`,
			`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\": \"sec"}}`,
			`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"ret\"}"}}`,
			`{"type":"content_block_stop","index":2}`,
			`{"type":"content_block_start","index":3,"content_block":{"type":"web_search_tool_result","tool_use_id":"t","content":[{"type":"web_search_result","title":"secret","url":"u","encrypted_content":"secret"}]}}`,
			`{"type":"message_delta","delta":{"stop_reason":"tool_use"}}`, `{"type":"message_stop"}`,
		), want: typed(start,
			`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a "}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"[x] "}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"sec"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"secret"}}`,
			`{"type":"content_block_stop","index":0}`,
			`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":""}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"a [x]","document_title":"[x]","start_char_index":1}}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"sec"}}`,
			`{"type":"content_block_stop","index":1}`,
			`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}`,
			`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}`,
			`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\": \""}}`,
			`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"[x]\"}"}}`,
			`{"type":"content_block_stop","index":2}`,
			`{"type":"content_block_start","index":3,"content_block":{"type":"web_search_tool_result","tool_use_id":"t","content":[{"type":"web_search_result","title":"[x]","url":"u","encrypted_content":"secret"}]}}`,
			`{"type":"message_delta","delta":{"stop_reason":"tool_use"}}`, `{"type":"message_stop"}`,
		)},
		{name: "arguments that were cut", api: AnthropicMessages, in: typed(
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":\"x\\ud83d\\"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"ude00 sec"}}`,
			`{"type":"content_block_stop","index":0}`,
		), want: typed(
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":\"x"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"😀 "}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"sec"}}`,
			`{"type":"content_block_stop","index":0}`,
		)},
		{name: "arguments that are no JSON", api: AnthropicMessages, in: typed(
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{city: sec"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"ret}"}}`,
		), want: typed(
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{city: "}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"[x]}"}}`,
		)},
	}
}

func TestTextRewriter(t *testing.T) {
	cases := rewriteChatCases()
	for i := range cases {
		if cases[i].api == APIUnknown {
			cases[i].api = OpenAIChat
		}
	}
	cases = append(cases, rewriteAnthropicCases()...)
	cases = append(cases, rewriteResponsesCases()...)
	cases = append(cases, rewriteStrangeCases()...)
	cases = append(cases, rewriteGeminiCases()...)
	for _, tt := range cases {
		t.Run(tt.api.String()+"/"+tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.in
			}
			for i := range len(tt.in) + 1 {
				got, err := rewrite(t, tt.api, tt.framing, &maskFilter{}, tt.in[:i], tt.in[i:])
				if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" || err != nil {
					t.Fatalf("bytes cut at %d: %v (-want +got)\n%s", i, err, diff)
				}
			}
		})
	}
}
