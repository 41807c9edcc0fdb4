package meter

import (
	"reflect"
	"time"

	"weir/access/counter"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/limitheader"
	"weir/engine/price"
)

// perNano is how many of the units of price.USD make one of those of counters.
const perNano = int64(price.Dollar) / nano

// Reserve takes what a call may use from every budget and limit that it falls under, all of it or nothing.
func (m *Meter) Reserve(x *engine.Exchange, c *engine.Call) error {
	if err := m.journal.Err(); err != nil {
		return &engine.Error{
			Code: engine.CodeStoreUnavailable, Retryable: true, RetryAfter: storeRetry, Cause: err,
			Message: "usage cannot be recorded now, so no call is made: the gateway's disk takes no more of it",
		}
	}
	l := m.ledger(x)
	if l == nil || len(l.entries) == 0 {
		return nil
	}
	h := m.newHold()
	now := m.counters.Now()
	if err := m.charge(x, c, l, h, now); err != nil {
		m.freeHold(h)
		return err
	}
	if len(h.quotas) == 0 {
		m.freeHold(h)
		return nil
	}
	if err := m.take(x, h); err != nil {
		m.freeHold(h)
		return unavailable(x, err)
	}
	m.note(l, h, now)
	if i := h.reservation.Refused; i >= 0 {
		l.tell(x, now)
		err := refusal(h, i, now)
		m.freeHold(h)
		return err
	}
	l.counted = true
	c.Hold = h
	l.tell(x, now)
	m.warn(x, h, now)
	return nil
}

// storeRetry is when a client may try again where something of the gateway's own does not answer: soon after it is back.
const storeRetry = time.Second

// unavailable is what a client is told where the shared counters cannot be asked.
func unavailable(x *engine.Exchange, err error) error {
	if gone := x.Context().Err(); gone != nil {
		return engine.AsError(gone)
	}
	return &engine.Error{
		Code: engine.CodeStoreUnavailable, Retryable: true, RetryAfter: storeRetry, Cause: err,
		Message: "what callers have used cannot be read now, so no call is made",
	}
}

// charge collects the charges of a call.
func (m *Meter) charge(x *engine.Exchange, c *engine.Call, l *ledger, h *hold, now time.Time) error {
	for i := range l.entries {
		e := &l.entries[i]
		q := e.quota
		if q.unit == unitRequests && !q.byModel && l.counted {
			continue // attempts of one exchange are one request
		}
		ok, err := e.matches(x, c.Model)
		if err != nil {
			return m.failed(q, err)
		}
		if !ok {
			continue
		}
		amount, err := q.amount(c)
		if err != nil {
			return err
		}
		if amount == 0 {
			continue
		}
		name, err := l.name(e, x, c.Model)
		if err != nil {
			return m.failed(q, err)
		}
		h.reservation.Charges = append(h.reservation.Charges, q.charge(name, q.span(now), amount))
		h.quotas, h.at = append(h.quotas, q), append(h.at, i)
	}
	return nil
}

// failed is what a client is told where a quota cannot say whether it applies.
func (m *Meter) failed(q *quota, err error) error {
	m.log.Error().Str("quota", q.def.ID).Err(err).Msg("a budget or limit could not be evaluated; the call is refused")
	return &engine.Error{Code: engine.CodePolicyFailed, Message: "a budget or limit of the gateway could not be evaluated", Cause: err}
}

// amount is what a call may use of a quota; 0 = nothing, whatever happens. What is reserved otherwise is at least one
// unit, so that nothing passes where all is used up.
func (q *quota) amount(c *engine.Call) (int64, error) {
	switch q.unit {
	case unitTokens:
		return max(c.Estimate.Input+c.Estimate.Output, 1), nil
	case unitUSD:
		if c.EstimatedCost.Known {
			if c.EstimatedCost.USD == 0 && free(&c.Model.Pricing) {
				return 0, nil
			}
			return max(inNano(c.EstimatedCost.USD), 1), nil
		}
		return 0, &engine.Error{
			Code:    engine.CodePriceUnknown,
			Message: "the price of model " + c.Model.ID + " is not known, and " + q.described() + " is in USD",
		}
	default:
		return 1, nil
	}
}

// inNano rounds up, so that many small calls are not free.
func inNano(u price.USD) int64 {
	n := int64(u) / perNano
	if int64(u)%perNano > 0 {
		n++
	}
	return n
}

// free reports whether a model costs nothing, whatever is used of it: input and output are free, and nothing else has a
// price. It is asked only where an estimate is zero.
func free(p *catalog.Pricing) bool {
	return p.Input != nil && p.Output != nil && noPrice(reflect.ValueOf(p).Elem())
}

// noPrice reports whether every number in a price list, and in the lists within, is zero.
func noPrice(v reflect.Value) bool {
	for _, f := range v.Fields() {
		switch {
		case f.Kind() == reflect.Pointer && f.IsNil():
		case f.Kind() == reflect.Pointer && f.Elem().Kind() == reflect.Float64:
			if f.Elem().Float() != 0 {
				return false
			}
		case f.Kind() == reflect.Pointer && f.Elem().Kind() == reflect.Struct:
			if !noPrice(f.Elem()) {
				return false
			}
		case f.Kind() == reflect.Struct:
			if !noPrice(f) {
				return false
			}
		case f.Kind() == reflect.Int64: // from how many tokens on a list holds
		default:
			return false
		}
	}
	return true
}

// note keeps what the reservation found, for headers and views.
func (m *Meter) note(l *ledger, h *hold, now time.Time) {
	states := h.reservation.States
	for i := range min(len(h.at), len(states)) {
		e := &l.entries[h.at[i]]
		e.state, e.known, e.last = states[i], true, e.quota.span(now)
	}
	l.viewed = false
}

// tell writes the fields of limits that clients read.
func (l *ledger) tell(x *engine.Exchange, now time.Time) {
	l.states = l.states[:0]
	for i := range l.entries {
		e := &l.entries[i]
		if q := e.quota; e.known && q.role == roleLimit {
			l.states = append(l.states, limitheader.State{
				Limit: &q.header, Remaining: uint64(q.left(e.state)), Reset: resetIn(e.last, now), //nolint:gosec // not negative
			})
		}
	}
	l.buf = limitheader.Set(x, l.states, l.buf)
}

// left is what a counter still lets through.
func (q *quota) left(s counter.State) int64 { return max(q.limit-s.Used-s.Reserved, 0) }

// resetIn is how long it is until something of a window is free again, 0 = never.
func resetIn(p *span, now time.Time) time.Duration {
	if p.reset == 0 {
		return 0
	}
	return max(time.Unix(p.reset, 0).Sub(now), time.Second)
}
