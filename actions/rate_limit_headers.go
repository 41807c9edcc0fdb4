package actions

import (
	"time"

	"weir/engine"
	"weir/engine/limitheader"
)

// rateHeaders are the fields that tell clients of a limit.
type rateHeaders struct{ limit limitheader.Limit }

func newRateHeaders(name string, capacity uint64, length time.Duration, unit rateUnit) rateHeaders {
	counts := limitheader.Cost
	switch unit {
	case unitRequests:
		counts = limitheader.Requests
	case unitTokens:
		counts = limitheader.Tokens
	case unitOther:
	}
	return rateHeaders{limit: limitheader.New(name, capacity, length, counts)}
}

// tell adds the fields to whatever the answer will be.
func (h *rateHeaders) tell(x *engine.Exchange, got *admittance) {
	limitheader.Add(x, &limitheader.State{Limit: &h.limit, Remaining: got.remaining, Reset: got.reset})
}
