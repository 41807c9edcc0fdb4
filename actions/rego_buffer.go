package actions

import (
	"context"
	"strings"

	"weir/engine"
	"weir/engine/vars"
	"weir/engine/wire"
)

// maxRegoHeld bounds the events of one stream that are held back whole: each says a word and takes some hundred bytes, so
// that this is about the megabyte of text that other actions hold.
const maxRegoHeld = 16 << 20

// regoBuffer holds a stream back until its end and then has it decided about as if it had come whole.
type regoBuffer struct {
	r        *ruling
	ctx      context.Context //nolint:containedctx // of the exchange that the stream belongs to
	held     []byte
	reserved int // bytes of the gateway's memory that are taken for it
	said     saidText
	reader   wire.TextRewriter
	observer wire.Observer
	scratch  []byte
}

func newRegoBuffer(ctx context.Context, r *ruling) *regoBuffer {
	b := &regoBuffer{r: r, ctx: ctx}
	b.reader.Reset(r.x.Request.API, r.x.Request.Framing, &b.said)
	b.observer.Reset(r.x.Request.API)
	return b
}

// Event takes the event and lets nothing out.
func (b *regoBuffer) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	if len(b.held)+len(ev.Raw) > maxRegoHeld {
		return dst, contentFailure(errLongText)
	}
	err := b.reserve(len(b.held) + len(ev.Raw))
	if err != nil {
		return dst, err
	}
	b.held = append(b.held, ev.Raw...)
	b.observer.Observe(ev)
	if b.scratch, err = b.reader.Event(b.scratch[:0], ev); err != nil {
		return dst, contentFailure(err)
	}
	return dst, nil
}

// reserve takes room for so many bytes, ahead of need as buffers grow.
func (b *regoBuffer) reserve(size int) error {
	budget := b.r.x.Budget
	if budget == nil || size <= b.reserved {
		return nil
	}
	size = max(size, 2*b.reserved)
	if err := budget.Take(int64(size - b.reserved)); err != nil {
		return err //nolint:wrapcheck // what the client is to be told
	}
	b.reserved = size
	return nil
}

// End decides and lets everything out.
func (b *regoBuffer) End(dst []byte) ([]byte, error) {
	r := b.r
	var err error
	if b.scratch, err = b.reader.End(b.scratch[:0]); err != nil {
		return dst, contentFailure(err)
	}
	d, err := r.ask(b.ctx, &streamedAnswer{Exchange: r.x, text: b.said.text.String(), usage: b.observer.Usage(), finish: b.observer.FinishReason()}, nil)
	if err == nil && d.Allow {
		err = checkStreamed(d)
	}
	out := b.held
	if err == nil && d.Allow && len(d.Redact) > 0 {
		redactor, failure := r.a.redacted.redactor(d.Redact)
		if err = failure; err == nil {
			out, err = editStream(r.x, b.held, redactor.ReplaceAll)
		}
	}
	if err == nil {
		err = r.judge(d, len(d.Redact) > 0)
	} else {
		err = r.failWindow(err)
		out = b.held
	}
	if err != nil {
		return dst, contentFailure(err)
	}
	return append(dst, out...), nil
}

// streamedAnswer is an exchange that knows what its stream said.
type streamedAnswer struct {
	*engine.Exchange

	text, finish string
	usage        wire.Usage
}

// Var gives the value of a variable.
func (s *streamedAnswer) Var(id vars.ID) vars.Value {
	switch id {
	case vars.AIResponseText:
		return vars.String(s.text)
	case vars.AIResponseFinishReason:
		return vars.String(s.finish)
	case vars.AIResponseUsageInputTokens:
		return vars.Int(s.usage.Input)
	case vars.AIResponseUsageOutputTokens:
		return vars.Int(s.usage.Output)
	case vars.AIResponseUsageCacheReadTokens:
		return vars.Int(s.usage.CacheRead)
	case vars.AIResponseUsageCacheWriteTokens:
		return vars.Int(s.usage.CacheWrite)
	case vars.AIResponseUsageReasoningTokens:
		return vars.Int(s.usage.Reasoning)
	default:
		return s.Exchange.Var(id)
	}
}

// saidText is a text filter that changes nothing and keeps what a user sees.
type saidText struct{ text strings.Builder }

// Feed takes the next text of a channel, as wire.TextFilter says.
func (s *saidText) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	if !ch.Repeat && (ch.Kind == wire.TextAssistant || ch.Kind == wire.TextRefusal) {
		s.text.Write(text)
	}
	return append(dst, text...), 0, nil
}

// End has nothing held back.
func (s *saidText) End(dst []byte, _ wire.TextChannel) ([]byte, error) { return dst, nil }

// editStream edits the texts of a whole stream, each as a whole.
func editStream(x *engine.Exchange, events []byte, edit wire.TextEdit) ([]byte, error) {
	var (
		out     []byte
		rewrite wire.TextRewriter
		ev      wire.Event
	)
	rewrite.Reset(x.Request.API, x.Request.Framing, &wholeTexts{edit: edit})
	cut := wire.NewSplitter(x.Request.Framing, maxRegoHeld)
	cut.Feed(events)
	for next := cut.Next; ; {
		ok, err := next(&ev)
		if err == nil && ok {
			if out, err = rewrite.Event(out, &ev); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err //nolint:wrapcheck // contentFailure says what it means
		}
		break
	}
	ok, err := cut.Finish(&ev)
	if err == nil && ok {
		out, err = rewrite.Event(out, &ev)
	}
	if err == nil {
		out, err = rewrite.End(out)
	}
	return out, err //nolint:wrapcheck // contentFailure says what it means
}

// wholeTexts is a text filter that edits each text as a whole.
type wholeTexts struct {
	edit  wire.TextEdit
	texts [][]byte
}

// Feed takes the next text of a channel, as wire.TextFilter says.
func (w *wholeTexts) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	for ch.Slot >= len(w.texts) {
		w.texts = append(w.texts, nil)
	}
	w.texts[ch.Slot] = append(w.texts[ch.Slot], text...)
	return dst, len(w.texts[ch.Slot]), nil
}

// End gives the text of a channel edited.
func (w *wholeTexts) End(dst []byte, ch wire.TextChannel) ([]byte, error) {
	if ch.Slot >= len(w.texts) {
		return dst, nil
	}
	edited, err := w.edit(ch.Kind, string(w.texts[ch.Slot]))
	w.texts[ch.Slot] = w.texts[ch.Slot][:0]
	if err != nil {
		return dst, err
	}
	return append(dst, edited...), nil
}
