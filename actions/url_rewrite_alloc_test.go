//go:build !race

package actions

import "testing"

// TestURLsThatDoNotMatchCostLittle is about the many requests that a rewrite for a few paths sees: the URL is put
// together, and that is all.
func TestURLsThatDoNotMatchCostLittle(t *testing.T) {
	cfg := compile(t, "on_request: [{type: url-rewrite, config: {from: '/openai/([^/]+)/', to: '/v1/${req.method}/'}}]")
	x := exchange()
	x.Request.Scheme, x.Request.RawPath = "http", "/v1/chat/completions"
	a := cfg.OnRequest[0].Actions[0].Action
	got := testing.AllocsPerRun(100, func() {
		if _, err := a.Do(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	})
	if got > 5 { // one is the URL; the others are the result, which is made only for policies that read it
		t.Errorf("got %.0f allocations, want at most 5", got)
	}
}
