package actions

import (
	"fmt"
	"strings"
	"testing"

	"weir/engine/content"
	"weir/engine/wire"
)

// chatEvents are the events of a chat stream that says words.
func chatEvents(tb testing.TB, words ...string) []wire.Event {
	tb.Helper()
	var b strings.Builder
	for _, w := range words {
		fmt.Fprintf(&b, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":null}]}\n\n", w)
	}
	b.WriteString("retry: 15\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	s := wire.NewSplitter(wire.FrameSSE, 0)
	s.Feed([]byte(b.String()))
	var out []wire.Event
	for {
		var ev wire.Event
		ok, err := s.Next(&ev)
		if err != nil {
			tb.Fatal(err)
		}
		if !ok {
			return out
		}
		out = append(out, ev)
	}
}

// partsOf are the filters of an action on a chat stream.
func partsOf(tb testing.TB, mode streamMode, fields []content.MessageField, replacements ...content.Replacement) []*textStream {
	tb.Helper()
	x := exchange()
	x.Request.API = wire.OpenAIChat
	patterns := make([]*content.Pattern, 0, len(replacements))
	for _, r := range replacements {
		p, err := content.Compile(r)
		if err != nil {
			tb.Fatal(err)
		}
		patterns = append(patterns, p)
	}
	var out []*textStream
	for _, p := range textParts(patterns, fields) {
		if f, ok := p.filter(x, mode).(*textStream); ok {
			out = append(out, f)
		}
	}
	return out
}

func TestPartsOfStreams(t *testing.T) {
	fields := []content.MessageField{content.MessageData, content.MessageRetry, content.MessageData}
	patterns := make([]*content.Pattern, 3)
	parts := textParts(patterns, fields)
	if len(parts) != 2 || len(parts[0].patterns) != 1 || parts[0].index[0] != 1 || len(parts[1].patterns) != 2 || parts[1].index[1] != 2 {
		t.Errorf("got %+v, want the one of retry and the two of data", parts)
	}
	if parts := rawParts(patterns, fields); len(parts) != 1 || len(parts[0].patterns) != 3 || len(parts[0].fields) != 3 {
		t.Errorf("got %+v, want all in one", parts)
	}
}

// TestBufferedTextIsBounded checks that a stream cannot make the gateway hold any amount of text.
func TestBufferedTextIsBounded(t *testing.T) {
	f := partsOf(t, streamBuffer, nil, content.Replacement{From: "a"})[0]
	events := chatEvents(t, strings.Repeat("b", 1<<19), strings.Repeat("b", 1<<19), "b")
	var err error
	for i := range events {
		if _, err = f.Event(nil, &events[i]); err != nil {
			if i != 2 {
				t.Errorf("got %v at event %d, want the third to fail", err, i)
			}
			return
		}
	}
	t.Error("got no error, want one")
}

// TestBufferedTextsAreApart checks that two choices do not mix, and that room is given back at the end of a text.
func TestBufferedTextsAreApart(t *testing.T) {
	b := newBufferedText(nil, content.NewReplacer(nil, proseKinds))
	one, two := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}, wire.TextChannel{Slot: 2, Kind: wire.TextAssistant}
	for range 3 {
		for _, ch := range []wire.TextChannel{one, two} {
			if _, _, err := b.Feed(nil, ch, []byte(strings.Repeat("x", 1<<18)+ch.Kind.String())); err != nil {
				t.Fatal(err)
			}
		}
		for _, ch := range []wire.TextChannel{two, one} {
			out, err := b.End(nil, ch)
			if err != nil || len(out) != 1<<18+len("assistant") {
				t.Fatalf("got %d bytes and %v", len(out), err)
			}
		}
	}
	if out, err := b.End(nil, wire.TextChannel{Slot: 9}); err != nil || len(out) != 0 {
		t.Errorf("got %q and %v of a text that never was", out, err)
	}
}
