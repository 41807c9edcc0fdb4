package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"weir/engine/catalog"
)

// elements lists the elements of a CEL list.
func elements(v ref.Val) []ref.Val {
	l, ok := v.(traits.Lister)
	if !ok {
		return nil
	}
	size, ok := l.Size().(types.Int)
	if !ok {
		return nil
	}
	out := make([]ref.Val, 0, int(size))
	for i := range size {
		out = append(out, l.Get(i))
	}
	return out
}

func modelsOf(v ref.Val) []*catalog.Model {
	var out []*catalog.Model
	for _, e := range elements(v) {
		if m := modelOf(e); m != nil {
			out = append(out, m)
		}
	}
	return out
}

func modelOf(v ref.Val) *catalog.Model {
	o, ok := v.(*object)
	if !ok {
		return nil
	}
	m, ok := o.val.(*catalog.Model)
	if !ok {
		return nil
	}
	return m
}

func stringsOf(v ref.Val) []string {
	list := elements(v)
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, textOf(e))
	}
	return out
}

func textOf(v ref.Val) string {
	s, ok := v.(types.String)
	if !ok {
		return ""
	}
	return string(s)
}

func wrapModels(models []*catalog.Model) ref.Val { return listOf(models, wrapModel) }

// modelFilters are the filters that take a list of names.
func modelFilters() map[string]func(*catalog.Model, []string) bool {
	not := func(f func(*catalog.Model, []string) bool) func(*catalog.Model, []string) bool {
		return func(m *catalog.Model, ids []string) bool { return !f(m, ids) }
	}
	return map[string]func(*catalog.Model, []string) bool{
		"only": matchesModel, "ignore": not(matchesModel),
		"onlyProviders": matchesProvider, "ignoreProviders": not(matchesProvider),
		"onlyAuthors": matchesAuthor, "ignoreAuthors": not(matchesAuthor),
	}
}

// placeFilters are the filters that take one name.
func placeFilters() map[string]func(*catalog.Model, string) bool {
	return map[string]func(*catalog.Model, string) bool{"inRegion": inRegion, "inCountryCode": inCountry}
}

func collectionOptions(e *Env) []cel.EnvOption {
	models := cel.ListType(modelType)
	names := cel.ListType(cel.StringType)
	overloads := make(map[string][]cel.FunctionOpt)
	add := func(name, id string, args []*cel.Type, result *cel.Type, bind cel.OverloadOpt) {
		overloads[name] = append(overloads[name], cel.MemberOverload(id, args, result, bind))
	}
	for name, holds := range modelFilters() {
		add(name, "models_"+name, []*cel.Type{models, names}, models, cel.BinaryBinding(func(in, ids ref.Val) ref.Val {
			want := stringsOf(ids)
			return wrapModels(keep(modelsOf(in), func(m *catalog.Model) bool { return holds(m, want) }))
		}))
	}
	for name, holds := range placeFilters() {
		add(name, "models_"+name, []*cel.Type{models, cel.StringType}, models, cel.BinaryBinding(func(in, place ref.Val) ref.Val {
			want := textOf(place)
			return wrapModels(keep(modelsOf(in), func(m *catalog.Model) bool { return holds(m, want) }))
		}))
	}
	for _, limit := range []*cel.Type{cel.DoubleType, cel.IntType} {
		add("underCost", "models_underCost_"+limit.TypeName(), []*cel.Type{models, cel.StringType, limit}, models,
			cel.FunctionBinding(underCost))
	}
	add("sortBy", "models_sortBy", []*cel.Type{models, cel.StringType}, models, cel.BinaryBinding(func(in, _ ref.Val) ref.Val {
		return wrapModels(byPrice(modelsOf(in)))
	}))
	add("get", "models_get", []*cel.Type{models, cel.StringType, cel.StringType}, modelType,
		cel.FunctionBinding(func(args ...ref.Val) ref.Val {
			return wrapModel(findModel(modelsOf(args[0]), textOf(args[1]), textOf(args[2])))
		}))
	memberOverloads(e, add)
	out := make([]cel.EnvOption, 0, len(overloads)+1)
	for name, list := range overloads {
		// A lookup that found nothing hands null on, and nothing follows from nothing: type guards would make it an error.
		out = append(out, cel.Function(name, append(list, decls.DisableTypeGuards(true))...))
	}
	return append(out, sortOption())
}

