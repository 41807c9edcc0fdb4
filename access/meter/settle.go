package meter

import (
	"net/http"

	"weir/engine"
	"weir/engine/price"
)

// Settle gives back what a call reserved and counts what it used. A call is settled once, whatever comes after.
//
// What it counts where nobody knows what was used:
//   - A call that failed gives money and tokens back; it stays one request.
//   - A call that was sent and then broken off - its client hung up, a rule or a revoked key ended it, time ran out, the
//     answer ended early - has cost its input, which is counted as estimated.
//   - An answer without usage or without a price for something in it counts what was reserved: it is never free, and not
//     for those either who hang up before its last byte.
func (m *Meter) Settle(x *engine.Exchange, c *engine.Call) {
	h, ok := c.Hold.(*hold)
	if !ok || h.settled {
		return
	}
	m.settle(h, c, endOf(x, attemptOf(x, c)))
	m.warnSettled(h)
}

func (m *Meter) settle(h *hold, c *engine.Call, e ending) {
	h.settled, h.end = true, e
	h.actual = h.actual[:0]
	for i, q := range h.quotas {
		n, estimated := q.used(c, e, h.reservation.Charges[i].Amount)
		h.actual = append(h.actual, n)
		h.estimated = h.estimated || estimated
	}
	m.counters.Settle(&h.reservation, h.actual)
}

// ending is how a call ended, as far as it matters for what it cost.
type ending uint8

const (
	endUnsent   ending = iota // it never came to a call
	endFailed                 // the provider gave nothing for it
	endCut                    // it was sent, and broken off
	endAnswered               // the provider answered
)

// attemptOf is the attempt that a call was made by, nil where it came to none.
func attemptOf(x *engine.Exchange, c *engine.Call) *engine.Attempt {
	calls, attempts := x.Calls(), x.Attempts()
	for i := len(calls) - 1; i >= 0; i-- {
		if &calls[i] == c && i < len(attempts) {
			return &attempts[i]
		}
	}
	return nil
}

// endOf sorts the end of an attempt. What passed of a stream that ended early is in its usage. Where nobody can tell how
// much that was, as of speech, and where an answer was whole when its client hung up, all of it was made and is paid for.
func endOf(x *engine.Exchange, a *engine.Attempt) ending {
	switch {
	case a == nil:
		return endUnsent
	case a.Code == "", a.Cut && a.Status == http.StatusOK && !x.Streaming():
		return endAnswered
	case a.Status >= http.StatusMultipleChoices:
		return endFailed
	case a.Status != 0, a.Cut, cutsOff(a.Code):
		return endCut
	default:
		return endFailed
	}
}

// cutsOff reports whether a code means that a call was broken off while somebody may have worked on it.
func cutsOff(code engine.Code) bool {
	switch code {
	case engine.CodeClientGone, engine.CodeUpstreamTimeout, engine.CodeTotalTimeout, engine.CodeStreamCut,
		engine.CodeDraining, engine.CodeConnectionClosed:
		return true
	default:
		return false
	}
}

// used is what a call has used of a quota, and whether that is an estimate.
func (q *quota) used(c *engine.Call, e ending, reserved int64) (n int64, estimated bool) {
	switch q.unit {
	case unitConcurrent:
		return 0, false
	case unitRequests:
		if e == endUnsent {
			return 0, false
		}
		return 1, false
	case unitTokens:
		return usedTokens(c, e, reserved)
	default:
		return usedMoney(c, e, reserved)
	}
}

func usedTokens(c *engine.Call, e ending, reserved int64) (n int64, estimated bool) {
	switch {
	case c.Usage.Known:
		return max(c.Usage.Input+c.Usage.Output, 0), false // both with what caches and reasoning took
	case e == endAnswered:
		return reserved, true
	case e == endCut:
		return max(c.Estimate.Input, 0), true
	default:
		return 0, false
	}
}

func usedMoney(c *engine.Call, e ending, reserved int64) (n int64, estimated bool) {
	switch {
	case c.Cost.Known:
		return max(inNano(c.Cost.USD), 0), false
	case c.Usage.Known, e == endAnswered:
		return reserved, true
	case e == endCut:
		input := c.Sent()
		if cost := price.Of(&c.Model.Pricing, &input); cost.Known {
			return max(inNano(cost.USD), 0), true
		}
		return reserved, true
	default:
		return 0, false
	}
}
