package actions

import (
	"strings"
	"unicode"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/vars"
)

// retryCondition compiles the condition with the variables of attempts, as failover.on has them.
func retryCondition(c *engine.Config, n *engine.Node) *expr.Predicate {
	own := *n
	own.Text = renameAttempts(n.Text)
	phase := c.Phase
	c.Phase = vars.PhaseFailover
	defer func() { c.Phase = phase }()
	return c.CompileCondition(&own)
}

// otherNames are those under which ngrok's policies know what attempts are called here.
var otherNames = [...]struct{ theirs, ours string }{
	{"last_attempt.res.statusCode", "attempt.status"},
	{"last_attempt.res.status_code", "attempt.status"},
	{"last_attempt.error", "attempt.error"},
}

// renameAttempts writes an expression in our names: positions stay those of the file. attempts alone is the number of
// attempts there; where a list is meant, something is done with it.
func renameAttempts(t expr.Text) expr.Text {
	src := []rune(t.Value)
	var out []rune
	var from []int // of each rune of out, its place in src
	put := func(s string, at int) {
		for _, r := range s {
			out, from = append(out, r), append(from, at)
		}
	}
	for i := 0; i < len(src); {
		end := i + 1
		switch {
		case src[i] == '\'' || src[i] == '"':
			end = endOfString(src, i)
			put(string(src[i:end]), i)
			for k := range end - i {
				from[len(from)-(end-i)+k] = i + k
			}
		case isWord(src[i]):
			for end < len(src) && isWord(src[end]) {
				end++
			}
			put(ourName(string(src[i:end]), src, i, end), i)
		default:
			put(string(src[i]), i)
		}
		i = end
	}
	from = append(from, len(src))
	out2 := expr.Text{Value: string(out)}
	if t.At != nil {
		out2.At = func(offset int) diag.Pos { return t.At(from[min(max(offset, 0), len(from)-1)]) }
	}
	return out2
}

// ourName is what a word is called here.
func ourName(word string, src []rune, begin, end int) string {
	for _, n := range otherNames {
		if word == n.theirs {
			return n.ours
		}
	}
	if word != "attempts" {
		return word
	}
	before, after := strings.TrimSpace(string(src[:begin])), strings.TrimSpace(string(src[end:]))
	if strings.HasSuffix(before, "size(") || strings.HasPrefix(after, "[") || strings.HasSuffix(before, " in") {
		return word
	}
	return "attempt.number"
}

// isWord tells what names with dots are made of.
func isWord(r rune) bool {
	return r == '_' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// endOfString finds the end of a literal that begins at i.
func endOfString(src []rune, i int) int {
	quote := src[i]
	for k := i + 1; k < len(src); k++ {
		switch src[k] {
		case '\\':
			k++
		case quote:
			return k + 1
		}
	}
	return len(src)
}
