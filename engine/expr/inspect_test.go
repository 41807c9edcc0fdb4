package expr

import (
	"slices"
	"testing"
)

func TestTypeOf(t *testing.T) {
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	model, ok := e.TypeOf("ai.models[0]", nil)
	if !ok {
		t.Fatal("got no type of a model")
	}
	tests := []struct {
		expression string
		locals     map[string]Type
		want       string // "" = it has none
	}{
		{expression: "req.method", want: "string"},
		{expression: "req.headers", want: "map(string, list(string))"},
		{expression: "req.headers['x'][0]", want: "string"},
		{expression: "getReqHeader('x')", want: "list(string)"},
		{expression: "ai.models.filter(m, m.known)", want: "list(model)"},
		{expression: "m.pricing", locals: map[string]Type{"m": model}, want: "model.pricing"},
		{expression: "x.y", locals: map[string]Type{"x": {}}, want: "any"},
		{expression: "vars.tier", want: "any"},
		{expression: "timestamp(time.now)", want: "timestamp"},
		{expression: "req.nothing"},
		{expression: "req.method +"},
		{expression: "m.pricing"},
	}
	for _, tt := range tests {
		t.Run(tt.expression, func(t *testing.T) {
			got, ok := e.TypeOf(tt.expression, tt.locals)
			if ok != (tt.want != "") || ok && got.String() != tt.want {
				t.Errorf("got %s, %v, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestMembers(t *testing.T) {
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		expression string
		has, not   []string
	}{
		{expression: "req.method", has: []string{"startsWith", "lower", "size"}, not: []string{"filter", "only", "@first", "string"}},
		{expression: "ai.models", has: []string{"filter", "only", "random", "sortBy"}, not: []string{"startsWith", "provider_id"}},
		{expression: "ai.models[0]", has: []string{"provider_id", "pricing", "metrics"}, not: []string{"filter", "startsWith"}},
		{expression: "ai.models[0].metrics.global", has: []string{"latency", "error_rate"}, not: []string{"provider_id"}},
	}
	for _, tt := range tests {
		t.Run(tt.expression, func(t *testing.T) {
			of, ok := e.TypeOf(tt.expression, nil)
			if !ok {
				t.Fatal("got no type")
			}
			var got []string
			for _, m := range e.Members(of) {
				got = append(got, m.Name)
			}
			for _, name := range tt.has {
				if !slices.Contains(got, name) {
					t.Errorf("got %v, want %s among them", got, name)
				}
			}
			for _, name := range tt.not {
				if slices.Contains(got, name) {
					t.Errorf("got %s, want it not to be there", name)
				}
			}
		})
	}
	if e.Members(Type{}) != nil {
		t.Error("got members of a type that nobody knows")
	}
	globals := e.Globals()
	for name, want := range map[string]bool{"inCidrRange": true, "hash.md5": true, "has": true, "startsWith": false, "@get": false, "_+_": false} {
		if got := slices.ContainsFunc(globals, func(m Member) bool { return m.Name == name }); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
