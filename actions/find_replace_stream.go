package actions

import (
	"errors"
	"fmt"
	"strings"

	"weir/engine"
	"weir/engine/content"
	"weir/engine/wire"
)

// maxBuffered bounds the text that one stream may hold back whole: an answer of a quarter of a million tokens.
const maxBuffered = 1 << 20

// streamMode is how a streamed answer is read, in the words of on_stream.
type streamMode string

const (
	streamWindow streamMode = "window"
	streamBuffer streamMode = "buffer"
	streamSkip   streamMode = "skip"
)

// onStreamField is the field on_stream of actions that work on the content of answers; the rule's own word is its default.
func onStreamField() engine.Field {
	return engine.Field{
		Name: "on_stream", Type: engine.FieldEnum, Default: string(streamWindow),
		Enum: []string{string(streamWindow), string(streamBuffer), string(streamSkip)},
		Doc:  "How a streamed answer is read: in a sliding `window`, each text `buffer`ed whole, or not at all (`skip`).",
	}
}

// errLongText says that a text is too long to be held back whole.
var errLongText = errors.New("a streamed text is too long to be held back whole")

// textStream is a stream filter that edits the texts of events.
type textStream struct{ wire.TextRewriter }

func newTextStream(x *engine.Exchange, f wire.TextFilter) *textStream {
	s := &textStream{}
	s.Reset(x.Request.API, x.Request.Framing, f)
	return s
}

// Event appends what the client gets for one event.
func (s *textStream) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	dst, err := s.TextRewriter.Event(dst, ev)
	if err != nil {
		return dst, contentFailure(err)
	}
	return dst, nil
}

// End appends what was held back.
func (s *textStream) End(dst []byte) ([]byte, error) {
	dst, err := s.TextRewriter.End(dst)
	if err != nil {
		return dst, contentFailure(err)
	}
	return dst, nil
}

// bufferedText holds each text back to its end and then edits it as whole texts are edited.
type bufferedText struct {
	found   *content.Replacer
	repeats *content.Replacer // for texts that are told once more, whose matches do not count
	texts   [][]byte
	held    int
}

func newBufferedText(patterns []*content.Pattern, found *content.Replacer) *bufferedText {
	return &bufferedText{found: found, repeats: content.NewReplacer(patterns, proseKinds)}
}

// Feed takes the next text of a channel, as wire.TextFilter says.
func (b *bufferedText) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	for ch.Slot >= len(b.texts) {
		b.texts = append(b.texts, nil)
	}
	if b.held += len(text); b.held > maxBuffered {
		return dst, 0, errLongText
	}
	b.texts[ch.Slot] = append(b.texts[ch.Slot], text...)
	return dst, len(b.texts[ch.Slot]), nil
}

// End gives the text of a channel edited.
func (b *bufferedText) End(dst []byte, ch wire.TextChannel) (out []byte, err error) {
	if ch.Slot >= len(b.texts) {
		return dst, nil
	}
	r := b.found
	if ch.Repeat {
		r = b.repeats
	}
	whole := string(b.texts[ch.Slot])
	b.held -= len(whole)
	b.texts[ch.Slot] = b.texts[ch.Slot][:0]
	edited, err := r.ReplaceAll(ch.Kind, whole)
	if err != nil {
		return dst, err //nolint:wrapcheck // textStream says what it means
	}
	return append(dst, edited...), nil
}

// messageStream edits the raw data of each event by itself.
type messageStream struct {
	replacer *content.Replacer
	framing  wire.Framing
	fields   []content.MessageField
}

// Event appends the event with the replacements done.
func (s *messageStream) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	dst, err := s.replacer.ReplaceMessage(dst, s.framing, ev, s.fields)
	if err != nil {
		return dst, contentFailure(err)
	}
	return dst, nil
}

// End has nothing held back.
func (s *messageStream) End(dst []byte) ([]byte, error) { return dst, nil }

// streamPart is what one filter of a stream does of an action's replacements.
type streamPart struct {
	patterns []*content.Pattern
	index    []int                  // of the replacement that a pattern belongs to
	fields   []content.MessageField // of the raw event; nil = the texts of events
	replacer *content.Replacer
}

