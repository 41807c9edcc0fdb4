package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var errModel = errors.New("refused")

// modelPatch is RFC 6902 on decoded values, as simple as it can be: what ApplyPatch must agree with.
func modelPatch(doc any, ops []PatchOp) (any, error) {
	for _, o := range ops {
		var value any
		if o.Op == "add" || o.Op == "replace" || o.Op == "test" {
			value = modelDecode(o.Value)
		}
		path := modelPath(o.Path)
		from := modelPath(o.From)
		var err error
		switch o.Op {
		case "add":
			doc, err = modelEdit(doc, path, func(any, bool) (any, bool, error) { return value, true, nil }, true)
		case "replace":
			doc, err = modelEdit(doc, path, func(_ any, there bool) (any, bool, error) { return value, true, modelThere(there) }, false)
		case "remove":
			doc, err = modelRemove(doc, path)
		case "test":
			var got any
			if got, err = modelGet(doc, path); err == nil && !reflect.DeepEqual(got, value) {
				err = errModel
			}
		case "copy", "move":
			doc, err = modelCarry(doc, o.Op, from, path)
		}
		if err != nil {
			return nil, err
		}
	}
	return doc, nil
}

func modelCarry(doc any, op string, from, path []string) (any, error) {
	got, err := modelGet(doc, from)
	if err != nil {
		return nil, err
	}
	raw, _ := json.Marshal(got)
	if op == "move" {
		if slices.Equal(from, path) {
			return doc, nil
		}
		if len(from) < len(path) && slices.Equal(from, path[:len(from)]) {
			return nil, errModel
		}
		if doc, err = modelRemove(doc, from); err != nil {
			return nil, err
		}
	}
	return modelEdit(doc, path, func(any, bool) (any, bool, error) { return modelDecode(raw), true, nil }, true)
}

func modelThere(there bool) error {
	if there {
		return nil
	}
	return errModel
}

func modelDecode(raw []byte) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(fmt.Sprintf("%s: %v", raw, err))
	}
	return v
}

func modelPath(s string) []string {
	if s == "" {
		return nil
	}
	names := strings.Split(s[1:], "/")
	for i := range names {
		names[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(names[i])
	}
	return names
}

func modelGet(doc any, path []string) (any, error) {
	for _, name := range path {
		switch v := doc.(type) {
		case map[string]any:
			kid, ok := v[name]
			if !ok {
				return nil, errModel
			}
			doc = kid
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) || strconv.Itoa(i) != name {
				return nil, errModel
			}
			doc = v[i]
		default:
			return nil, errModel
		}
	}
	return doc, nil
}

func modelRemove(doc any, path []string) (any, error) {
	if len(path) == 0 {
		return nil, errModel
	}
	return modelEdit(doc, path, func(_ any, there bool) (any, bool, error) { return nil, false, modelThere(there) }, false)
}

// modelEdit gives back a document in which f has decided about the value at path; with insert an array gets one more.
func modelEdit(doc any, path []string, f func(any, bool) (any, bool, error), insert bool) (any, error) {
	if len(path) == 0 {
		v, _, err := f(doc, true)
		return v, err
	}
	name, rest := path[0], path[1:]
	switch v := doc.(type) {
	case map[string]any:
		kid, there := v[name]
		if len(rest) > 0 {
			if !there {
				return nil, errModel
			}
			changed, err := modelEdit(kid, rest, f, insert)
			v[name] = changed
			return v, err
		}
		changed, keep, err := f(kid, there)
		if keep {
			v[name] = changed
		} else {
			delete(v, name)
		}
		return v, err
	case []any:
		if name == "-" && insert && len(rest) == 0 {
			name = strconv.Itoa(len(v))
		}
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || strconv.Itoa(i) != name || i > len(v) || (i == len(v) && (!insert || len(rest) > 0)) {
			return nil, errModel
		}
		if len(rest) > 0 {
			changed, err := modelEdit(v[i], rest, f, insert)
			v[i] = changed
			return v, err
		}
		if insert {
			changed, _, err := f(nil, false)
			return slices.Insert(v, i, changed), err
		}
		changed, keep, err := f(v[i], true)
		if keep {
			v[i] = changed
			return v, err
		}
		return slices.Delete(v, i, i+1), err
	default:
		return nil, errModel
	}
}

// patchMaker makes documents and patches out of numbers.
type patchMaker struct{ next func(n int) int }

func (m patchMaker) space() string { return []string{"", "", "", " ", "\n  ", "\t"}[m.next(6)] }

func (m patchMaker) name() string {
	return []string{"a", "b", "a/b", "m~n", "", "é", "0", "x\"y"}[m.next(8)]
}

