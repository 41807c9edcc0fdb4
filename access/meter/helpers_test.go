package meter

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/rs/zerolog"

	"weir/access"
	"weir/access/counter"
	"weir/access/store"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/price"
	"weir/engine/wire"
)

// directory gives a snapshot that tests change.
type directory struct {
	mu    sync.Mutex
	now   *access.Snapshot
	tells []func(before, now *access.Snapshot)
}

func (d *directory) Load() *access.Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *directory) OnChange(f func(before, now *access.Snapshot)) { d.tells = append(d.tells, f) }

// change puts other quotas in the place of those before.
func (d *directory) change(budgets, limits []*access.Quota) {
	now := snapshot(budgets, limits)
	d.mu.Lock()
	before := d.now
	if before != nil {
		now.Revision = before.Revision + 1
	}
	d.now = now
	d.mu.Unlock()
	for _, f := range d.tells {
		f(before, now)
	}
}

func snapshot(budgets, limits []*access.Quota) *access.Snapshot {
	s := &access.Snapshot{Revision: 1, Budgets: map[string]*access.Quota{}, Limits: map[string]*access.Quota{}}
	for _, q := range budgets {
		s.Budgets[q.ID] = q
	}
	for _, q := range limits {
		s.Limits[q.ID] = q
	}
	return s
}

// queue is a journal in memory.
type queue struct {
	mu      sync.Mutex
	rows    []store.Usage
	err     error
	flushed int
	flush   error
}

func (q *queue) Append(rows ...store.Usage) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rows = append(q.rows, rows...)
	return q.err
}
func (q *queue) Err() error { return q.err }
func (q *queue) Flush(context.Context) error {
	q.flushed++
	return q.flush
}
func (q *queue) Pending() int64              { return 0 }
func (q *queue) Close(context.Context) error { return nil }

// counters are those of counter.NewMemory with faults.
type counters struct {
	counter.Counters

	mu    sync.Mutex
	err   error // of Reserve and Read
	local bool
	seen  []counter.Charge // of the last reservation
	asked int              // reservations
	reads int
}

func (c *counters) Reserve(ctx context.Context, r *counter.Reservation) error {
	c.mu.Lock()
	c.asked++
	c.seen = append(c.seen[:0], r.Charges...)
	c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	r.Local = c.local
	return c.Counters.Reserve(ctx, r)
}

func (c *counters) Read(ctx context.Context, charges []counter.Charge) ([]counter.State, error) {
	c.mu.Lock()
	c.reads++
	c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	return c.Counters.Read(ctx, charges)
}

// rig is a meter with all that it needs.
type rig struct {
	*Meter

	dir      *directory
	journal  *queue
	counters *counters
	clock    time.Time
}

// midMonth is a Wednesday.
func midMonth() time.Time { return time.Date(2026, 7, 15, 10, 20, 30, 0, time.UTC) }

func newRig(tb testing.TB, budgets, limits []*access.Quota) *rig {
	tb.Helper()
	r := &rig{dir: &directory{}, journal: &queue{}, clock: midMonth()}
	r.counters = &counters{Counters: counter.NewMemory(counter.MemoryOptions{Now: func() time.Time { return r.clock }})}
	r.dir.change(budgets, limits)
	var err error
	if r.Meter, err = New(Options{Directory: r.dir, Counters: r.counters, Journal: r.journal, Log: zerolog.Nop()}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// state is what the counter of a quota holds, whatever its window is.
func (r *rig) state(tb testing.TB, id string, values ...string) counter.State {
	tb.Helper()
	s := r.current()
	for _, list := range []map[string][]*quota{s.keys, s.teams, {"": s.organisation}} {
		for _, quotas := range list {
			for _, q := range quotas {
				if q.def.ID != id {
					continue
				}
				name := strings.Join(append([]string{q.counter}, values...), separator)
				got, err := r.counters.Counters.Read(tb.Context(), []counter.Charge{q.charge(name, q.span(r.clock), 0)})
				if err != nil {
					tb.Fatal(err)
				}
				return got[0]
			}
		}
	}
	tb.Fatalf("there is no quota %s", id)
	return counter.State{}
}

func budget(id, amount, window string) *access.Quota {
	return &access.Quota{Meta: access.Meta{ID: id, Name: id}, Unit: access.UnitUSD, Limit: amount, Window: window}
}

func limit(id, unit, amount, window string) *access.Quota {
	return &access.Quota{Meta: access.Meta{ID: id, Name: id}, Unit: unit, Limit: amount, Window: window}
}

// exchange is one of a caller with an access key.
func exchange() *engine.Exchange {
	x := engine.NewExchange()
	x.Request.ID, x.Request.API = "req-1", wire.OpenAIChat
	x.Caller = engine.Caller{ID: "aigk_1", Name: "one", Kind: kindAccessKey, TeamID: "team_research"}
	return x
}

// model has a price of 1 USD a million tokens of input and 2 of output.
func model(id string) *catalog.Model {
	return &catalog.Model{
		ID: id, ProviderID: "sim", Known: true, Pricing: catalog.Pricing{Input: new(1.0), Output: new(2.0)},
	}
}

// call is one that may use so many tokens and cost so many dollars.
func call(id string, tokens int64, usd float64) *engine.Call {
	return &engine.Call{
		Model: model(id), Estimate: wire.Usage{Input: tokens / 2, Output: tokens - tokens/2, Known: true},
		EstimatedCost: price.Cost{USD: price.USD(usd * float64(price.Dollar)), Known: true},
	}
}

// end settles a call as ended, with what it used; nil = nobody knows.
func (r *rig) end(c *engine.Call, e ending, tokens int64, usd float64) {
	if tokens > 0 {
		c.Usage = wire.Usage{Input: tokens, Known: true}
	}
	if usd > 0 {
		c.Cost = price.Cost{USD: price.USD(usd * float64(price.Dollar)), Known: true}
	}
	if h, ok := c.Hold.(*hold); ok {
		r.settle(h, c, e)
	}
}

// unsafeString is a string that changes with the bytes, as those of exchanges do.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
