package expr

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// fnSortByKeys replaces the function behind CEL's own sortBy macro: ours is stable, takes keys of any type and puts null last.
const fnSortByKeys = "@sort_by_keys"

func sortOption() cel.EnvOption {
	elem := cel.TypeParamType("T")
	list := cel.ListType(elem)
	return cel.Function(fnSortByKeys, cel.MemberOverload("sort_by_keys", []*cel.Type{list, cel.ListType(cel.DynType)}, list,
		cel.BinaryBinding(func(in, keys ref.Val) ref.Val { return sortByKeys(elements(in), elements(keys)) })))
}

func sortByKeys(in, keys []ref.Val) ref.Val {
	if len(in) != len(keys) {
		return types.NewErr("sortBy needs one key for each element")
	}
	order := make([]int, len(in))
	for i := range order {
		order[i] = i
	}
	var failed ref.Val
	slices.SortStableFunc(order, func(a, b int) int {
		c, err := compareKeys(keys[a], keys[b])
		if err != nil {
			failed = err
		}
		return c
	})
	if failed != nil {
		return failed
	}
	out := make([]ref.Val, len(in))
	for i, at := range order {
		out[i] = in[at]
	}
	return types.NewRefValList(adapter{}, out)
}

// compareKeys orders two sort keys; the value it returns besides is an error where they have no order.
func compareKeys(a, b ref.Val) (int, ref.Val) {
	aNull, bNull := a == types.NullValue, b == types.NullValue
	switch {
	case aNull && bNull:
		return 0, nil
	case aNull:
		return 1, nil
	case bNull:
		return -1, nil
	}
	comparer, ok := a.(traits.Comparer)
	if !ok {
		return 0, types.NewErr("sortBy cannot order a %s", a.Type().TypeName())
	}
	result := comparer.Compare(b)
	n, ok := result.(types.Int)
	if !ok {
		return 0, types.NewErr("sortBy cannot compare a %s with a %s", a.Type().TypeName(), b.Type().TypeName())
	}
	return int(n), nil
}
