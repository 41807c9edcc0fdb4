package expr

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"weir/engine/catalog"
	"weir/engine/diag"
	"weir/engine/vars"
)

// directExprs are shapes that must become closures.
func directExprs() []string {
	return []string{
		"req.method == 'POST'", "'POST' == req.method", "req.method != 'POST'", "req.method < 'POST'",
		"req.host == req.method", "req.method in ['GET', 'POST']", "!(req.method in ['GET', 'POST'])",
		"req.method in ['1','2','3','4','5','6','7','8','9','POST']",
		"req.url.path.startsWith('/v1/')", "req.url.path.endsWith('s')", "req.url.path.contains('a')",
		"req.url.path.matches('^/v[0-9]')", "req.method.lower() == 'post'", "req.method.upper() in ['POST']",
		"req.headers['X-Tier'][0] == 'gold'", "req.headers['none'][0] == ''", "'x-tier' in req.headers",
		"'gold' in req.headers['x-tier']", "size(req.headers['x-tier']) > 1", "req.headers['x-tier'].size() == 0",
		"req.url.query_params['a'][0] == 'b'", "getReqHeader('x-tier')[0].startsWith('g')",
		"req.content_length > 10", "req.content_length >= 10.5", "10 <= req.content_length", "req.url.port == 443",
		"10.5 > req.content_length", "req.headers['x-tier'].exists(h, h == 'gold')",
		"ai.request.models.exists(m, m.startsWith('g'))", "caller.groups.exists(g, g.matches('^a'))",
		"req.content_length == req.url.port", "req.content_length < req.url.port", "req.url.port in [80, 443]",
		"ai.request.stream", "!ai.request.stream", "ai.request.stream == true", "ai.request.stream == false",
		"'gpt' in ai.request.models", "size(ai.request.models) == 2",
		"vars.tier == 'gold'", "vars['tier'] != 'gold'", "vars.tier == null", "vars.tier != null", "vars.tier == true",
		"caller.metadata.plan == 'gold'", "inCidrRange(conn.client_ip, '10.0.0.0/8')", "conn.client_ip.isPrivateIp()",
		"inCidrRanges(conn.client_ip, ['10.0.0.0/8', 'x', '::/64'])", "!inCidrRanges(conn.client_ip, [])",
		"req.method == 'POST' && req.host == 'a'", "'POST' == req.method && 'a' == req.host", "req.method == 'POST' && req.method == 'GET'",
		"req.method == 'POST' && req.url.path.startsWith('/v1/')",
		"req.method == 'POST' || vars.tier == 'gold' || ai.request.stream",
		"!(req.method == 'POST' && !ai.request.stream) || req.host == 'a' + 'b'",
	}
}

func directModelExprs() []string {
	return []string{
		"m.known", "!m.custom", "m.provider_id == 'openai'", "m.provider_id != 'openai'", "m.id.contains('mini')",
		"m.provider_id in ['openai', 'google']", "'image' in m.input_modalities", "m.max_context_window >= 1000",
		"m.max_context_window > ai.request.input_tokens", "m.id == ai.request.model", "m.metadata.tier == 'budget'",
		"m.getMetadata('config.region') == 'us'", "m.metadata.tier == null", "m.pricing.input < 1.0",
		"m.pricing.text.input <= 3", "m.metrics.global.error_rate.total < 0.01",
		"m.metrics.global.latency.upstream_ms_avg < 1000", "m.metrics.endpoint.latency.upstream_ms_avg < 1000.5",
		"m.metrics.global.request_count > 0 && m.pricing.input < 1.0", "m.pricing.input < 1.0 || m.known",
		"m.known || m.pricing.input < 1.0", "m.pricing.input < 1.0 && m.custom", "m.metrics.global.quota.limit_tokens > 5",
		"size(m.input_modalities) == 2", "m.display_name == ''",
	}
}

