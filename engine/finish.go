package engine

import (
	"runtime/debug"
	"strconv"
	"time"

	"weir/engine/price"
	"weir/engine/wire"
)

// answered writes what the client may know of the route into the answer's fields.
func (x *Exchange) answered(t target) {
	x.chosen = t.model
	if x.plan.rt.hideRouting {
		return
	}
	h := &x.Reply.Headers
	h.Add("x-weir-provider", t.model.provider.id)
	h.Add("x-weir-model", headerSafe(t.model.cat.ID))
	h.Add("x-weir-attempts", strconv.Itoa(len(x.attempts)))
	if x.Reply.Stream == nil && x.Request.Operation == OpCreate { // what a stream costs is known behind its head
		h.Add("x-weir-cost-usd", x.costHeader())
	}
}

// unknownCost is told where no price, or no usage, is known: it is never zero then.
const unknownCost = "unknown"

func (x *Exchange) costHeader() string {
	c := price.Of(&x.chosen.cat.Pricing, &x.usage)
	if !c.Known {
		return unknownCost
	}
	return view(c.USD.AppendText(x.costText[:0]))
}

// headerSafe keeps a client's own model name from breaking a header.
func headerSafe(s string) string {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return strconv.QuoteToASCII(s)
		}
	}
	return s
}

func (x *Exchange) resetReply() {
	x.Reply = Reply{Headers: x.Reply.Headers[:0]}
}

func (r *Request) isList() bool { return r.API == wire.Models }

// gatewayTime is what the exchange spent outside the providers.
func (x *Exchange) gatewayTime() time.Duration {
	spent := x.total
	if spent == 0 {
		spent = time.Since(x.started)
	}
	for i := range x.attempts {
		spent -= x.attempts[i].Elapsed
	}
	return max(spent, 0)
}

// answeredBy is the model whose answer the client got, nil where there was none.
func (x *Exchange) answeredBy() *model {
	if x.current == nil || x.current.Code != "" {
		return nil
	}
	return x.chosen
}

// Finish ends the exchange after its last byte was written or writing failed: what is left open is closed and counted.
// It is called once.
func (x *Exchange) Finish() {
	if x.finished {
		return
	}
	x.finished = true
	if !x.started.IsZero() {
		x.total = time.Since(x.started)
	}
	if x.Reply.Stream != nil {
		_ = x.Reply.Stream.Close() // a relay has nothing to say on closing
	}
	x.recordStream()
	x.endMeter()
	for _, f := range x.ends {
		x.atEnd(f)
	}
	if x.plan == nil || x.current == nil {
		return
	}
	if m := x.answeredBy(); m != nil {
		now := x.plan.rt.clock(x.started.Add(x.total))
		spent := x.gatewayTime().Milliseconds()
		for _, s := range x.statsOf(m) {
			if s == nil {
				continue
			}
			s.gateway.add(now, spent)
			s.input.Add(x.usage.Input)
			s.output.Add(x.usage.Output)
			if x.estimate > 0 {
				s.estimated.Add(x.estimate)
			}
		}
	}
}

// atEnd keeps a panic of what runs at the end from everything behind it: the rows of usage above all.
func (x *Exchange) atEnd(f func(*Exchange)) {
	defer func() {
		if r := recover(); r != nil {
			x.plan.rt.log.Error().Str("id", x.Request.ID).Msgf("panic at the end of an exchange: %v\n%s", r, debug.Stack())
		}
	}()
	f(x)
}

// Failure is what the client was told went wrong, nil where nothing did.
func (x *Exchange) Failure() *Error { return x.failed }
