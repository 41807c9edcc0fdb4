package wire

import "strconv"

// decodeMaxValues bounds the values of a body that a rule reads as a whole: each costs some forty bytes where two stand in
// the body. An honest batch of embeddings by token numbers has 300,000.
const decodeMaxValues = 1 << 19

// DecodeJSON reads a JSON object into nil, bool, int64, float64, string, []any and map[string]any, as strictly as a
// request is scanned, at every level. Whole numbers that an int64 holds are ints. Strings alias the body.
func DecodeJSON(body []byte) (map[string]any, *Problem) {
	d := &decoder{body: body}
	if _, ok := d.root(); !ok {
		return nil, d.problem
	}
	n := natives{cursor: cursor{b: body}, d: d}
	out := n.object()
	if d.problem != nil {
		return nil, d.problem
	}
	return out, nil
}

// natives makes Go's own values of a body that a scan has accepted, in one pass whatever it nests.
type natives struct {
	cursor cursor
	d      *decoder
	count  int
}

func (n *natives) object() map[string]any {
	out := map[string]any{}
	for ok := n.cursor.open('{'); ok && n.d.problem == nil; ok = n.cursor.more('{') {
		at := n.cursor.i
		key := scanAlias(n.cursor.key())
		if _, twice := out[key]; twice {
			n.d.fail(at, key, "stands twice in one object")
			return nil
		}
		n.d.down(Member{Key: key}, 0)
		out[key] = n.value()
		n.d.up()
	}
	return out
}

func (n *natives) array() []any {
	out := []any{}
	for ok := n.cursor.open('['); ok && n.d.problem == nil; ok = n.cursor.more('[') {
		n.d.down(Member{}, len(out))
		out = append(out, n.value())
		n.d.up()
	}
	return out
}

func (n *natives) value() any {
	n.count++
	if n.count > decodeMaxValues {
		n.d.fail(n.cursor.i, "", "is one more than the "+strconv.Itoa(decodeMaxValues)+" values that a rule can read")
		return nil
	}
	switch c := n.cursor.peek(); c {
	case '{':
		return n.object()
	case '[':
		return n.array()
	case '"':
		s, _ := scanDecode(n.cursor.span())
		return s
	case 't', 'f':
		n.cursor.skip()
		return c == 't'
	case 'n':
		n.cursor.skip()
		return nil
	default:
		return nativeNumber(scanAlias(n.cursor.number()))
	}
}

func nativeNumber(s string) any {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil // a scan lets none pass that does not fit
	}
	return f
}
