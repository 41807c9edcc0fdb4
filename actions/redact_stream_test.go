package actions

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

// redactDialect makes a stream that says a text and calls a tool, and reads what it says.
type redactDialect struct {
	name   string
	api    wire.API
	stream func(text, arguments []string) string
	// read adds what one event says to the text, to what is said once more, and to the arguments.
	read func(ev map[string]any, said *redactSaid)
}

// redactSaid is what a stream says.
type redactSaid struct{ text, arguments, again string }

func sse(data ...any) string {
	var b strings.Builder
	for _, d := range data {
		raw, _ := json.Marshal(d)
		fmt.Fprintf(&b, "data: %s\n\n", raw)
	}
	return b.String()
}

type object = map[string]any

func at(v any, path ...any) any {
	for _, p := range path {
		switch key := p.(type) {
		case string:
			m, _ := v.(object)
			v = m[key]
		case int:
			l, _ := v.([]any)
			if key >= len(l) {
				return nil
			}
			v = l[key]
		}
	}
	return v
}

func textAt(v any, path ...any) string {
	s, _ := at(v, path...).(string)
	return s
}

func redactDialects() []redactDialect {
	return []redactDialect{chatDialect(), responsesDialect(), anthropicDialect(), geminiDialect()}
}

func chatDialect() redactDialect {
	return redactDialect{
		name: "chat", api: wire.OpenAIChat,
		stream: func(text, arguments []string) string {
			var out []any
			choice := func(delta object, finish any) {
				out = append(out, object{"id": "c", "object": "chat.completion.chunk", "choices": []any{object{"index": 1, "delta": delta, "finish_reason": finish}}})
			}
			for _, s := range text {
				choice(object{"content": s}, nil)
			}
			for _, s := range arguments {
				choice(object{"tool_calls": []any{object{"index": 0, "function": object{"arguments": s}}}}, nil)
			}
			choice(object{}, "tool_calls")
			return sse(out...) + "data: [DONE]\n\n"
		},
		read: func(ev object, s *redactSaid) {
			s.text += textAt(ev, "choices", 0, "delta", "content")
			s.arguments += textAt(ev, "choices", 0, "delta", "tool_calls", 0, "function", "arguments")
		},
	}
}

func responsesDialect() redactDialect {
	return redactDialect{
		name: "responses", api: wire.OpenAIResponses,
		stream: func(text, arguments []string) string {
			var out []any
			add := func(kind string, more object) {
				more["type"], more["sequence_number"] = kind, len(out)
				out = append(out, more)
			}
			whole, call := strings.Join(text, ""), strings.Join(arguments, "")
			for _, s := range text {
				add("response.output_text.delta", object{"item_id": "i", "output_index": 0, "content_index": 0, "delta": s})
			}
			add("response.output_text.done", object{"item_id": "i", "output_index": 0, "content_index": 0, "text": whole})
			for _, s := range arguments {
				add("response.function_call_arguments.delta", object{"item_id": "j", "output_index": 1, "delta": s})
			}
			add("response.function_call_arguments.done", object{"item_id": "j", "output_index": 1, "arguments": call})
			add("response.completed", object{"response": object{"output": []any{object{"type": "message", "content": []any{object{"type": "output_text", "text": whole}}}}}})
			return sse(out...)
		},
		read: func(ev object, s *redactSaid) {
			switch ev["type"] {
			case "response.output_text.delta":
				s.text += textAt(ev, "delta")
			case "response.function_call_arguments.delta":
				s.arguments += textAt(ev, "delta")
			case "response.completed":
				s.again = textAt(ev, "response", "output", 0, "content", 0, "text")
			}
		},
	}
}

func anthropicDialect() redactDialect {
	return redactDialect{
		name: "anthropic", api: wire.AnthropicMessages,
		stream: func(text, arguments []string) string {
			var out []any
			block := func(i int, start, delta object, member string, pieces []string) {
				out = append(out, object{"type": "content_block_start", "index": i, "content_block": start})
				for _, s := range pieces {
					d := object{"type": delta["type"], member: s}
					out = append(out, object{"type": "content_block_delta", "index": i, "delta": d})
				}
				out = append(out, object{"type": "content_block_stop", "index": i})
			}
			out = append(out, object{"type": "message_start", "message": object{"content": []any{}}})
			block(0, object{"type": "text", "text": ""}, object{"type": "text_delta"}, "text", text)
			block(1, object{"type": "tool_use", "id": "t", "name": "f", "input": object{}}, object{"type": "input_json_delta"}, "partial_json", arguments)
			out = append(out, object{"type": "message_delta", "delta": object{"stop_reason": "tool_use"}}, object{"type": "message_stop"})
			return sse(out...)
		},
		read: func(ev object, s *redactSaid) {
			s.text += textAt(ev, "delta", "text")
			s.arguments += textAt(ev, "delta", "partial_json")
		},
	}
}

