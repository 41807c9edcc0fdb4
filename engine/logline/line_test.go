package logline

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	var l Line
	l.Reset()
	l.Time("time", time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC))
	l.Str("path", "/v1/chat/completions")
	l.Str("quoted", "a \"b\" \\ c\n\r\t\x01\x7f\u202e\xff é")
	l.Str("long", strings.Repeat("a", MaxText)+"é")
	l.Str("cut", strings.Repeat("a", MaxText-1)+"é")
	l.Int("status", -200)
	l.Bool("stream", true)
	l.Millis("ms", 1234567*time.Nanosecond)
	l.Millis("none", -time.Second)
	l.List("attempts", 2, func(l *Line, i int) {
		l.Int("n", int64(i))
		l.Str("code", "x")
	})
	l.List("empty", 0, nil)
	l.Any("any", map[string]any{"<a>": []any{1, nil, "\u2028" + strings.Repeat("b", MaxText+1)}, "b\"\\": "\\\""})
	l.Any("bad", func() {})
	l.Text("body", []byte(strings.Repeat("c", MaxText+5)), MaxText+2)
	got := string(l.End())
	want := `{"time":"2026-11-22T09:30:00Z","path":"/v1/chat/completions",` +
		`"quoted":"a \"b\" \\ c\n\r\t\u0001\u007f\u202e\ufffd é",` +
		`"long":"` + strings.Repeat("a", MaxText) + `...","cut":"` + strings.Repeat("a", MaxText-1) + `...",` +
		`"status":-200,"stream":true,"ms":1.234,"none":0.000,` +
		`"attempts":[{"n":0,"code":"x"},{"n":1,"code":"x"}],"empty":[],` +
		`"any":{"<a>":[1,null,"\u2028` + strings.Repeat("b", MaxText-3) + `..."],"b\"\\":"\\\""},` +
		`"bad":"cannot be written: json: unsupported type: func()",` +
		`"body":"` + strings.Repeat("c", MaxText+2) + `..."}` + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	l.Reset()
	if got := string(l.End()); got != "{}\n" {
		t.Errorf("got %q after Reset", got)
	}
}

// FuzzLine holds that a line is JSON that says what it was given, as far as that is shown, and that nothing in it moves a
// terminal's cursor.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{"a", "\u202e", "\x7f", strings.Repeat("\\\"", 400), strings.Repeat("é", 600), "\xff", "1234567\"", "12345678\x1f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var l Line
		l.Reset()
		l.Str("text", text)
		l.Any("any", text)
		line := l.End()
		var out map[string]string
		if err := json.Unmarshal(line, &out); err != nil {
			t.Fatalf("%q: got %q: %v", text, line, err)
		}
		for _, r := range string(line[:len(line)-1]) {
			if r < 0x20 || odd(r) || r == 0x7f {
				t.Fatalf("%q: got %q", text, line)
			}
		}
		want := strings.ToValidUTF8(text, "\ufffd")
		if len(text) <= MaxText && utf8.ValidString(text) && (out["text"] != want || out["any"] != want) {
			t.Fatalf("%q: got %q", text, line)
		}
		if len(out["text"]) > 3*MaxText+3 {
			t.Fatalf("got %d bytes", len(out["text"]))
		}
	})
}

func TestAppendSafe(t *testing.T) {
	if got, want := string(AppendSafe([]byte("x"), []byte("{\"a\":\"é\u202e\x7f\"}"))), `x{"a":"é\u202e\u007f"}`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkLine(b *testing.B) {
	var l Line
	b.ReportAllocs()
	for b.Loop() {
		l.Reset()
		l.Str("request_id", "req_0123456789abcdef0123")
		l.Str("path", "/v1/chat/completions")
		l.Int("status", 200)
		l.Millis("ms", 12345*time.Microsecond)
		if len(l.End()) == 0 {
			b.Fatal("empty")
		}
	}
}
