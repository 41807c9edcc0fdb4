package engine

import (
	"net/url"
	"strings"

	"weir/engine/price"
	"weir/engine/vars"
)

// billionths is how many of the units of LimitView's amounts in USD make a dollar.
const billionths = 1e9

// meterView is what the meter knows of the caller; empty without a meter.
func (x *Exchange) meterView() MeterView {
	if x.plan == nil || x.plan.rt.meter == nil {
		return MeterView{}
	}
	return x.plan.rt.meter.View(x)
}

func budgetReader(read func(*MeterView) price.USD) func(*Exchange) vars.Value {
	return func(x *Exchange) vars.Value {
		v := x.meterView()
		if !v.HasBudget {
			return vars.Null()
		}
		return vars.Double(dollars(read(&v)))
	}
}

func dollars(u price.USD) float64 { return float64(u) / float64(price.Dollar) }

func (x *Exchange) budgetPercent() vars.Value {
	v := x.meterView()
	switch {
	case !v.HasBudget:
		return vars.Double(0)
	case v.Limit <= 0: // nothing of nothing is left
		return vars.Double(100)
	}
	return vars.Double(float64(v.Spent) / float64(v.Limit) * 100)
}

// limitList is caller.limits.
func (x *Exchange) limitList() vars.Value {
	v := x.meterView()
	out := make([]any, len(v.Limits))
	for i := range v.Limits {
		l := &v.Limits[i]
		amount := func(n int64) any {
			if l.Unit == "usd" {
				return float64(n) / billionths
			}
			return n
		}
		out[i] = map[string]any{
			"name": l.Name, "unit": l.Unit, "window": l.Window, "limit": amount(l.Limit), "used": amount(l.Used),
			"remaining": amount(max(l.Limit-l.Used, 0)), "reset_seconds": l.ResetSeconds,
		}
	}
	return vars.Dyn(out)
}

// presentedKey is the one credential of the request, wherever clients of the APIs put it; "" where there is none. A request
// with two different ones has been refused already, but for what a rule added since.
func (x *Exchange) presentedKey() (string, error) {
	found := ""
	take := func(value string) error {
		switch {
		case value == "" || value == found:
		case found == "":
			found = value
		default:
			return Errorf(CodeBadRequest, "the request carries more than one credential")
		}
		return nil
	}
	for _, f := range x.Request.Headers {
		if isCredentialField(f.Name) {
			if err := take(bearerValue(f.Value)); err != nil {
				return "", err
			}
		}
	}
	if x.Request.Query == "" {
		return found, nil
	}
	for pair := range strings.SplitSeq(x.Request.Query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err != nil || !strings.EqualFold(name, "key") {
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil {
			return "", Errorf(CodeBadRequest, "the query cannot be read")
		}
		if err := take(value); err != nil {
			return "", err
		}
	}
	return found, nil
}