func geminiDialect() redactDialect {
	return redactDialect{
		name: "gemini", api: wire.GeminiGenerate,
		stream: func(text, arguments []string) string {
			var out []any
			part := func(p, more object) {
				c := object{"index": 0, "content": object{"role": "model", "parts": []any{p}}}
				maps.Copy(c, more)
				out = append(out, object{"candidates": []any{c}})
			}
			for _, s := range text {
				part(object{"text": s}, nil)
			}
			part(object{"functionCall": object{"name": "f", "args": json.RawMessage(strings.Join(arguments, ""))}}, object{"finishReason": "STOP"})
			return sse(out...)
		},
		read: func(ev object, s *redactSaid) {
			s.text += textAt(ev, "candidates", 0, "content", "parts", 0, "text")
			if args := at(ev, "candidates", 0, "content", "parts", 0, "functionCall", "args"); args != nil {
				raw, _ := json.Marshal(args)
				s.arguments += string(raw)
			}
		},
	}
}

// cut cuts a text into pieces at random, between characters.
func cut(r *rand.Rand, text string) []string {
	var out []string
	for runes := []rune(text); len(runes) > 0; {
		n := min(len(runes), 1+r.IntN(7))
		out = append(out, string(runes[:n]))
		runes = runes[n:]
	}
	return out
}

// hear takes a stream through a filter and reads what it says.
func (d *redactDialect) hear(t *testing.T, f engine.StreamFilter, stream string) redactSaid {
	t.Helper()
	split := wire.NewSplitter(wire.FrameSSE, 0)
	split.Feed([]byte(stream))
	var ev wire.Event
	var out []byte
	var err error
	for ok := true; ok; {
		if ok, err = split.Next(&ev); err != nil {
			t.Fatal(err)
		}
		if ok {
			if out, err = f.Event(out, &ev); err != nil {
				t.Fatalf("%s: %v", ev.Raw, err)
			}
		}
	}
	if out, err = f.End(out); err != nil {
		t.Fatal(err)
	}
	var said redactSaid
	for line := range strings.Lines(string(out)) {
		data, ok := strings.CutPrefix(line, "data: {")
		if !ok {
			continue
		}
		var ev object
		if err := json.Unmarshal([]byte("{"+data), &ev); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		d.read(ev, &said)
	}
	return said
}

func arguments(text string) string {
	b, _ := json.Marshal(object{"to": text, "n": []any{1, true, nil, text}})
	return string(b)
}

// heard compares what a stream says with what a whole text became.
func heard(t *testing.T, d *redactDialect, said redactSaid, want string) {
	t.Helper()
	if said.text != want {
		t.Fatalf("got %q, want %q", said.text, want)
	}
	if d.api == wire.OpenAIResponses && said.again != want {
		t.Fatalf("got %q once more, want %q", said.again, want)
	}
	var got object
	if err := json.Unmarshal([]byte(said.arguments), &got); err != nil {
		t.Fatalf("%q: %v", said.arguments, err)
	}
	if textAt(got, "to") != want || textAt(got, "n", 3) != want {
		t.Fatalf("got %q, want %q twice in it", said.arguments, want)
	}
}

// restorable is an exchange that has placeholders for values, in their order.
func restorable(t *testing.T, values ...string) (*redacted, []string) {
	t.Helper()
	r := &redacted{}
	texts := make([]string, 0, len(values))
	for _, v := range values {
		p, err := r.placeholder("EMAIL", v, true)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, p)
	}
	return r, texts
}

// TestRestoreStreams checks that however a stream is cut it says what the whole text says with its values.
func TestRestoreStreams(t *testing.T) {
	values := []string{"joe@example.com", `ann "a\b" <é😀>`, "line\nbreak"}
	r, p := restorable(t, values...)
	tag := strings.TrimSuffix(strings.TrimPrefix(p[0], "[EMAIL_1_"), "]")
	escaped := `\[EMAIL\_2\_` + tag + `\]`
	text := "to " + p[0] + p[1] + " [" + p[2] + "], " + strings.ToLower(p[0]) + " [EMAIL_1 [EMAIL_9_" + tag + "] [EMAIL_1_x] \\ " + escaped + " é😀 " + p[1] + " \\" + p[2] + " [EMAIL_1_"
	want := "to " + values[0] + values[1] + " [" + values[2] + "], " + values[0] + " [EMAIL_1 [EMAIL_9_" + tag + "] [EMAIL_1_x] \\ " + values[1] + " é😀 " + values[1] + " \\" + values[2] + " [EMAIL_1_"
	if got, err := newRestorer(r).ReplaceAll(wire.TextAssistant, text); err != nil || got != want {
		t.Fatalf("got %q and %v, want %q", got, err, want)
	}
	for _, d := range redactDialects() {
		t.Run(d.name, func(t *testing.T) {
			for seed := range uint64(60) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				x := exchange()
				x.Request.API = d.api
				said := d.hear(t, newTextStream(x, newRestorer(r)), d.stream(cut(rnd, text), cut(rnd, arguments(text))))
				heard(t, &d, said, want)
			}
		})
	}
}

