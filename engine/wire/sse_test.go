package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// splitEvent is an event as tests compare it.
type splitEvent struct {
	Raw, Name, Data string
	HasData         bool
}

// splitResult is all that a stream was cut into.
type splitResult struct {
	Events []splitEvent
	Rest   string
	Err    string
}

// cutStream feeds the stream in the given pieces through one buffer, which it spoils whenever the splitter may no
// longer look at it.
func cutStream(t *testing.T, s *Splitter, pieces ...string) splitResult {
	t.Helper()
	var (
		res  splitResult
		held []Event
		ev   Event
	)
	note := func() {
		for _, e := range held {
			res.Events = append(res.Events, splitEvent{string(e.Raw), strings.Clone(e.Name), string(e.Data), e.Data != nil})
		}
		held = held[:0]
	}
	for _, piece := range pieces {
		buf := []byte(piece)
		s.Feed(buf)
		for {
			ok, err := s.Next(&ev)
			if err != nil {
				note()
				res.Err = err.Error()
				return res
			}
			if !ok {
				break
			}
			held = append(held, ev)
		}
		note()
		for i := range buf {
			buf[i] = 0xFF
		}
	}
	if ok, err := s.Finish(&ev); ok {
		held = append(held, ev)
		note()
	} else if err != nil {
		res.Err = err.Error()
	}
	res.Rest = string(s.Rest())
	return res
}

func TestSplitterSSE(t *testing.T) {
	tests := []struct {
		name, stream string
		want         splitResult
	}{
		{"empty", "", splitResult{}},
		{"line feeds", "data: a\n\ndata: b\n\n", splitResult{Events: []splitEvent{
			{"data: a\n\n", "", "a", true}, {"data: b\n\n", "", "b", true},
		}}},
		{"crlf", "event: x\r\ndata:a\r\n\r\ndata: b\r\n\r\n", splitResult{Events: []splitEvent{
			{"event: x\r\ndata:a\r\n\r\n", "x", "a", true}, {"data: b\r\n\r\n", "", "b", true},
		}}},
		{"cr alone", "data: a\r\rdata: b\r\r", splitResult{Events: []splitEvent{
			{"data: a\r\r", "", "a", true}, {"data: b\r\r", "", "b", true},
		}}},
		{"mixed ends", "data: a\r\n\ndata: b\n\r\ndata: c\r\n\r", splitResult{Events: []splitEvent{
			{"data: a\r\n\n", "", "a", true}, {"data: b\n\r\n", "", "b", true}, {"data: c\r\n\r", "", "c", true},
		}}},
		{"several data lines", "data: a\ndata:\ndata:  b\nevent: n\n\n", splitResult{Events: []splitEvent{
			{"data: a\ndata:\ndata:  b\nevent: n\n\n", "n", "a\n\n b", true},
		}}},
		{"comment and ids", ": ping\n\nid: 1\nretry: 3\ndata: a\n\n", splitResult{Events: []splitEvent{
			{": ping\n\n", "", "", false}, {"id: 1\nretry: 3\ndata: a\n\n", "", "a", true},
		}}},
		{"bom", "\xEF\xBB\xBFdata: a\n\n", splitResult{Events: []splitEvent{{"\xEF\xBB\xBFdata: a\n\n", "", "a", true}}}},
		{"bom alone on its line", "\xEF\xBB\xBF\n\ndata: a\n\n", splitResult{Events: []splitEvent{
			{"\xEF\xBB\xBF\n\ndata: a\n\n", "", "a", true},
		}}},
		{"blank lines in front", "\n\n\ndata: a\n\n\n", splitResult{Events: []splitEvent{
			{"\n\n\ndata: a\n\n", "", "a", true}, {"\n", "", "", false},
		}}},
		{"field without colon", "data\n\n", splitResult{Events: []splitEvent{{"data\n\n", "", "", true}}}},
		{"blank line missing at the end", "data: a\n\ndata: {\"x\":\n", splitResult{Events: []splitEvent{
			{"data: a\n\n", "", "a", true}, {"data: {\"x\":\n", "", "{\"x\":", true},
		}}},
		{"done without any line end", "data: [DONE]", splitResult{Events: []splitEvent{{"data: [DONE]", "", "[DONE]", true}}}},
		{"json without any line end", "data: {\"a\":1}", splitResult{Events: []splitEvent{
			{"data: {\"a\":1}", "", "{\"a\":1}", true},
		}}},
		{"cut in the data", "data: a\n\ndata: {\"a\":", splitResult{
			Events: []splitEvent{{"data: a\n\n", "", "a", true}}, Rest: "data: {\"a\":",
		}},
		{"cut in the field", "dat", splitResult{Rest: "dat"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkSplits(t, FrameSSE, tt.stream, tt.want)
		})
	}
}

func TestSplitterJSONArray(t *testing.T) {
	tests := []struct {
		name, stream string
		want         splitResult
	}{
		{"pretty", "[{\n  \"a\": \"}]\\\"\"\n}\n,\r\n{\"b\": [1, {}]}\n]\n", splitResult{Events: []splitEvent{
			{"[{\n  \"a\": \"}]\\\"\"\n}", "", "{\n  \"a\": \"}]\\\"\"\n}", true},
			{"\n,\r\n{\"b\": [1, {}]}", "", "{\"b\": [1, {}]}", true},
			{"\n]", "", "", false},
			{"\n", "", "", false},
		}}},
		{"empty array", "[]", splitResult{Events: []splitEvent{{"[]", "", "", false}}}},
		{"bare object", "{\"error\":{}}", splitResult{Events: []splitEvent{
			{"{\"error\":{}}", "", "{\"error\":{}}", true},
		}}},
		{"bom", "\xEF\xBB\xBF[{}]", splitResult{Events: []splitEvent{
			{"\xEF\xBB\xBF[{}", "", "{}", true}, {"]", "", "", false},
		}}},
		{"odd elements", "[1, \"x,\\\"\" ,[[]], oops]", splitResult{Events: []splitEvent{
			{"[1", "", "1", true},
			{", \"x,\\\"\"", "", "\"x,\\\"\"", true},
			{" ,[[]]", "", "[[]]", true},
			{", oops", "", "oops", true},
			{"]", "", "", false},
		}}},
		{"cut", "[{\"a\":1},{\"b\":", splitResult{
			Events: []splitEvent{{"[{\"a\":1}", "", "{\"a\":1}", true}}, Rest: ",{\"b\":",
		}},
		{"not json", "<html>", splitResult{Rest: "<html>"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkSplits(t, FrameJSONArray, tt.stream, tt.want)
		})
	}
}

