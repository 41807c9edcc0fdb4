package expr

// segment is a literal or the inside of one ${...}.
type segment struct {
	text []rune
	from int // offset of text in the whole
	code bool
}

type splitProblem struct {
	from, to int
	message  string
}

// split cuts a template into its segments. Braces and quotes inside an expression are respected.
func split(in []rune) ([]segment, *splitProblem) {
	var out []segment
	var literal []rune
	start := 0
	for i := 0; i < len(in); {
		switch {
		case has(in, i, "$${"):
			literal = append(literal, '$', '{')
			i += 3
		case has(in, i, "${"):
			end := closing(in, i+2)
			if end < 0 {
				return nil, &splitProblem{from: i, to: i + 2, message: "${ has no closing }"}
			}
			if len(literal) > 0 {
				out = append(out, segment{text: literal, from: start})
				literal = nil
			}
			out = append(out, segment{text: in[i+2 : end], from: i + 2, code: true})
			i, start = end+1, end+1
		default:
			literal = append(literal, in[i])
			i++
		}
	}
	if len(literal) > 0 {
		out = append(out, segment{text: literal, from: start})
	}
	return out, nil
}

func has(in []rune, at int, want string) bool {
	for i, r := range []rune(want) {
		if at+i >= len(in) || in[at+i] != r {
			return false
		}
	}
	return true
}

// closing finds the brace that ends the expression which begins at from, -1 where there is none.
func closing(in []rune, from int) int {
	depth := 0
	for i := from; i < len(in); {
		switch r := in[i]; {
		case r == '\'' || r == '"':
			i = quoted(in, i)
			if i < 0 {
				return -1
			}
		case r == '/' && has(in, i, "//"):
			for i < len(in) && in[i] != '\n' {
				i++
			}
		case r == '{':
			depth++
			i++
		case r == '}':
			if depth == 0 {
				return i
			}
			depth--
			i++
		default:
			i++
		}
	}
	return -1
}

// quoted returns the offset behind the CEL string that begins at the quote at, -1 where it does not end.
func quoted(in []rune, at int) int {
	quote := string(in[at])
	raw := isRaw(in, at)
	end := quote
	if has(in, at, quote+quote+quote) {
		end = quote + quote + quote
	}
	for i := at + len(end); i < len(in); {
		switch {
		case has(in, i, end):
			return i + len(end)
		case in[i] == '\\' && !raw:
			i += 2
		default:
			i++
		}
	}
	return -1
}

// isRaw says whether the string that begins at the quote at has an r in front of it, as in r'\' or br'\'.
func isRaw(in []rune, at int) bool {
	if at == 0 || in[at-1] != 'r' && in[at-1] != 'R' {
		return false
	}
	if at == 1 || !isNameRune(in[at-2]) {
		return true
	}
	return (in[at-2] == 'b' || in[at-2] == 'B') && (at == 2 || !isNameRune(in[at-3]))
}
