package expr

import (
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"weir/engine/catalog"
	"weir/engine/vars"
)

// adapter turns Go values into CEL values.
type adapter struct{}

// NativeToValue implements types.Adapter.
func (a adapter) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case nil:
		return types.NullValue
	case ref.Val:
		return v
	case string:
		return types.String(v)
	case bool:
		return types.Bool(v)
	case int64:
		return types.Int(v)
	case int:
		return types.Int(v)
	case float64:
		return types.Double(v)
	case json.Number:
		return number(v)
	case time.Time:
		return types.Timestamp{Time: v}
	case []string:
		return types.NewStringList(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	default:
		return a.objectToValue(v)
	}
}

func (a adapter) objectToValue(v any) ref.Val {
	switch v := v.(type) {
	case *catalog.Model:
		return wrapModel(v)
	case *catalog.Provider:
		return wrapProvider(v)
	case *providerView:
		return &object{typ: providerType, val: v}
	case *catalog.Author:
		return wrapAuthor(v)
	case *Key:
		return &object{typ: keyType, val: v}
	case cookie:
		return &object{typ: cookieType, val: v}
	case setCookie:
		return &object{typ: setCookieType, val: v}
	case metricsView:
		return &object{typ: metricsType, val: v}
	case []*catalog.Model:
		return listOf(v, wrapModel)
	case []*catalog.Provider:
		return listOf(v, wrapProvider)
	case []*providerView:
		return listOf(v, func(p *providerView) ref.Val { return &object{typ: providerType, val: p} })
	case []*catalog.Author:
		return listOf(v, wrapAuthor)
	case []Key:
		vals := make([]ref.Val, len(v))
		for i := range v {
			vals[i] = &object{typ: keyType, val: &v[i]}
		}
		return types.NewRefValList(a, vals)
	case []catalog.Datacenter:
		return listOf(v, func(d catalog.Datacenter) ref.Val { return &object{typ: datacenterType, val: d} })
	case keyMetrics:
		return &mapping{entries: keyMetricsMap(v)}
	case vars.MultiMap:
		return &mapping{entries: headerMap{v}}
	default:
		return types.DefaultTypeAdapter.NativeToValue(v)
	}
}

func listOf[T any](vs []T, wrap func(T) ref.Val) ref.Val {
	vals := make([]ref.Val, len(vs))
	for i, v := range vs {
		vals[i] = wrap(v)
	}
	return types.NewRefValList(adapter{}, vals)
}

func number(n json.Number) ref.Val {
	if i, err := n.Int64(); err == nil {
		return types.Int(i)
	}
	f, err := n.Float64()
	if err != nil {
		return types.NewErr("number out of range")
	}
	return types.Double(f)
}

// entries is a map by name that is read lazily.
type entries interface {
	find(name string) (ref.Val, bool)
	has(name string) bool
	names() []string
}

// headerMap reads headers and query parameters.
type headerMap struct{ m vars.MultiMap }

func (h headerMap) find(name string) (ref.Val, bool) {
	v := h.m.Values(name)
	return types.NewStringList(adapter{}, v), len(v) > 0
}
func (h headerMap) has(name string) bool { return h.m.Has(name) }
func (h headerMap) names() []string      { return h.m.Names() }

// cookieMap reads cookies.
type cookieMap struct{ m vars.MultiMap }

func (c cookieMap) find(name string) (ref.Val, bool) {
	v := c.m.Values(name)
	return listOf(v, func(value string) ref.Val {
		return &object{typ: cookieType, val: cookie{name: name, value: value}}
	}), len(v) > 0
}
func (c cookieMap) has(name string) bool { return c.m.Has(name) }
func (c cookieMap) names() []string      { return c.m.Names() }

// firstMap reads the first value of each name, for maps from a string to a string.
type firstMap struct{ m vars.MultiMap }

func (f firstMap) find(name string) (ref.Val, bool) {
	return types.String(f.m.First(name)), f.m.Has(name)
}
func (f firstMap) has(name string) bool { return f.m.Has(name) }
func (f firstMap) names() []string      { return f.m.Names() }

type keyMetricsMap struct{ model *catalog.Model }

func (k keyMetricsMap) find(name string) (ref.Val, bool) {
	if !k.has(name) {
		return nil, false
	}
	return &object{typ: metricsType, val: viewMetrics(k.model, catalog.ScopeKey, name)}, true
}

func (k keyMetricsMap) has(name string) bool {
	return slices.Contains(k.names(), name)
}

func (k keyMetricsMap) names() []string {
	if k.model.Live == nil {
		return nil
	}
	return k.model.Live.Keys()
}

// mapping is a CEL map over entries.
type mapping struct{ entries entries }

