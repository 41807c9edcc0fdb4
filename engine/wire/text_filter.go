package wire

import (
	"errors"
	"fmt"
)

// TextChannel is a run of text whose pieces belong together: what one choice, block, item or tool call says in one
// field. Slot is a small number that is free for another channel once the channel has ended. In tool arguments each
// string and number is a text of its own, one after another in the slot.
//
// Repeat says that the text was told before, piece by piece, and is told once more as a whole. Its result must be the
// one that the pieces had; it is not to be counted again.
type TextChannel struct {
	Slot   int
	Kind   TextKind
	Repeat bool
}

// TextFilter changes text as it comes. However a text is split over calls of Feed, what they and End give must be the
// same put together: an answer that repeats its text would contradict itself otherwise.
//
// Feed takes the next text of a channel and appends to dst what may leave now; held is how many bytes of text it keeps
// back, of this call and earlier ones. End appends what was held and forgets the channel; after it the slot begins a
// new text. An error of either blocks the text and ends the stream. The text is valid only during the call. Text that
// is cut within a character is put together before it is fed.
type TextFilter interface {
	Feed(dst []byte, ch TextChannel, text []byte) (out []byte, held int, err error)
	End(dst []byte, ch TextChannel) (out []byte, err error)
}

// ErrTextUnknown says that an event, or a part of one, is not known, so that nobody can tell whether it carries text.
// Under a content rule it is refused.
var ErrTextUnknown = errors.New("not known to the rules on content")

// ErrTextChannels says that a stream says too many things at once.
var ErrTextChannels = errors.New("a stream has more open texts than are kept apart")

func textUnknown(what []byte) error {
	return fmt.Errorf("%q is %w", scanShown(string(what)), ErrTextUnknown)
}
