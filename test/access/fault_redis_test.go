package access

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/test/services"
)

// onRedis is the configuration of gateways that keep keys for themselves and count in a Redis.
func onRedis(t *testing.T, onError string) (config string, counters *services.Server) {
	t.Helper()
	addr, counters := services.Redis(t)
	return fmt.Sprintf("folder: FOLDER\ncounters: redis://%s\non_store_error: %s", addr, onError), counters
}

// uncounted is what clients are told where the counters are away and calls may not go on.
const uncounted = "what callers have used cannot be read now, so no call is made"

// TestCountersDownDeny: without the shared counters calls that are counted are refused, at once, and others go on.
func TestCountersDownDeny(t *testing.T) {
	t.Parallel()
	config, counters := onRedis(t, "deny")
	f := newFleet(t, config)
	counters.Stop()
	g := f.start("")
	id, token := g.key("me", "")
	_, free := g.key("uncounted", "")
	var answered calls
	answered.ask(g, token, paidCall)
	budget := g.create("/budgets", `{"name": "mine", "unit": "usd", "limit": "5", "window": "total", "access_key_id": "`+id+`"}`)
	g.create("/limits", `{"name": "bursts", "unit": "requests", "limit": "1000", "window": "1m", "access_key_id": "`+id+`"}`)
	away := func(what string) {
		t.Helper()
		for range 20 {
			g.refused(t, token, paidCall, uncounted, prompt)
		}
		began := time.Now()
		for range 20 {
			g.refused(t, token, paidStream, uncounted, prompt)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: 20 refusals took %s, want none to wait for the counters", what, took)
		}
		answered.ask(g, free, freeCall)
		g.gauges(map[string]int{"weir_counters_up": 0, "weir_store_up": 1})
		if status, text := g.readiness(); status != http.StatusOK {
			t.Errorf("%s: /readyz says %d: %s; want 200: callers without budgets are served", what, status, text)
		}
	}
	back := func() {
		t.Helper()
		g.gauges(map[string]int{"weir_counters_up": 1})
		g.await("calls are counted again", func() bool { return answered.note(g.chat(t.Context(), token, paidCall, "")) })
	}
	away("down at start")
	counters.Start()
	back()
	counters.Stop()
	away("down in mid-run")
	counters.Start()
	back()
	counters.Pause()
	// The first one finds out, within the half second that an answer may take.
	g.refused(t, token, paidCall, uncounted, 2*prompt)
	away("paused")
	counters.Resume()
	back()
	g.awaitRecord(&answered)
	if _, requests := g.spent(); requests != int64(len(answered.ids)) {
		t.Errorf("got %d requests in the record, want %d: what was refused was not made", requests, len(answered.ids))
	}
	usd, err := g.spentBy(id)
	if err != nil {
		t.Fatal(err)
	}
	uncountedCall := 0.01 // the one before there was a budget: 4 tokens in, 6 out
	g.await("the budget is what was used since it is there", func() bool { return near(g.budget(budget).Used, usd-uncountedCall) })
	if got := len(f.vendor.Calls()); got != len(answered.ids) {
		t.Errorf("the vendor was called %d times, want %d", got, len(answered.ids))
	}
}

