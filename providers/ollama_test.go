package providers

import (
	"testing"
)

func TestOllamaEndpoint(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"host and port", "10.0.0.7:11434", "http://10.0.0.7:11434"},
		{"host", "gpu.lan", "http://gpu.lan:11434"},
		{"port", ":9999", "http://127.0.0.1:9999"},
		{"every address", "0.0.0.0", "http://127.0.0.1:11434"},
		{"every address, with port", "0.0.0.0:8000", "http://127.0.0.1:8000"},
		{"every IPv6 address", "[::]:11434", "http://[::1]:11434"},
		{"bare IPv6", "[fd00::1]", "http://[fd00::1]:11434"},
		{"scheme", "http://gpu.lan", "http://gpu.lan:80"},
		{"TLS", "https://ollama.example", "https://ollama.example:443"},
		{"TLS and port", "https://ollama.example:8443/", "https://ollama.example:8443"},
		{"path", "http://gpu.lan:1234/ollama/", "http://gpu.lan:1234/ollama"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ollamaEndpoint(tt.value); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
