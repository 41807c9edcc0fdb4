package expr

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"weir/engine/catalog"
)

// Names of our CEL types. The prefix keeps them apart from variables; diagnostics show them without it.
const (
	typePrefix     = "weir."
	modelName      = typePrefix + "model"
	metricsName    = typePrefix + "metrics"
	providerName   = typePrefix + "provider"
	authorName     = typePrefix + "author"
	keyName        = typePrefix + "key"
	datacenterName = typePrefix + "datacenter"
	cookieName     = typePrefix + "cookie"
	setCookieName  = typePrefix + "set_cookie"
)

// The CEL types themselves; nothing changes them.
var (
	modelType      = cel.ObjectType(modelName)
	metricsType    = cel.ObjectType(metricsName)
	providerType   = cel.ObjectType(providerName)
	authorType     = cel.ObjectType(authorName)
	keyType        = cel.ObjectType(keyName)
	datacenterType = cel.ObjectType(datacenterName)
	cookieType     = cel.ObjectType(cookieName)
	setCookieType  = cel.ObjectType(setCookieName)
)

// object is a Go value with the fields of one of our types.
type object struct {
	typ *cel.Type
	val any
}

var errNotConvertible = types.NewErr("the value cannot be converted")

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(want reflect.Type) (any, error) {
	if reflect.TypeOf(o.val).AssignableTo(want) {
		return o.val, nil
	}
	return nil, fmt.Errorf("cannot convert %s", strings.TrimPrefix(o.typ.TypeName(), typePrefix))
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.typ
	}
	return errNotConvertible
}

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return types.Bool(ok && o.typ.TypeName() == p.typ.TypeName() && sameValue(o.val, p.val))
}

// sameValue compares what two objects hold; a provider is the same whatever models are in view.
func sameValue(a, b any) bool {
	if p, ok := a.(*providerView); ok {
		q, ok := b.(*providerView)
		return ok && p.Provider == q.Provider
	}
	return reflect.TypeOf(a).Comparable() && a == b
}

// Type implements ref.Val.
func (o *object) Type() ref.Type { return o.typ }

// Value implements ref.Val.
func (o *object) Value() any { return o.val }

// field is a field of a CEL type, erased from leaf.
type field struct {
	typ *cel.Type
	get func(any) (any, error)
}

// fieldTypes is the type provider: CEL's own types and ours.
type fieldTypes struct {
	types.Provider
	adapter adapter
	fields  map[string]map[string]field // type name, field name
}

func newFieldTypes(base types.Provider) *fieldTypes {
	t := &fieldTypes{Provider: base, fields: make(map[string]map[string]field)}
	register(t, modelName, modelFields())
	register(t, metricsName, metricsFields())
	register(t, providerName, providerFields())
	register(t, authorName, authorFields())
	register(t, keyName, keyFields())
	register(t, datacenterName, datacenterFields())
	register(t, cookieName, cookieFields())
	register(t, setCookieName, setCookieFields())
	return t
}

// register adds a type whose fields are dotted paths; every step on the way becomes a type of its own around the same value.
func register[T any](t *fieldTypes, name string, leaves map[string]leaf[T]) {
	for path, l := range leaves {
		owner := name
		for {
			head, rest, more := strings.Cut(path, ".")
			if t.fields[owner] == nil {
				t.fields[owner] = make(map[string]field)
			}
			if !more {
				break
			}
			group := cel.ObjectType(owner + "." + head)
			t.fields[owner][head] = field{typ: group, get: func(v any) (any, error) {
				if _, ok := v.(T); !ok {
					return nil, fmt.Errorf("%q has no value here", head)
				}
				return &object{typ: group, val: v}, nil
			}}
			owner, path = owner+"."+head, rest
		}
		t.fields[owner][path] = field{typ: l.celType(), get: func(v any) (any, error) {
			typed, ok := v.(T)
			if !ok {
				return nil, fmt.Errorf("%q has no value here", path)
			}
			return l.get(typed), nil
		}}
	}
}

// names lists the fields of all our types.
func (t *fieldTypes) names() []string {
	var out []string
	for _, fields := range t.fields {
		out = slices.AppendSeq(out, maps.Keys(fields))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// FindStructType implements types.Provider.
func (t *fieldTypes) FindStructType(name string) (*types.Type, bool) {
	if _, ok := t.fields[name]; ok {
		return types.NewTypeTypeWithParam(cel.ObjectType(name)), true
	}
	return t.Provider.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (t *fieldTypes) FindStructFieldNames(name string) ([]string, bool) {
	if fields, ok := t.fields[name]; ok {
		return slices.Sorted(maps.Keys(fields)), true
	}
	return t.Provider.FindStructFieldNames(name)
}

// FindStructFieldType implements types.Provider.
func (t *fieldTypes) FindStructFieldType(name, fieldName string) (*types.FieldType, bool) {
	fields, ok := t.fields[name]
	if !ok {
		return t.Provider.FindStructFieldType(name, fieldName)
	}
	f, ok := fields[fieldName]
	if !ok {
		return nil, false
	}
	return &types.FieldType{
		Type: f.typ,
		IsSet: func(v any) bool {
			got, err := f.get(v)
			return err == nil && got != nil
		},
		GetFrom: func(v any) (any, error) {
			got, err := f.get(v)
			if err != nil {
				return nil, err
			}
			return t.adapter.NativeToValue(got), nil
		},
	}, true
}

// NewValue implements types.Provider: our types cannot be built in an expression.
func (t *fieldTypes) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := t.fields[name]; ok {
		return types.NewErr("%s cannot be built in an expression", strings.TrimPrefix(name, typePrefix))
	}
	return t.Provider.NewValue(name, fields)
}

func wrapModel(m *catalog.Model) ref.Val {
	if m == nil {
		return types.NullValue
	}
	return &object{typ: modelType, val: m}
}

func wrapProvider(p *catalog.Provider) ref.Val {
	if p == nil {
		return types.NullValue
	}
	return &object{typ: providerType, val: &providerView{Provider: p, models: p.Models}}
}

func wrapAuthor(a *catalog.Author) ref.Val {
	if a == nil {
		return types.NullValue
	}
	return &object{typ: authorType, val: a}
}
