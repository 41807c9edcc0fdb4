package access

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/test/services"
)

// onPostgres is the configuration of gateways that share a PostgreSQL and count for themselves.
func onPostgres(t *testing.T) (config string, store *services.Server) {
	t.Helper()
	dsn, store := services.Postgres(t)
	return fmt.Sprintf("folder: FOLDER\nstore: %q\nsync_every: 100ms", dsn), store
}

// TestStoreDownAtStart starts gateways without their store, on an empty one and on one with keys. Nobody is let in, with
// words, and once the store is there all works without another start.
func TestStoreDownAtStart(t *testing.T) {
	t.Parallel()
	config, store := onPostgres(t)
	f := newFleet(t, config)
	store.Stop()
	token := "wr-aaaaaaaaaaaaaaaaaaaaaaaaaa-g1-" + strings.Repeat("a", 52)
	var answered calls
	for _, state := range []string{"empty", "with a key"} {
		g := f.launch("")
		if status, text := g.readiness(); status != http.StatusServiceUnavailable || !strings.Contains(text, "access keys cannot be checked") {
			t.Errorf("%s: /readyz says %d: %s; want 503 and why", state, status, text)
		}
		if got := g.health("/livez"); got != http.StatusOK {
			t.Errorf("%s: /livez says %d, want 200", state, got)
		}
		for _, who := range []string{token, "wr-unknown", ""} {
			g.refused(t, who, freeCall, "access keys cannot be checked: the store could not be read since the gateway began", prompt)
		}
		g.apiRefused(t, http.MethodPost, "/access-keys", `{"name": "me"}`)
		g.gauges(map[string]int{"weir_store_up": 0, "weir_access_snapshot_age_seconds": -1, "weir_access_keys": 0, "weir_usage_journal_ok": 1})
		if !strings.Contains(g.out.String(), "everybody is refused until they can") {
			t.Errorf("%s: the log does not say that everybody is refused", state)
		}
		store.Start()
		g.await("the gateway is ready", func() bool { return g.health("/readyz") == http.StatusOK })
		g.gauges(map[string]int{"weir_store_up": 1})
		if state == "empty" {
			_, token = g.key("me", "")
		}
		answered.ask(g, token, freeCall)
		g.ask("wr-unknown", "free", http.StatusUnauthorized)
		g.awaitRecord(&answered)
		g.stop()
		store.Stop()
	}
}

// TestStoreHangsAtStart starts a gateway on a store that takes connections and never answers: it listens all the same.
func TestStoreHangsAtStart(t *testing.T) {
	t.Parallel()
	config, store := onPostgres(t)
	f := newFleet(t, config)
	store.Pause()
	g := f.launch("")
	if status, text := g.readiness(); status != http.StatusServiceUnavailable || !strings.Contains(text, "access keys cannot be checked") {
		t.Errorf("/readyz says %d: %s; want 503 and why", status, text)
	}
	g.refused(t, "wr-any", freeCall, "access keys cannot be checked", prompt)
	store.Resume()
	g.await("the gateway is ready", func() bool { return g.health("/readyz") == http.StatusOK })
	_, token := g.key("me", "")
	g.ask(token, "free", http.StatusOK)
}

