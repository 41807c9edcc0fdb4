package opa

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/vars"
)

// Source gives the values of the input.
type Source interface {
	Var(id vars.ID) vars.Value
}

// Window is the part of a streamed answer that a decision is about. While one is set, input.ai.response.text is its text,
// and input.ai.response.window tells the rest.
type Window struct {
	Text  string
	Kind  string // assistant, reasoning, tool_arguments, refusal: as wire.TextKind says
	Index int    // from 0, counted over the whole answer
	Final bool   // nothing follows in this text
}

// maxInput bounds the text and values of one input: a conversation of a million tokens is half of it, and more would not be
// read within any deadline.
const maxInput = 8 << 20

// nodeSize is what a value counts beside its text: about what it takes in memory.
const nodeSize = 32

// input builds the input document of one evaluation. Its strings are copies: some of OPA's functions keep what they are
// called with for later calls, such as the patterns of regular expressions.
type input struct {
	e    *Evaluation
	size int
	err  error
}

// build returns the document of a plan.
func (in *input) build(r *reading) *ast.Term {
	items := make([][2]*ast.Term, 0, len(r.fields))
	for _, f := range r.fields {
		var t *ast.Term
		if f.kind == kindNamespace {
			t = in.build(f)
		} else {
			t = in.value(f)
		}
		if t != nil {
			items = append(items, ast.Item(f.key, t))
		}
	}
	return ast.ObjectTerm(items...)
}

// value returns one value, nil where it is undefined.
func (in *input) value(r *reading) *ast.Term {
	switch r.kind {
	case kindRawBody:
		return in.rawBody()
	case kindWindow:
		return in.window()
	case kindNamespace, kindVariable:
	}
	if w := in.e.Window; w != nil && r.v.ID == vars.AIResponseText {
		return in.text(w.Text)
	}
	if r.v.ID == vars.ResCookies {
		return in.setCookies(r.members)
	}
	return in.variable(in.e.Source.Var(r.v.ID), r)
}

func (in *input) rawBody() *ast.Term {
	if in.e.RawBody == nil || in.err != nil {
		return nil
	}
	body, err := in.e.RawBody()
	if err != nil {
		in.err = err
		return nil
	}
	return in.text(string(body))
}

func (in *input) window() *ast.Term {
	w := in.e.Window
	if w == nil {
		return nil
	}
	return ast.ObjectTerm(
		ast.Item(ast.InternedTerm("kind"), in.text(w.Kind)),
		ast.Item(ast.InternedTerm("index"), ast.InternedTerm(w.Index)),
		ast.Item(ast.InternedTerm("final"), ast.InternedTerm(w.Final)),
	)
}

// room counts what a value takes and reports whether the input may have it.
func (in *input) room(n int) bool {
	if in.size += n + nodeSize; in.size > maxInput && in.err == nil {
		in.err = ErrTooLarge
	}
	return in.err == nil
}

func (in *input) text(s string) *ast.Term {
	if s == "" || !in.room(len(s)) {
		return ast.InternedEmptyString
	}
	return ast.StringTerm(strings.Clone(s))
}

func (in *input) number(i int64) *ast.Term {
	if in.room(0) && ast.HasInternedIntNumberTerm(int(i)) {
		return ast.InternedTerm(i)
	}
	return ast.NumberTerm(jsonNumber(i))
}

func (in *input) variable(v vars.Value, r *reading) *ast.Term {
	switch v.Kind {
	case vars.KindBool:
		return ast.InternedTerm(v.Int != 0)
	case vars.KindInt:
		return in.number(v.Int)
	case vars.KindDouble:
		return in.native(v.Num, nil)
	case vars.KindString:
		return in.text(v.Str)
	case vars.KindTime, vars.KindStrings, vars.KindDyn:
		if v.Obj == nil {
			return nil
		}
		return in.native(v.Obj, r.members)
	case vars.KindDuration:
		return in.native(time.Duration(v.Int), nil)
	case vars.KindMulti:
		if m, ok := v.Obj.(vars.MultiMap); ok {
			return in.multi(m, r)
		}
	case vars.KindNull, vars.KindObject:
	}
	return nil
}

// multi is an object with the lists of a map by their names in lower case.
func (in *input) multi(m vars.MultiMap, r *reading) *ast.Term {
	cookies := r.v.Type == vars.TypeCookies
	var items [][2]*ast.Term
	add := func(name string, key *ast.Term) {
		values := m.Values(name)
		if len(values) == 0 {
			return
		}
		list := make([]*ast.Term, len(values))
		for i, v := range values {
			if list[i] = in.text(v); cookies {
				list[i] = ast.ObjectTerm(ast.Item(ast.InternedTerm("name"), key), ast.Item(ast.InternedTerm("value"), list[i]))
			}
		}
		items = append(items, ast.Item(key, ast.ArrayTerm(list...)))
	}
	if !r.members.whole {
		for _, p := range r.members.parts {
			add(p.name, p.key)
		}
		return ast.ObjectTerm(items...)
	}
	for _, name := range m.Names() {
		lower := strings.ToLower(name)
		add(lower, in.text(lower))
	}
	return ast.ObjectTerm(items...)
}

// native is a value of Go in the input; of a mapping, the parts that are read.
func (in *input) native(v any, m *member) *ast.Term {
	switch v := v.(type) {
	case nil:
		in.room(0)
		return ast.InternedNullTerm
	case bool:
		in.room(0)
		return ast.InternedTerm(v)
	case int64:
		return in.number(v)
	case float64:
		in.room(0)
		return ast.FloatNumberTerm(v)
	case string:
		return in.text(v)
	case []byte:
		return in.text(string(v))
	case time.Time:
		return in.text(v.UTC().Format(time.RFC3339Nano))
	case time.Duration:
		return in.text(v.String())
	case []string:
		list := make([]*ast.Term, len(v))
		for i := range v {
			list[i] = in.text(v[i])
		}
		return ast.ArrayTerm(list...)
	case []any:
		if !in.room(nodeSize * len(v)) {
			return ast.InternedEmptyArray
		}
		list := make([]*ast.Term, len(v))
		for i := range v {
			list[i] = in.native(v[i], nil)
		}
		return ast.ArrayTerm(list...)
	case map[string]any:
		return in.object(v, m)
	default:
		return in.other(v)
	}
}

// other is a value of a type that hardly comes, such as a map of strings.
func (in *input) other(v any) *ast.Term {
	value, err := ast.InterfaceToValue(v)
	if err != nil {
		in.err = fmt.Errorf("building the input: %w", err)
		return ast.InternedNullTerm
	}
	if !in.room(len(value.String())) {
		return ast.InternedNullTerm
	}
	return ast.NewTerm(value)
}

func (in *input) object(v map[string]any, m *member) *ast.Term {
	if m != nil && !m.whole {
		items := make([][2]*ast.Term, 0, len(m.parts))
		for _, p := range m.parts {
			if value, ok := v[p.name]; ok {
				items = append(items, ast.Item(p.key, in.native(value, p)))
			}
		}
		return ast.ObjectTerm(items...)
	}
	if !in.room(nodeSize * len(v)) {
		return ast.InternedEmptyObject
	}
	items := make([][2]*ast.Term, 0, len(v))
	for k, value := range v {
		items = append(items, ast.Item(in.text(k), in.native(value, nil)))
	}
	return ast.ObjectTerm(items...)
}

func jsonNumber(i int64) json.Number { return json.Number(strconv.FormatInt(i, 10)) }
