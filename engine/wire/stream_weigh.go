package wire

import "bytes"

// streamTokenBytes is how many bytes of output make a token: English prose and code come near it in every vocabulary in
// use, and scripts of three bytes a letter make about one token of a letter.
const streamTokenBytes = 4

// readUsage takes in a usage object. What the vendor has counted need not be estimated any more.
func (o *Observer) readUsage(g *cursor) bool {
	found := o.usage.read(g)
	if n := o.usage.output + o.usage.thoughts; n > o.counted {
		o.counted, o.passed = n, 0
	}
	return found
}

func (o *Observer) readUsageSpan(span []byte) {
	if len(span) > 0 {
		g := cursor{b: span}
		o.readUsage(&g)
	}
}

// weigh walks over one value, adds its text to what has passed and reports whether it carries anything.
func (o *Observer) weigh(g *cursor) (filled bool) {
	return weighInto(g, &o.passed)
}

func (o *Observer) weighSpan(span []byte) {
	if len(span) > 0 {
		g := cursor{b: span}
		o.weigh(&g)
	}
}

// weighBlock adds the text of an Anthropic delta or of a block that begins.
func (o *Observer) weighBlock(span []byte) {
	g := cursor{b: span}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "text", "thinking", "partial_json", "name":
			o.weigh(&g)
		default:
			g.skip()
		}
	}
}

// weighInto adds the bytes of every text in a value, names of members and what only marks things left out.
func weighInto(g *cursor, sum *int64) (filled bool) {
	switch c := g.peek(); c {
	case '"':
		raw, escaped := g.quoted()
		n := len(raw)
		if escaped {
			n = weighEscaped(raw)
		}
		*sum += int64(n)
		return n > 0
	case '{', '[':
		for ok := g.open(c); ok; ok = g.more(c) {
			filled = true
			if c == '{' {
				switch string(g.key()) {
				case "id", "type", "call_id", "index":
					g.skip()
					continue
				}
			}
			weighInto(g, sum)
		}
		return filled && !g.bad
	default:
		return g.filled()
	}
}

// weighEscaped is about how many bytes a text with escapes stands for: three for \u, whose letters are mostly of that size
// in UTF-8, one for the others.
func weighEscaped(raw []byte) int {
	n := len(raw)
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 || i+1 >= len(raw) {
			return n
		}
		if raw[i+1] == 'u' {
			n -= 3
		} else {
			n--
		}
		raw = raw[i+2:]
	}
}

// itemDone counts the calls of tools that cost as they end: a stream that is cut has no list of them.
func (o *Observer) itemDone(span []byte) {
	g := cursor{b: span}
	o.tools.readItem(&g)
	o.usage.tools(o.tools)
}
