package content

import (
	"math"
	"regexp/syntax"
)

// MaxMatch computes the longest match of a pattern in characters. Bounded is false where there is no longest one.
func MaxMatch(re *syntax.Regexp) (runes int, bounded bool) {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune), true
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, true
	case syntax.OpStar, syntax.OpPlus:
		n, ok := MaxMatch(re.Sub[0])
		return n, ok && n == 0
	case syntax.OpRepeat:
		n, ok := MaxMatch(re.Sub[0])
		if ok && n == 0 {
			return 0, true
		}
		if re.Max < 0 {
			return n, false
		}
		return maxTimes(n, re.Max), ok
	case syntax.OpConcat:
		sum, all := 0, true
		for _, sub := range re.Sub {
			n, ok := MaxMatch(sub)
			sum, all = min(sum+n, math.MaxInt32), all && ok
		}
		return sum, all
	case syntax.OpAlternate:
		most, all := 0, true
		for _, sub := range re.Sub {
			n, ok := MaxMatch(sub)
			most, all = max(most, n), all && ok
		}
		return most, all
	case syntax.OpCapture, syntax.OpQuest:
		return MaxMatch(re.Sub[0])
	default: // what matches nothing, or no character
		return 0, true
	}
}

// maxTimes multiplies without overflow; beyond MaxInt32 a length is as good as none.
func maxTimes(n, times int) int {
	if n > 0 && times > math.MaxInt32/n {
		return math.MaxInt32
	}
	return n * times
}
