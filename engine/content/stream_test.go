package content

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"weir/engine/wire"
)

// units are the pieces of a JSON string that a server may cut between: characters and escapes. Escaped says to write
// everything beyond ASCII as escapes, whose surrogate pairs then may be cut.
func units(text string, escaped bool) []string {
	var out []string
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out = append(out, `\`+string(r))
		case r < ' ' || (escaped && r >= 0x80 && r < 0x10000):
			out = append(out, fmt.Sprintf(`\u%04x`, r))
		case escaped && r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			out = append(out, fmt.Sprintf(`\u%04x`, high), fmt.Sprintf(`\u%04x`, low))
		default:
			out = append(out, string(r))
		}
	}
	return out
}

// cuts joins units to pieces of one to eight.
func cuts(units []string, seed uint16) []string {
	var out []string
	for i := 0; len(units) > 0; i++ {
		n := min(len(units), 1+int(seed>>(i%13)&7))
		out = append(out, strings.Join(units[:n], ""))
		units = units[n:]
	}
	return out
}

// source makes a stream of an API that says one text, and reads it back.
type source struct {
	name    string
	api     wire.API
	framing wire.Framing
	stream  func(text string, escaped bool, seed uint16) string
	read    func(tb testing.TB, datas []string) string
}

func sse(names bool, events ...string) string {
	var b strings.Builder
	for _, e := range events {
		if names {
			kind, _, _ := strings.Cut(strings.TrimPrefix(e, `{"type":"`), `"`)
			fmt.Fprintf(&b, "event: %s\n", kind)
		}
		fmt.Fprintf(&b, "data: %s\n\n", e)
	}
	return b.String()
}

// at reads a value of JSON by its path; the zero value where there is none.
func at[T any](tb testing.TB, data string, path ...any) T {
	tb.Helper()
	var v any
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		tb.Fatalf("an event is no JSON: %v: %s", err, data)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			o, _ := v.(map[string]any)
			v = o[p]
		case int:
			a, _ := v.([]any)
			if p >= len(a) {
				v = nil
				continue
			}
			v = a[p]
		}
	}
	out, _ := v.(T)
	return out
}

// joined joins the strings at a path of each event.
func joined(tb testing.TB, datas []string, path ...any) string {
	tb.Helper()
	var b strings.Builder
	for _, d := range datas {
		b.WriteString(at[string](tb, d, path...))
	}
	return b.String()
}

func chatSource() source {
	chunk := func(rest string) string { return `{"id":"c","choices":[{"index":0,` + rest + `}]}` }
	return source{
		name: "chat", api: wire.OpenAIChat,
		stream: func(text string, escaped bool, seed uint16) string {
			var events []string
			for _, piece := range cuts(units(text, escaped), seed) {
				events = append(events, chunk(`"delta":{"content":"`+piece+`"}`))
			}
			return sse(false, append(events, chunk(`"delta":{},"finish_reason":"stop"`), "[DONE]")...)
		},
		read: func(tb testing.TB, datas []string) string {
			tb.Helper()
			return joined(tb, datas[:len(datas)-1], "choices", 0, "delta", "content")
		},
	}
}

// arguments is a text inside of tool arguments, which come in pieces.
func arguments(text string, escaped bool, seed uint16) []string {
	return cuts(units(`{"a": [true, -1.5e3, {"v": "`+strings.Join(units(text, escaped), "")+`"}]}`, escaped), seed)
}

func argument(tb testing.TB, whole string) string {
	tb.Helper()
	if n := at[float64](tb, whole, "a", 1); n != -1500 {
		tb.Fatalf("got the number %v in %s", n, whole)
	}
	return at[string](tb, whole, "a", 2, "v")
}

func toolSource() source {
	chunk := func(rest string) string { return `{"id":"c","choices":[{"index":0,` + rest + `}]}` }
	return source{
		name: "chat tools", api: wire.OpenAIChat,
		stream: func(text string, escaped bool, seed uint16) string {
			events := []string{chunk(`"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}`)}
			for _, piece := range arguments(text, escaped, seed) {
				events = append(events, chunk(`"delta":{"tool_calls":[{"index":0,"function":{"arguments":"`+piece+`"}}]}`))
			}
			return sse(false, append(events, chunk(`"delta":{},"finish_reason":"tool_calls"`), "[DONE]")...)
		},
		read: func(tb testing.TB, datas []string) string {
			tb.Helper()
			datas = datas[:len(datas)-1]
			whole := joined(tb, datas, "choices", 0, "delta", "tool_calls", 0, "function", "arguments")
			if name := joined(tb, datas, "choices", 0, "delta", "tool_calls", 0, "function", "name"); name != "f" {
				tb.Fatalf("got the name %q", name)
			}
			return argument(tb, whole)
		},
	}
}