// TestStoreDownInMidRun takes the store away from a gateway, kills the gateway, and starts it without its store. Known keys
// go on, nothing can be changed, and no usage is lost or counted twice.
func TestStoreDownInMidRun(t *testing.T) {
	t.Parallel()
	config, store := onPostgres(t)
	f := newFleet(t, config)
	g := f.start("")
	id, token := g.key("me", "")
	_, other := g.key("other", "")
	budget := g.create("/budgets", `{"name": "mine", "unit": "usd", "limit": "5", "window": "total", "access_key_id": "`+id+`"}`)
	g.create("/budgets", `{"name": "each", "unit": "usd", "limit": "5", "window": "total", "per": ["access_key"]}`)
	var answered calls
	answered.ask(g, token, paidCall)
	answered.ask(g, token, paidStream)
	g.awaitRecord(&answered)

	store.Stop()
	before := len(answered.ids)
	for _, body := range []string{paidCall, paidStream, freeCall} {
		answered.ask(g, token, body)
	}
	g.ask("wr-unknown", "free", http.StatusUnauthorized)
	// What nobody has read of a budget yet is not taken for nothing.
	g.refused(t, other, paidCall, "what callers have used cannot be read now", prompt)
	answered.ask(g, other, freeCall)
	for _, change := range [][3]string{
		{http.MethodPost, "/teams", `{"name": "late"}`},
		{http.MethodPatch, "/access-keys/" + id, `{"disabled": true}`},
		{http.MethodDelete, "/access-keys/" + id, ""},
		{http.MethodPost, "/access-keys/" + id + "/rotate", `{}`},
	} {
		g.apiRefused(t, change[0], change[1], change[2])
	}
	waiting := len(answered.ids) - before
	g.gauges(map[string]int{"weir_usage_pending": waiting, "weir_store_up": 0, "weir_usage_journal_ok": 1, "weir_access_keys": 2})
	if status, text := g.readiness(); status != http.StatusOK {
		t.Errorf("/readyz says %d: %s; want that it goes on serving", status, text)
	}
	if age := g.metric("weir_access_snapshot_age_seconds"); age < 1 {
		t.Errorf("the age of what is known of keys is %d s, want some", age)
	}
	answered.ask(g, token, paidCall) // which nothing has refused meanwhile
	g.kill()

	g = f.launch(g.folder)
	g.gauges(map[string]int{"weir_usage_pending": waiting + 1})
	g.refused(t, token, freeCall, "could not be read since the gateway began", prompt)
	g.kill()
	g = f.launch(g.folder)
	store.Start()
	g.await("the gateway is ready", func() bool { return g.health("/readyz") == http.StatusOK })
	g.awaitRecord(&answered)
	g.awaitAgreement(budget)
	if _, requests := g.spent(); requests != int64(len(answered.ids)) {
		t.Errorf("got %d requests in the record, want %d", requests, len(answered.ids))
	}
	answered.ask(g, other, paidCall)
	g.must(http.MethodPatch, "/access-keys/"+id, `{"disabled": true}`, http.StatusOK)
	g.ask(token, "free", http.StatusUnauthorized)
	g.awaitRecord(&answered)
}

// TestStoreDownForTooLong has keys end when the store was away for stale_for, and hold again when it is back.
func TestStoreDownForTooLong(t *testing.T) {
	t.Parallel()
	config, store := onPostgres(t)
	f := newFleet(t, config+"\nstale_for: 2s")
	g := f.start("")
	_, token := g.key("me", "")
	var answered calls
	answered.ask(g, token, freeCall)
	store.Stop()
	answered.ask(g, token, freeCall)
	g.await("everybody is refused", func() bool {
		r := g.chat(t.Context(), token, freeCall, "")
		return !answered.note(r) && r.status == http.StatusServiceUnavailable
	})
	g.refused(t, token, freeCall, "access keys cannot be checked: the store could not be read for too long", prompt)
	g.refused(t, "wr-unknown", freeCall, "the store could not be read for too long", prompt)
	if status, text := g.readiness(); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz says %d: %s; want 503: another gateway may reach the store", status, text)
	}
	store.Start()
	g.await("the key holds again", func() bool { return answered.note(g.chat(t.Context(), token, freeCall, "")) })
	if status, text := g.readiness(); status != http.StatusOK {
		t.Errorf("/readyz says %d: %s; want 200", status, text)
	}
	g.awaitRecord(&answered)
}

// TestStoreAndGatewayDieUnderLoad kills store and gateway in turns while clients call. Whatever was answered is recorded
// once, and budgets are what the record says.
func TestStoreAndGatewayDieUnderLoad(t *testing.T) {
	t.Parallel()
	config, store := onPostgres(t)
	f := newFleet(t, config)
	g := f.start("")
	_, token := g.key("me", "")
	budget := g.create("/budgets", `{"name": "all", "unit": "usd", "limit": "1000", "window": "total"}`)
	var answered calls
	answered.ask(g, token, paidCall)
	load := func() (stop func()) {
		quit := make(chan struct{})
		var tasks sync.WaitGroup
		for i := range 4 {
			tasks.Go(func() {
				for {
					select {
					case <-quit:
						return
					default:
						answered.note(g.chat(t.Context(), token, []string{paidCall, paidStream}[i%2], ""))
					}
				}
			})
		}
		return func() {
			close(quit)
			tasks.Wait()
		}
	}
	for round := range 3 {
		stop := load()
		time.Sleep(150 * time.Millisecond)
		if round == 1 {
			store.Kill()
		} else {
			go store.Kill() // the gateway dies at the same moment
		}
		time.Sleep(100 * time.Millisecond * time.Duration(round))
		g.kill()
		stop()
		if round == 2 {
			g = f.launch(g.folder)
			g.kill()
		}
		g = f.launch(g.folder)
		store.Start()
		g.await("the gateway is ready", func() bool { return g.health("/readyz") == http.StatusOK })
	}
	g.awaitRecord(&answered)
	g.awaitAgreement(budget)
	t.Logf("%d calls were answered", len(answered.ids))
}
