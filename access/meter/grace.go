package meter

import (
	"time"

	"weir/engine"
)

// maxGrace is how many calls may wait for others to end: what more are refused at once, so that callers over a limit
// cannot make the counters' work a multiple of theirs.
const maxGrace = 64

// graceWaits are the waits before a refused reservation is tried again where only calls under way stand in its way. A
// client that has read an answer to its end sends the next request before the gateway has settled the one before.
func graceWaits() [3]time.Duration {
	return [...]time.Duration{2 * time.Millisecond, 8 * time.Millisecond, 30 * time.Millisecond}
}

// take reserves what a hold asks for, if need be a moment later.
func (m *Meter) take(x *engine.Exchange, h *hold) error {
	h.reservation.Refused = -1
	err := m.counters.Reserve(x.Context(), &h.reservation)
	if err != nil || !h.inTheWay() {
		return err //nolint:wrapcheck // the caller says what it was doing
	}
	if m.waiting.Add(1) > maxGrace {
		m.waiting.Add(-1)
		return nil
	}
	defer m.waiting.Add(-1)
	for _, wait := range graceWaits() {
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-x.Context().Done():
			t.Stop()
			return nil
		}
		h.reservation.Refused = -1
		if err := m.counters.Reserve(x.Context(), &h.reservation); err != nil {
			return err //nolint:wrapcheck // as above
		}
		if !h.inTheWay() {
			return nil
		}
	}
	return nil
}

// inTheWay reports whether a refusal is for calls under way alone, one of which may be over by now.
func (h *hold) inTheWay() bool {
	i := h.reservation.Refused
	if i < 0 || i >= len(h.reservation.States) {
		return false
	}
	c, s := &h.reservation.Charges[i], h.reservation.States[i]
	return s.Reserved > 0 && (c.Concurrent || c.Spill && s.Used < c.Limit)
}
