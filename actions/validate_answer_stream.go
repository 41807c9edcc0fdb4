package actions

import (
	"bytes"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/wire"
)

// maxAnswerHeld bounds the events of one stream that are held back whole: each says a word and takes some hundred bytes,
// so that this is about as much text as other actions hold.
const maxAnswerHeld = 16 << 20

// answerStream holds a streamed answer back until its end, and lets it go if it fits.
type answerStream struct {
	schema   *answerSchema
	explain  func(error) error
	api      wire.API
	rewriter wire.TextRewriter // finds the texts
	held     []byte
	scratch  []byte
	said     answerTexts
}

func newAnswerStream(x *engine.Exchange, schema *answerSchema, explain func(error) error) *answerStream {
	s := &answerStream{schema: schema, explain: explain, api: x.Request.API}
	s.rewriter.Reset(x.Request.API, x.Request.Framing, &s.said)
	return s
}

// Held is how many bytes are kept back.
func (s *answerStream) Held() int { return len(s.held) }

// Event takes the event and lets nothing out.
func (s *answerStream) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	if len(s.held)+len(ev.Raw) > maxAnswerHeld {
		return dst, s.explain(errLongText)
	}
	s.held = append(s.held, ev.Raw...)
	s.said.stands = s.said.stands || slices.ContainsFunc(callWords(s.api), func(w string) bool { return bytes.Contains(ev.Data, []byte(w)) })
	var err error
	if s.scratch, err = s.rewriter.Event(s.scratch[:0], ev); err != nil {
		return dst, s.explain(err)
	}
	return dst, nil
}

// End validates and lets everything out.
func (s *answerStream) End(dst []byte) ([]byte, error) {
	var err error
	if s.scratch, err = s.rewriter.End(s.scratch[:0]); err != nil {
		return dst, s.explain(err)
	}
	if s.api != wire.OpenAIChat && s.api != wire.OpenAICompletions { // blocks and items are parts of one answer
		s.said.texts = []string{strings.Join(s.said.texts, "")}
	}
	for _, text := range s.said.texts {
		if text == "" && s.said.stands {
			continue
		}
		if err := s.schema.text(text); err != nil {
			return dst, s.explain(err)
		}
	}
	if len(s.said.texts) == 0 && !s.said.stands {
		return dst, s.explain(s.schema.text(""))
	}
	return append(dst, s.held...), nil
}

// answerTexts collects what a streamed answer says.
type answerTexts struct {
	open   []answerText // by slot
	texts  []string     // that have ended
	stands bool         // tools are called or the model refuses, so that there may be no text
}

// answerText is a text that has begun.
type answerText struct {
	begun bool
	text  []byte
}

// Feed takes the next piece of a text, as wire.TextFilter says. What it gives back goes nowhere.
func (s *answerTexts) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	switch {
	case ch.Kind == wire.TextToolArguments, ch.Kind == wire.TextRefusal:
		s.stands = true
	case ch.Kind == wire.TextAssistant && !ch.Repeat:
		for ch.Slot >= len(s.open) {
			s.open = append(s.open, answerText{})
		}
		t := &s.open[ch.Slot]
		t.begun, t.text = true, append(t.text, text...)
	}
	return append(dst, text...), 0, nil
}

// End notes that a text is over, as wire.TextFilter says.
func (s *answerTexts) End(dst []byte, ch wire.TextChannel) (out []byte, err error) {
	if ch.Kind == wire.TextAssistant && !ch.Repeat && ch.Slot < len(s.open) && s.open[ch.Slot].begun {
		s.texts = append(s.texts, string(s.open[ch.Slot].text))
		s.open[ch.Slot] = answerText{text: s.open[ch.Slot].text[:0]}
	}
	return dst, nil
}
