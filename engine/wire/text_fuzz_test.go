package wire

import (
	"bytes"
	"strings"
	"testing"
)

// rewriteAllCases are the streams of the rewriter's tests.
func rewriteAllCases() []rewriteCase {
	cases := append(rewriteChatCases(), rewriteAnthropicCases()...)
	return append(append(append(cases, rewriteResponsesCases()...), rewriteGeminiCases()...), rewriteStrangeCases()...)
}

// FuzzTextRewriter checks that no stream makes the rewriter fail otherwise than by an error, that what it writes are
// events of JSON, and that the reads which bring a stream do not matter.
func FuzzTextRewriter(f *testing.F) {
	for _, tt := range rewriteAllCases() {
		f.Add([]byte(tt.in), uint16(7))
	}
	f.Fuzz(func(t *testing.T, stream []byte, at uint16) {
		cut := 0
		if len(stream) > 0 {
			cut = int(at) % len(stream)
		}
		for _, api := range []API{OpenAIChat, OpenAICompletions, OpenAIResponses, AnthropicMessages, GeminiGenerate, OpenAITranscriptions} {
			for _, framing := range []Framing{FrameSSE, FrameJSONArray} {
				if framing == FrameJSONArray && api != GeminiGenerate {
					continue
				}
				whole, wholeErr := rewrite(t, api, framing, &maskFilter{}, string(stream))
				pieces, err := rewrite(t, api, framing, &maskFilter{}, string(stream[:cut]), string(stream[cut:]))
				if whole != pieces || (wholeErr == nil) != (err == nil) {
					t.Fatalf("%v: got %q, %v in one read and %q, %v in two", api, whole, wholeErr, pieces, err)
				}
				if err == nil {
					checkEvents(t, framing, whole)
				}
			}
		}
	})
}

func checkEvents(t *testing.T, framing Framing, out string) {
	t.Helper()
	var (
		s  Splitter
		ev Event
	)
	s.Reset(framing, 0)
	s.Feed([]byte(out))
	for {
		ok, err := s.Next(&ev)
		if err != nil || !ok {
			return
		}
		data := bytes.TrimSpace(ev.Data)
		if len(data) > 0 && !streamDone(data) && !getValid(data) {
			t.Fatalf("got an event that is no JSON: %q in %q", ev.Data, out)
		}
		if strings.Contains(string(data), `"content":"secret`) {
			t.Fatalf("got the text through: %q", ev.Data)
		}
	}
}
