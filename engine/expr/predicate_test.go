package expr

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/diag"
	"weir/engine/vars"
)

// outcome of a condition: "true", "false" or "error".
func outcome(ok bool, err error) string {
	switch {
	case err != nil:
		return "error"
	case ok:
		return "true"
	default:
		return "false"
	}
}

type predicateCase struct {
	expr, want string
}

func predicateCases() []predicateCase {
	return []predicateCase{
		{"req.method == 'POST'", "true"},
		{"'POST' == req.method", "true"},
		{"req.method != 'POST'", "false"},
		{"req.method == 'post'", "false"},
		{"req.method.lower() == 'post'", "true"},
		{"req.method in ['GET', 'POST']", "true"},
		{"req.method in ['GET', 'HEAD']", "false"},
		{"!(req.method in ['GET', 'HEAD'])", "true"},
		{"req.method in ['1','2','3','4','5','6','7','8','9','POST']", "true"},
		{"req.url.path.startsWith('/v1/') && req.url.path.endsWith('/completions')", "true"},
		{"req.url.path.contains('chat') || req.method == 'GET'", "true"},
		{"req.url.path.matches('^/v[0-9]+/')", "true"},
		{"req.url.startsWith('https://')", "true"},
		{"req.url.port == 443", "true"},
		{"req.url.port == 443.0", "true"},
		{"req.url.port > 442.5", "true"},
		{"req.content_length < 2000 && req.content_length >= 1200", "true"},
		{"req.host < 'b'", "true"},
		{"req.headers['x-tier'][0] == 'gold'", "true"},
		{"req.headers['X-TIER'][0] == 'gold'", "true"},
		{"req.headers['missing'][0] == ''", "true"},
		{"req.headers['missing'] == []", "true"},
		{"req.headers['missing'].size() == 0", "true"},
		{"size(req.headers['accept']) == 2", "true"},
		{"req.headers['accept'][1] == 'b'", "true"},
		{"req.headers['accept'][5] == 'b'", "error"},
		{"req.headers.accept[0] == 'a'", "true"},
		{"'X-Tier' in req.headers", "true"},
		{"'nothing' in req.headers", "false"},
		{"'b' in req.headers['accept']", "true"},
		{"has(req.headers.accept)", "true"},
		{"has(req.headers.nothing)", "false"},
		{"has(req.url.port)", "true"},
		{"has(req.location)", "false"},
		{"req.headers['accept'].exists(h, h == 'b')", "true"},
		{"req.headers.exists(h, h == 'X-Tier')", "true"},
		{"size(req.headers) == 3", "true"},
		{"['x-tier', 'accept'].all(h, h in req.headers)", "true"},
		{"['x-tier', 'nothing'].exists(h, req.headers[h][0] == '')", "true"},
		{"getReqHeader('x-tier')[0] == 'gold'", "true"},
		{"getReqHeader('nothing')[0] == ''", "true"},
		{"hasReqHeader('x-tier')", "true"},
		{"getQueryParam('tag') == ['a', 'b']", "true"},
		{"hasQueryParam('beta') && !hasQueryParam('Beta')", "true"},
		{"req.url.query_params['beta'][0] == 'true'", "true"},
		{"req.url.query_params['x'][0] == ''", "true"},
		{"req.cookies['session'][0].value == 'abc'", "true"},
		{"req.cookies['session'][1].value == 'def'", "true"},
		{"req.cookies['x'][0].value == ''", "true"},
		{"getReqCookie('session').value == 'abc'", "true"},
		{"getReqCookie('x').name == 'x'", "true"},
		{"hasReqCookie('session')", "true"},
		{"req.content_type.parameters['charset'] == ''", "true"},
		{"req.headers['authorization'][0] != 'Bearer ' + secrets.get('token')", "false"},
		{"req.headers['authorization'][0] == 'Bearer ' + secrets.get('vault', 'token')", "true"},
		{"vars.tier == 'gold'", "true"},
		{"'gold' == vars['tier']", "true"},
		{"vars.missing == null", "true"},
		{"vars.missing == 'x'", "false"},
		{"vars.none == null", "true"},
		{"vars.tier == null", "false"},
		{"vars.n == 3", "true"},
		{"vars.n > 2.5", "true"},
		{"vars.missing > 2", "error"},
		{"vars.missing + 1 == 2", "error"},
		{"vars.on", "true"},
		{"vars.on == true", "true"},
		{"vars.tier == true", "false"},
		{"vars.deep.a.b == 'c'", "true"},
		{"vars.deep.x.y.z == null", "true"},
		{"has(vars.tier) && !has(vars.missing) && !has(vars.missing.more)", "true"},
		{"vars.list[0] == 'x' && vars.list[1] == 2", "true"},
		{"vars.list[9] == null", "error"},
		{"'x' in vars.list", "true"},
		{"'tier' in vars", "true"},
		{"vars.list.exists(v, v == 2)", "true"},
		{"vars.deep.map(k, k) == ['a']", "true"},
		{"size(vars.deep) == 1", "true"},
		{"actions.rate_limit.limited == true", "true"},
		{"actions.ngrok.rate_limit.limited", "true"},
		{"actions['ngrok']['rate_limit'].limited", "true"},
		{"actions.ngrok['rate_limit']['limited']", "true"},
		{"actions.ngrok.basic_auth.username == null", "true"},
		{"actions.ngrok.oauth.identity != null", "false"},
		{"vars.missing > 1 || req.method == 'POST'", "true"},
		{"req.method == 'POST' || vars.missing > 1", "true"},
		{"vars.missing > 1 && req.method == 'GET'", "false"},
		{"vars.missing > 1 && req.method == 'POST'", "error"},
		{"inCidrRange(conn.client_ip, '10.0.0.0/8')", "true"},
		{"inCidrRange(conn.client_ip, '192.168.0.0/16')", "false"},
		{"inCidrRange(conn.client_ip, 'nonsense')", "false"},
		{"inCidrRange('::ffff:10.1.2.3', '10.0.0.0/8')", "true"},
		{"inCidrRanges(conn.client_ip, ['x', '10.0.0.0/8'])", "true"},
		{"conn.client_ip.isPrivateIp()", "true"},
		{"'8.8.8.8'.isPrivateIp()", "false"},
		{"conn.ts.start < req.ts.header_received", "true"},
		{"time.hour == 23 && time.weekday == 3 && time.date == '2026-03-04'", "true"},
		{"time.now == '2026-03-04T23:06:07Z'", "true"},
		{"timestamp(time.now).getHours() == 23", "true"},
		{"ai.request.stream", "true"},
		{"!ai.request.stream", "false"},
		{"ai.request.stream == false", "false"},
		{"'claude' in ai.request.models", "true"},
		{"size(ai.request.models) == 2", "true"},
		{"ai.request.models.exists(m, m.startsWith('gpt'))", "true"},
		{"ai.request.input_tokens in [1, 512]", "true"},
		{"'admins' in caller.groups", "true"},
		{"caller.metadata.plan == 'trial'", "true"},
		{"caller.metadata.budget.x == null", "true"},
		{"caller.name == ''", "true"},
		{"rand.int(0, 9) == 9", "true"},
		{"rand.int(5, 1) == 1", "error"},
		{"rand.double() < 1.0", "true"},
		{"{'a': 1}['b'] == 2", "error at load"},
		{"json.decode('{\"a\": {\"b\": 1}}').a.b == 1", "true"},
		{"json.decode('{\"a\": 1}').b == null", "true"},
		{"size(ai.request.models.map(m, m)) > 1 ? true : false", "true"},
		{"type(req.method) == string", "true"},
		{"1 == 1.0", "true"},
		{"true", "true"},
		{"1 > 2", "false"},
	}
}