func (p *streamPart) add(i int, pattern *content.Pattern) {
	p.patterns, p.index = append(p.patterns, pattern), append(p.index, i)
}

// filter makes the part's stream filter.
func (p *streamPart) filter(x *engine.Exchange, mode streamMode) engine.StreamFilter {
	p.replacer = content.NewReplacer(p.patterns, proseKinds)
	switch {
	case p.fields != nil:
		return &messageStream{replacer: p.replacer, framing: x.Request.Framing, fields: p.fields}
	case mode == streamBuffer:
		return newTextStream(x, newBufferedText(p.patterns, p.replacer))
	default:
		return newTextStream(x, p.replacer)
	}
}

// rawParts do everything on the raw text of each event.
func rawParts(patterns []*content.Pattern, fields []content.MessageField) []*streamPart {
	p := &streamPart{fields: fields}
	for i := range patterns {
		p.add(i, patterns[i])
	}
	if p.fields == nil {
		p.fields = make([]content.MessageField, len(patterns)) // the data of each
	}
	return []*streamPart{p}
}

// textParts do the replacements of retry on the raw event and all others on the texts in it.
func textParts(patterns []*content.Pattern, fields []content.MessageField) []*streamPart {
	texts, retries := &streamPart{}, &streamPart{}
	for i, pattern := range patterns {
		if i < len(fields) && fields[i] == content.MessageRetry {
			retries.add(i, pattern)
			retries.fields = append(retries.fields, content.MessageRetry)
			continue
		}
		texts.add(i, pattern)
	}
	var out []*streamPart
	for _, p := range []*streamPart{retries, texts} {
		if len(p.patterns) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// install puts the parts on a streamed answer; what they found is published when it is over.
func (f *findReplace) install(x *engine.Exchange, mode streamMode, parts []*streamPart) error {
	for _, p := range parts {
		if err := x.FilterStream(p.filter(x, mode)); err != nil {
			return fmt.Errorf("filtering the stream: %w", err)
		}
	}
	f.publish(x, nil) // what was found is known at the end only; until then there is nothing
	x.OnEnd(func(x *engine.Exchange) {
		found := make([]content.Matches, len(f.rules))
		for _, p := range parts {
			for i, m := range p.replacer.Matches() {
				found[p.index[i]] = m
			}
		}
		f.publish(x, found)
	})
	return nil
}

// errUnread refuses an answer that may hold text in a form that nothing can be found in: what a rule was written for must
// not pass for that reason.
var errUnread = errors.New("the answer is a stream of no known form")

// holdsEvents reports whether an answer says that it is server-sent events.
func holdsEvents(x *engine.Exchange) bool {
	return replyMedia(x) == "text/event-stream"
}

// holdsBytes reports whether an answer says that it is sound, pictures or a file, none of which holds text.
func holdsBytes(x *engine.Exchange) bool {
	media := replyMedia(x)
	switch kind, _, _ := strings.Cut(media, "/"); kind {
	case "audio", "image", "video":
		return true
	default:
		return media == "application/octet-stream"
	}
}

func replyMedia(x *engine.Exchange) string {
	media, _, _ := strings.Cut(strings.ToLower(x.Reply.Headers.First("content-type")), ";")
	return strings.TrimSpace(media)
}

// contentFailure turns what an edit of an answer failed with into what ends the answer: a refusal where the text itself is
// the reason, which no on_error lets pass.
func contentFailure(err error) error {
	switch {
	case errors.Is(err, content.ErrUndecided):
		return blockedByContent("the answer holds a text that a rule on content cannot decide about", err)
	case errors.Is(err, wire.ErrTextUnknown), errors.Is(err, wire.ErrTextMalformed), errors.Is(err, errUnread):
		return blockedByContent("the answer holds what the rules on content cannot read", err)
	case errors.Is(err, wire.ErrTextChannels):
		return blockedByContent("the answer says more at once than the rules on content can follow", err)
	case errors.Is(err, content.ErrTooLong), errors.Is(err, errLongText):
		return blockedByContent("the answer holds a text that is too long for the rules on content", err)
	default:
		return err
	}
}

// blockedByContent is the refusal of what the rules on content cannot let pass.
func blockedByContent(message string, cause error) error {
	return &engine.Error{Code: engine.CodeContentBlocked, Message: message, Cause: cause}
}
