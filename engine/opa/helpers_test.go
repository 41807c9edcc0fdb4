package opa

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"weir/engine/vars"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// values is a Source of fixed values by path.
type values map[string]vars.Value

func (v values) Var(id vars.ID) vars.Value { return v[id.Path()] }

// multi is a MultiMap of fixed values.
type multi map[string][]string

func (m multi) First(name string) string {
	if v := m[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
func (m multi) Values(name string) []string { return m[strings.ToLower(name)] }
func (m multi) Has(name string) bool        { return len(m[name]) > 0 }
func (m multi) Names() []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	return out
}

// compile compiles one module that must be right.
func compile(tb testing.TB, module string, more ...func(*Options)) *Policy {
	tb.Helper()
	o := Options{Modules: []Text{{Name: "a.rego", Text: []byte(module)}}}
	for _, f := range more {
		f(&o)
	}
	p, list := Compile(o)
	if list.HasErrors() {
		tb.Fatal(list)
	}
	return p
}

func query(tb testing.TB, p *Policy, text string, phase vars.Phase) *Query {
	tb.Helper()
	q, list := p.Query(text, phase)
	if list.HasErrors() {
		tb.Fatal(list)
	}
	return q
}

// ask compiles a module and asks for its decision in on_request.
func ask(tb testing.TB, module string, src values, more ...func(*Options)) (Result, error) {
	tb.Helper()
	q := query(tb, compile(tb, module, more...), "data.a.decision", vars.PhaseRequest)
	return q.Eval(context.Background(), Evaluation{Source: src, WantInput: true, Deadline: time.Minute})
}