func memberOverloads(e *Env, add func(name, id string, args []*cel.Type, result *cel.Type, bind cel.OverloadOpt)) {
	names := cel.ListType(cel.StringType)
	elem := cel.TypeParamType("T")
	list := cel.ListType(elem)
	add("random", "list_random", []*cel.Type{list}, elem, cel.UnaryBinding(func(in ref.Val) ref.Val {
		all := elements(in)
		if len(all) == 0 {
			return types.NullValue
		}
		return all[e.intn(len(all))]
	}))
	add("randomize", "list_randomize", []*cel.Type{list}, list, cel.UnaryBinding(func(in ref.Val) ref.Val {
		return types.NewRefValList(adapter{}, shuffled(elements(in), e.intn))
	}))
	for _, elem := range []*cel.Type{providerType, authorType} {
		list := cel.ListType(elem)
		id := elem.TypeName()[len(typePrefix):]
		add("get", id+"_get", []*cel.Type{list, cel.StringType}, elem, cel.BinaryBinding(func(in, want ref.Val) ref.Val {
			if found := named(in, []string{textOf(want)}); len(found) > 0 {
				return found[0]
			}
			return types.NullValue
		}))
		add("only", id+"_only", []*cel.Type{list, names}, list, cel.BinaryBinding(func(in, want ref.Val) ref.Val {
			return types.NewRefValList(adapter{}, named(in, stringsOf(want)))
		}))
		add("ignore", id+"_ignore", []*cel.Type{list, names}, list, cel.BinaryBinding(func(in, want ref.Val) ref.Val {
			ids := stringsOf(want)
			return types.NewRefValList(adapter{}, keep(elements(in), func(v ref.Val) bool { return !isNamed(v, ids) }))
		}))
	}
	add("getModel", "provider_getModel", []*cel.Type{providerType, cel.StringType}, modelType,
		cel.BinaryBinding(func(in, want ref.Val) ref.Val {
			o, ok := in.(*object)
			if !ok {
				return types.NullValue
			}
			p, ok := o.val.(*providerView)
			if !ok {
				return types.NullValue
			}
			return wrapModel(findModel(p.models, p.ID, textOf(want)))
		}))
	metadata := cel.BinaryBinding(func(in, path ref.Val) ref.Val {
		if o, ok := in.(*object); ok {
			switch v := o.val.(type) {
			case *catalog.Model:
				return adapter{}.NativeToValue(metadataAt(v.Metadata, textOf(path)))
			case *providerView:
				return adapter{}.NativeToValue(metadataAt(v.Metadata, textOf(path)))
			}
		}
		return types.NullValue
	})
	add("getMetadata", "model_getMetadata", []*cel.Type{modelType, cel.StringType}, cel.DynType, metadata)
	add("getMetadata", "provider_getMetadata", []*cel.Type{providerType, cel.StringType}, cel.DynType, metadata)
}

func isNamed(v ref.Val, ids []string) bool {
	o, ok := v.(*object)
	if !ok {
		return false
	}
	id, aliases := identify(o.val)
	return matchesID(id, aliases, ids)
}

func named(in ref.Val, ids []string) []ref.Val {
	return keep(elements(in), func(v ref.Val) bool { return isNamed(v, ids) })
}

func underCost(args ...ref.Val) ref.Val {
	price, ok := priceFields()[textOf(args[1])]
	if !ok {
		return types.NewErr("%q is not a price type", textOf(args[1]))
	}
	limit, ok := numberOf(args[2])
	if !ok {
		return types.NewErr("the limit of underCost is not a number")
	}
	return wrapModels(keep(modelsOf(args[0]), func(m *catalog.Model) bool { return under(price(m), limit) }))
}

// under says whether a price is known and below the limit.
func under(price *float64, limit float64) bool { return price != nil && *price < limit }

func numberOf(v ref.Val) (float64, bool) {
	switch v := v.(type) {
	case types.Double:
		return float64(v), true
	case types.Int:
		return float64(v), true
	default:
		return 0, false
	}
}
