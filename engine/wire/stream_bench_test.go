package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// chatStream is a typical chat stream of n deltas.
func chatStream(n int) string {
	const head = `{"id":"chatcmpl-CQxyz123456789","object":"chat.completion.chunk","created":1760000000,"model":"gpt-x-2026-01-01","service_tier":"default","system_fingerprint":"fp_0123456789",`
	lines := make([]string, 0, n+4)
	lines = append(lines, head+`"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abc"}`)
	for i := range n {
		lines = append(lines, fmt.Sprintf(`%s"choices":[{"index":0,"delta":{"content":" word%d"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abcdefg"}`, head, i))
	}
	lines = append(lines,
		head+`"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}`,
		head+`"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":50,"total_tokens":60,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}`,
		`[DONE]`)
	return "data: " + strings.Join(lines, "\n\ndata: ") + "\n\n"
}

// relay does what the engine does with a stream: cut, watch, strip.
func relay(s *Splitter, o *Observer, api API, stream []byte, chunk int, out []byte) []byte {
	s.Reset(FrameSSE, 0)
	o.Reset(api)
	var ev Event
	for len(stream) > 0 {
		n := min(chunk, len(stream))
		s.Feed(stream[:n])
		stream = stream[n:]
		for {
			ok, err := s.Next(&ev)
			if err != nil || !ok {
				break
			}
			o.Observe(&ev)
			out, _ = StripUsage(out[:0], &ev)
		}
	}
	return out
}

func BenchmarkStream(b *testing.B) {
	stream := []byte(chatStream(1000))
	const events = 1004
	var (
		s   Splitter
		o   Observer
		out []byte
		ev  Event
	)
	perEvent := func(b *testing.B) {
		b.Helper()
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
	}
	b.Run("split", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(stream)))
		for b.Loop() {
			s.Reset(FrameSSE, 0)
			s.Feed(stream)
			for ok := true; ok; {
				ok, _ = s.Next(&ev)
			}
		}
		perEvent(b)
	})
	b.Run("observe", func(b *testing.B) {
		line, _, _ := bytes.Cut(stream, []byte("\n\n"))
		ev := Event{Raw: line, Data: line[len("data: "):]}
		b.ReportAllocs()
		for b.Loop() {
			o.Reset(OpenAIChat)
			o.Observe(&ev)
		}
	})
	for _, chunk := range []int{300, 4096, len(stream)} {
		b.Run(fmt.Sprintf("relay/chunk=%d", chunk), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(stream)))
			for b.Loop() {
				out = relay(&s, &o, OpenAIChat, stream, chunk, out)
			}
			perEvent(b)
		})
	}
}
