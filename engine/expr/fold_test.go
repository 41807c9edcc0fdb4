package expr

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"weir/engine/diag"
	"weir/engine/vars"
)

func TestFold(t *testing.T) {
	e := newEnv(t, testOptions())
	const unknown = "unknown"
	tests := []struct{ expr, want string }{
		{"res.status_code < 200 && res.status_code >= 300", "never: res.status_code"},
		{"res.status_code < 200 || res.status_code >= 200", "always: res.status_code"},
		{"res.status_code >= 200 && res.status_code < 300", unknown},
		{"res.status_code > 499 && res.status_code < 500", "never: res.status_code"},
		{"res.status_code > 499 && res.status_code < 501", unknown},
		{"res.status_code == 500 && res.status_code == 502", "never: res.status_code"},
		{"res.status_code != 500 || res.status_code != 502", "always: res.status_code"},
		{"res.status_code in [500, 502] && res.status_code < 500", "never: res.status_code"},
		{"res.status_code in [500, 502] && !(res.status_code in [500, 502, 503])", "never: res.status_code"},
		{"res.status_code in [500, 502] && res.status_code != 500", unknown},
		{"!(res.status_code in [1]) && res.status_code == 1", "never: res.status_code"},
		{"res.status_code == 200.5", unknown},
		{"300 > res.status_code && 400 < res.status_code", "never: res.status_code"},
		{"!(res.status_code >= 200) && !(res.status_code <= 300)", "never: res.status_code"},
		{"req.method == 'GET' && req.method == 'POST'", "never: req.method"},
		{"req.method != 'GET' || req.method != 'POST'", "always: req.method"},
		{"req.method != 'GET' && req.method != 'POST'", unknown},
		{"req.method in ['GET', 'HEAD'] && !(req.method in ['HEAD', 'GET'])", "never: req.method"},
		{"req.method in ['GET'] && req.method in ['POST']", "never: req.method"},
		{"req.method == 'GET' && (req.host == 'a' || req.method == 'POST')", unknown},
		{"req.method == 'GET' && (req.host == 'a' && req.method == 'POST')", "never: req.method"},
		{"(req.method == 'GET' || req.method == 'PUT') && (req.method == 'POST' || req.method == 'HEAD')", "never: req.method"},
		{"(req.method == 'GET' || req.host == 'a') && req.method == 'POST'", unknown},
		{"req.method.lower() == 'GET'", "never: req.method.lower()"},
		{"req.method.upper() != 'get'", "always: req.method.upper()"},
		{"req.method.lower() == 'get'", unknown},
		{"ai.request.stream && !ai.request.stream", "never: ai.request.stream"},
		{"ai.request.stream || ai.request.stream == false", "always: ai.request.stream"},
		{"(req.method == 'GET') == true && req.method == 'PUT'", "never: req.method"},
		{"req.headers['x'][0] == 'a' && req.headers['x'][0] == 'b'", "never: req.headers['x'][0]"},
		{"req.headers['x'][0] == 'a' && req.headers['y'][0] == 'b'", unknown},
		{"vars.tier == 'gold' && vars.tier == 'silver'", "never: vars['tier']"},
		{"vars.tier == 'gold' && vars.tier == null", "never: vars['tier']"},
		{"vars.tier != 'gold' || vars.tier != true", "always: vars['tier']"},
		{"vars.n < 1 && vars.n > 2", unknown}, // where it is missing, this fails
		{"vars.n == 1 && vars.n == 2", unknown},
		{"time.hour >= 18 && time.hour < 8", "never: time.hour"},
		{"time.hour < 24", "always: time.hour"},
		{"time.weekday == 7", "never: time.weekday"},
		{"size(caller.groups) < 0", "never: size(caller.groups)"},
		{"size(caller.groups) >= 0", "always: size(caller.groups)"},
		{"1 > 2", "never: "},
		{"'a' + 'b' == 'ab'", "always: "},
		{"rand.int(0, 1) == 0 && rand.int(0, 1) == 1", unknown},
		{"req.url.port + 1 == 2 && req.url.port + 1 == 3", unknown},
		{"req.content_length < 9007199254740993 && req.content_length > 9007199254740993", unknown},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			p, diags := e.Predicate(vars.PhaseResponse, []Text{{Value: tt.expr}})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			got := unknown
			if f := p.single(t, e, tt.expr); f.known {
				got = map[bool]string{true: "always: ", false: "never: "}[f.value] + f.term
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			value, constant := p.Constant()
			if constant != (tt.want != unknown) || constant && value != strings.HasPrefix(tt.want, "always") {
				t.Errorf("Constant: got %v, %v", value, constant)
			}
			if warned := len(diags) == 1; warned != (tt.want != unknown) || warned && diags[0].Severity != diag.Warning {
				t.Errorf("got %v, want a warning where the result is known", diags)
			}
		})
	}
}

func (p *Predicate) single(t *testing.T, e *Env, expr string) folded {
	t.Helper()
	u, diags := e.compileBool(scope{env: e.cel, phase: vars.PhaseResponse}, Text{Value: expr})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return u.fold()
}

