package expr

import (
	"net/http"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// totalOptions declares what rewritten lookups call: header lookups never fail, a dynamic map gives null for what it lacks,
// and an index into no models is no model.
func totalOptions() []cel.EnvOption {
	str, dyn := cel.StringType, cel.DynType
	multi := cel.MapType(str, cel.ListType(str))
	cookies := cel.MapType(str, cel.ListType(cookieType))
	elem := cel.TypeParamType("T")
	unguarded := decls.DisableTypeGuards(true)
	return []cel.EnvOption{
		cel.Function(fnFirst, unguarded, cel.Overload("first", []*cel.Type{multi, str}, str, cel.BinaryBinding(firstValue))),
		cel.Function(fnFirstCookie, unguarded, cel.Overload("first_cookie", []*cel.Type{cookies, str}, cookieType,
			cel.BinaryBinding(firstCookie)), cel.Overload("first_set_cookie", []*cel.Type{setCookiesType(), str}, setCookieType,
			cel.BinaryBinding(firstSetCookie))),
		cel.Function(fnValues, unguarded, cel.Overload("values", []*cel.Type{cel.MapType(str, cel.ListType(elem)), str},
			cel.ListType(elem), cel.BinaryBinding(allValues))),
		cel.Function(fnText, unguarded, cel.Overload("text", []*cel.Type{cel.MapType(str, str), str}, str,
			cel.BinaryBinding(textValue))),
		cel.Function(fnGet, cel.Overload("get_dyn", []*cel.Type{dyn, dyn}, dyn, cel.BinaryBinding(getTotal))),
		cel.Function(fnHas, cel.Overload("has_dyn", []*cel.Type{dyn, str}, cel.BoolType, cel.BinaryBinding(hasTotal))),
		cel.Function(fnPresent, cel.Overload("present", []*cel.Type{dyn}, cel.BoolType, cel.UnaryBinding(isPresent))),
		cel.Function(fnAt, unguarded, cel.Overload("at", []*cel.Type{cel.ListType(elem), dyn}, elem, cel.BinaryBinding(elementAt))),
	}
}

func firstValue(m, key ref.Val) ref.Val {
	if mm, ok := m.(*mapping); ok {
		if h, ok := mm.entries.(headerMap); ok {
			return types.String(h.m.First(textOf(key)))
		}
	}
	list, ok := allValues(m, key).(traits.Lister)
	if !ok || list.Size() == types.IntZero {
		return types.String("")
	}
	return list.Get(types.IntZero)
}

func firstCookie(m, key ref.Val) ref.Val {
	list, ok := allValues(m, key).(traits.Lister)
	if !ok || list.Size() == types.IntZero {
		return &object{typ: cookieType, val: cookie{name: textOf(key)}}
	}
	return list.Get(types.IntZero)
}

func firstSetCookie(m, key ref.Val) ref.Val {
	list, ok := allValues(m, key).(traits.Lister)
	if !ok || list.Size() == types.IntZero {
		return &object{typ: setCookieType, val: setCookie{&http.Cookie{Name: textOf(key)}}} //nolint:gosec // it is read, never sent
	}
	return list.Get(types.IntZero)
}

func allValues(m, key ref.Val) ref.Val {
	if mm, ok := m.(traits.Mapper); ok {
		if v, ok := mm.Find(key); ok {
			return v
		}
	}
	return types.NewStringList(adapter{}, nil)
}

func textValue(m, key ref.Val) ref.Val {
	if mm, ok := m.(traits.Mapper); ok {
		if v, ok := mm.Find(key); ok {
			return types.String(textOf(v))
		}
	}
	return types.String("")
}

func getTotal(in, key ref.Val) ref.Val {
	switch in := in.(type) {
	case types.Null:
		return types.NullValue
	case traits.Mapper:
		v, ok := in.Find(key)
		if ok {
			return v
		}
		if v != nil && types.IsError(v) {
			return v
		}
		return types.NullValue
	case traits.Lister:
		i, err := types.GetOrError(key)
		size, ok := in.Size().(types.Int)
		if err != nil || !ok || i < 0 || int64(i) >= int64(size) {
			return types.NewErr("index out of range")
		}
		return in.Get(types.Int(i))
	case traits.Indexer:
		return in.Get(key)
	case *object:
		return types.NewErr("%q cannot be read from a %s this way", textOf(key), in.typ.TypeName()[len(typePrefix):])
	default:
		return types.NewErr("a %s has no fields", in.Type().TypeName())
	}
}

func hasTotal(in, key ref.Val) ref.Val {
	switch in := in.(type) {
	case types.Null:
		return types.False
	case traits.Mapper:
		_, ok := in.Find(key)
		return types.Bool(ok)
	default:
		return types.NewErr("a %s has no fields", in.Type().TypeName())
	}
}

// isPresent backs has(v) on a plain variable: it has something to say when it is neither null nor its type's empty value.
func isPresent(v ref.Val) ref.Val {
	if z, ok := v.(traits.Zeroer); ok {
		return types.Bool(!z.IsZeroValue())
	}
	if s, ok := v.(traits.Sizer); ok {
		return types.Bool(s.Size() != types.IntZero)
	}
	return types.True
}

func elementAt(in, index ref.Val) ref.Val {
	list, ok := in.(traits.Lister)
	if !ok {
		return types.NullValue
	}
	i, err := types.GetOrError(index)
	size, sized := list.Size().(types.Int)
	if err != nil || !sized || i < 0 {
		return types.NewErr("index out of range")
	}
	if int64(i) >= int64(size) {
		return types.NullValue
	}
	return list.Get(types.Int(i))
}
