package expr

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// maxDepth bounds how deep a value may nest when it leaves CEL; the body scan has the same bound.
const maxDepth = 64

var errTooDeep = errors.New("the value is nested too deeply")

// toNative turns a CEL value into nil, bool, int64, float64, string, time.Time, []any or map[string]any.
func toNative(v ref.Val, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	switch v := v.(type) {
	case types.Null:
		return nil, nil //nolint:nilnil // null is a value
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.Uint:
		return int64(v), nil //nolint:gosec // no variable or function of ours makes a larger one
	case types.Double:
		return float64(v), nil
	case types.String:
		return string(v), nil
	case types.Bytes:
		return bytesText(v), nil
	case types.Timestamp:
		return v.Time, nil
	case types.Duration:
		return durationText(v), nil
	case *object:
		return objectNative(v, depth)
	case traits.Mapper:
		return mapNative(v, depth)
	case traits.Lister:
		return listNative(v, depth)
	case *types.Err:
		return nil, v
	default:
		return nil, fmt.Errorf("a value of type %s cannot be used here", v.Type().TypeName())
	}
}

func bytesText(b types.Bytes) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// objectNative shows a model, provider or author by its id: the whole of it would not help anybody.
func objectNative(o *object, depth int) (any, error) {
	if c, ok := o.val.(cookie); ok {
		return map[string]any{"name": c.name, "value": c.value}, nil
	}
	if c, ok := o.val.(setCookie); ok {
		return map[string]any{
			"name": c.Name, "value": c.Value, "domain": c.Domain, "path": c.Path, "same_site": sameSite(c),
			"http_only": c.HttpOnly, "secure": c.Secure,
		}, nil
	}
	if id, ok := idOf(o.val); ok {
		return id, nil
	}
	if depth > 0 {
		return nil, nil //nolint:nilnil // null is a value
	}
	return nil, fmt.Errorf("a value of type %s cannot be used here", o.typ.TypeName()[len(typePrefix):])
}

func mapNative(m traits.Mapper, depth int) (any, error) {
	out := make(map[string]any)
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		value, err := toNative(m.Get(key), depth+1)
		if err != nil {
			return nil, err
		}
		name, err := toText(key)
		if err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}

func listNative(l traits.Lister, depth int) (any, error) {
	size, ok := l.Size().(types.Int)
	if !ok {
		return nil, errors.New("a list without a size")
	}
	out := make([]any, 0, int(size))
	for i := range size {
		value, err := toNative(l.Get(i), depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

// durationText writes a duration as string(d) does, in seconds.
func durationText(d types.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}

// doubleText writes a number as JSON does, so that it reads the same alone and inside a list; 1000000.0 is 1000000.
func doubleText(f float64) string {
	if out, err := marshal(f); err == nil {
		return out
	}
	return strconv.FormatFloat(f, 'g', -1, 64) // no number, or an infinite one
}

// toText writes a value the way a template shows it: null is empty, times are RFC 3339, lists and maps are JSON.
func toText(v ref.Val) (string, error) {
	switch v := v.(type) {
	case types.String:
		return string(v), nil
	case types.Null:
		return "", nil
	case types.Bool:
		return strconv.FormatBool(bool(v)), nil
	case types.Int:
		return strconv.FormatInt(int64(v), 10), nil
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10), nil
	case types.Double:
		return doubleText(float64(v)), nil
	case types.Timestamp:
		return v.Format(time.RFC3339Nano), nil
	}
	native, err := toNative(v, 0)
	if err != nil {
		return "", err
	}
	if s, ok := native.(string); ok {
		return s, nil
	}
	return marshal(native)
}
