package content

import (
	"testing"

	"weir/engine/wire"
)

func TestReplaceMessage(t *testing.T) {
	tests := []struct {
		name, from, to, in, want string
		fields                   []MessageField
		framing                  wire.Framing
	}{
		{name: "no match", from: "x", to: "y", in: "event: a\ndata: {\"b\":1}\n\n", want: "event: a\ndata: {\"b\":1}\n\n"},
		{name: "raw JSON", from: `"(\w)":1`, to: `"$1":2`, in: "event: a\r\ndata: {\"b\":1}\r\n\r\n", want: "event: a\r\ndata: {\"b\":2}\r\n\r\n"},
		{name: "the name stays", from: "a", to: "b", in: "event: a\ndata: a\n\n", want: "event: a\ndata: b\n\n"},
		{name: "several lines", from: "a\nb", to: "c\r\nd\re", in: "data: a\ndata: b\nid: 1\n\n", want: "data: c\ndata: d\ndata: e\nid: 1\n\n"},
		{name: "retry", from: `\d+`, to: "9\n", fields: []MessageField{MessageRetry}, in: "retry: 15\ndata: 3\n\n", want: "retry: 9\ndata: 3\n\n"},
		{name: "no data", from: ".*", to: "x", in: ": ping 1\n\n", want: ": ping 1\n\n"},
		{name: "array", from: "1", to: "2", framing: wire.FrameJSONArray, in: "[1,\n{\"a\":1}]", want: "[2,\n{\"a\":2}]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReplacer(compile(t, Replacement{From: tt.from, To: tt.to}), wire.AllTextKinds)
			s := wire.NewSplitter(tt.framing, 0)
			s.Feed([]byte(tt.in))
			var (
				ev  wire.Event
				got []byte
			)
			for {
				ok, err := s.Next(&ev)
				if err != nil {
					t.Fatalf("cutting: %v", err)
				}
				if !ok {
					break
				}
				if got, err = r.ReplaceMessage(got, tt.framing, &ev, tt.fields); err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if matched := r.Matches()[0].Count > 0; matched != (tt.in != tt.want) {
				t.Errorf("got %d matches noted", r.Matches()[0].Count)
			}
		})
	}
}
