package wire

import "testing"

func TestReadFinish(t *testing.T) {
	tests := []struct {
		api        API
		body, want string
	}{
		{OpenAIChat, `{"id":"c","choices":[{"index":0,"message":{"content":"stop_reason"},"finish_reason":"length"},{"finish_reason":"stop"}],"usage":{}}`, "length"},
		{OpenAIChat, `{"choices":[{"finish_reason":null}]}`, ""},
		{OpenAIChat, `{"choices":[]}`, ""},
		{OpenAIResponses, `{"id":"r","object":"response","status":"incomplete","output":[]}`, "incomplete"},
		{AnthropicMessages, `{"content":[{"text":"x"}],"stop_reason":"end_turn","usage":{}}`, "end_turn"},
		{GeminiGenerate, `{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"MAX_TOKENS"}]}`, "MAX_TOKENS"},
		{OpenAIEmbeddings, `{"data":[]}`, ""},
		{OpenAIChat, `{"choices":[{"finish_reason":"le`, ""},
		{OpenAIChat, `nothing`, ""},
	}
	for _, tt := range tests {
		if got := ReadFinish(tt.api, []byte(tt.body)); got != tt.want {
			t.Errorf("%v %s: got %q, want %q", tt.api, tt.body, got, tt.want)
		}
	}
}
