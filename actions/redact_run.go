package actions

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"weir/engine"
	"weir/engine/content"
	"weir/engine/wire"
)

// redactHashBytes is how much of a hash stands in the text: 64 bits tell apart what one gateway sees in years.
const redactHashBytes = 8

// redactRun is one run of the action: what it found and how it replaces it.
type redactRun struct {
	action   *redact
	x        *engine.Exchange
	shared   *redacted // nil until something was found
	key      []byte    // of hashes
	mac      hash.Hash
	found    redactCounts
	quiet    bool // the text is told once more and counts no more
	shadow   bool // nothing is replaced
	restores bool // something has to be put back into the answer
}

// edit is the run as an edit of whole texts.
func (r *redactRun) edit(kinds wire.TextKinds) wire.TextEdit {
	return content.NewRedactor(r.action.detector, kinds, r.replace).ReplaceAll
}

// filter is the run as a filter of streamed texts.
func (r *redactRun) filter() wire.TextFilter {
	if r.action.onStream == streamBuffer {
		return &redactWhole{run: r, edit: r.edit(r.action.kinds)}
	}
	return &redactWindow{run: r, Redactor: content.NewRedactor(r.action.detector, r.action.kinds, r.replace)}
}

// replace appends what takes the place of a value.
func (r *redactRun) replace(dst []byte, f content.Finding, value string) ([]byte, error) {
	class := r.action.classes[f.Entity]
	if r.shared == nil {
		r.shared = r.action.book.of(r.x)
	}
	if !r.quiet {
		r.found.add(class.entity)
		if r.shadow {
			r.shared.shadow.add(class.entity)
		} else {
			r.shared.done.add(class.entity)
		}
	}
	if r.shadow {
		return append(dst, value...), nil
	}
	switch class.mode {
	case redactRemove:
		return dst, nil
	case redactHash:
		return r.appendHash(dst, class, value), nil
	case redactTokenise:
		text, err := r.shared.placeholder(class.label, value, r.action.restore)
		if err != nil {
			return dst, err
		}
		r.restores = r.restores || r.action.restore
		return append(dst, text...), nil
	default:
		return append(dst, class.mask...), nil
	}
}

// appendHash appends a keyed hash: whoever lacks the key cannot find the value by trying all that there are.
func (r *redactRun) appendHash(dst []byte, class *redactClass, value string) []byte {
	if r.mac == nil {
		r.mac = hmac.New(sha256.New, r.key)
	}
	r.mac.Reset()
	_, _ = r.mac.Write([]byte(class.entity)) // a hash never fails
	_, _ = r.mac.Write([]byte{0})
	_, _ = r.mac.Write([]byte(value))
	var sum [sha256.Size]byte
	r.mac.Sum(sum[:0])
	dst = append(append(append(dst, '['), class.label...), '_')
	dst = hex.AppendEncode(dst, sum[:redactHashBytes])
	return append(dst, ']')
}

// publish leaves what was found for later expressions: how many of what, never what.
func (r *redactRun) publish() {
	if r.x.WantsResult(redactResult) {
		r.x.SetResult(redactResult, r.found.fields())
	}
}

// redactWindow redacts streamed texts and holds back what may still be part of a value.
type redactWindow struct {
	*content.Redactor
	run *redactRun
}

// Feed takes the next text of a channel, as wire.TextFilter says.
func (w *redactWindow) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	w.run.quiet = ch.Repeat
	return w.Redactor.Feed(dst, ch, text) //nolint:wrapcheck // textStream says what it means
}

// End gives what a channel held, as wire.TextFilter says.
func (w *redactWindow) End(dst []byte, ch wire.TextChannel) (out []byte, err error) {
	w.run.quiet = ch.Repeat
	return w.Redactor.End(dst, ch) //nolint:wrapcheck // textStream says what it means
}

// redactWhole holds each streamed text back to its end and redacts it whole.
type redactWhole struct {
	run   *redactRun
	edit  wire.TextEdit
	texts [][]byte
	held  int
}

// Feed takes the next text of a channel, as wire.TextFilter says.
func (w *redactWhole) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	for ch.Slot >= len(w.texts) {
		w.texts = append(w.texts, nil)
	}
	if w.held += len(text); w.held > maxBuffered {
		return dst, 0, errLongText
	}
	w.texts[ch.Slot] = append(w.texts[ch.Slot], text...)
	return dst, len(w.texts[ch.Slot]), nil
}

// End gives the text of a channel redacted.
func (w *redactWhole) End(dst []byte, ch wire.TextChannel) (out []byte, err error) {
	if ch.Slot >= len(w.texts) {
		return dst, nil
	}
	whole := string(w.texts[ch.Slot])
	w.held -= len(whole)
	w.texts[ch.Slot] = w.texts[ch.Slot][:0]
	w.run.quiet = ch.Repeat
	edited, err := w.edit(ch.Kind, whole)
	if err != nil {
		return dst, err
	}
	return append(dst, edited...), nil
}
