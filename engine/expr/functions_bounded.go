package expr

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Some functions of CEL's library take quadratic time, or write far more than they read. What they cost is only counted
// when they have run, which is too late where a client chose their input. Checked calls of them become calls of these.

const (
	// maxPairs is how many pairs of elements are compared at most, some 20 ms.
	maxPairs = 1_000_000
	// maxReplaced is more than any field that a text ends up in may hold, in bytes.
	maxReplaced = 16 << 20
)

// boundedName is what a function of CEL's library is rewritten to, "" for those that are as they should be.
func boundedName(call ast.CallExpr) string {
	if !call.IsMemberFunction() {
		return ""
	}
	switch call.FunctionName() {
	case "distinct", "hasAll", "hasAny", "hasOnly", "hasExactly", "replace":
		return "@" + call.FunctionName()
	default:
		return ""
	}
}

// bounded rewrites a call of such a function.
func (w *totals) bounded(e ast.Expr, name string) {
	call := e.AsCall()
	args := append([]ast.Expr{call.Target()}, call.Args()...)
	overload := name[1:] + "_bounded"
	if name == "@replace" && len(args) == 4 {
		overload = "replace_bounded_limit"
	}
	w.call(e, name, overload, args...)
}

func boundedOptions() []cel.EnvOption {
	str, elem := cel.StringType, cel.TypeParamType("T")
	list := cel.ListType(elem)
	two := func(name string, holds func(a, b []ref.Val) bool) cel.EnvOption {
		return cel.Function("@"+name, cel.Overload(name+"_bounded", []*cel.Type{list, list}, cel.BoolType,
			cel.BinaryBinding(func(a, b ref.Val) ref.Val {
				x, y := elements(a), elements(b)
				if len(x)*len(y) > maxPairs {
					return types.NewErr("%s: the lists are too long", name)
				}
				return types.Bool(holds(x, y))
			})))
	}
	return []cel.EnvOption{
		cel.Function("@distinct", cel.Overload("distinct_bounded", []*cel.Type{list}, list, cel.UnaryBinding(distinct))),
		two("hasAll", holdsAll),
		two("hasOnly", func(a, b []ref.Val) bool { return holdsAll(b, a) }),
		two("hasExactly", func(a, b []ref.Val) bool { return holdsAll(a, b) && holdsAll(b, a) }),
		two("hasAny", func(a, b []ref.Val) bool {
			for _, v := range b {
				if holdsValue(a, v) {
					return true
				}
			}
			return false
		}),
		cel.Function("@replace",
			cel.Overload("replace_bounded", []*cel.Type{str, str, str}, str, cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return replaced(textOf(args[0]), textOf(args[1]), textOf(args[2]), -1)
			})),
			cel.Overload("replace_bounded_limit", []*cel.Type{str, str, str, cel.IntType}, str,
				cel.FunctionBinding(func(args ...ref.Val) ref.Val {
					limit, ok := args[3].(types.Int)
					if !ok {
						return types.NewErr("replace needs an int as its limit")
					}
					return replaced(textOf(args[0]), textOf(args[1]), textOf(args[2]), int(limit))
				}))),
	}
}

func holdsValue(in []ref.Val, v ref.Val) bool {
	for _, have := range in {
		if have.Equal(v) == types.True {
			return true
		}
	}
	return false
}

func holdsAll(in, all []ref.Val) bool {
	for _, v := range all {
		if !holdsValue(in, v) {
			return false
		}
	}
	return true
}

// distinct keeps the first of equal elements. Texts, which most lists consist of, are looked up; others are compared in pairs.
func distinct(in ref.Val) ref.Val {
	list, ok := in.(traits.Lister)
	if !ok {
		return types.NewErr("distinct needs a list")
	}
	all := elements(list)
	seen := make(map[types.String]struct{}, len(all))
	out := make([]ref.Val, 0, len(all))
	var others []ref.Val
	for _, v := range all {
		if s, ok := v.(types.String); ok {
			if _, dup := seen[s]; !dup {
				seen[s] = struct{}{}
				out = append(out, v)
			}
			continue
		}
		if len(others)*len(all) > maxPairs {
			return types.NewErr("distinct: the list is too long")
		}
		if !holdsValue(others, v) {
			others = append(others, v)
			out = append(out, v)
		}
	}
	return types.NewRefValList(adapter{}, out)
}

func replaced(s, from, to string, limit int) ref.Val {
	if len(to) > len(from) {
		times := strings.Count(s, from)
		if limit >= 0 {
			times = min(times, limit)
		}
		if len(s)+times*(len(to)-len(from)) > maxReplaced {
			return types.NewErr("replace: the result is longer than %d bytes", maxReplaced)
		}
	}
	return types.String(strings.Replace(s, from, to, limit))
}
