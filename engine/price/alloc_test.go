//go:build !race

package price

import (
	"testing"

	"weir/engine/catalog"
	"weir/engine/wire"
)

// Costs are computed for every call, before and after it.
func TestNothingAllocates(t *testing.T) {
	p, u := benchUsage()
	m := &catalog.Model{MaxOutputTokens: 64_000}
	var buf [32]byte
	tests := []struct {
		name string
		run  func()
	}{
		{"of", func() { Of(p, u) }},
		{"estimate", func() { Estimate(p, m, Request{API: wire.OpenAIChat, InputBytes: 9000, Choices: 2}) }},
		{"text", func() { Dollar.AppendText(buf[:0]) }},
	}
	for _, tt := range tests {
		if got := testing.AllocsPerRun(100, tt.run); got != 0 {
			t.Errorf("%s: got %v allocations, want none", tt.name, got)
		}
	}
}
