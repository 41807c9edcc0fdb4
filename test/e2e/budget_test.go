package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"weir/server"
)

const (
	// memory is the budget under test; a stream needs 8 KiB of it and a small request its own length.
	memory = 64 << 10
	// large is an answer that the budget has no room for.
	large = 200 << 10
)

// narrowWorld has two providers that answer alike and a small budget.
func narrowWorld(t *testing.T, answers string) *world {
	t.Helper()
	return newWorld(t, setup{
		policy: fmt.Sprintf(faultPolicy, 16000, "name: all"),
		sims:   map[string]string{"alpha": answers, "beta": answers},
		config: func(c *server.Config) { c.Limits.Memory = memory },
	})
}

// TestAnswersCountInTheBudget: an answer that the gateway has no room for is refused in the client's own shape before a
// byte of it is seen; no other provider is asked, none is blamed, and what was held is given back.
func TestAnswersCountInTheBudget(t *testing.T) {
	t.Parallel()
	word := strings.Repeat("x", large)
	for _, m := range manners() {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			w := narrowWorld(t, "calls=2- -> say=small\n-> say="+word)
			a := w.send(t, m.request("m", "hi"))
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || a.header.Get("X-Should-Retry") != "" {
				t.Fatalf("got %s, want 503 with retry-after", a)
			}
			if message := m.wantProblem(t, a); !strings.Contains(message, "as many bytes") {
				t.Errorf("got message %q", message)
			}
			if got := sequence(w.ended(t), keyNames()); got != onlyAlpha {
				t.Errorf("got calls %s, want %s", got, onlyAlpha)
			}
			next := w.send(t, m.request("m", "hi"))
			m.wantWhole(t, next)
			if next.status != http.StatusOK || next.header.Get("X-Weir-Provider") != "alpha" {
				t.Errorf("the next request got %s, want alpha's answer", next)
			}
		})
	}
}

// TestClaimedLengthsCountInTheBudget: room is asked for before what a provider says it will send is waited for.
func TestClaimedLengthsCountInTheBudget(t *testing.T) {
	t.Parallel()
	w := narrowWorld(t, "-> stall-after=0;say="+strings.Repeat("x", large))
	m := manner{chatDialect(), false}
	if a := w.send(t, m.request("m", "hi")); a.status != http.StatusServiceUnavailable {
		t.Errorf("got %s, want 503", a)
	}
}

// TestEventsCountInTheBudget: an event that there is no room for ends a stream that has begun with an error event and a cut.
func TestEventsCountInTheBudget(t *testing.T) {
	t.Parallel()
	for _, m := range streamManners() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w := narrowWorld(t, "calls=2- -> say=small\n-> pace=10ms;say=alpha0 alpha1 "+strings.Repeat("x", large))
			a := w.send(t, m.request("m", "hi"))
			if a.status != http.StatusOK || !strings.Contains(string(a.body), "alpha1") || strings.Contains(string(a.body), "xxxx") {
				t.Fatalf("got %s, want the words before the large one", a)
			}
			m.wantBroken(t, a)
			if got := sequence(w.ended(t), keyNames()); got != onlyAlpha {
				t.Errorf("got calls %s, want %s", got, onlyAlpha)
			}
			next := w.send(t, m.request("m", "hi"))
			m.wantWhole(t, next)
			if next.header.Get("X-Weir-Provider") != "alpha" {
				t.Errorf("the next request got %s, want alpha's answer", next)
			}
		})
	}
}