// functionConditions call every function on what differs from request to request.
func functionConditions() []string {
	return []string{
		"req.host.md5() == 'x'", "req.host.xxhash64('hex') != ''", "hash.sha1(req.host).startsWith('86')", "req.host.crc32() == hash.crc32(req.host)",
		"req.host.encodeBase64().decodeBase64() == req.host", "string(base64.decode(req.host.encodeBase64())) == req.host",
		"req.url.path.escapeUrl().unescapeUrl() == req.url.path", "req.url.path.isURL()", "vars.tier.isJson()", "req.host.isJson()",
		"req.url.path.parseUrl().path == req.url.path", "queryString.decode('a=' + req.method).a == req.method", "{'a': req.host}.encodeQueryString() == 'a=a'",
		"req.method.isQueryString()", "req.url.path.split('/').size() > 2", "req.url.path.split().size() == 1", "req.host.replace('a', 'bb') == 'bb'",
		"req.host.lastIndexOf('a', 1) == 0", "req.host.indexOf('b') == 1", "req.host.charAt(1) == 'b'", "req.host.reverse() == 'ba'",
		"req.headers['X-Tier'].distinct().size() == 1", "req.headers['X-Tier'].hasAny(['gold'])", "ai.request.models.hasAll(['x', 'y'])",
		"ai.request.models.sort() == ai.request.models", "ai.request.models.sortBy(x, size(x))[0] == 'y'", "ai.request.models.join(',') == 'x,y'",
		"json.decode(vars.tier).a == 1", "json.encode(vars.tier) == 'null'", "vars.tier.decodeJson() == null", "'%s'.format([req.host]) == 'a'",
		"basic_auth.encode(req.host, 'x') == 'Basic YTp4'", "duration(string(req.content_length) + 'ms').getMilliseconds() < 15",
		"req.url.query_params.encodeQueryString() == 'a=b'", "lists.range(req.content_length).size() == 5", "[1, req.content_length].flatten().slice(0, 1) == [1]",
	}
}

func randomSource(r *rand.Rand) source {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	s := source{
		vars.ReqMethod:            vars.String(pick("GET", "POST", "post", "", "5")),
		vars.ReqHost:              vars.String(pick("a", "ab", "POST", "api.example.com")),
		vars.ReqURLPath:           vars.String(pick("/", "/v1/chat/completions", "/v2/x", "ä", "")),
		vars.ReqURLPort:           vars.Int(int64(r.IntN(3) * 443 / 2)),
		vars.ReqContentLength:     vars.Int(int64(r.IntN(20))),
		vars.ReqHeaders:           vars.Multi(header{"X-Tier": {pick("gold", "silver"), pick("gold", "")}}),
		vars.ReqURLQueryParams:    vars.Multi(exact{"a": {pick("b", "c")}}),
		vars.AIRequestModel:       vars.String(pick(g4, mini, "")),
		vars.AIRequestModels:      vars.Strings([]string{pick("gpt", "x"), "y"}),
		vars.AIRequestStream:      vars.Bool(r.IntN(2) == 0),
		vars.AIRequestInputTokens: vars.Int(int64(r.IntN(200_000))),
		vars.ConnClientIP:         vars.String(pick("10.0.0.1", "8.8.8.8", "::1", "::ffff:10.0.0.1", "nonsense")),
	}
	for _, id := range []vars.ID{vars.Vars, vars.CallerMetadata} {
		values := []any{"gold", "x", true, false, int64(1), 1.5, nil, []any{"gold"}, map[string]any{"a": 1}}
		s[id] = vars.Dyn(map[string]any{"tier": values[r.IntN(len(values))], "plan": values[r.IntN(len(values))]})
	}
	for id := range s { // now and then a source has nothing to say
		if r.IntN(12) == 0 {
			delete(s, id)
		}
	}
	return s
}

func TestDirect(t *testing.T) {
	e := newEnv(t, testOptions())
	r := rand.New(rand.NewPCG(1, 2))
	always := directExprs()
	exprs := append([]string(nil), always...)
	for _, c := range predicateCases() {
		exprs = append(exprs, c.expr)
	}
	exprs = append(exprs, functionConditions()...)
	for i := range 200 { // and random combinations
		a, b := exprs[r.IntN(len(exprs))], exprs[r.IntN(len(exprs))]
		exprs = append(exprs, fmt.Sprintf([]string{"(%s) && (%s)", "(%s) || (%s)", "!(%s) || (%s)"}[i%3], a, b))
	}
	for i, expr := range exprs {
		u, diags := e.compileBool(scope{env: e.cel, phase: vars.PhaseRequest}, Text{Value: expr})
		if len(diags) > 0 {
			continue
		}
		f := newDirect(u, "").condition()
		if f == nil {
			if i < len(always) {
				t.Errorf("%s did not become a closure", expr)
			}
			continue
		}
		compareDirect(t, expr, u, f, "", r, []*catalog.Model{nil})
		compareFold(t, expr, u, r)
	}
	for _, expr := range directModelExprs() {
		sc := scope{env: e.model, phase: vars.PhaseRoute, item: requireVar}
		u, diags := e.compileBool(sc, Text{Value: expr})
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		f := newDirect(u, requireVar).condition()
		if f == nil {
			t.Errorf("%s did not become a closure", expr)
			continue
		}
		compareDirect(t, expr, u, f, requireVar, r, fixtureModels())
	}
}

