package access

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestStoreSlow pauses the store under calls, for the two seconds of a bad moment and for longer than a reader of it waits
// for a connection. No call takes longer for it, and usage arrives.
func TestStoreSlow(t *testing.T) {
	t.Parallel()
	config, store := onPostgres(t)
	f := newFleet(t, config)
	g := f.start("")
	id, token := g.key("me", "")
	budget := g.create("/budgets", `{"name": "mine", "unit": "usd", "limit": "1000", "window": "total"}`)
	g.create("/limits", `{"name": "bursts", "unit": "requests", "limit": "100000", "window": "1h", "per": ["access_key"]}`)
	var answered calls
	answered.ask(g, token, paidCall)
	g.awaitRecord(&answered)
	for _, pause := range []time.Duration{2 * time.Second, 7 * time.Second} {
		store.Pause()
		changed := make(chan string, 1)
		asked := time.Now()
		go func() {
			status, text := g.api(http.MethodPatch, "/access-keys/"+id, `{"description": "paused"}`, nil)
			changed <- fmt.Sprintf("%d %s", status, text)
		}()
		slowest := time.Duration(0)
		for began := time.Now(); time.Since(began) < pause; time.Sleep(20 * time.Millisecond) {
			at := time.Now()
			answered.ask(g, token, paidCall)
			slowest = max(slowest, time.Since(at))
		}
		if slowest > prompt {
			t.Errorf("a store that is paused for %s made a call take %s, want at most %s", pause, slowest, prompt)
		}
		if got := g.metric("weir_usage_pending"); got < 10 {
			t.Errorf("got %d rows that wait, want most of those of the calls", got)
		}
		if status, text := g.readiness(); status != http.StatusOK {
			t.Errorf("/readyz says %d: %s; want that it goes on serving", status, text)
		}
		store.Resume()
		if got := <-changed; !strings.HasPrefix(got, "200 ") {
			t.Errorf("a change that was asked for %s ago got %s, want it made when the store was back", time.Since(asked), got)
		}
		g.awaitRecord(&answered)
		g.gauges(map[string]int{"weir_store_up": 1})
	}
	store.Pause()
	asked := time.Now()
	g.apiRefused(t, http.MethodPost, "/teams", `{"name": "never"}`)
	if took := time.Since(asked); took > 10*time.Second {
		t.Errorf("the Admin API refused after %s, want it before its clients give up", took)
	}
	g.gauges(map[string]int{"weir_store_up": 0})
	store.Resume()
	g.awaitAgreement(budget)
	g.stop()
	if text := g.out.String(); strings.Contains(text, "could not be queued") {
		t.Error("the log says that usage was lost")
	}
}
