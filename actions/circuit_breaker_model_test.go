package actions

import (
	"math/rand/v2"
	"testing"
	"time"

	"weir/engine"
)

// breakerModel is a breaker written down plainly: every call with its time, and what happened since the circuit closed.
type breakerModel struct {
	breakerSettings

	calls []struct {
		at     int64
		failed bool
	}
	open, half bool
	until      int64
}

func (m *breakerModel) tripped(now int64) bool {
	width := int64(m.window) / breakerBuckets
	total, failed := 0, 0
	for _, c := range m.calls {
		if c.at/width > now/width-breakerBuckets {
			total++
			if c.failed {
				failed++
			}
		}
	}
	return int64(total) >= m.volume && float64(failed) >= m.ratio*float64(total)-1e-9
}

func (m *breakerModel) allow(now int64) bool {
	if !m.open && !m.half && m.tripped(now) {
		m.open, m.until = true, now+int64(m.breakerSettings.tripped)
	}
	if m.open && now < m.until {
		return false
	}
	if m.open {
		m.open, m.half = false, true
	}
	return true
}

func (m *breakerModel) done(now int64, o engine.Outcome) {
	if o == neutral {
		return
	}
	if m.half {
		m.half, m.calls = false, nil
		if o == bad {
			m.open, m.until = true, now+int64(m.breakerSettings.tripped)
			return
		}
	}
	m.calls = append(m.calls, struct {
		at     int64
		failed bool
	}{now, o == bad})
	if m.tripped(now) {
		m.open, m.until = true, now+int64(m.breakerSettings.tripped)
	}
}

func TestBreakerAgainstAModel(t *testing.T) {
	opened := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		s := breakerSettings{
			ratio: float64(r.IntN(11)) / 10, volume: 1 + r.Int64N(12),
			window: time.Duration(1+r.IntN(120)) * time.Second, tripped: time.Duration(1+r.IntN(120)) * time.Second,
		}
		b, advance := testBreaker(s)
		m := &breakerModel{breakerSettings: s}
		broken := r.IntN(100)
		for step := range 500 {
			advance(time.Duration(r.Int64N(int64(s.window) / 5)))
			now := b.clock()
			p, _ := b.allow("p", "m")
			if want := m.allow(now); (p.circuit != nil) != want {
				t.Fatalf("seed %d step %d: got %v, want %v", seed, step, p.circuit != nil, want)
			}
			if p.circuit == nil {
				opened++
				continue
			}
			o := good
			if n := r.IntN(100); n < broken {
				o = bad
			} else if n > 90 {
				o = neutral
			}
			advance(time.Duration(r.Int64N(int64(s.window) / 5)))
			b.done(p, o)
			m.done(b.clock(), o)
		}
	}
	if opened == 0 {
		t.Error("got no call refused, want some: the walk opens no circuit")
	}
}
