package policies

import "strings"

// maxIndent is how deep a block with an indentation indicator is looked for; nobody writes deeper.
const maxIndent = 80

// block reads a literal (|) or folded (>) scalar. Chomping only cuts the end, so it is enough to stop after as many
// characters as the value has. An indentation indicator counts from the parent's indentation, which is not known here, so
// that every indentation is tried until the value comes out.
func (r *rereader) block(value string, want int, folded bool) {
	header := r.at
	r.line() // the header, with its indicators and comment
	start, explicit := r.at, strings.ContainsAny(r.text[header:r.at], "123456789")
	try := func(indent int) bool {
		r.at, r.offs = start, r.offs[:0]
		r.out.Reset()
		b := blockReader{rereader: r, want: want, indent: indent}
		if folded {
			b.folded()
		} else {
			b.literal()
		}
		return r.out.String() == value
	}
	guess := r.blockIndent(value)
	if try(guess) || !explicit {
		return
	}
	for indent := range maxIndent {
		if try(indent) {
			return
		}
	}
	try(guess)
}

// line moves behind the next line break.
func (r *rereader) line() {
	if i := strings.IndexByte(r.text[r.at:], '\n'); i >= 0 {
		r.at += i + 1
		return
	}
	r.at = len(r.text)
}

// blockIndent finds the indentation of the content: the spaces in front of the first line that is not blank, less those
// that belong to the value.
func (r *rereader) blockIndent(value string) int {
	lead := func(text string) (int, bool) {
		for line := range strings.SplitSeq(text, "\n") {
			line = strings.TrimSuffix(line, "\r")
			if trimmed := strings.TrimLeft(line, " "); trimmed != "" {
				return len(line) - len(trimmed), true
			}
		}
		return 0, false
	}
	inText, ok := lead(r.text[r.at:])
	if !ok {
		return 0
	}
	inValue, ok := lead(value)
	if !ok {
		return inText
	}
	return max(inText-inValue, 0)
}

type blockReader struct {
	*rereader

	want, indent int
}

func (b *blockReader) done() bool { return len(b.offs) >= b.want || b.at >= len(b.text) }

// skipIndent moves over the indentation of a line and reports whether the line is empty behind it, or ends the block
// because it is indented less.
func (b *blockReader) skipIndent() (empty, ends bool) {
	n := 0
	for ; n < b.indent && b.peek() == ' '; n++ {
		b.at++
	}
	empty = b.peek() == '\n' || strings.HasPrefix(b.text[b.at:], "\r\n") || b.at >= len(b.text)
	return empty, !empty && n < b.indent
}

// content emits the rest of the line up to its break.
func (b *blockReader) content() {
	for !b.done() && b.peek() != '\n' && !strings.HasPrefix(b.text[b.at:], "\r\n") {
		b.next()
	}
}

// lineBreak moves over a line break and returns where it stood.
func (b *blockReader) lineBreak() int {
	at := b.at
	b.line()
	return at
}

func (b *blockReader) literal() {
	for !b.done() {
		if _, ends := b.skipIndent(); ends {
			return
		}
		b.content()
		if b.done() {
			return
		}
		b.emit('\n', b.lineBreak())
	}
}

// folded joins lines by spaces, except around lines that are indented further.
func (b *blockReader) folded() {
	leading := -1         // place of the break behind the last content line
	var trailing []int    // breaks of empty lines since then
	moreIndented := false // the last content line began with white space
	for !b.done() {
		empty, ends := b.skipIndent()
		if ends {
			break
		}
		if empty {
			trailing = append(trailing, b.lineBreak())
			continue
		}
		blank := b.peek() == ' ' || b.peek() == '\t'
		switch {
		case leading >= 0 && !moreIndented && !blank && len(trailing) == 0:
			b.emit(' ', leading)
		case leading >= 0 && (moreIndented || blank):
			b.emit('\n', leading)
		}
		for _, at := range trailing {
			b.emit('\n', at)
		}
		trailing, moreIndented = trailing[:0], blank
		b.content()
		if b.done() {
			return
		}
		leading = b.lineBreak()
	}
	if leading >= 0 && len(b.offs) < b.want {
		b.emit('\n', leading)
	}
	for _, at := range trailing {
		if len(b.offs) < b.want {
			b.emit('\n', at)
		}
	}
}
