package engine

import (
	"strings"
	"sync"
	"sync/atomic"

	"weir/engine/catalog"
)

// maxCallerStats bounds the access keys that one model keeps figures for: some thousand of them take 10 MB.
const maxCallerStats = 2000

// callerStats are the figures of one model by access key. Nothing is counted before an expression has asked for some.
type callerStats struct {
	asked atomic.Bool
	count atomic.Int64
	byID  sync.Map // string -> *modelStats
}

// of finds the figures of the caller, nil where none are kept.
func (s *callerStats) of(c *Caller) *modelStats {
	if !s.asked.Load() || c.Kind != accessKeyKind || c.ID == "" {
		return nil
	}
	if v, ok := s.byID.Load(c.ID); ok {
		stats, _ := v.(*modelStats)
		return stats
	}
	if s.count.Load() >= maxCallerStats {
		return nil
	}
	v, there := s.byID.LoadOrStore(strings.Clone(c.ID), &modelStats{})
	if !there {
		s.count.Add(1)
	}
	stats, _ := v.(*modelStats)
	return stats
}

// accessKeyKind is the kind of callers who came with an access key.
const accessKeyKind = "access_key"

// keyMetrics returns the figures of one access key, nil without traffic.
func (m *model) keyMetrics(id string) *catalog.Metrics {
	m.stats.callers.asked.Store(true)
	v, ok := m.stats.callers.byID.Load(id)
	if !ok {
		return nil
	}
	stats, _ := v.(*modelStats)
	return stats.metrics(m.now())
}

// Keys lists the access keys with figures of their own.
func (m *model) Keys() []string {
	m.stats.callers.asked.Store(true)
	var out []string
	m.stats.callers.byID.Range(func(id, _ any) bool {
		name, _ := id.(string)
		out = append(out, name)
		return true
	})
	return out
}

// statsOf are the figures that a call to the model counts in; the last is nil where none are kept for the caller.
func (x *Exchange) statsOf(m *model) [3]*modelStats {
	return [3]*modelStats{m.stats, m.local, m.stats.callers.of(&x.Caller)}
}