func anthropicSource() source {
	return source{
		name: "anthropic tools and text", api: wire.AnthropicMessages,
		stream: func(text string, escaped bool, seed uint16) string {
			events := []string{`{"type":"message_start","message":{"content":[]}}`, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`}
			for _, piece := range cuts(units(text, escaped), seed) {
				events = append(events, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"`+piece+`"}}`)
			}
			events = append(events, `{"type":"content_block_stop","index":0}`, `{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}`)
			for _, piece := range arguments(text, escaped, seed) {
				events = append(events, `{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"`+piece+`"}}`)
			}
			return sse(true, append(events, `{"type":"content_block_stop","index":1}`, `{"type":"message_delta","delta":{"stop_reason":"tool_use"}}`, `{"type":"message_stop"}`)...)
		},
		read: func(tb testing.TB, datas []string) string {
			tb.Helper()
			text, whole := joined(tb, datas, "delta", "text"), joined(tb, datas, "delta", "partial_json")
			open := -1.0
			for _, d := range datas {
				index := at[float64](tb, d, "index")
				switch at[string](tb, d, "type") {
				case "content_block_start":
					open = index
				case "content_block_stop":
					open = -1
				case "content_block_delta":
					if index != open {
						tb.Fatalf("a delta of block %v outside of it", index)
					}
				}
			}
			if got := argument(tb, whole); got != text {
				tb.Fatalf("got %q in the arguments and %q in the text", got, text)
			}
			return text
		},
	}
}

func responsesSource() source {
	const ids = `"item_id":"m","output_index":0,"content_index":0,"sequence_number":`
	return source{
		name: "responses", api: wire.OpenAIResponses,
		stream: func(text string, escaped bool, seed uint16) string {
			n := 0
			var events []string
			add := func(format string, args ...any) {
				events = append(events, fmt.Sprintf(format, args...))
				n++
			}
			whole := strings.Join(units(text, escaped), "")
			for _, piece := range cuts(units(text, escaped), seed) {
				add(`{"type":"response.output_text.delta",%s%d,"delta":"%s"}`, ids, n, piece)
			}
			add(`{"type":"response.output_text.done",%s%d,"text":"%s"}`, ids, n, whole)
			add(`{"type":"response.content_part.done",%s%d,"part":{"type":"output_text","text":"%s"}}`, ids, n, whole)
			for _, piece := range arguments(text, escaped, seed) {
				add(`{"type":"response.function_call_arguments.delta","item_id":"f","output_index":1,"sequence_number":%d,"delta":"%s"}`, n, piece)
			}
			all := strings.Join(arguments(text, escaped, seed), "")
			add(`{"type":"response.function_call_arguments.done","item_id":"f","output_index":1,"sequence_number":%d,"arguments":"%s"}`, n, all)
			add(`{"type":"response.completed","sequence_number":%d,"response":{"output":[{"type":"message","content":[{"type":"output_text","text":"%s"}]},{"type":"function_call","arguments":"%s"}]}}`, n, whole, all)
			return sse(true, events...)
		},
		read: readResponses,
	}
}

func readResponses(tb testing.TB, datas []string) string {
	tb.Helper()
	var text, whole string
	for i, d := range datas {
		if n := at[float64](tb, d, "sequence_number"); int(n) != i {
			tb.Fatalf("event %d has the number %v", i, n)
		}
		switch at[string](tb, d, "type") {
		case "response.output_text.delta":
			text += at[string](tb, d, "delta")
		case "response.function_call_arguments.delta":
			whole += at[string](tb, d, "delta")
		case "response.output_text.done":
			if got := at[string](tb, d, "text"); got != text {
				tb.Fatalf("got %q at the end of %q", got, text)
			}
		case "response.content_part.done":
			if got := at[string](tb, d, "part", "text"); got != text {
				tb.Fatalf("got the part %q of %q", got, text)
			}
		case "response.function_call_arguments.done":
			if got := at[string](tb, d, "arguments"); argument(tb, got) != argument(tb, whole) {
				tb.Fatalf("got the arguments %q of %q", got, whole)
			}
		case "response.completed":
			if got := at[string](tb, d, "response", "output", 0, "content", 0, "text"); got != text {
				tb.Fatalf("got the whole text %q of %q", got, text)
			}
			if got := at[string](tb, d, "response", "output", 1, "arguments"); argument(tb, got) != text {
				tb.Fatalf("got the whole arguments %q of %q", got, text)
			}
		}
	}
	if got := argument(tb, whole); got != text {
		tb.Fatalf("got %q in the arguments and %q in the text", got, text)
	}
	return text
}

func geminiSource(framing wire.Framing) source {
	return source{
		name: fmt.Sprintf("gemini in framing %d", framing), api: wire.GeminiGenerate, framing: framing,
		stream: func(text string, escaped bool, seed uint16) string {
			pieces := cuts(units(text, escaped), seed)
			events := make([]string, 0, len(pieces))
			for i, piece := range pieces {
				finish := ""
				if i == len(pieces)-1 {
					finish = `,"finishReason":"STOP"`
				}
				events = append(events, `{"candidates":[{"content":{"parts":[{"text":"`+piece+`"}],"role":"model"}`+finish+`,"index":0}],"responseId":"r"}`)
			}
			if framing == wire.FrameJSONArray {
				return "[" + strings.Join(events, ",\r\n") + "\n]"
			}
			return sse(false, events...)
		},
		read: func(tb testing.TB, datas []string) string {
			tb.Helper()
			return joined(tb, datas, "candidates", 0, "content", "parts", 0, "text")
		},
	}
}

func sources() []source {
	return []source{
		chatSource(), toolSource(), anthropicSource(), responsesSource(), geminiSource(wire.FrameSSE), geminiSource(wire.FrameJSONArray),
	}
}