func (m patchMaker) value(depth int) string {
	switch n := m.next(9); {
	case n < 2 && depth > 0:
		var out []string
		seen := map[string]bool{}
		for range m.next(4) {
			if name := m.name(); !seen[name] {
				seen[name] = true
				out = append(out, m.space()+string(AppendString(nil, name))+m.space()+":"+m.space()+m.value(depth-1)+m.space())
			}
		}
		return "{" + strings.Join(out, ",") + "}"
	case n < 4 && depth > 0:
		out := make([]string, m.next(4))
		for i := range out {
			out[i] = m.space() + m.value(depth-1) + m.space()
		}
		return "[" + strings.Join(out, ",") + m.space() + "]"
	case n < 6:
		return []string{"1", "10", "1.50", "-0.1e2"}[m.next(4)]
	case n < 8:
		return []string{`"x"`, `"\u00e9"`, `"a\/b"`, `""`}[m.next(4)]
	default:
		return []string{"null", "true", "false"}[m.next(3)]
	}
}

// path is a way into the document, mostly one that is there.
func (m patchMaker) path(doc any) string {
	var out strings.Builder
	for m.next(4) > 0 {
		name := m.name()
		switch v := doc.(type) {
		case map[string]any:
			if names := slices.Sorted(mapKeys(v)); len(names) > 0 && m.next(4) > 0 {
				name = names[m.next(len(names))]
			}
			doc = v[name]
		case []any:
			i := m.next(len(v) + 1)
			name = strconv.Itoa(i)
			if doc = nil; i < len(v) {
				doc = v[i]
			} else if m.next(2) == 0 {
				name = "-"
			}
		default:
			if m.next(4) > 0 {
				return out.String()
			}
			doc = nil
		}
		out.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return out.String()
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// check makes a document and a patch, applies it both ways and compares.
func (m patchMaker) check(t *testing.T) (applied bool) {
	t.Helper()
	body := m.value(4)
	if body[0] != '{' {
		body = `{"a":` + body + `}`
	}
	doc := modelDecode([]byte(body))
	ops := make([]PatchOp, 1+m.next(4))
	for i := range ops {
		ops[i] = PatchOp{Op: []string{"add", "remove", "replace", "move", "copy", "test"}[m.next(6)], Path: m.path(doc), From: m.path(doc), Value: []byte(m.value(2))}
		if ops[i].Op == "test" && m.next(4) > 0 {
			if v, err := modelGet(doc, modelPath(ops[i].Path)); err == nil {
				ops[i].Value, _ = json.Marshal(v)
			}
		}
	}
	want, wantErr := modelPatch(doc, ops)
	if _, ok := want.(map[string]any); !ok && wantErr == nil {
		wantErr = errModel
	}
	got, err := ApplyPatch([]byte("x"), []byte(body), ops)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s with %s: got %s, %v, the model says %v", body, showOps(ops), got, err, wantErr)
	}
	if err != nil {
		if string(got) != "x" {
			t.Fatalf("got %s of a patch that failed", got)
		}
		return false
	}
	if back := modelDecode(got[1:]); !reflect.DeepEqual(back, want) {
		t.Fatalf("%s with %s: got %s, want %v", body, showOps(ops), got, want)
	}
	return true
}

func showOps(ops []PatchOp) string {
	var b strings.Builder
	for _, o := range ops {
		fmt.Fprintf(&b, "[%s %q from %q %s]", o.Op, o.Path, o.From, o.Value)
	}
	return b.String()
}

func TestApplyPatchAgreesWithTheModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	applied := 0
	const rounds = 20000
	for range rounds {
		if (patchMaker{r.IntN}).check(t) {
			applied++
		}
	}
	if applied < rounds/8 {
		t.Errorf("got %d of %d patches applied: the test proves too little", applied, rounds)
	}
}

func FuzzApplyPatch(f *testing.F) {
	f.Add([]byte("0123456789"), []byte(`{"a":[1,{"b":"x"}]}`), "move", "/a/0", "/a/1/c", []byte(`{"x":1}`))
	f.Add([]byte{9, 8, 7, 200, 3, 17, 90, 6}, []byte(` { "\u0061" : 1 } `), "add", "", "/a~1", []byte(`1`))
	f.Fuzz(func(t *testing.T, choices, body []byte, op, from, path string, value []byte) {
		left := choices
		maker := patchMaker{func(n int) int {
			if len(left) == 0 {
				return 0
			}
			c := int(left[0])
			left = left[1:]
			return c % n
		}}
		maker.check(t)
		got, err := ApplyPatch(nil, body, []PatchOp{{Op: op, From: from, Path: path, Value: value}})
		if err != nil {
			if len(got) > 0 {
				t.Fatalf("got %q of a patch that failed", got)
			}
			return
		}
		var d Doc
		if p := d.Scan(got); p != nil {
			t.Fatalf("%q with %s became %q: %v", body, op, got, p)
		}
	})
}
