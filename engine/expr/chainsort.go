package expr

import (
	"cmp"
	"fmt"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"weir/engine/catalog"
)

// sortOf takes the parts out of what CEL makes of in.sortBy(name, key): a loop over nothing that binds the list to a name.
func sortOf(loop ast.ComprehensionExpr) (key ast.Expr, name string, in ast.Expr, ok bool) {
	result := loop.Result()
	if loop.IterRange().Kind() != ast.ListKind || loop.IterRange().AsList().Size() != 0 || result.Kind() != ast.CallKind {
		return nil, "", nil, false
	}
	call := result.AsCall()
	if call.FunctionName() != fnSortByKeys || !call.IsMemberFunction() || !isName(call.Target(), loop.AccuVar()) ||
		len(call.Args()) != 1 || call.Args()[0].Kind() != ast.ComprehensionKind {
		return nil, "", nil, false
	}
	keys := call.Args()[0].AsComprehension()
	key, ok = appended(keys, keys.LoopStep())
	if !ok || !isPlain(keys) || !isName(keys.IterRange(), loop.AccuVar()) {
		return nil, "", nil, false
	}
	return key, keys.IterVar(), loop.AccuInit(), true
}

func (c *chainCompiler) sortBy(key ast.Expr, name string, list ast.Expr) stage {
	in := c.compile(list)
	if in == nil {
		return nil
	}
	u, err := c.unit.sub(key)
	if err != nil {
		return nil
	}
	c.elementwise = false
	if fast := newDirect(u, name).sortKey(key); fast != nil {
		return mapped(in, func(models []*catalog.Model) []*catalog.Model { return sortFast(models, fast) })
	}
	return func(s *selection) ([]*catalog.Model, error) {
		models, err := in(s)
		if err != nil {
			return nil, err
		}
		values, keys := make([]ref.Val, len(models)), make([]ref.Val, len(models))
		for i, m := range models {
			if u.limited && s.late() {
				return nil, errTooSlow
			}
			values[i] = wrapModel(m)
			b := bindings{src: s.src, itemName: name, item: m, models: s.models, selects: true}
			if keys[i], err = u.run(b); err != nil {
				return nil, err
			}
		}
		sorted := sortByKeys(values, keys)
		if e, ok := sorted.(*types.Err); ok {
			return nil, fmt.Errorf("%s: %w", u.where(), e)
		}
		return modelsOf(sorted), nil
	}
}

// sortKey is a key of a kind: only the field of that kind is set.
type sortKey struct {
	unknown bool
	num     int64
	dbl     float64
	str     string
}

func (k sortKey) compare(other sortKey) int {
	if k.unknown || other.unknown {
		switch {
		case k.unknown && other.unknown:
			return 0
		case k.unknown:
			return 1
		default:
			return -1
		}
	}
	return cmp.Or(cmp.Compare(k.num, other.num), cmp.Compare(k.dbl, other.dbl), cmp.Compare(k.str, other.str))
}

func sortFast(models []*catalog.Model, key func(*catalog.Model) sortKey) []*catalog.Model {
	type keyed struct {
		key   sortKey
		at    int
		model *catalog.Model
	}
	list := make([]keyed, len(models))
	for i, m := range models {
		list[i] = keyed{key(m), i, m}
	}
	// The place breaks ties, which is faster than a stable sort.
	slices.SortFunc(list, func(a, b keyed) int { return cmp.Or(a.key.compare(b.key), a.at-b.at) })
	out := make([]*catalog.Model, len(list))
	for i := range list {
		out[i] = list[i].model
	}
	return out
}

// sortKey compiles a key that is one field of the model.
func (d *direct) sortKey(e ast.Expr) func(*catalog.Model) sortKey {
	l, ok := d.modelLeaf(e)
	if !ok {
		return nil
	}
	switch {
	case l.num != nil:
		return func(m *catalog.Model) sortKey { return sortKey{num: l.num(m)} }
	case l.dbl != nil:
		return func(m *catalog.Model) sortKey { return sortKey{dbl: l.dbl(m)} }
	case l.str != nil:
		return func(m *catalog.Model) sortKey { return sortKey{str: l.str(m)} }
	case l.price != nil:
		return func(m *catalog.Model) sortKey {
			if p := l.price(m); p != nil {
				return sortKey{dbl: *p}
			}
			return sortKey{unknown: true}
		}
	default:
		return nil
	}
}
