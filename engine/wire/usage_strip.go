package wire

import "bytes"

// StripUsage takes the usage out of one event of an OpenAI chat or completions stream whose client did not ask for it.
// drop is true for the chunk that holds nothing else. Otherwise the event is appended to dst without the top-level
// usage, every other byte as it was.
func StripUsage(dst []byte, ev *Event) (out []byte, drop bool) {
	if !bytes.Contains(ev.Data, []byte(`"usage"`)) { // cheaper than a walk, and most vendors name it only once
		return append(dst, ev.Raw...), false
	}
	cut, usage, drop := findUsage(ev.Data)
	if drop {
		return dst, true
	}
	if usage == 0 {
		return append(dst, ev.Raw...), false
	}
	if at := bytes.Index(ev.Raw, ev.Data); at >= 0 {
		dst = append(dst, ev.Raw[:at+cut]...)
		return append(dst, ev.Raw[at+usage:]...), false
	}
	// Several data lines: what is left of them is written anew.
	if ev.Name != "" {
		dst = append(dst, "event: "...)
		dst = append(append(dst, ev.Name...), '\n')
	}
	data := append(append(make([]byte, 0, len(ev.Data)), ev.Data[:cut]...), ev.Data[usage:]...)
	for line := range bytes.SplitSeq(data, []byte{'\n'}) {
		dst = append(append(append(dst, "data: "...), line...), '\n')
	}
	return append(dst, '\n'), false
}

// findUsage finds the bytes to cut for the top-level usage member with one comma; to is 0 where there is none. drop
// says that the chunk is there for its usage alone.
func findUsage(data []byte) (from, to int, drop bool) {
	g := cursor{b: data}
	filled, keep := false, false
	comma := -1 // the comma in front of the member that is read
	for ok := g.open('{'); ok; ok = g.more('{') {
		if g.b[g.i-1] == ',' {
			comma = g.i - 1
		}
		g.i = scanSpace(g.b, g.i)
		start := g.i
		switch string(g.key()) {
		case "usage":
			filled = g.filled()
			if from, to = comma, g.i; comma < 0 {
				from, to = start, usageComma(data, g.i)
			}
		case "choices", "error":
			keep = g.filled() || keep
		default:
			g.skip()
		}
	}
	if !g.done() {
		return 0, 0, false
	}
	return from, to, filled && !keep
}

// usageComma is the index behind the comma that follows a first member, or of what else follows it.
func usageComma(data []byte, i int) int {
	g := cursor{b: data, i: i}
	if g.peek() != ',' {
		return i
	}
	return scanSpace(data, g.i+1)
}
