package meter

import (
	"strconv"
	"time"

	"weir/engine"
	"weir/engine/limitheader"
)

// warningHeader tells clients of budgets that are used up so far that their owners want to know.
const warningHeader = "x-weir-budget-warning"

// warn tells the client, and who else wants to know, of what is used already as the call begins.
func (m *Meter) warn(x *engine.Exchange, h *hold, now time.Time) {
	var header []byte
	for i, q := range h.quotas {
		if len(q.def.WarnAt) == 0 || i >= len(h.reservation.States) {
			continue
		}
		used := q.visible(h.reservation.States[i])
		at := q.crossed(used)
		if at == 0 {
			continue
		}
		if len(header) > 0 {
			header = append(header, ", "...)
		}
		header = q.appendWarning(header, used, now)
		m.warnings.cross(q, &h.reservation.Charges[i], at, used, now)
	}
	if len(header) > 0 {
		x.SetReplyHeader(warningHeader, string(header))
	}
}

// warnSettled tells who wants to know of what is used now that a call is over. Its client has its answer by then.
func (m *Meter) warnSettled(h *hold) {
	for i, q := range h.quotas {
		if len(q.def.WarnAt) == 0 || q.unit == unitConcurrent || i >= len(h.reservation.States) {
			continue
		}
		used := h.reservation.States[i].Used + h.actual[i] // at least: others may have ended meanwhile
		if at := q.crossed(used); at > 0 {
			m.warnings.cross(q, &h.reservation.Charges[i], at, used, m.counters.Now())
		}
	}
}

// crossed is the highest percentage to warn at that is reached, 0 = none.
func (q *quota) crossed(used int64) int {
	p, at := q.percent(used), 0
	for _, w := range q.def.WarnAt {
		if int64(w) <= p {
			at = max(at, w)
		}
	}
	return at
}

// percent is how much of the limit is used, rounded down.
func (q *quota) percent(used int64) int64 {
	switch {
	case q.limit <= 0:
		return 100
	case q.limit > 1<<40: // no difference is seen, and nothing overflows
		return used / (q.limit / 100)
	default:
		return min(used, 1<<50) * 100 / q.limit
	}
}

// appendWarning writes a member of the header: the name as a string, and parameters.
func (q *quota) appendWarning(b []byte, used int64, now time.Time) []byte {
	b = append(b, limitheader.QuoteName(q.name())...)
	b = append(b, ";used="...)
	b = strconv.AppendInt(b, q.percent(used), 10)
	b = append(b, `;limit="`...)
	b = append(b, q.def.Limit...)
	b = append(b, `";unit=`...)
	b = append(b, q.def.Unit...)
	if p := q.span(now); p.reset > 0 {
		b = append(b, ";t="...)
		b = strconv.AppendInt(b, int64(resetIn(p, now)/time.Second), 10)
	}
	return b
}
