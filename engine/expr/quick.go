package expr

import (
	"sync"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"weir/engine/vars"
)

// quick is a condition that compares string variables or headers with constants, which is what most rules do. It is data
// and not a closure, and stands in its Predicate: where a policy has a hundred rules, what each touches in memory costs
// more than the comparison.
type quick struct {
	kind quickKind
	a, b vars.ID
	x, y string
}

type quickKind uint8

const (
	quickNone  quickKind = iota
	quickOne             // a == 'x'
	quickBoth            // a == 'x' && b == 'y'
	quickFirst           // a['x'][0] == 'y'
	quickHas             // 'x' in a
)

func (q *quick) match(src Source, m *Memo) bool {
	switch q.kind {
	case quickFirst:
		if h := m.multi(src, q.a); h != nil {
			return h.First(q.x) == q.y
		}
		return q.y == ""
	case quickHas:
		h := m.multi(src, q.a)
		return h != nil && h.Has(q.x)
	default:
		return m.text(src, q.a) == q.x && (q.kind == quickOne || m.text(src, q.b) == q.y)
	}
}

// memoTexts is how many variables a Memo holds: rules of one phase look at method, path, model and host, hardly at more.
const memoTexts = 4

// Memo keeps string variables, and one map of headers or parameters, that conditions have read. It serves conditions that
// are asked one after another while nothing about their source changes; after that it is to be reset. The zero value is
// empty.
type Memo struct {
	n      int
	ids    [memoTexts]vars.ID
	texts  [memoTexts]string
	id     vars.ID // of values
	values vars.MultiMap
}

// Reset forgets what was read.
func (m *Memo) Reset() { m.n, m.values = 0, nil }

func (m *Memo) text(src Source, id vars.ID) string {
	for i := range m.n {
		if m.ids[i] == id {
			return m.texts[i]
		}
	}
	text := src.Var(id).Str
	if m.n < memoTexts {
		m.ids[m.n], m.texts[m.n] = id, text
		m.n++
	}
	return text
}

func (m *Memo) multi(src Source, id vars.ID) vars.MultiMap {
	if m.values != nil && m.id == id {
		return m.values
	}
	h, ok := src.Var(id).Obj.(vars.MultiMap)
	if !ok {
		return nil
	}
	m.id, m.values = id, h
	return h
}

// quick takes a condition of that kind apart.
func (d *direct) quick() quick {
	e := d.ast.Expr()
	if a, x, ok := d.equalsText(e); ok {
		return quick{kind: quickOne, a: a, x: d.env.packed.text(x)}
	}
	if e.Kind() != ast.CallKind {
		return quick{}
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case operators.LogicalAnd:
		a, x, ok1 := d.equalsText(args[0])
		b, y, ok2 := d.equalsText(args[1])
		if ok1 && ok2 {
			return quick{kind: quickBoth, a: a, b: b, x: d.env.packed.text(x), y: d.env.packed.text(y)}
		}
	case operators.Equals:
		if name, id, ok := d.firstOf(args[0]); ok {
			if want, isText := constantString(args[1]); isText {
				return quick{kind: quickFirst, a: id, x: d.env.packed.text(name), y: d.env.packed.text(want)}
			}
		}
	case operators.In:
		name, isText := constantString(args[0])
		if id, ok := d.typed(args[1], vars.TypeMulti); ok && isText {
			return quick{kind: quickHas, a: id, x: d.env.packed.text(name)}
		}
	}
	return quick{}
}

// packed puts what rules need at run time side by side: compiling leaves so much behind that each would otherwise stand
// in a page of memory of its own.
type packed struct {
	mu    sync.Mutex
	room  []Predicate
	texts map[string]string
}

// packedRoom is how many predicates stand in one piece of memory: a policy of usual size needs one.
const packedRoom = 64

func (p *packed) predicate() *Predicate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.room) == 0 {
		p.room = make([]Predicate, packedRoom)
	}
	out := &p.room[0]
	p.room = p.room[1:]
	return out
}

// text returns the same memory for equal texts.
func (p *packed) text(s string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if have, ok := p.texts[s]; ok {
		return have
	}
	if p.texts == nil {
		p.texts = map[string]string{}
	}
	p.texts[s] = s
	return s
}