// TestRestoreHoldsBack checks that no more is held than could still become a placeholder.
func TestRestoreHoldsBack(t *testing.T) {
	r, p := restorable(t, "joe@example.com", "ann@example.com")
	for _, tt := range []struct {
		text string
		want int
	}{
		{"a text", 0},
		{"a [link](to)", 0},
		{"a [EMA", 4},
		{"a [email_1_", 9},
		{"a [EMAIL_1]", 0},
		{"a [EMAIL_3_", 0},
		{"a [[", 1},
		{`a \`, 1},
		{`a \[EMAIL\_`, 9},
		{"a " + p[0], 0},
		{"a " + p[0][:len(p[0])-1], len(p[0]) - 1},
		{"a " + p[0] + "[", 1},
	} {
		back := newRestorer(r)
		out, held, err := back.Feed(nil, wire.TextChannel{Slot: 3, Kind: wire.TextAssistant}, []byte(tt.text))
		if err != nil || held != tt.want {
			t.Errorf("%q: got %d held and %v, want %d", tt.text, held, err, tt.want)
		}
		rest, err := back.End(out, wire.TextChannel{Slot: 3, Kind: wire.TextAssistant})
		whole, _ := newRestorer(r).ReplaceAll(wire.TextAssistant, tt.text)
		if err != nil || string(rest) != whole {
			t.Errorf("%q: got %q and %v, want %q", tt.text, rest, err, whole)
		}
	}
}

// TestRestoreIsBounded checks that a model cannot fill the memory with one placeholder.
func TestRestoreIsBounded(t *testing.T) {
	const size = 16 << 10
	r, p := restorable(t, strings.Repeat("a", size))
	got, err := newRestorer(r).ReplaceAll(wire.TextAssistant, strings.Repeat(p[0], 2*maxRestored/size))
	if err != nil || len(got) > maxRestored+2*maxRestored/size*len(p[0]) || r.restored != maxRestored/size {
		t.Errorf("got %d bytes of %d values and %v, want a bound", len(got), r.restored, err)
	}
}

// TestRestoreTellsAgainWithoutCounting checks that what a stream tells once more counts once.
func TestRestoreTellsAgainWithoutCounting(t *testing.T) {
	d := responsesDialect()
	r, p := restorable(t, "joe@example.com")
	x := exchange()
	x.Request.API = d.api
	d.hear(t, newTextStream(x, newRestorer(r)), d.stream([]string{p[0]}, []string{"{}"}))
	if r.restored != 1 {
		t.Errorf("got %d values, want 1", r.restored)
	}
}

// TestRedactStreams checks that however a stream is cut it says what the whole text says redacted.
func TestRedactStreams(t *testing.T) {
	const text = "from joe@example.com to ann@example.com é😀 \"joe@example.com\" at"
	for _, d := range redactDialects() {
		for _, config := range []string{"", ", on_stream: buffer", ", mode: remove", ", mode: hash, salt: a salt of some length", ", mode: tokenise"} {
			t.Run(d.name+config, func(t *testing.T) {
				action := redactOf(t, config)
				for seed := range uint64(20) {
					rnd := rand.New(rand.NewPCG(seed, 2))
					x := exchange()
					x.Request.API = d.api
					run, err := action.begin(x)
					if err != nil {
						t.Fatal(err)
					}
					want, err := run.edit(wire.AllTextKinds)(wire.TextAssistant, text)
					if err != nil || want == text {
						t.Fatalf("got %q and %v, want it redacted", want, err)
					}
					run.found = nil
					said := d.hear(t, newTextStream(x, run.filter()), d.stream(cut(rnd, text), cut(rnd, arguments(text))))
					heard(t, &d, said, want)
					if n := run.found["email"]; n != 9 { // once in the text, twice in the arguments
						t.Fatalf("got %d found, want 9: what is told once more does not count", n)
					}
				}
			})
		}
	}
}

// TestRedactStreamsWhere checks that texts that are not asked for stay as they came.
func TestRedactStreamsWhere(t *testing.T) {
	const text = "from joe@example.com to"
	action := redactOf(t, ", where: [tool_arguments]")
	for _, d := range redactDialects() {
		x := exchange()
		x.Request.API = d.api
		run, err := action.begin(x)
		if err != nil {
			t.Fatal(err)
		}
		said := d.hear(t, newTextStream(x, run.filter()), d.stream([]string{text[:9], text[9:]}, []string{arguments(text)}))
		if said.text != text || strings.Contains(said.arguments, "joe") || run.found["email"] != 2 {
			t.Errorf("%s: got %q and %q, want the arguments redacted and nothing else", d.name, said.text, said.arguments)
		}
	}
}

// redactOf is an action for email addresses in answers.
func redactOf(t *testing.T, config string) *redact {
	t.Helper()
	cfg := compile(t, "on_response: [{type: redact, config: {entities: [email]"+config+"}}]")
	a, ok := cfg.OnResponse[0].Actions[0].Action.(*redact)
	if !ok {
		t.Fatalf("got %T, want redact", cfg.OnResponse[0].Actions[0].Action)
	}
	return a
}
