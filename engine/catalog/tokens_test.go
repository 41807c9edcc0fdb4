package catalog

import (
	"strings"
	"testing"
)

func TestCountTokens(t *testing.T) {
	tests := []struct {
		name, text string
		least      int64
		most       int64
	}{
		{"nothing", "", 0, 0},
		{"two words", "hello world", 2, 2},
		{"exact to the limit", strings.Repeat("word ", exactBytes/5), exactBytes / 5, exactBytes/5 + 1},
		{"estimated behind it", strings.Repeat("word ", exactBytes), exactBytes - 10, exactBytes + 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := CountTokens(tt.text); got < tt.least || got > tt.most {
				t.Errorf("got %d, want %d to %d", got, tt.least, tt.most)
			}
		})
	}
}
