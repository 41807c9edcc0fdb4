//go:build !race

package content

import (
	"testing"

	"weir/engine/wire"
)

// A text that holds nothing costs no memory, whole and event by event, once the buffers have grown.
func TestScreenAllocatesNothing(t *testing.T) {
	pattern, err := Compile(Replacement{From: `\bkey-[0-9]{4}\b`, Full: FullBlock})
	if err != nil {
		t.Fatal(err)
	}
	s := NewScreen(phrases(t, 0, "trade secret", "project titan"), []*Pattern{pattern}, wire.AllTextKinds)
	ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
	text, out := []byte("a trade of key-1 and a projec"), make([]byte, 0, 256)
	tests := []struct {
		name string
		do   func() error
	}{
		{"whole", func() error {
			_, err := s.Check(wire.TextUser, "a trade of key-1 in Zürich and a project")
			return err
		}},
		{"streamed", func() error {
			var err error
			if out, _, err = s.Feed(out[:0], ch, text); err == nil {
				out, err = s.End(out, ch)
			}
			return err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if n := testing.AllocsPerRun(100, func() {
				if err := tt.do(); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("got %v allocations, want none", n)
			}
		})
	}
}
