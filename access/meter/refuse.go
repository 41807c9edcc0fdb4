package meter

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"weir/access/counter"
	"weir/engine"
)

// refusal is what the client is told of the charge that was refused: whose limit it is by name, what is left, and when
// something comes back.
func refusal(h *hold, i int, now time.Time) error {
	q, amount := h.quotas[i], h.reservation.Charges[i].Amount
	var s counter.State
	if i < len(h.reservation.States) {
		s = h.reservation.States[i]
	}
	p := q.span(now)
	e := &engine.Error{Code: engine.CodeRateLimited, Status: q.def.Status}
	if q.role == roleBudget {
		e.Code = engine.CodeBudgetExceeded
	}
	left := q.left(s)
	var b strings.Builder
	b.WriteString(q.described())
	switch {
	case q.unit == unitConcurrent:
		fmt.Fprintf(&b, " is reached: %s", q.amountText(q.limit))
		e.RetryAfter = time.Second // a call in flight may end at any moment
	case amount > q.limit && !h.reservation.Charges[i].Spill:
		fmt.Fprintf(&b, " is smaller than this call: it may use %s of %s", q.amountText(amount), q.amountText(q.limit))
	case left > 0:
		fmt.Fprintf(&b, " has %s left, and this call may use %s", q.amountText(left), q.amountText(amount))
		e.RetryAfter = resetIn(p, now)
	default:
		fmt.Fprintf(&b, " is used up: nothing of %s is left", q.amountText(q.limit))
		e.RetryAfter = resetIn(p, now)
	}
	if q.unit != unitConcurrent {
		b.WriteString(q.resetText(p, now))
	}
	e.Retryable = q.role == roleLimit && e.RetryAfter > 0
	if q.unit != unitConcurrent && h.inTheWay() {
		fmt.Fprintf(&b, "; calls under way hold %s of it until they are over", q.amountText(s.Reserved))
		e.RetryAfter, e.Retryable = time.Second, true
	}
	e.Message = b.String()
	return e
}

// described names a quota as clients know it.
func (q *quota) described() string {
	what := "limit"
	if q.role == roleBudget {
		what = "budget"
	}
	if q.def.Name == "" {
		return "a " + what + " of the gateway"
	}
	return what + " " + strconv.Quote(q.def.Name)
}

// resetText says when a window begins anew.
func (q *quota) resetText(p *span, now time.Time) string {
	switch {
	case p.reset == 0:
		return "; it does not begin anew"
	case q.window.frame == frameRolling:
		return "; what was used comes back " + rollingText(q.window.name) + " after it was"
	default:
		at := time.Unix(p.reset, 0)
		return fmt.Sprintf("; it begins anew at %s, in %s", at.UTC().Format(time.RFC3339), resetIn(p, now).Round(time.Second))
	}
}

func rollingText(window string) string {
	switch window {
	case "hour":
		return "an hour"
	case "day", "week", "month":
		return "a " + window
	default:
		return window
	}
}

// amountText writes an amount of a counter for people.
func (q *quota) amountText(n int64) string {
	switch q.unit {
	case unitUSD:
		return "$" + decimal(n)
	case unitTokens:
		return plural(n, "token")
	case unitRequests:
		return plural(n, "request")
	default:
		return plural(n, "call") + " at a time"
	}
}

func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.FormatInt(n, 10) + " " + word + "s"
}

// decimal writes billionths as a number with at least two decimals and no zeros behind them.
func decimal(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -max(n, -math.MaxInt64)
	}
	part := strconv.FormatInt(nano+n%nano, 10)[1:]
	part = part[:2] + strings.TrimRight(part[2:], "0")
	return sign + strconv.FormatInt(n/nano, 10) + "." + part
}
