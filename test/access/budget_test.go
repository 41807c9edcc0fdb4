package access

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/test/services"
)

// shared is the configuration of gateways that share everything.
func shared(t *testing.T) (config string, postgres, redis *services.Server) {
	t.Helper()
	dsn, postgres := services.Postgres(t)
	addr, redis := services.Redis(t)
	return fmt.Sprintf("folder: FOLDER\nstore: %q\ncounters: %q\nsync_every: 200ms", dsn, "redis://"+addr), postgres, redis
}

// budgetState is a budget as the Admin API shows it.
type budgetState struct {
	Used, Reserved, Remaining string
}

func (g *gateway) budget(id string) budgetState {
	g.t.Helper()
	var s budgetState
	if status, text := g.api(http.MethodGet, "/budgets/"+id, "", &s); status != http.StatusOK {
		g.t.Fatalf("reading the budget: got %d: %s", status, text)
	}
	return s
}

// spent is what all usage costs by the record, in USD.
func (g *gateway) spent() (usd float64, requests int64) {
	g.t.Helper()
	var out struct {
		Totals struct {
			Cost     string
			Requests int64
		}
	}
	start := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	if status, text := g.api(http.MethodGet, "/usage/overview?startTime="+start, "", &out); status != http.StatusOK {
		g.t.Fatalf("reading the usage: got %d: %s", status, text)
	}
	usd, err := strconv.ParseFloat(out.Totals.Cost, 64)
	if err != nil {
		g.t.Fatalf("the cost reads %q", out.Totals.Cost)
	}
	return usd, out.Totals.Requests
}

const (
	// clients spend the budget of budgetUSD dollars together.
	clients   = 64
	budgetUSD = 1.0
	// reservation is the most that one call of the test is expected to cost: 6 tokens in, 8 out.
	reservation = 0.020
)

// TestBudgetIsSharedExactly has 64 clients spend a dollar through two gateways, in calls of a tenth of a cent to a cent of
// which some fail. What is settled may be over the limit by one reservation for each call in flight and no more, nothing
// stays reserved, and the sums of headers, counters and records agree.
func TestBudgetIsSharedExactly(t *testing.T) {
	t.Parallel()
	config, _, _ := shared(t)
	f := newFleet(t, config)
	a, b := f.start(""), f.start("")
	_, token := a.key("spender", "")
	budget := a.create("/budgets", `{"name": "a dollar", "unit": "usd", "limit": "1", "window": "total"}`)
	b.knows("/budgets/" + budget) // which was made behind the key

	var mu sync.Mutex
	told, answered, refused := 0.0, 0, 0
	var tasks sync.WaitGroup
	for i := range clients {
		g := []*gateway{a, b}[i%2]
		random := rand.New(rand.NewPCG(1, uint64(i)))
		tasks.Go(func() {
			for range 200 {
				words := strings.Repeat("w ", 1+random.IntN(3))
				fault, stream := "", ""
				switch random.IntN(6) {
				case 0:
					fault = "status=503"
				case 1:
					stream = `"stream": true, `
				}
				r := g.chat(t.Context(), token, fmt.Sprintf(`{"model": "paid", "max_tokens": 8, %s"messages": [{"role": "user", "content": %q}]}`, stream, words), fault)
				mu.Lock()
				switch {
				case r.err != nil:
					t.Errorf("a call broke off: %v", r.err)
				case r.status == http.StatusOK:
					answered++
					if cost, err := strconv.ParseFloat(r.header.Get("X-Weir-Cost-Usd"), 64); err == nil {
						told += cost
					}
				case r.status == http.StatusPaymentRequired:
					refused++
				case fault == "" && r.status != http.StatusServiceUnavailable: // a provider that failed five times rests
					t.Errorf("got %d: %s", r.status, r.body)
				}
				mu.Unlock()
				if r.status == http.StatusPaymentRequired {
					return
				}
			}
		})
	}
	tasks.Wait()
	if answered == 0 || refused == 0 {
		t.Fatalf("got %d answers and %d refusals, want both", answered, refused)
	}
	a.await("everything is settled and recorded", func() bool {
		state := a.budget(budget)
		used, _ := strconv.ParseFloat(state.Used, 64)
		usd, _ := a.spent()
		return state.Reserved == "0" && used > 0 && usd > used-1e-6 && usd < used+1e-6
	})
	usd, _ := a.spent()
	if usd > budgetUSD+clients*reservation {
		t.Errorf("got $%.4f spent, want at most $%.2f and one reservation for each call in flight", usd, budgetUSD)
	}
	if usd < budgetUSD-clients*reservation {
		t.Errorf("got $%.4f spent, want the budget used up but for what was reserved", usd)
	}
	if told > usd {
		t.Errorf("clients were told of $%.4f, the record has $%.4f", told, usd)
	}
	if one, other := a.budget(budget), b.budget(budget); one != other {
		t.Errorf("the gateways do not agree: %+v and %+v", one, other)
	}
}

// TestKilledGatewayLeavesNothingReserved kills one of two gateways with calls under way. What it had reserved is free
// within seconds, and what it had settled and not told the store is told when it is back.
func TestKilledGatewayLeavesNothingReserved(t *testing.T) {
	t.Parallel()
	config, _, _ := shared(t)
	f := newFleet(t, config)
	a, b := f.start(""), f.start("")
	_, token := a.key("spender", "")
	budget := a.create("/budgets", `{"name": "a dollar", "unit": "usd", "limit": "1", "window": "total"}`)
	limit := a.create("/limits", `{"name": "at once", "unit": "concurrent", "limit": "8"}`)
	b.knows("/limits/" + limit)
	for range 5 {
		a.ask(token, "paid", http.StatusOK)
	}
	var tasks sync.WaitGroup
	for range 8 {
		tasks.Go(func() {
			a.chat(t.Context(), token, `{"model": "paid", "stream": true, "max_tokens": 8, "messages": [{"role": "user", "content": "a b c d e f g h"}]}`, "pace=5s")
		})
	}
	b.await("the calls are under way", func() bool { return b.budget(budget).Reserved != "0" && limitUsed(b, limit) == "8" })
	if r := b.chat(t.Context(), token, `{"model": "paid", "messages": [{"role": "user", "content": "x"}]}`, ""); r.status != http.StatusTooManyRequests {
		t.Errorf("the ninth call at once got %d: %s, want 429", r.status, r.body)
	}
	a.kill()
	killed := time.Now()
	b.await("nothing is reserved any more", func() bool { return b.budget(budget).Reserved == "0" && limitUsed(b, limit) == "0" })
	if took := time.Since(killed); took > 15*time.Second {
		t.Errorf("it took %s, want some seconds", took)
	}
	tasks.Wait()
	b.ask(token, "paid", http.StatusOK)
	f.start(a.folder) // which hands on what it left on disk
	b.await("the record has the five calls and the one after", func() bool {
		_, requests := b.spent()
		return requests >= 6
	})
}

func limitUsed(g *gateway, id string) string {
	var s struct{ Reserved string }
	g.api(http.MethodGet, "/limits/"+id, "", &s)
	return s.Reserved
}
