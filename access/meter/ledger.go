package meter

import (
	"weir/access/counter"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/limitheader"
)

// ledger is what the meter knows of an exchange as a whole.
type ledger struct {
	set     *set
	caller  string // and its kind and team: who the entries are for
	kind    string
	team    string
	entries []entry
	counted bool // among the requests of the quotas that do not look at the model
	buf     []byte
	states  []limitheader.State
	charges []counter.Charge
	asked   []int // the entries of charges
	viewed  bool
	view    engine.MeterView
}

// entry is a quota that may apply to the exchange.
type entry struct {
	quota   *quota
	applies answer // of quotas that do not look at the model
	counter string // of those, once it was needed
	known   bool   // state holds
	state   counter.State
	last    *span // that state belongs to
	failed  bool  // it could not be asked for a view
}

// answer is whether a quota applies, once it was asked.
type answer uint8

const (
	unasked answer = iota
	yes
	no
)

// ledger finds what is kept of the exchange, or begins. It is nil where no quota may apply.
func (m *Meter) ledger(x *engine.Exchange) *ledger {
	l, ok := x.Metered().(*ledger)
	if ok && l.caller == x.Caller.ID && l.kind == x.Caller.Kind && l.team == x.Caller.TeamID {
		return l
	}
	s := m.current()
	if !ok {
		if len(s.organisation)+len(s.teams)+len(s.keys) == 0 {
			return nil
		}
		if l, ok = m.ledgers.Get().(*ledger); !ok {
			l = &ledger{}
		}
	}
	counted := l.counted
	l.reset()
	l.set, l.caller, l.kind, l.team, l.counted = s, x.Caller.ID, x.Caller.Kind, x.Caller.TeamID, counted
	l.entries = s.collect(l.entries, &x.Caller)
	x.SetMetered(l)
	return l
}

func (l *ledger) reset() {
	clear(l.entries)
	clear(l.states)
	clear(l.charges)
	l.entries, l.buf, l.states, l.charges, l.asked = l.entries[:0], l.buf[:0], l.states[:0], l.charges[:0], l.asked[:0]
	l.set, l.caller, l.kind, l.team, l.counted = nil, "", "", "", false
	if l.viewed {
		l.viewed, l.view = false, engine.MeterView{Limits: l.view.Limits[:0]}
	}
}

// matches asks an entry about a call, with a nil model only about what holds for any.
func (e *entry) matches(x *engine.Exchange, m *catalog.Model) (bool, error) {
	q := e.quota
	if q.broken != nil {
		return false, q.broken
	}
	if q.byModel && m == nil {
		return false, nil
	}
	if q.when.model != nil {
		return q.applies(x, m)
	}
	if e.applies == unasked {
		ok, err := q.applies(x, m)
		if err != nil {
			return false, err
		}
		e.applies = no
		if ok {
			e.applies = yes
		}
	}
	return e.applies == yes, nil
}

// name is the counter of an entry for a call.
func (l *ledger) name(e *entry, x *engine.Exchange, m *catalog.Model) (string, error) {
	q := e.quota
	if q.fixed {
		return q.counter, nil
	}
	if e.counter != "" {
		return e.counter, nil
	}
	var err error
	if l.buf, err = q.appendName(l.buf[:0], x, m); err != nil {
		return "", err
	}
	name := l.set.names.keep(l.buf)
	if !q.byModel {
		e.counter = name
	}
	return name, nil
}

// charge is what an entry takes for an amount, within a span of its window.
func (q *quota) charge(name string, p *span, amount int64) counter.Charge {
	return counter.Charge{
		Counter: name, Limit: q.limit, Amount: amount, Slot: p.slot, Oldest: p.oldest, Expires: p.expires,
		Concurrent: q.unit == unitConcurrent, Durable: q.durable,
		Spill: q.role == roleBudget && (q.unit == unitUSD || q.unit == unitTokens),
	}
}