// checkSplits cuts the stream whole, byte by byte and at every pair of positions, always with the same result.
func checkSplits(t *testing.T, f Framing, stream string, want splitResult) {
	t.Helper()
	var s Splitter
	cut := func(pieces ...string) {
		t.Helper()
		s.Reset(f, 0)
		if diff := cmp.Diff(want, cutStream(t, &s, pieces...)); diff != "" {
			t.Fatalf("pieces %q: (-want +got)\n%s", pieces, diff)
		}
	}
	cut(stream)
	cut(strings.Split(stream, "")...)
	for i := range len(stream) + 1 {
		cut(stream[:i], stream[i:])
		for j := i; j <= len(stream) && len(stream) < 100; j++ {
			cut(stream[:i], stream[i:j], stream[j:])
		}
	}
}

func TestSplitterTooLarge(t *testing.T) {
	tests := []struct {
		name, stream string
		framing      Framing
		wantEvents   int
	}{
		{"complete", "data: a\n\ndata: 0123456789abcdef\n\n", FrameSSE, 1},
		{"without an end", "data: a\n\n" + strings.Repeat("x", 100), FrameSSE, 1},
		{"blank lines", strings.Repeat("\n", 100), FrameSSE, 0},
		{"array element", `[{"a":1},{"b":"0123456789abcdef"}]`, FrameJSONArray, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range len(tt.stream) + 1 {
				s := NewSplitter(tt.framing, 20)
				got := cutStream(t, s, tt.stream[:i], tt.stream[i:])
				if got.Err != ErrEventTooLarge.Error() || len(got.Events) != tt.wantEvents {
					t.Fatalf("split at %d: got %d events and error %q, want %d and %q",
						i, len(got.Events), got.Err, tt.wantEvents, ErrEventTooLarge)
				}
				if ok, err := s.Next(new(Event)); ok || !errors.Is(err, ErrEventTooLarge) {
					t.Fatalf("got %v, %v from Next behind an error, want the error again", ok, err)
				}
			}
		})
	}
}

func TestSplitterAliases(t *testing.T) {
	p := []byte("event: ping\ndata: hello\n\n")
	s := NewSplitter(FrameSSE, 0)
	s.Feed(p)
	var ev Event
	if ok, err := s.Next(&ev); !ok || err != nil {
		t.Fatalf("got %v, %v, want an event", ok, err)
	}
	if &ev.Raw[0] != &p[0] || &ev.Data[0] != &p[18] {
		t.Error("got copied bytes, want the fed ones")
	}
}

func TestSplitterNamesBounded(t *testing.T) {
	s := NewSplitter(FrameSSE, 0)
	for i := range 10 * sseMaxNames {
		got := cutStream(t, s, fmt.Sprintf("event: n%d\ndata: x\n\n", i))
		if want := fmt.Sprintf("n%d", i); got.Events[0].Name != want {
			t.Fatalf("got name %q, want %q", got.Events[0].Name, want)
		}
		s.Reset(FrameSSE, 0)
	}
	if len(s.names) > sseMaxNames {
		t.Errorf("got %d kept names, want at most %d", len(s.names), sseMaxNames)
	}
}

func FuzzSplitter(f *testing.F) {
	for _, stream := range []string{
		"data: {\"a\":1}\r\n\r\ndata: [DONE]\n\n", ": c\n\nevent: e\rdata: x\r\rdata", "\xEF\xBB\xBF\n\ndata:\n\n",
		`[{"a":"\"]"},[1],2 ,"x"]` + "\n", "{\"error\":{}}", "\xEF\xBB[", "]]{",
	} {
		f.Add([]byte(stream), uint8(3), uint8(5), false)
		f.Add([]byte(stream), uint8(1), uint8(1), true)
	}
	f.Fuzz(func(t *testing.T, stream []byte, a, b uint8, array bool) {
		framing := FrameSSE
		if array {
			framing = FrameJSONArray
		}
		const limit = 64
		whole := cutStream(t, NewSplitter(framing, limit), string(stream))
		var raws bytes.Buffer
		for _, e := range whole.Events {
			raws.WriteString(e.Raw)
		}
		raws.WriteString(whole.Rest)
		if whole.Err == "" && !bytes.Equal(raws.Bytes(), stream) {
			t.Fatalf("got %q put together, want %q", raws.Bytes(), stream)
		}
		pieces, left := []string(nil), string(stream)
		for i := 0; left != ""; i++ {
			n := min(len(left), int([]uint8{a, b}[i%2])%32+1)
			pieces, left = append(pieces, left[:n]), left[n:]
		}
		if diff := cmp.Diff(whole, cutStream(t, NewSplitter(framing, limit), pieces...)); diff != "" {
			t.Fatalf("pieces %q: (-whole +pieces)\n%s", pieces, diff)
		}
	})
}
