package wire

import (
	"strconv"
	"strings"
)

const (
	// decodeMaxItems bounds the messages, blocks and tools of one request together: each costs some hundred bytes where
	// three stand in the body, and no model takes as many. It keeps what is decoded of a body below 20 MiB.
	decodeMaxItems = 1 << 16
	// decodeMaxDepth bounds the objects that stand open: each is scanned again, and the deepest shape of any API, a block in
	// a document in the result of a tool in a message, is at 8.
	decodeMaxDepth = 12
	// decodeShown is how much of an unknown word an error repeats.
	decodeShown = 32
)

// decoder reads a JSON object as strictly as a request is scanned, object by object: duplicate keys and keys that differ
// from a known one only in case are refused at every level that is read. The first problem stays and ends every loop.
type decoder struct {
	body    []byte
	docs    []*Doc // one an open object, by depth
	depth   int
	path    []decodeStep
	items   int
	problem *Problem
}

// decodeStep is one step on the way to where the decoder stands.
type decodeStep struct {
	key   string // "" = an index
	index int
}

// object is an object that the decoder has open. Offsets of its members count from the start of the body.
type object struct {
	doc  *Doc
	base int
}

func (o object) count() int { return len(o.doc.members) }

func (o object) member(i int) Member { return o.doc.members[i].shift(o.base) }

// lookup finds a member; its kind is KindNone where there is none.
func (o object) lookup(key string) Member {
	m, ok := o.doc.Lookup(key)
	if !ok {
		return Member{Key: key, Start: o.base, End: o.base}
	}
	return m.shift(o.base)
}

func (d *decoder) raw(m Member) []byte {
	if m.Start < 0 || m.Start > m.End || m.End > len(d.body) {
		return nil
	}
	return d.body[m.Start:m.End:m.End]
}

