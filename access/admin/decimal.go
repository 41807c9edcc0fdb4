package admin

import (
	"math/big"
	"strconv"
	"strings"
)

const (
	billion  = 1_000_000_000     // parts of a dollar that counters count
	trillion = 1_000_000_000_000 // parts of a dollar that usage counts
)

// decimal writes a number of parts of one, exactly: 1500000000 billionths are 1.5.
func decimal(n *big.Int, scale int64) string {
	return trimDecimal(new(big.Rat).SetFrac(n, big.NewInt(scale)).FloatString(decimals(scale)))
}

// decimals is how many digits after the point a scale has.
func decimals(scale int64) int { return len(strconv.FormatInt(scale, 10)) - 1 }

func trimDecimal(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// usd writes a cost, null where it is not known: that is not nothing.
func usd(cost int64, known bool) *string {
	if !known {
		return nil
	}
	s := decimal(big.NewInt(cost), trillion)
	return &s
}
