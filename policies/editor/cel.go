package editor

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir/engine/expr"
)

// tokenKind is the kind of a token of CEL.
type tokenKind uint8

const (
	tokenName tokenKind = iota
	tokenNumber
	tokenString
	tokenSign // one character
)

// token is a piece of an expression.
type token struct {
	kind       tokenKind
	start, end int
	text       string
}

// lex cuts an expression into tokens as far as it goes; open says that it ends inside a string or a comment.
func lex(text string) (tokens []token, open bool) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		start := i
		switch {
		case unicode.IsSpace(r):
			i += size
			continue
		case strings.HasPrefix(text[i:], "//"):
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 {
				return tokens, true
			}
			i += end
			continue
		case r == '"' || r == '\'':
			end, closed := stringEnd(text, i, isRawString(tokens, i))
			if !closed {
				return tokens, true
			}
			i = end
			tokens = append(tokens, token{tokenString, start, i, text[start:i]})
			continue
		case isNameStart(r):
			for i < len(text) && isNamePart(text[i]) {
				i++
			}
			tokens = append(tokens, token{tokenName, start, i, text[start:i]})
			continue
		case r >= '0' && r <= '9':
			for i < len(text) && (isNamePart(text[i]) || text[i] == '.' && i+1 < len(text) && isDigit(text[i+1])) {
				i++
			}
			tokens = append(tokens, token{tokenNumber, start, i, text[start:i]})
			continue
		}
		i += size
		tokens = append(tokens, token{tokenSign, start, i, text[start:i]})
	}
	return tokens, false
}

func isNameStart(r rune) bool { return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func isNamePart(c byte) bool { return isNameStart(rune(c)) || isDigit(c) }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isRawString reports whether the string at an offset has an r in front of it.
func isRawString(before []token, at int) bool {
	if len(before) == 0 {
		return false
	}
	last := before[len(before)-1]
	return last.kind == tokenName && last.end == at && strings.ContainsAny(last.text, "rR") && len(last.text) <= 2
}

// stringEnd finds the end of the string that begins at an offset.
func stringEnd(text string, at int, raw bool) (end int, closed bool) {
	quote := text[at : at+1]
	if strings.HasPrefix(text[at:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	for i := at + len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\' && !raw:
			i++
		case strings.HasPrefix(text[i:], quote):
			return i + len(quote), true
		}
	}
	return len(text), false
}

// isSign reports whether the token in front of the end of a list is this sign.
func isSign(tokens []token, sign string) bool {
	n := len(tokens)
	return n > 0 && tokens[n-1].kind == tokenSign && tokens[n-1].text == sign
}

// operand finds where the value begins that ends with the last token, as in a.b(c)[d]. The result is len(tokens) where
// there is none.
func operand(tokens []token) int {
	i := len(tokens)
	for {
		n := i
		switch {
		case n == 0:
			return i
		case isSign(tokens[:n], ")"), isSign(tokens[:n], "]"), isSign(tokens[:n], "}"):
			open := opening(tokens[:n])
			if open < 0 {
				return len(tokens)
			}
			i = open
			suffix := tokens[open].text != "{" && open > 0 &&
				(tokens[open-1].kind == tokenName || tokens[open].text == "[" && (isSign(tokens[:open], ")") || isSign(tokens[:open], "]")))
			if suffix {
				continue
			}
		case tokens[n-1].kind != tokenSign:
			i = n - 1
		default:
			return len(tokens)
		}
		if !isSign(tokens[:i], ".") {
			return i
		}
		i--
	}
}

// opening finds the bracket that the last token closes, -1 where it is not there.
func opening(tokens []token) int {
	depth := 0
	for i, t := range slices.Backward(tokens) {
		if t.kind != tokenSign {
			continue
		}
		switch t.text {
		case ")", "]", "}":
			depth++
		case "(", "[", "{":
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// locals finds the variables of the loops that are open at the end of the tokens, as in list.filter(m, ...
func (w *celWords) locals(text string, tokens []token, outer map[string]expr.Type) map[string]expr.Type {
	out := make(map[string]expr.Type, len(outer)+1)
	maps.Copy(out, outer)
	for _, at := range openCalls(tokens) {
		// tokens[at] is the bracket: in front of it .name, behind it the variable and a comma
		if at < 3 || at+2 >= len(tokens) || tokens[at-1].kind != tokenName || !isSign(tokens[:at-1], ".") ||
			tokens[at+1].kind != tokenName || tokens[at+2].text != "," {
			continue
		}
		from := operand(tokens[:at-2])
		if from >= at-2 {
			continue
		}
		t, ok := w.env.TypeOf(text[tokens[from].start:tokens[at-3].end], out)
		if !ok {
			out[tokens[at+1].text] = expr.Type{}
			continue
		}
		element, _ := t.Element()
		out[tokens[at+1].text] = element
	}
	return out
}

// openCalls lists the round brackets that are open at the end of the tokens, the outermost first.
func openCalls(tokens []token) []int {
	var stack []int
	for i := range tokens {
		if tokens[i].kind != tokenSign {
			continue
		}
		switch tokens[i].text {
		case "(", "[", "{":
			stack = append(stack, i)
		case ")", "]", "}":
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
		}
	}
	var out []int
	for _, i := range stack {
		if tokens[i].text == "(" {
			out = append(out, i)
		}
	}
	return out
}

// chainOf gives a.b.c where the tokens are nothing but that.
func chainOf(tokens []token) (string, bool) {
	var b strings.Builder
	for i := range tokens {
		wantName := i%2 == 0
		if wantName != (tokens[i].kind == tokenName) || !wantName && tokens[i].text != "." {
			return "", false
		}
		b.WriteString(tokens[i].text)
	}
	return b.String(), len(tokens)%2 == 1
}