func TestFoldQuietly(t *testing.T) {
	e := newEnv(t, testOptions())
	for _, expr := range []string{"true", "false", "secrets.get('token') == 'on'"} {
		if _, diags := e.Predicate(vars.PhaseRequest, []Text{{Value: expr}}); len(diags) > 0 {
			t.Errorf("%s: got %v, want nothing: it is meant", expr, diags)
		}
	}
}

func TestNever(t *testing.T) {
	e := newEnv(t, Options{})
	tests := []struct {
		exprs []string
		never bool
		warns int
	}{
		{[]string{"req.method == 'GET'", "req.host == 'a'"}, false, 0},
		{[]string{"req.method == 'GET'", "req.host == 'a'", "req.method == 'POST'"}, true, 1},
		{[]string{"req.method == 'GET' && req.method == 'POST'", "req.method == 'PUT'"}, true, 1},
		{[]string{"vars.n > 1", "req.method == 'GET'", "req.method != 'GET'"}, true, 1},
	}
	for _, tt := range tests {
		in := make([]Text, 0, len(tt.exprs))
		for i, s := range tt.exprs {
			in = append(in, Text{Value: s, At: at("p.yaml", i+1, 1)})
		}
		p, diags := e.Predicate(vars.PhaseRequest, in)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if p.Never() != tt.never || len(diags) != tt.warns {
			t.Errorf("%q: got never %v, %v", tt.exprs, p.Never(), diags)
		}
	}
	// What fails first still fails: that the rest can never hold is no reason to leave it out.
	p, _ := e.Predicate(vars.PhaseRequest, []Text{{Value: "vars.missing > 1"}, {Value: "req.method == 'A'"}, {Value: "req.method == 'B'"}})
	if ok, err := p.Match(fixtureSource()); err == nil {
		t.Errorf("got %v, want the error of the first condition", ok)
	}
}

func TestEmptyFilter(t *testing.T) {
	e := newEnv(t, Options{})
	for expr, want := range map[string]int{
		"ai.models.filter(m, m.provider_id == 'a' && m.provider_id == 'b')":                         1,
		"ai.models.filter(m, m.known && !m.known).sortBy('price')":                                  1,
		"ai.models.filter(m, m.max_context_window > 10 && m.max_context_window < 5)":                1,
		"ai.models.filter(m, m.provider_id == 'a' || m.provider_id == 'b')":                         0,
		"ai.models.filter(m, m.pricing.input < 1.0 && m.pricing.input > 2.0)":                       0, // unknown prices fail
		"ai.models.filter(m, m.metadata.tier == 'a' && m.metadata.tier == 'b' && m.metadata.n > 1)": 1,
	} {
		s, diags := e.Strategy(Text{Value: expr})
		if s == nil || len(diags) != want || diags.HasErrors() {
			t.Errorf("%s: got %v, want %d warnings", expr, diags, want)
		}
	}
}

// TestDomains compares sets with what they are made of: for each value, whether it belongs to them.
func TestDomains(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	numbers := func() domain {
		d := domain{number: true}
		for range r.IntN(3) {
			d.spans = append(d.spans, span{
				low: float64(r.IntN(6)), high: float64(r.IntN(6)), lowOpen: r.IntN(2) == 0, highOpen: r.IntN(2) == 0,
			})
		}
		return d
	}
	texts := func() domain {
		d := domain{not: r.IntN(2) == 0, listed: make(map[string]bool)}
		for range r.IntN(3) {
			d.listed[fmt.Sprint("s", r.IntN(4))] = true
		}
		return d
	}
	holds := func(d domain, i int) bool {
		if !d.number {
			return d.listed[fmt.Sprint("s", i)] != d.not
		}
		v := float64(i) / 2
		for _, s := range d.spans {
			if (v > s.low || v == s.low && !s.lowOpen) && (v < s.high || v == s.high && !s.highOpen) {
				return true
			}
		}
		return false
	}
	for range 5000 {
		a, b := numbers(), numbers()
		if r.IntN(2) == 0 {
			a, b = texts(), texts()
		}
		both := a.and(b)
		either, ok := a.or(b)
		if !ok {
			t.Fatalf("nothing is known of %v or %v", a, b)
		}
		for i := range 12 {
			x, y := holds(a, i), holds(b, i)
			if holds(both, i) != (x && y) || holds(either, i) != (x || y) {
				t.Fatalf("%v, %v: got %v and %v for %d", a, b, both, either, i)
			}
			if x && a.empty() {
				t.Fatalf("%v is said to be empty", a)
			}
		}
	}
}

func TestListInText(t *testing.T) {
	e := newEnv(t, testOptions())
	tests := []struct {
		in    string
		warns int
	}{
		{`{"token": "${req.headers['Authorization']}"}`, 1},
		{"x ${req.headers} ${caller.groups}", 2},
		{"${req.headers['x']}", 0},
		{"x ${req.headers['x'][0]}", 0},
		{"x ${vars.list}", 0}, // nobody knows
		{"x ${json.encode(caller.groups)} ${caller.groups.join(', ')}", 0},
	}
	for _, tt := range tests {
		tmpl, diags := e.Template(vars.PhaseRequest, Text{Value: tt.in})
		if tmpl == nil || diags.HasErrors() || len(diags) != tt.warns {
			t.Errorf("%s: got %v, want %d warnings", tt.in, diags, tt.warns)
		}
	}
}
