//go:build !race

package wire

import "testing"

// TestStreamAllocs gates the hot path: once its buffers have grown, relaying a stream allocates nothing.
func TestStreamAllocs(t *testing.T) {
	tests := []struct {
		name   string
		api    API
		stream string
	}{
		{"chat", OpenAIChat, chatStream(50)},
		{"responses", OpenAIResponses, responsesCases()[0].stream},
		{"anthropic", AnthropicMessages, anthropicCases()[0].stream},
		{"gemini", GeminiGenerate, geminiCases()[0].stream},
	}
	for _, tt := range tests {
		for _, chunk := range []int{len(tt.stream), 100} {
			var (
				s   Splitter
				o   Observer
				out []byte
			)
			stream := []byte(tt.stream)
			if got := testing.AllocsPerRun(20, func() { out = relay(&s, &o, tt.api, stream, chunk, out) }); got != 0 {
				t.Errorf("%s in chunks of %d: got %v allocations a stream, want none", tt.name, chunk, got)
			}
		}
	}
}

// TestReadUsageAllocates gates the one pass over a whole answer.
func TestReadUsageAllocates(t *testing.T) {
	body := []byte(`{"id":"x","choices":[{"index":0,"message":{"content":"a\nb"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`)
	got := testing.AllocsPerRun(100, func() {
		if _, complete := ReadUsage(OpenAIChat, body); !complete {
			t.Fatal("got an incomplete body")
		}
	})
	if got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
