package engine

import "weir/engine/expr"

// Eval gives the tree's value for one exchange, in Go-native form.
func (t *ValueTree) Eval(src expr.Source) (any, error) {
	switch {
	case t.Template != nil:
		return t.Template.Value(src)
	case t.Keys != nil:
		out := make(map[string]any, len(t.Keys))
		for i, key := range t.Keys {
			v, err := t.Vals[i].Eval(src)
			if err != nil {
				return nil, err
			}
			out[key] = v
		}
		return out, nil
	case t.List != nil:
		out := make([]any, len(t.List))
		for i, item := range t.List {
			v, err := item.Eval(src)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	default:
		return t.Const, nil
	}
}
