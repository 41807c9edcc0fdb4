package bench

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestTraffic(t *testing.T) {
	for _, text := range [][]byte{ChatBody(7, false), ChatBody(7, true), Answer()} {
		if len(text) != Size {
			t.Errorf("got %d bytes, want %d", len(text), Size)
		}
		if !json.Valid(text) {
			t.Errorf("got %s, want JSON", text)
		}
	}
	if got, ok := ClientOf(string(ChatBody(7, true))); got != 7 || !ok {
		t.Errorf("got client %d, %t, want 7", got, ok)
	}
	for i, piece := range Stream(4) {
		for event := range bytes.SplitSeq(bytes.TrimSuffix(piece, []byte("\n\n")), []byte("\n\n")) {
			data, ok := bytes.CutPrefix(event, []byte("data: "))
			if !ok || !json.Valid(data) && string(data) != "[DONE]" {
				t.Errorf("piece %d: got %q, want an event with JSON", i, event)
			}
		}
	}
}
