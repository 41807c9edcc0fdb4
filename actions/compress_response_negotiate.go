package actions

import (
	"strconv"
	"strings"
)

// negotiate finds the algorithm that the client wants most; among equals the one that is offered first. "" = none.
func negotiate(accepted, offered []string) string {
	best, weight := "", 0.0
	for _, name := range offered {
		if q := weightOf(accepted, name); q > weight {
			best, weight = name, q
		}
	}
	if identity, named := quality(accepted, "identity"); named && identity > weight {
		return "" // it would rather have the answer as it is
	}
	return best
}

// weightOf is how much a client wants an algorithm, 0 where it does not take it.
func weightOf(accepted []string, name string) float64 {
	if q, named := quality(accepted, name); named {
		return q
	}
	if name == encodingGzip {
		if q, named := quality(accepted, "x-gzip"); named {
			return q
		}
	}
	q, _ := quality(accepted, "*")
	return q
}

// quality reads the weight of one name; what is no weight counts as none.
func quality(accepted []string, name string) (q float64, named bool) {
	for _, value := range accepted {
		for part := range strings.SplitSeq(value, ",") {
			word, params, weighted := strings.Cut(part, ";")
			if !strings.EqualFold(strings.TrimSpace(word), name) {
				continue
			}
			if !weighted {
				return 1, true
			}
			text, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q=")
			q, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if !ok || err != nil || q < 0 || q > 1 {
				return 0, true
			}
			return q, true
		}
	}
	return 0, false
}
