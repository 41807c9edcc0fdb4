//go:build !race

package wire

import "testing"

// TestPeekAllocates is the gate of the path without a body rule: peek and splice of a usual body allocate nothing.
func TestPeekAllocates(t *testing.T) {
	body := scanChatBody(t, 1<<10)
	var p Peek
	read := func() {
		if problem := p.Read(OpenAIChat, body); problem != nil {
			t.Fatal(problem)
		}
	}
	if got := testing.AllocsPerRun(100, read); got != 0 {
		t.Errorf("read: got %v allocations, want 0", got)
	}
	edits := []Edit{
		{Key: "model", Value: []byte(`"gpt-4.1-mini"`)},
		{Key: "user", Op: EditDelete},
		{Key: "metadata", Value: []byte(`{}`)},
	}
	dst := make([]byte, 0, 2*len(body))
	if got := testing.AllocsPerRun(100, func() { dst = p.Doc.Splice(dst[:0], edits) }); got != 0 {
		t.Errorf("splice: got %v allocations, want 0", got)
	}
	if got := testing.AllocsPerRun(100, func() { p.Images(OpenAIChat) }); got != 0 {
		t.Errorf("images: got %v allocations, want 0", got)
	}
	if got := testing.AllocsPerRun(100, func() { p.Choices(OpenAIChat); p.Tier(OpenAIChat); TextSize(body) }); got != 0 {
		t.Errorf("size, choices and tier: got %v allocations, want 0", got)
	}
	total := 0
	count := func(text string) bool { total += len(text); return true }
	if got := testing.AllocsPerRun(100, func() { p.Texts(OpenAIChat, count) }); got != 0 {
		t.Errorf("texts: got %v allocations, want 0", got)
	}
	batch := []byte(`{"requests":[{"model":"models/a","content":{"parts":[{"text":"t"}]}}],"generationConfig":{"maxOutputTokens":5}}`)
	if got := testing.AllocsPerRun(100, func() {
		if problem := p.Read(GeminiBatchEmbed, batch); problem != nil {
			t.Fatal(problem)
		}
	}); got != 0 {
		t.Errorf("gemini: got %v allocations, want 0", got)
	}
}