// TestCountersDownAllowLocal: without the shared counters the gateway counts for itself. Budgets hold to the cent, limits in
// this gateway, and the counters are told when they are back.
func TestCountersDownAllowLocal(t *testing.T) {
	t.Parallel()
	config, counters := onRedis(t, "allow_local")
	f := newFleet(t, config)
	counters.Stop()
	g := f.start("")
	id, token := g.key("me", "")
	_, other := g.key("other", "")
	budget := g.create("/budgets", `{"name": "mine", "unit": "usd", "limit": "0.1", "window": "total", "access_key_id": "`+id+`"}`)
	g.create("/limits", `{"name": "bursts", "unit": "requests", "limit": "3", "window": "10m", "per": ["access_key"], "when": "m.id == 'free'"}`)
	var answered calls
	answered.ask(g, token, paidCall) // down at start
	g.gauges(map[string]int{"weir_counters_up": 0})
	counters.Start()
	g.gauges(map[string]int{"weir_counters_up": 1})
	answered.ask(g, token, paidCall)
	g.awaitAgreement(budget)

	for _, fault := range []struct {
		name       string
		away, back func()
	}{
		{"paused", counters.Pause, counters.Resume},
		{"down, and empty afterwards", counters.Kill, counters.Start},
	} {
		fault.away()
		for range 3 {
			began := time.Now()
			answered.ask(g, token, paidCall)
			if took := time.Since(began); took > 2*prompt {
				t.Errorf("%s: a call took %s, want at most %s", fault.name, took, 2*prompt)
			}
		}
		g.gauges(map[string]int{"weir_counters_up": 0})
		for range 3 {
			answered.ask(g, other, freeCall)
		}
		if r := g.ask(other, "free", http.StatusTooManyRequests); !strings.Contains(r.body, "rate_limited") || r.header.Get("Retry-After") == "" {
			t.Errorf("%s: got %s; want that the limit holds in this gateway, and when it ends", fault.name, r.body)
		}
		fault.back()
		g.gauges(map[string]int{"weir_counters_up": 1})
		g.awaitAgreement(budget)
		g.ask(other, "free", http.StatusTooManyRequests) // the counters were told of the three
	}
	for {
		r := g.chat(t.Context(), token, paidCall, "")
		if answered.note(r) {
			continue
		}
		if r.status != http.StatusPaymentRequired {
			t.Fatalf("got %d: %s; want the end of the budget", r.status, r.body)
		}
		break
	}
	g.awaitRecord(&answered)
	g.awaitAgreement(budget)
	if usd, err := g.spentBy(id); err != nil || usd > 0.1+reservation {
		t.Errorf("got $%f, %v; want a budget of $0.10 kept", usd, err)
	}
	counters.Stop()
	g.ask(token, "paid", http.StatusPaymentRequired)
	answered.ask(g, other, paidCall)
	g.kill() // with what it has counted for itself
	g = f.start(g.folder)
	g.ask(token, "paid", http.StatusPaymentRequired)
	g.gauges(map[string]int{"weir_counters_up": 0})
	counters.Start()
	g.gauges(map[string]int{"weir_counters_up": 1})
	g.ask(token, "paid", http.StatusPaymentRequired)
	g.awaitRecord(&answered)
	if usd, err := g.spentBy(id); err != nil || !near(g.budget(budget).Used, usd) {
		t.Errorf("the budget is %+v, the record has $%f, %v", g.budget(budget), usd, err)
	}
}

// TestCountersFailOver kills the counters of two gateways with calls under way and starts empty ones at the same address, as
// a failover to a replica that has nothing does. Budgets are what the record says, with what is in flight, and hold.
func TestCountersFailOver(t *testing.T) {
	t.Parallel()
	config, _, counters := shared(t)
	f := newFleet(t, config)
	a, b := f.start(""), f.start("")
	_, token := a.key("me", "")
	budget := a.create("/budgets", `{"name": "all", "unit": "usd", "limit": "0.2", "window": "total"}`)
	limit := a.create("/limits", `{"name": "at once", "unit": "concurrent", "limit": "2"}`)
	b.await("the other gateway knows them", func() bool {
		status, _ := b.api(http.MethodGet, "/limits/"+limit, "", nil)
		return status == http.StatusOK && b.chat(t.Context(), token, freeCall, "").status == http.StatusOK
	})
	var answered calls
	for _, g := range []*gateway{a, b, a, b} {
		answered.ask(g, token, paidCall)
	}
	a.awaitAgreement(budget)
	before := a.budget(budget)

	flights := make(chan bool, 2)
	for _, g := range []*gateway{a, b} {
		go func() { flights <- answered.note(g.chat(t.Context(), token, paidStream, "pace=400ms")) }()
	}
	a.await("the calls are under way", func() bool { return limitUsed(a, limit) == "2" })
	held := a.budget(budget).Reserved
	counters.Kill()
	counters.Start()
	for _, g := range []*gateway{a, b} {
		g.gauges(map[string]int{"weir_counters_up": 1})
	}
	a.await("what was used is read from the record, and what is in flight stands", func() bool {
		state := a.budget(budget)
		return state.Used == before.Used && state.Reserved == held && limitUsed(a, limit) == "2"
	})
	if r := b.ask(token, "free", http.StatusTooManyRequests); !strings.Contains(r.body, "at once") {
		t.Errorf("got %s; want the limit of two calls at once to hold", r.body)
	}
	for range 2 {
		if !<-flights {
			t.Error("a call that was under way was not answered to its end")
		}
	}
	a.awaitAgreement(budget)

	counters.Kill() // with nothing in flight
	counters.Start()
	for i, refused := 0, 0; refused < 2; i++ {
		r := []*gateway{a, b}[i%2].chat(t.Context(), token, paidCall, "")
		switch {
		case answered.note(r):
		case r.status == http.StatusPaymentRequired:
			refused++
		case r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, uncounted):
			t.Fatalf("got %d, %v: %s", r.status, r.err, r.body)
		}
	}
	a.awaitRecord(&answered)
	b.awaitRecord(&answered)
	a.awaitAgreement(budget)
	if usd, _ := a.spent(); usd > 0.2+2*reservation {
		t.Errorf("got $%f spent of $0.20", usd)
	}
	if one, other := a.budget(budget), b.budget(budget); one != other {
		t.Errorf("the gateways do not agree: %+v and %+v", one, other)
	}
}
