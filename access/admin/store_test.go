package admin

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"weir/access"
	"weir/access/store"
)

// memory is a store.Store in memory.
type memory struct {
	mu         sync.Mutex
	revision   int64
	objects    map[string]store.Object
	audit      []store.AuditEntry
	idempotent map[string]*store.Idempotent
	usage      []store.Usage
	buckets    []store.Bucket
	asked      store.UsageQuery
	overview   store.OverviewQuery
	lastUsed   map[string]time.Time
	fail       error         // of everything
	failUsed   error         // of LastUsed
	applying   chan struct{} // not nil: Apply waits for it
}

func newMemory() *memory {
	return &memory{objects: map[string]store.Object{}, idempotent: map[string]*store.Idempotent{}, lastUsed: map[string]time.Time{}}
}

func (m *memory) Changes(_ context.Context, since int64) ([]store.Object, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []store.Object
	for _, o := range m.objects {
		if o.Revision > since && (since > 0 || !o.Deleted) {
			out = append(out, o)
		}
	}
	return out, m.revision, m.fail
}

func (m *memory) Apply(_ context.Context, c *store.Change) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applying != nil {
		m.mu.Unlock()
		<-m.applying
		m.mu.Lock()
	}
	if m.fail != nil {
		return 0, m.fail
	}
	if c.Base != m.revision {
		return 0, store.ErrConflict
	}
	m.revision++
	for _, w := range c.Writes {
		m.objects[w.Kind+"/"+w.ID] = store.Object{Kind: w.Kind, ID: w.ID, Revision: m.revision, Deleted: w.Body == nil, Body: bytes.Clone(w.Body)}
	}
	for i := range c.Audit {
		m.audit = append(m.audit, c.Audit[i])
		m.audit[len(m.audit)-1].ID = int64(len(m.audit))
	}
	if c.Idempotent != nil {
		m.idempotent[c.Idempotent.Key] = c.Idempotent
	}
	return m.revision, nil
}

func (m *memory) Idempotent(_ context.Context, key string) (*store.Idempotent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.idempotent[key], m.fail
}

func (m *memory) Audit(_ context.Context, before int64, limit int) ([]store.AuditEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []store.AuditEntry
	for i := len(m.audit) - 1; i >= 0 && len(out) < limit; i-- {
		if before == 0 || m.audit[i].ID < before {
			out = append(out, m.audit[i])
		}
	}
	return out, m.fail
}

func (m *memory) AppendUsage(context.Context, []store.Usage) error { return nil }

func (m *memory) Usage(_ context.Context, q *store.UsageQuery) ([]store.Usage, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = *q
	if q.Cursor == "bad" {
		return nil, "", fmt.Errorf("listing: %w", store.ErrCursor)
	}
	next := ""
	if q.Cursor == "" && len(m.usage) > q.Limit {
		next = "more"
	}
	return m.usage[:min(q.Limit, len(m.usage))], next, m.fail
}

func (m *memory) Overview(_ context.Context, q *store.OverviewQuery) ([]store.Bucket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.overview = *q
	return m.buckets, m.fail
}

func (m *memory) LastUsed(_ context.Context, ids []string) (map[string]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]time.Time{}
	for _, id := range ids {
		if at, ok := m.lastUsed[id]; ok {
			out[id] = at
		}
	}
	return out, cmp.Or(m.fail, m.failUsed)
}

func (m *memory) Spent(context.Context, string, int64) ([]store.Spend, error) { return nil, m.fail }
func (m *memory) Ping(context.Context) error                                  { return m.fail }
func (m *memory) Close() error                                                { return nil }

// set changes the store while requests may run.
func (m *memory) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// stateOfTest is what a quota with one counter has used in tests.
func stateOfTest(_ context.Context, q *access.Quota) (QuotaState, bool, error) {
	if len(q.Per) > 0 {
		return QuotaState{}, false, nil
	}
	return QuotaState{Used: 1_250_000_000, Reserved: 1, ResetsAt: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, true, nil
}
