package meter

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"weir/access"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/expr"
	"weir/engine/limitheader"
)

// nano is how many of the units that money is counted in make a dollar.
const nano = 1_000_000_000

// unit is what a quota counts.
type unit uint8

const (
	unitUSD unit = iota
	unitTokens
	unitRequests
	unitConcurrent
)

// role says whether a quota is a budget or a limit.
type role uint8

const (
	roleBudget role = iota
	roleLimit
)

// quota is a budget or a limit, made ready.
type quota struct {
	def     *access.Quota
	role    role
	unit    unit
	limit   int64 // in the unit of counters
	window  window
	when    condition
	per     []part
	byModel bool   // whether it applies, or which of its counters, depends on the model
	counter string // the name of its counters, in front of the values of per
	fixed   bool   // it has one counter
	durable bool
	header  limitheader.Limit
	broken  error // why calls in its scope are refused
	now     atomic.Pointer[span]
	values  values // of expressions in per
}

// condition is the compiled when of a quota: of the request alone, of request and model, or none.
type condition struct {
	request *expr.Predicate
	model   *expr.ModelPredicate
}

// span is the window of the quota that a time lies in. It is computed once a window, not for each call.
func (q *quota) span(now time.Time) *span {
	s := now.Unix()
	if p := q.now.Load(); p != nil && (p.until == 0 || s >= p.from && s < p.until) {
		return p
	}
	p := new(span)
	*p = q.window.at(now)
	q.now.Store(p)
	return p
}

// applies reports whether a call is one that the quota counts. A nil model leaves out what depends on one.
func (q *quota) applies(x *engine.Exchange, m *catalog.Model) (bool, error) {
	var ok bool
	var err error
	switch {
	case q.when.request != nil:
		ok, err = q.when.request.Match(x)
	case q.when.model == nil:
		return true, nil
	case m == nil:
		return false, nil
	default:
		ok, err = q.when.model.Match(x, m)
	}
	if err != nil {
		return false, fmt.Errorf("evaluating when of %s: %w", q.def.ID, err)
	}
	return ok, nil
}

// newQuota makes a quota ready. One that cannot be is broken: it refuses what it would have counted.
func (c *compiler) newQuota(def *access.Quota, r role) *quota {
	q := &quota{def: def, role: r}
	if err := c.fill(q); err != nil {
		q.broken = err
	}
	return q
}

func (c *compiler) fill(q *quota) error {
	def := q.def
	switch def.Unit {
	case access.UnitUSD:
		q.unit = unitUSD
	case access.UnitTokens:
		q.unit = unitTokens
	case access.UnitRequests:
		q.unit = unitRequests
	case access.UnitConcurrent:
		q.unit = unitConcurrent
	default:
		return fmt.Errorf("there is no unit %q", def.Unit)
	}
	var err error
	if q.limit, err = parseLimit(def.Limit, q.unit); err != nil {
		return err
	}
	if q.unit != unitConcurrent {
		if q.window, err = newWindow(def.Window, def.Rolling, def.Timezone); err != nil {
			return err
		}
		q.durable = q.window.durable()
	}
	if q.when, err = c.when(def.When); err != nil {
		return fmt.Errorf("when: %w", err)
	}
	if q.per, err = c.parts(def.Per); err != nil {
		return err
	}
	q.byModel = q.when.model != nil
	for i := range q.per {
		q.byModel = q.byModel || q.per[i].kind == perModel || q.per[i].kind == perProvider
	}
	q.fixed = len(q.per) == 0
	q.counter = counterOf(def)
	q.header = limitheader.New(q.name(), uint64(max(q.limit, 0)), q.window.duration, headerUnit(q.unit))
	return nil
}

func headerUnit(u unit) limitheader.Unit {
	switch u {
	case unitTokens:
		return limitheader.Tokens
	case unitRequests:
		return limitheader.Requests
	case unitConcurrent:
		return limitheader.Concurrent
	default:
		return limitheader.Cost
	}
}

// name is what clients are told of.
func (q *quota) name() string {
	switch {
	case q.def.Name != "":
		return q.def.Name
	case q.role == roleBudget:
		return "budget"
	default:
		return "limit"
	}
}

// counterOf is the name of the counters of a quota, up to the values of per.
func counterOf(def *access.Quota) string { return def.ID + "." + fingerprint(def) }

// fingerprint is of what makes a quota count anew when it changes. Its limit does not: what was used stays used.
func fingerprint(def *access.Quota) string {
	h := fnv.New32a()
	for _, s := range append([]string{
		def.Unit, def.Window, strconv.FormatBool(def.Rolling), def.Timezone, def.TeamID, def.AccessKeyID,
	}, def.Per...) {
		_, _ = h.Write([]byte(s)) // a hash takes everything
		_, _ = h.Write([]byte{0}) // the same
	}
	return strconv.FormatUint(uint64(h.Sum32()), 36)
}

var errLimit = errors.New("limit: a decimal number is needed, whole but for USD with at most nine decimals")

// parseLimit reads the limit of a quota into the unit of its counters.
func parseLimit(text string, u unit) (int64, error) {
	whole, decimals, dotted := strings.Cut(text, ".")
	if dotted && (u != unitUSD || decimals == "") || len(decimals) > 9 {
		return 0, errLimit
	}
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil {
		return 0, errLimit
	}
	if u != unitUSD {
		return int64(n), nil
	}
	var part uint64
	if decimals != "" {
		if part, err = strconv.ParseUint((decimals + "000000000")[:9], 10, 63); err != nil {
			return 0, errLimit
		}
	}
	if n > (math.MaxInt64-nano)/nano {
		return 0, errors.New("limit: at most 9 thousand million dollars can be counted")
	}
	return int64(n*nano + part), nil //nolint:gosec // checked above
}