// whole copies the entries into one of CEL's own maps, for the operations that need all of it.
func (m *mapping) whole() traits.Mapper {
	out := make(map[ref.Val]ref.Val)
	for _, name := range m.entries.names() {
		if v, ok := m.entries.find(name); ok {
			out[types.String(name)] = v
		}
	}
	return types.NewRefValMap(adapter{}, out)
}

// ConvertToNative implements ref.Val.
func (m *mapping) ConvertToNative(t reflect.Type) (any, error) { return m.whole().ConvertToNative(t) }

// ConvertToType implements ref.Val.
func (m *mapping) ConvertToType(t ref.Type) ref.Val { return m.whole().ConvertToType(t) }

// Equal implements ref.Val.
func (m *mapping) Equal(other ref.Val) ref.Val { return m.whole().Equal(other) }

// Type implements ref.Val.
func (m *mapping) Type() ref.Type { return types.MapType }

// Value implements ref.Val.
func (m *mapping) Value() any { return m.entries }

// Contains implements traits.Container.
func (m *mapping) Contains(key ref.Val) ref.Val {
	name, ok := key.(types.String)
	return types.Bool(ok && m.entries.has(string(name)))
}

// Find implements traits.Mapper.
func (m *mapping) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	return m.entries.find(string(name))
}

// Get implements traits.Indexer.
func (m *mapping) Get(key ref.Val) ref.Val {
	if v, ok := m.Find(key); ok {
		return v
	}
	return types.NewErr("no such key: %v", key)
}

// Iterator implements traits.Iterable.
func (m *mapping) Iterator() traits.Iterator {
	it, ok := types.NewStringList(adapter{}, m.entries.names()).(traits.Iterable)
	if !ok {
		return nil
	}
	return it.Iterator()
}

// Size implements traits.Sizer.
func (m *mapping) Size() ref.Val { return types.Int(len(m.entries.names())) }

// valueOf gives a variable the type its row in the table says. Only the field of that type is looked at, so that a source
// that has nothing to say means the zero value; the closures read the same fields.
func valueOf(t vars.Type, v vars.Value) ref.Val {
	switch t {
	case vars.TypeString:
		return types.String(v.Str)
	case vars.TypeInt:
		return types.Int(v.Int)
	case vars.TypeBool:
		return types.Bool(v.Int != 0)
	case vars.TypeDouble:
		return types.Double(v.Num)
	case vars.TypeMulti, vars.TypeCookies, vars.TypeStringMap:
		return multiOf(t, v)
	case vars.TypeTimestamp:
		if at, ok := v.Obj.(time.Time); ok {
			return types.Timestamp{Time: at.UTC()}
		}
		return types.Timestamp{Time: time.Unix(0, 0).UTC()}
	case vars.TypeMap:
		if m, ok := v.Obj.(map[string]any); ok {
			return types.NewStringInterfaceMap(adapter{}, m)
		}
		return types.NewStringInterfaceMap(adapter{}, nil)
	case vars.TypeDyn:
		return dynOf(v)
	default:
		if v.Obj == nil {
			return types.NewDynamicList(adapter{}, []any{})
		}
		return adapter{}.NativeToValue(v.Obj)
	}
}

func dynOf(v vars.Value) ref.Val {
	switch v.Kind {
	case vars.KindNull:
		return types.NullValue
	case vars.KindBool:
		return types.Bool(v.Int != 0)
	case vars.KindInt:
		return types.Int(v.Int)
	case vars.KindDouble:
		return types.Double(v.Num)
	case vars.KindString:
		return types.String(v.Str)
	case vars.KindDuration:
		return types.Duration{Duration: time.Duration(v.Int)}
	default:
		return adapter{}.NativeToValue(v.Obj)
	}
}

func multiOf(t vars.Type, v vars.Value) ref.Val {
	if t == vars.TypeStringMap {
		if m, ok := v.Obj.(map[string]any); ok {
			return types.NewStringInterfaceMap(adapter{}, m)
		}
	}
	m, ok := v.Obj.(vars.MultiMap)
	if !ok {
		m = noValues{}
	}
	switch t {
	case vars.TypeCookies:
		return &mapping{entries: cookieMap{m}}
	case vars.TypeStringMap:
		return &mapping{entries: firstMap{m}}
	default:
		return &mapping{entries: headerMap{m}}
	}
}

// noValues stands for headers where there are none.
type noValues struct{}

// First implements vars.MultiMap.
func (noValues) First(string) string { return "" }

// Values implements vars.MultiMap.
func (noValues) Values(string) []string { return nil }

// Has implements vars.MultiMap.
func (noValues) Has(string) bool { return false }

// Names implements vars.MultiMap.
func (noValues) Names() []string { return nil }