func compareDirect(t *testing.T, expr string, u *unit, f boolFn, name string, r *rand.Rand, models []*catalog.Model) {
	t.Helper()
	for range 60 {
		src := randomSource(r)
		m := models[r.IntN(len(models))]
		want := outcome(u.matches(bindings{src: src, itemName: name, item: m}))
		got := "error"
		switch f(src, m) {
		case yes:
			got = "true"
		case no:
			got = "false"
		case failed:
		}
		if got != want {
			t.Errorf("%s: got %s, want %s as in CEL, with %v", expr, got, want, src)
		}
	}
}

// compareFold makes sure that what is said of a condition at load is so when it runs.
func compareFold(t *testing.T, expr string, u *unit, r *rand.Rand) {
	t.Helper()
	f := u.fold()
	if !f.known {
		return
	}
	for range 60 {
		src := randomSource(r)
		if got := outcome(u.matches(bindings{src: src})); got != strconv.FormatBool(f.value) {
			t.Errorf("%s: got %s, want %v as at load, with %v", expr, got, f.value, src)
		}
	}
}

// TestDirectFailureIsExplained makes sure that a closure that fails ends in CEL's own error.
func TestDirectFailureIsExplained(t *testing.T) {
	e := newEnv(t, Options{})
	p, diags := e.ModelPredicate(Text{Value: "m.pricing.input < 1.0", At: at("p.yaml", 3, 7)})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	_, err := p.Match(source{}, &catalog.Model{ID: "x"})
	if err == nil || err.Error() != "expression at p.yaml:3:7: no such overload: _<_" {
		t.Errorf("got %v", err)
	}
}

func FuzzPredicate(f *testing.F) {
	for _, c := range predicateCases() {
		f.Add(c.expr)
	}
	e := newEnv(f, testOptions())
	f.Fuzz(func(t *testing.T, in string) {
		size := len([]rune(in))
		text := Text{Value: in, At: inBounds(t, size)}
		u, _ := e.compileBool(scope{env: e.cel, phase: vars.PhaseRequest}, text)
		if u == nil || u.random {
			return
		}
		want := outcome(u.matches(bindings{src: fixtureSource()}))
		if f := u.fold(); f.known && strconv.FormatBool(f.value) != want {
			t.Errorf("got %s, want %v as at load", want, f.value)
		}
		if d := newDirect(u, "").condition(); d != nil {
			got := map[result]string{yes: "true", no: "false", failed: "error"}[d(fixtureSource(), nil)]
			if got != want {
				t.Errorf("got %s, want %s as in CEL", got, want)
			}
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, in := range []string{"${req.method}", "$${x}", "a${'}'}b", "${r'\\'}", "${{'a': 1}.a}", "${", "${'", "é${vars.x + 1}"} {
		f.Add(in)
	}
	e := newEnv(f, testOptions())
	f.Fuzz(func(t *testing.T, in string) {
		tmpl, diags := e.Template(vars.PhaseRequest, Text{Value: in, At: inBounds(t, len([]rune(in)))})
		if (tmpl == nil) != (len(diags) > 0) {
			t.Errorf("got %v and %v", tmpl, diags)
		}
		if tmpl == nil {
			return
		}
		if _, err := tmpl.String(fixtureSource()); err != nil {
			return
		}
	})
}

func FuzzStrategy(f *testing.F) {
	for _, c := range strategyCases() {
		f.Add(c.expr)
	}
	e := newEnv(f, testOptions())
	models := fixtureModels()
	f.Fuzz(func(t *testing.T, in string) {
		s, _ := e.Strategy(Text{Value: in, At: inBounds(t, len([]rune(in)))})
		if s == nil || s.unit.random {
			return
		}
		got, err := s.Select(fixtureSource(), models)
		want, wantErr := s.interpret(fixtureSource(), models)
		if (err == nil) != (wantErr == nil) || fmt.Sprint(ids(got)) != fmt.Sprint(ids(want)) {
			t.Errorf("got %v, %v, want %v, %v as in CEL", ids(got), err, ids(want), wantErr)
		}
	})
}

// inBounds is a Text.At that fails the test for offsets outside the text.
func inBounds(t *testing.T, size int) func(int) diag.Pos {
	t.Helper()
	return func(offset int) diag.Pos {
		if offset < 0 || offset > size {
			t.Errorf("got offset %d in a text of %d characters", offset, size)
		}
		return diag.Pos{Line: 1, Col: offset + 1}
	}
}
