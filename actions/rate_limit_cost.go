package actions

import (
	"fmt"
	"math"
	"strings"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

// rateUnit is what a limit counts, as far as headers have names for it.
type rateUnit uint8

const (
	unitRequests rateUnit = iota
	unitTokens
	unitOther
)

func (u rateUnit) words() string {
	switch u {
	case unitRequests:
		return " requests"
	case unitTokens:
		return " tokens"
	default:
		return ""
	}
}

// rateCost is what one request counts.
type rateCost struct {
	expression *expr.Expression
	late       bool // it reads what is known when the answer has ended
	tokens     bool
}

func newRateCost(c *engine.Config) *rateCost {
	n := c.Node("cost")
	if n == nil || n.Kind != engine.NodeScalar {
		return nil
	}
	cost := &rateCost{}
	if _, diags := c.Env.Value(c.Phase, n.Text); diags.HasErrors() {
		// What cannot be known yet may be known at the end.
		cost.late = true
		here := c.Phase
		c.Phase = vars.PhaseResponse
		defer func() { c.Phase = here }()
	}
	if cost.expression = c.CompileExpression(n); cost.expression == nil {
		return nil
	}
	if t, ok := c.Env.TypeOf(n.Text.Value, nil); ok {
		switch t.String() {
		case "int", "uint", "double", "any":
		default:
			c.Errorf(n, "type_mismatch", "\"cost\" must give a number, got %s", t)
		}
	}
	reads := cost.expression.Reads()
	for _, v := range vars.All() {
		cost.tokens = cost.tokens || strings.HasSuffix(v.Path, "_tokens") && reads.Has(v.ID)
	}
	return cost
}

func (r *rateCost) unit() rateUnit {
	switch {
	case r == nil:
		return unitRequests
	case r.tokens:
		return unitTokens
	default:
		return unitOther
	}
}

// of evaluates the cost; parts of a unit count as a whole one.
func (r *rateCost) of(x *engine.Exchange) (uint64, error) {
	v, err := r.expression.Value(x)
	if err != nil {
		return 0, fmt.Errorf("cost: %w", err)
	}
	var f float64
	switch v := v.(type) {
	case int64:
		if v >= 0 {
			return uint64(v), nil
		}
		f = float64(v)
	case float64:
		f = math.Ceil(v)
	default:
		return 0, fmt.Errorf("cost: a number is wanted, got %T", v)
	}
	if !(f >= 0 && f <= math.MaxInt64/2) { // also what is no number
		return 0, fmt.Errorf("cost: %v cannot be counted", v)
	}
	return uint64(f), nil
}

// settled is the cost of an exchange that is over. It can no longer be refused: a cost that cannot be told counts 1 and is
// in the log.
func (r *rateCost) settled(x *engine.Exchange, name string) uint64 {
	cost, err := r.of(x)
	if err != nil {
		x.AddLog("rate_limit_error", fmt.Sprintf("rate-limit %q: %v", name, err))
		return 1
	}
	return cost
}
