package expr

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

func textOptions() []cel.EnvOption {
	str := cel.StringType
	return []cel.EnvOption{
		cel.Function("lower", textFn("lower", func(s string) ref.Val { return types.String(strings.ToLower(s)) }, str)),
		cel.Function("upper", textFn("upper", func(s string) ref.Val { return types.String(strings.ToUpper(s)) }, str)),
		cel.Function("split", textFn("split_space", func(s string) ref.Val {
			return types.NewStringList(adapter{}, strings.Fields(s))
		}, cel.ListType(str))),
		cel.Function(fnMillis, cel.Overload("milliseconds", []*cel.Type{cel.DynType}, cel.IntType,
			cel.UnaryBinding(milliseconds))),
		cel.Function(fnLastIndex, cel.Overload("last_index", []*cel.Type{str, str, cel.IntType}, cel.IntType,
			cel.FunctionBinding(lastIndex))),
	}
}

// lastIndex is lastIndexOf with a start, which the language does not allow behind the end of the text.
func lastIndex(args ...ref.Val) ref.Val {
	start, ok := args[2].(types.Int)
	in, part := []rune(textOf(args[0])), []rune(textOf(args[1]))
	if !ok || start < 0 || int64(start) > int64(len(in)) {
		return types.NewErr("lastIndexOf: the start is outside of the text")
	}
	for at := min(int(start), len(in)-len(part)); at >= 0; at-- {
		if slices.Equal(in[at:at+len(part)], part) {
			return types.Int(at)
		}
	}
	return types.IntNegOne
}

// milliseconds is getMilliseconds as the language defines it: the part of a second, of a duration as well as of a time.
func milliseconds(v ref.Val) ref.Val {
	switch v := v.(type) {
	case types.Duration:
		return types.Int(v.Milliseconds() % 1000)
	case types.Timestamp:
		return types.Int(v.Nanosecond() / int(time.Millisecond))
	default:
		return types.NewErr("a %s has no getMilliseconds", v.Type().TypeName())
	}
}