// pathTo writes where a member stands, such as messages[2].content[0].text.
func (d *decoder) pathTo(key string) string {
	var b strings.Builder
	for _, s := range d.path {
		if s.key == "" {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(scanShown(s.key))
	}
	if key != "" {
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(scanShown(key))
	}
	return b.String()
}

func (d *decoder) fail(offset int, key, message string) {
	if d.problem != nil {
		return
	}
	param := d.pathTo(key)
	if param != "" {
		message = param + " " + message
	}
	d.problem = &Problem{Offset: offset, Param: param, Message: message}
}

func (d *decoder) wrong(m Member, want string) {
	got := m.Kind.String()
	if m.Kind == KindNone {
		got = "missing"
	}
	d.fail(m.Start, m.Key, "must be "+want+", not "+got)
}

func (d *decoder) down(m Member, index int) {
	d.path = append(d.path, decodeStep{key: m.Key, index: index})
}

func (d *decoder) up() { d.path = d.path[:len(d.path)-1] }

// root opens the body itself.
func (d *decoder) root(known ...string) (o object, ok bool) {
	doc := &Doc{}
	d.docs = append(d.docs[:0], doc)
	if d.problem = doc.Scan(d.body); d.problem != nil {
		return object{}, false
	}
	d.depth = 1
	o = object{doc: doc}
	return o, d.spelled(o, known)
}

// open reads the object m, the value of a member or the element at index of an array. Known are the keys that the caller
// reads. Where ok is true, close must follow.
func (d *decoder) open(m Member, index int, known ...string) (o object, ok bool) {
	if d.problem != nil {
		return object{}, false
	}
	d.down(m, index)
	if m.Kind != KindObject {
		d.fail(m.Start, "", "must be an object, not "+m.Kind.String())
		d.up()
		return object{}, false
	}
	if d.depth == decodeMaxDepth {
		d.fail(m.Start, "", "is nested deeper than any message of the API")
		d.up()
		return object{}, false
	}
	if d.depth == len(d.docs) {
		d.docs = append(d.docs, &Doc{})
	}
	doc := d.docs[d.depth]
	if p := doc.Scan(d.raw(m)); p != nil {
		d.fail(m.Start+p.Offset, p.Param, p.Message)
		d.up()
		return object{}, false
	}
	o = object{doc: doc, base: m.Start}
	if !d.spelled(o, known) {
		d.up()
		return object{}, false
	}
	d.depth++
	return o, true
}

func (d *decoder) close() {
	d.depth--
	d.up()
}

// spelled refuses keys that some readers would take for a known one.
func (d *decoder) spelled(o object, known []string) bool {
	for i := range o.count() {
		key := o.doc.members[i].Key
		for _, name := range known {
			if key != name && len(key) >= len(name) && strings.EqualFold(key, name) {
				d.fail(o.base+o.doc.members[i].KeyStart, key, "must be spelled "+name)
				return false
			}
		}
	}
	return true
}

// each calls f for every element of the array m until there is a problem.
func (d *decoder) each(m Member, f func(e Member, index int)) {
	if d.problem != nil {
		return
	}
	if m.Kind != KindArray {
		d.wrong(m, "an array")
		return
	}
	d.down(m, 0)
	index := 0
	Elements(d.raw(m), func(e Member) bool {
		f(e.shift(m.Start), index)
		index++
		return d.problem == nil
	})
	d.up()
}

// item counts a message, part or tool.
func (d *decoder) item(m Member) bool {
	d.items++
	if d.items > decodeMaxItems {
		d.fail(m.Start, "", "is one more than the "+strconv.Itoa(decodeMaxItems)+" messages, blocks and tools that a rule can read")
	}
	return d.problem == nil
}

func absent(m Member) bool { return m.Kind == KindNone || m.Kind == KindNull }

// str reads a string; a member that is missing or null reads as "".
func (d *decoder) str(m Member) string {
	if absent(m) {
		return ""
	}
	return d.needStr(m)
}

func (d *decoder) needStr(m Member) string {
	if m.Kind != KindString {
		d.wrong(m, "a string")
		return ""
	}
	s, _ := scanDecode(d.raw(m))
	return s
}

func (d *decoder) number(m Member) Number {
	switch m.Kind {
	case KindNone, KindNull:
		return ""
	case KindNumber:
		return Number(scanAlias(d.raw(m)))
	default:
		d.wrong(m, "a number")
		return ""
	}
}

func (d *decoder) flag(m Member) bool {
	switch m.Kind {
	case KindNone, KindNull:
		return false
	case KindBool:
		return d.raw(m)[0] == 't'
	default:
		d.wrong(m, "a boolean")
		return false
	}
}

// strs reads a string or an array of strings.
func (d *decoder) strs(m Member) []string {
	switch m.Kind {
	case KindNone, KindNull:
		return nil
	case KindString:
		return []string{d.needStr(m)}
	default:
		var out []string
		d.each(m, func(e Member, index int) {
			if e.Kind != KindString {
				d.down(e, index)
				d.wrong(e, "a string")
				d.up()
				return
			}
			if d.item(e) {
				out = append(out, d.needStr(e))
			}
		})
		return out
	}
}

// keep adds a member to those that are kept as they came.
func (d *decoder) keep(rest []Field, m Member) []Field {
	return append(rest, Field{Key: m.Key, Value: d.raw(m)})
}

// role reads a message's role in the words of this package.
func (d *decoder) role(m Member) string {
	role := d.needStr(m)
	switch role {
	case RoleSystem, RoleUser, RoleAssistant, RoleTool:
		return role
	case "developer":
		return RoleSystem
	case "model":
		return RoleAssistant
	case "function":
		return RoleTool
	}
	lower := strings.ToLower(strings.TrimSpace(role))
	for _, known := range [...]string{RoleSystem, RoleUser, RoleAssistant, RoleTool, "developer", "model", "function", ""} {
		if lower == known {
			d.fail(m.Start, m.Key, "must be a role as the API spells it, not "+strconv.Quote(role[:min(len(role), decodeShown)]))
			return ""
		}
	}
	return role
}