func testOptions() Options {
	return Options{Secret: func(name string) (string, bool) {
		return "s3cret", name == "token"
	}}
}

func TestPredicate(t *testing.T) {
	e := newEnv(t, testOptions())
	for _, tt := range predicateCases() {
		t.Run(tt.expr, func(t *testing.T) {
			p, diags := e.Predicate(vars.PhaseRequest, []Text{{Value: tt.expr}})
			if tt.want == "error at load" {
				if len(diags) == 0 {
					t.Fatal("got no diagnostic")
				}
				return
			}
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			ok, err := p.Match(fixtureSource())
			if got := outcome(ok, err); got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestPredicateOrder(t *testing.T) {
	e := newEnv(t, Options{})
	tests := []struct {
		name  string
		exprs []string
		want  string
	}{
		{"none", nil, "true"},
		{"all hold", []string{"req.method == 'POST'", "vars.n == 3"}, "true"},
		{"stops at false", []string{"req.method == 'GET'", "vars.missing > 1"}, "false"},
		{"an error on the left is not absorbed", []string{"vars.missing > 1", "req.method == 'GET'"}, "error"},
		{"constant false", []string{"false", "vars.missing > 1"}, "false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var in []Text
			for _, s := range tt.exprs {
				in = append(in, Text{Value: s})
			}
			p, diags := e.Predicate(vars.PhaseRequest, in)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			ok, err := p.Match(fixtureSource())
			if got := outcome(ok, err); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestPredicateConstant(t *testing.T) {
	e := newEnv(t, Options{})
	tests := []struct {
		exprs           []string
		value, constant bool
	}{
		{nil, true, true},
		{[]string{"true"}, true, true},
		{[]string{"1 < 2", "'a' + 'b' == 'ab'"}, true, true},
		{[]string{"false"}, false, true},
		{[]string{"true", "1 > 2", "req.method == 'GET'"}, false, true},
		{[]string{"req.method == 'GET'"}, false, false},
		{[]string{"rand.int(0, 1) == 0"}, false, false},
	}
	for _, tt := range tests {
		var in []Text
		for _, s := range tt.exprs {
			in = append(in, Text{Value: s})
		}
		p, diags := e.Predicate(vars.PhaseRequest, in)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if value, constant := p.Constant(); value != tt.value || constant != tt.constant {
			t.Errorf("%q: got %v, %v, want %v, %v", tt.exprs, value, constant, tt.value, tt.constant)
		}
	}
}

func TestPredicateReads(t *testing.T) {
	e := newEnv(t, Options{})
	p, diags := e.Predicate(vars.PhaseRequest, []Text{
		{Value: "req.headers['X-Tier'][0] == 'gold' && 'Accept' in req.headers"},
		{Value: "hasReqHeader('x-other') || req.url.path == '/' || vars.list.exists(req, req == 1)"},
	})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if d := cmp.Diff([]string{"accept", "x-other", "x-tier"}, p.Headers()); d != "" {
		t.Errorf("Headers (-want +got):\n%s", d)
	}
	var got []string
	for _, v := range vars.All() {
		if p.Reads().Has(v.ID) {
			got = append(got, v.Path)
		}
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{"req.headers", "req.url.path", "vars"}, got); d != "" {
		t.Errorf("Reads (-want +got):\n%s", d)
	}
}

func TestExamplesOfVariables(t *testing.T) {
	e := newEnv(t, Options{})
	for _, v := range vars.All() {
		for bit := vars.PhaseTCPConnect; bit <= vars.PhaseResponse; bit <<= 1 {
			if v.Phases&bit == 0 {
				continue
			}
			if _, diags := e.Value(bit, Text{Value: v.Example}); len(diags) > 0 {
				t.Errorf("%s in %s: %v", v.Path, bit, diags)
			}
		}
	}
}

func TestSourceWithoutValues(t *testing.T) {
	e := newEnv(t, Options{})
	for _, v := range vars.All() {
		for bit := vars.PhaseTCPConnect; bit <= vars.PhaseResponse; bit <<= 1 {
			if v.Phases&bit == 0 {
				continue
			}
			x, diags := e.Value(bit, Text{Value: v.Example})
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			if _, err := x.Value(source{}); err != nil && v.Path != "time.now" && v.Type != vars.TypeProviders {
				t.Errorf("%s: %v", v.Path, err)
			}
		}
	}
}

func TestAttempts(t *testing.T) {
	e := newEnv(t, Options{})
	src := source{
		vars.AttemptRetryable: vars.Bool(true),
		vars.Attempts:         vars.Dyn([]any{map[string]any{"status": int64(429)}, map[string]any{"status": int64(500)}}),
	}
	for expr, want := range map[string]string{
		"attempt.retryable":                                "true",
		"attempt.retryable && size(attempts) < 2":          "false",
		"attempts.exists(a, a.status == 429)":              "true",
		"attempts[1].status == 500":                        "true",
		"attempts[0].nothing == null":                      "true",
		"attempts.filter(a, a.status >= 500).size() == 1":  "true",
		"attempt.status in [429, 503] || attempts == []":   "false",
		"attempt.error == '' && attempt.elapsed_ms < 1000": "true",
	} {
		p, diags := e.Predicate(vars.PhaseFailover, []Text{{Value: expr}})
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		ok, err := p.Match(src)
		if got := outcome(ok, err); got != want {
			t.Errorf("%s: got %s (%v), want %s", expr, got, err, want)
		}
	}
}

func at(file string, line, col int) func(int) diag.Pos {
	return func(offset int) diag.Pos { return diag.Pos{File: file, Line: line, Col: col + offset} }
}
