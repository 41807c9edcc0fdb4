package meter

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"weir/access"
	"weir/access/counter"
	"weir/access/journal"
	"weir/engine"
	"weir/engine/expr"
	"weir/engine/upstream"
)

// Snapshots gives the resources as they are now: an access.Directory.
type Snapshots interface {
	// Load returns the newest snapshot; it is never nil.
	Load() *access.Snapshot
	// OnChange has f called with each new snapshot.
	OnChange(f func(before, now *access.Snapshot))
}

// Options is what a Meter needs.
type Options struct {
	Directory Snapshots
	Counters  counter.Counters
	Journal   journal.Queue
	// Env compiles the expressions of quotas; nil = NewEnv.
	Env *expr.Env
	Log zerolog.Logger
	// Client sends webhooks; nil = one that reaches public addresses by https and nothing else.
	Client *http.Client
	// WebhookKey signs webhooks as Standard Webhooks do; nil = they are not signed.
	WebhookKey []byte
}

// Meter keeps calls within budgets and limits and records each of them. It implements engine.Meter.
type Meter struct {
	directory Snapshots
	counters  counter.Counters
	journal   journal.Queue
	env       *expr.Env
	log       zerolog.Logger
	set       atomic.Pointer[set]
	seen      atomic.Pointer[access.Snapshot] // the newest that set was found to be of
	compiling sync.Mutex
	ledgers   sync.Pool
	holds     sync.Pool
	rows      sync.Pool
	warnings  *warnings
	waiting   atomic.Int64 // calls that wait for others to end
}

// New makes a meter that follows the directory. Close ends what it started.
func New(o Options) (*Meter, error) {
	m := &Meter{directory: o.Directory, counters: o.Counters, journal: o.Journal, env: o.Env, log: o.Log}
	m.ledgers.New = func() any { return &ledger{} }
	m.holds.New = func() any { return &hold{} }
	if m.env == nil {
		var err error
		if m.env, err = NewEnv(); err != nil {
			return nil, err
		}
	}
	client := o.Client
	if client == nil {
		client = upstream.NewHTTPClient(&upstream.Guard{})
	}
	m.warnings = newWarnings(client, o.Counters, o.WebhookKey, o.Log)
	m.use()
	m.directory.OnChange(func(_, _ *access.Snapshot) { m.use() })
	return m, nil
}

// Close ends the sending of webhooks; those that wait are sent as long as the context lasts.
func (m *Meter) Close(ctx context.Context) error {
	if err := m.warnings.close(ctx); err != nil {
		return fmt.Errorf("sending the warnings of budgets: %w", err)
	}
	return nil
}

// current is the set of the newest snapshot.
func (m *Meter) current() *set {
	seen := m.seen.Load() // before the set: what it was seen with is no newer than that
	if s := m.set.Load(); s != nil && seen == m.directory.Load() {
		return s
	}
	return m.use()
}

// use makes the quotas of the newest snapshot those that count.
func (m *Meter) use() *set {
	m.compiling.Lock()
	defer m.compiling.Unlock()
	now, s := m.directory.Load(), m.set.Load()
	if s == nil || !s.covers(now) {
		before := s
		s = newSet(m.env, now, before)
		for _, q := range s.broken(before) {
			m.log.Error().Str("quota", q.def.ID).Str("name", q.def.Name).Err(q.broken).
				Msg("a budget or limit cannot be used; every call in its scope is refused")
		}
		m.set.Store(s)
	}
	m.seen.Store(now)
	return s
}

// hold is what a call has reserved. It is kept until its exchange is over, as what was spent goes into the usage row.
type hold struct {
	reservation counter.Reservation
	quotas      []*quota // of each charge
	at          []int    // its entry in the ledger
	actual      []int64
	settled     bool
	estimated   bool // money or tokens were counted by estimate
	end         ending
}

func (h *hold) reset() {
	clear(h.quotas)
	clear(h.reservation.Charges)
	*h = hold{
		reservation: counter.Reservation{Charges: h.reservation.Charges[:0], States: h.reservation.States[:0]},
		quotas:      h.quotas[:0], at: h.at[:0], actual: h.actual[:0],
	}
}

func (m *Meter) newHold() *hold {
	if h, ok := m.holds.Get().(*hold); ok {
		return h
	}
	return &hold{}
}

func (m *Meter) freeHold(h *hold) {
	h.reset()
	m.holds.Put(h)
}

var _ engine.Meter = (*Meter)(nil)
