//go:build !race

package content

import (
	"testing"

	"weir/engine/wire"
)

// TestWindowsAllocate holds a window that passes to its text: everything else is kept from one to the next.
func TestWindowsAllocate(t *testing.T) {
	w := NewWindows(DefaultWindow, wire.AllTextKinds, func(w TextWindow) (string, error) { return w.Text, nil })
	ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
	text := []byte("The quick brown fox jumps over the lazy dog. ")
	var out []byte
	got := testing.AllocsPerRun(1000, func() {
		for i := 0; i < len(text); i += 5 {
			out, _, _ = w.Feed(out[:0], ch, text[i:i+5])
		}
	})
	if got > 1 {
		t.Errorf("got %v allocations for a sentence in nine pieces, want 1: its text", got)
	}
}
