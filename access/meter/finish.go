package meter

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"weir/access/store"
	"weir/engine"
	"weir/engine/price"
)

// Finish records the calls of an exchange, one row an attempt, and lets go of what was kept of it.
func (m *Meter) Finish(x *engine.Exchange) { m.finish(x, x.Calls(), x.Attempts()) }

func (m *Meter) finish(x *engine.Exchange, calls []engine.Call, attempts []engine.Attempt) {
	n := min(len(calls), len(attempts))
	kept, ok := m.rows.Get().(*[]store.Usage)
	if !ok {
		kept = new([]store.Usage)
	}
	rows := (*kept)[:0]
	common := m.common(x)
	for i := range calls {
		h, ok := calls[i].Hold.(*hold)
		if ok && !h.settled {
			m.Settle(x, &calls[i])
		}
		if i < n {
			rows = append(rows, row(&common, x, &calls[i], &attempts[i], i == n-1))
			end := endOf(x, &attempts[i])
			if ok {
				end = h.end
			}
			if end == endCut && !calls[i].Usage.Known && calls[i].Estimate.Input+calls[i].Estimate.Seconds > 0 {
				assume(&rows[i], &calls[i])
			}
			if ok {
				rows[i].Spend = h.spent()
				rows[i].Estimated = rows[i].Estimated || h.estimated
			}
		}
		if ok {
			calls[i].Hold = nil
			m.freeHold(h)
		}
	}
	m.freeLedger(x)
	if len(rows) > 0 {
		if err := m.journal.Append(rows...); err != nil {
			m.log.Error().Err(err).Str("request_id", common.RequestID).Msg("usage is in memory only; no call is made until it can be written")
		}
	}
	clear(rows)
	*kept = rows[:0]
	m.rows.Put(kept)
}

// freeLedger lets go of what is known of an exchange.
func (m *Meter) freeLedger(x *engine.Exchange) {
	if l, ok := x.Metered().(*ledger); ok {
		x.SetMetered(nil)
		l.reset()
		m.ledgers.Put(l)
	}
}

// spent is what a call adds to the counters that must not be lost.
func (h *hold) spent() []store.Spend {
	n := 0
	for i, q := range h.quotas {
		if q.durable && h.actual[i] > 0 {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make([]store.Spend, 0, n)
	for i, q := range h.quotas {
		if c := &h.reservation.Charges[i]; q.durable && h.actual[i] > 0 {
			out = append(out, store.Spend{Counter: c.Counter, Slot: c.Slot, Amount: h.actual[i], Expires: c.Expires})
		}
	}
	return out
}

// common is what all rows of an exchange have. Its strings are the exchange's own.
func (m *Meter) common(x *engine.Exchange) store.Usage {
	u := store.Usage{
		RequestID: x.Request.ID, AccessKeyID: keyOf(&x.Caller), TeamID: x.Caller.TeamID, API: x.Request.API.String(), Streaming: x.Streaming(),
	}
	if u.AccessKeyID == "" && x.Caller.ID != "" {
		u.CallerID = x.Caller.Kind + ":" + x.Caller.ID
	}
	if tags := x.Tags(); len(tags) > 0 {
		if b, err := json.Marshal(tags); err == nil {
			u.Tags = string(b)
		}
	}
	return u
}

// row is one attempt. Its strings are copies: the exchange's own do not outlive it.
func row(common *store.Usage, x *engine.Exchange, c *engine.Call, a *engine.Attempt, last bool) store.Usage {
	u := *common
	u.Time = a.Started.UTC()
	u.Provider, u.Model = a.Provider, a.Model
	u.Attempt, u.Final = a.Number, last
	u.Status, u.Code = a.Status, string(a.Code)
	u.LatencyMS = a.Elapsed.Milliseconds()
	if a.FirstToken > 0 {
		u.FirstTokenMS = max(a.FirstToken.Milliseconds(), 1)
	}
	if c.Answered && last {
		answered(&u, x, a)
	}
	u.TimedOut = u.Code == string(engine.CodeUpstreamTimeout) || u.Code == string(engine.CodeTotalTimeout)
	if c.Usage.Known {
		u.UsageKnown, u.Estimated = true, c.Usage.Estimated
		u.Input, u.Output = c.Usage.Input, c.Usage.Output
		u.CacheRead, u.CacheWrite, u.Reasoning = c.Usage.CacheRead, c.Usage.CacheWrite, c.Usage.Reasoning
	}
	if c.Cost.Known {
		u.CostKnown, u.Cost = true, int64(c.Cost.USD)
	}
	u.KeySource, u.ProviderKeyID = sourceText(c.KeySource), c.KeyID
	own(&u, strconv.Itoa(a.Number))
	return u
}

// own puts copies in the place of what a row has of its exchange, cut from one string, and makes its id.
func own(u *store.Usage, number string) {
	const dash = "-"
	texts := [...]*string{&u.AccessKeyID, &u.TeamID, &u.Provider, &u.Model, &u.StopReason, &u.ProviderKeyID}
	id := len(u.RequestID) + len(dash) + len(number)
	size := id
	for _, t := range texts {
		size += len(*t)
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString(u.RequestID)
	b.WriteString(dash)
	b.WriteString(number)
	for _, t := range texts {
		b.WriteString(*t)
	}
	all := b.String()
	u.ID, u.RequestID = all[:id], all[:len(u.RequestID)]
	all = all[id:]
	for _, t := range texts {
		*t, all = all[:len(*t)], all[len(*t):]
	}
	if u.AccessKeyID != "" {
		u.CallerID = u.AccessKeyID
	}
}

// assume gives the row of a call that was broken off what it counts as: its input. The record says the same as the budgets.
func assume(u *store.Usage, c *engine.Call) {
	input := c.Sent()
	u.UsageKnown, u.Estimated, u.Input = true, true, input.Input
	if cost := price.Of(&c.Model.Pricing, &input); cost.Known {
		u.CostKnown, u.Cost = true, int64(cost.USD)
	}
}

// answered adds what is known of the attempt whose answer the client got: how it ended, which a stream does later than
// its attempt.
func answered(u *store.Usage, x *engine.Exchange, a *engine.Attempt) {
	u.StopReason = x.FinishReason()
	if failure := x.Failure(); failure != nil && u.Code == "" {
		u.Code = string(failure.Code)
	}
	if u.Streaming {
		u.LatencyMS = time.Since(a.Started).Milliseconds()
	}
}

func sourceText(s engine.KeySource) string {
	switch s {
	case engine.KeySourceGateway:
		return "gateway"
	case engine.KeySourceUser:
		return "user"
	case engine.KeySourceClient:
		return "client"
	default:
		return "none"
	}
}
