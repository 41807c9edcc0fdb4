package expr

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/engine/vars"
)

func TestTemplate(t *testing.T) {
	tests := []struct {
		in    string
		text  string
		value any // nil = text
		fixed bool
	}{
		{in: "", text: "", fixed: true},
		{in: "plain $1 text", text: "plain $1 text", fixed: true},
		{in: "$${req.method}", text: "${req.method}", fixed: true},
		{in: "$$${req.method}", text: "$${req.method}", fixed: true},
		{in: "a $ b } c {", text: "a $ b } c {", fixed: true},
		{in: "${req.method}", text: "POST"},
		{in: "m=${req.method}, p=${req.url.port}!", text: "m=POST, p=443!"},
		{in: "${'a' + 'b'}", text: "ab", fixed: true},
		{in: "x${1 + 2}y", text: "x3y", fixed: true},
		{in: "${1 + 2}", text: "3", value: int64(3)},
		{in: "${vars.n}", text: "3", value: int64(3)},
		{in: "${vars.ratio}", text: "0.5", value: 0.5},
		{in: "${vars.on}", text: "true", value: true},
		{in: "${vars.missing}", text: "", value: "null"},
		{in: "<${vars.missing}>", text: "<>"},
		{in: "${vars.list}", text: `["x",2]`, value: []any{"x", int64(2)}},
		{in: "${vars.deep}", text: `{"a":{"b":"c"}}`, value: map[string]any{"a": map[string]any{"b": "c"}}},
		{in: "${vars.deep.a.b}", text: "c"},
		{in: "${{'k': req.method}.k}", text: "POST"},
		{in: `${req.host.split(".example.com")[0]}`, text: "api"},
		{in: "${[0, 1].filter(i, i > 0)[0]}", text: "1", value: int64(1)},
		{in: `${"}" + '{' + "\"}"}`, text: `}{"}`, fixed: true},
		{in: `${r'\' + '}'}`, text: `\}`, fixed: true},
		{in: "${'''it's }''' + \"'\"}", text: "it's }'", fixed: true},
		{in: "${req.method // a } comment\n}", text: "POST"},
		{in: "${req.ts.header_received}", text: "2026-03-04T05:06:07Z", value: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)},
		{in: "key ${secrets.get('token')}", text: "key s3cret", fixed: true},
		{in: "${req.headers['x-tier'][0]}-${req.headers['none'][0]}", text: "gold-"},
		{in: "${req.headers['accept']}", text: `["a","b"]`, value: []any{"a", "b"}},
		{in: "${bytes('hi')}", text: "hi", value: "hi"},
		{in: "${1000000.0} ${0.000012} ${-2.0} ${1e30}", text: "1000000 0.000012 -2 1e+30", fixed: true},
		{in: "${[1000000.0, null, true]}", text: "[1000000,null,true]", value: []any{1e6, nil, true}},
		{in: "${0.0 / 0.0}|${1.0 / 0.0}", text: "NaN|+Inf", fixed: true},
		{in: "${duration('1m30s')}", text: "90s", value: "90s"},
		{in: "${duration('1.5s')}-${string(duration('1.5s'))}", text: "1.5s-1.5s", fixed: true},
		{in: "started at ${timestamp('2024-07-13T00:10:16Z')}", text: "started at 2024-07-13T00:10:16Z", fixed: true},
		{in: "${timestamp('2024-07-13T02:10:16.5+02:00')}!", text: "2024-07-13T02:10:16.5+02:00!", fixed: true},
		{in: "${{'b': [1, 'x'], 'a': null}}", text: `{"a":null,"b":[1,"x"]}`, value: map[string]any{"a": nil, "b": []any{int64(1), "x"}}},
		{in: "a${null}b", text: "ab", fixed: true},
		{in: "${[timestamp('2024-07-13T00:10:16Z')]}!", text: `["2024-07-13T00:10:16Z"]!`, fixed: true},
		{in: "$${a} ${'$${b}'} $$${c}", text: "${a} $${b} $${c}", fixed: true},
		{in: "$", text: "$", fixed: true},
		{in: "${'${'}", text: "${", fixed: true},
		{in: "${b'\\xff'}", text: "/w==", value: "/w=="},
		{in: "é${req.method}ü", text: "éPOSTü"},
		{in: "${json.encode({'a': '<&>'})}", text: `{"a":"<&>"}`, fixed: true},
	}
	e := newEnv(t, testOptions())
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			tmpl, diags := e.Template(vars.PhaseRequest, Text{Value: tt.in})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if _, fixed := tmpl.Literal(); fixed != tt.fixed {
				t.Errorf("Literal: got %v, want %v", fixed, tt.fixed)
			}
			got, err := tmpl.String(fixtureSource())
			if err != nil || got != tt.text {
				t.Errorf("String: got %q, %v, want %q", got, err, tt.text)
			}
			want := tt.value
			switch want {
			case nil:
				want = tt.text
			case "null":
				want = nil
			}
			value, err := tmpl.Value(fixtureSource())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, value); d != "" {
				t.Errorf("Value (-want +got):\n%s", d)
			}
		})
	}
}

// TestTemplateTime makes sure that the zone of the machine shows nowhere.
func TestTemplateTime(t *testing.T) {
	e := newEnv(t, Options{})
	tmpl, diags := e.Template(vars.PhaseRequest, Text{Value: "${conn.ts.start} ${string(conn.ts.start)}"})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	src := source{vars.ConnTSStart: vars.Time(time.Date(2024, 7, 13, 2, 10, 16, 0, time.FixedZone("x", 7200)))}
	if got, err := tmpl.String(src); err != nil || got != "2024-07-13T00:10:16Z 2024-07-13T00:10:16Z" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTemplateFails(t *testing.T) {
	e := newEnv(t, Options{})
	tmpl, diags := e.Template(vars.PhaseRequest, Text{Value: "a ${vars.missing + 1}"})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if got, err := tmpl.String(fixtureSource()); err == nil {
		t.Errorf("got %q, want an error", got)
	}
}

func TestValue(t *testing.T) {
	e := newEnv(t, Options{})
	x, diags := e.Value(vars.PhaseRequest, Text{Value: "{'model': ai.request.model, 'n': size(ai.request.models)}"})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	got, err := x.Value(fixtureSource())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"model": "gpt-4o", "n": int64(2)}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
