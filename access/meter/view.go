package meter

import (
	"math"
	"time"

	"weir/access/counter"
	"weir/engine"
	"weir/engine/price"
)

// View is the caller's tightest budget in USD and all its budgets and limits, as far as they do not depend on the model:
// that is chosen by what is read here. Shared counters are asked once an exchange. What cannot be read counts as used up.
func (m *Meter) View(x *engine.Exchange) engine.MeterView {
	l := m.ledger(x)
	if l == nil || len(l.entries) == 0 {
		return engine.MeterView{}
	}
	if !l.viewed {
		m.look(x, l)
	}
	return l.view
}

// look fills in the view.
func (m *Meter) look(x *engine.Exchange, l *ledger) {
	now := m.counters.Now()
	m.read(x, l, now)
	l.viewed = true
	l.view = engine.MeterView{Limits: l.view.Limits[:0]}
	for i := range l.entries {
		e := &l.entries[i]
		q := e.quota
		if e.applies != yes && !e.failed {
			continue
		}
		used := q.limit // where nobody knows
		if e.known {
			used = q.visible(e.state)
		}
		var reset int64
		if q.broken == nil && q.unit != unitConcurrent {
			reset = int64(resetIn(q.span(now), now) / time.Second)
		}
		l.view.Limits = append(l.view.Limits, engine.LimitView{
			Name: q.name(), Unit: q.def.Unit, Window: q.def.Window, Limit: q.limit, Used: used, ResetSeconds: reset,
		})
		if q.role != roleBudget || q.unit != unitUSD {
			continue
		}
		limit, spent := inUSD(q.limit), inUSD(used)
		if remain := max(limit-spent, 0); !l.view.HasBudget || remain < l.view.Remain {
			l.view.HasBudget, l.view.Limit, l.view.Spent, l.view.Remain = true, limit, spent, remain
		}
	}
}

// inUSD is an amount of a counter as package price has it, which stops at about nine million dollars.
func inUSD(n int64) price.USD {
	if n > math.MaxInt64/perNano {
		return math.MaxInt64
	}
	return price.USD(n * perNano)
}

// visible is what people are told is used: money and tokens once they are, requests and calls as soon as they are made.
func (q *quota) visible(s counter.State) int64 {
	if q.unit == unitRequests || q.unit == unitConcurrent {
		return s.Used + s.Reserved
	}
	return s.Used
}

// read asks the counters for the states that no reservation has told.
func (m *Meter) read(x *engine.Exchange, l *ledger, now time.Time) {
	l.charges, l.asked = l.charges[:0], l.asked[:0]
	for i := range l.entries {
		e := &l.entries[i]
		ok, err := e.matches(x, nil)
		if err == nil && (!ok || e.known) {
			continue
		}
		var name string
		if err == nil {
			name, err = l.name(e, x, nil)
		}
		if e.failed = err != nil; e.failed { // the call will be refused: nothing is left
			continue
		}
		l.charges = append(l.charges, e.quota.charge(name, e.quota.span(now), 0))
		l.asked = append(l.asked, i)
	}
	if len(l.charges) == 0 {
		return
	}
	states, err := m.counters.Read(x.Context(), l.charges)
	if err != nil {
		m.log.Warn().Err(err).Msg("what callers have used cannot be read; rules see their budgets as used up")
		return
	}
	for i := range min(len(l.asked), len(states)) {
		e := &l.entries[l.asked[i]]
		e.state, e.known, e.last = states[i], true, e.quota.span(now)
	}
}

// CountsModels reports whether some quota of the caller depends on which model is called or on what it costs.
func (m *Meter) CountsModels(x *engine.Exchange) bool {
	l := m.ledger(x)
	if l == nil {
		return false
	}
	for i := range l.entries {
		if q := l.entries[i].quota; q.byModel || q.unit == unitUSD || q.unit == unitTokens {
			return true
		}
	}
	return false
}
