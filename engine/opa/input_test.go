package opa

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/engine/vars"
)

func TestInput(t *testing.T) {
	full := values{
		"req.method": vars.String("POST"), "req.url": vars.String("https://h/p?q=1"), "req.url.path": vars.String("/p"),
		"req.url.port": vars.Int(443), "req.user_agent.is_bot": vars.Bool(true), "ai.response.cost_usd": vars.Dyn(0.25),
		"req.headers":             vars.Multi(multi{"x-a": {"1", "2"}, "x-b": {"3"}}),
		"req.cookies":             vars.Multi(multi{"s": {"v"}}),
		"req.content_encoding":    vars.Strings([]string{"gzip"}),
		"req.ts.header_received":  vars.Time(time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)),
		"ai.request.temperature":  vars.Null(),
		"ai.request.top_p":        vars.Dyn(0.5),
		"vars":                    vars.Dyn(map[string]any{"tier": "gold", "n": int64(-7), "none": nil, "deep": map[string]any{"x": 1.5, "y": []any{true}}}),
		"ai.request.messages":     vars.Dyn([]any{map[string]any{"role": "user", "text": "hi"}}),
		"ai.request.input_tokens": vars.Int(123456789),
	}
	type object = map[string]any
	tests := []struct {
		name, reads string
		want        object
	}{
		{"a value that is a namespace too", `{input.req.url.value, input.req.url.path, input.req.method}`, object{"req": object{"url": object{"value": "https://h/p?q=1", "path": "/p"}, "method": "POST"}}},
		{"numbers", `{input.req.url.port, input.ai.request.input_tokens, input.ai.request.top_p}`, object{"req": object{"url": object{"port": int64(443)}}, "ai": object{"request": object{"input_tokens": int64(123456789), "top_p": 0.5}}}},
		{"a bool", `{input.req.user_agent.is_bot}`, object{"req": object{"user_agent": object{"is_bot": true}}}},
		{"one header", `{input.req.headers["x-a"], input.req.headers["x-none"]}`, object{"req": object{"headers": object{"x-a": []any{"1", "2"}}}}},
		{"all headers", `{input.req.headers}`, object{"req": object{"headers": object{"x-a": []any{"1", "2"}, "x-b": []any{"3"}}}}},
		{"some header", `{x | some n; x := input.req.headers[n]}`, object{"req": object{"headers": object{"x-a": []any{"1", "2"}, "x-b": []any{"3"}}}}},
		{"cookies", `{input.req.cookies.s[0].value}`, object{"req": object{"cookies": object{"s": []any{object{"name": "s", "value": "v"}}}}}},
		{"lists and times", `{input.req.content_encoding, input.req.ts.header_received}`, object{"req": object{"content_encoding": []any{"gzip"}, "ts": object{"header_received": "2026-01-02T03:04:05.0000006Z"}}}},
		{"null is undefined", `{x | x := input.ai.request.temperature}`, object{"ai": object{"request": object{}}}},
		{"one variable of the policy", `{input.vars.tier}`, object{"vars": object{"tier": "gold"}}},
		{"nested", `{input.vars.deep.x, input.vars.n}`, object{"vars": object{"deep": object{"x": 1.5}, "n": int64(-7)}}},
		{"nested, then whole", `{input.vars.deep.x, input.vars.deep}`, object{"vars": object{"deep": object{"x": 1.5, "y": []any{true}}}}},
		{"null in an object", `{x | x := input.vars.none}`, object{"vars": object{"none": nil}}},
		{"lists of objects", `{m.text | some m in input.ai.request.messages}`, object{"ai": object{"request": object{"messages": []any{object{"role": "user", "text": "hi"}}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ask(t, "package a\n\nseen := "+tt.reads+"\n\ndecision := count(seen) >= 0\n", full)
			if err != nil && !errors.Is(err, ErrUndefined) {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, r.Input); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSetCookies(t *testing.T) {
	q := query(t, compile(t, "package a\n\ndecision if {\n\tsome c in input.res.cookies.Session\n\tc.secure\n}\n"), "data.a.decision", vars.PhaseResponse)
	src := values{"res.headers": vars.Multi(multi{"set-cookie": {
		"Session=a; Path=/", "Session=b; Path=/longer; Secure; HttpOnly; Max-Age=5; SameSite=Lax; X=y", "other=c", "=broken",
	}})}
	r, err := q.Eval(context.Background(), Evaluation{Source: src, WantInput: true, Deadline: time.Minute})
	cookie := func(value, path, sameSite string, flags bool, age int64, unparsed map[string]any) map[string]any {
		return map[string]any{
			"name": "Session", "value": value, "path": path, "domain": "", "same_site": sameSite, "secure": flags, "http_only": flags,
			"max_age": age, "expires": "1970-01-01T00:00:00Z", "unparsed_attributes": unparsed,
		}
	}
	want := map[string]any{"res": map[string]any{"cookies": map[string]any{"Session": []any{
		cookie("b", "/longer", "Lax", true, 5, map[string]any{"X": "y"}), cookie("a", "/", "", false, 0, map[string]any{}),
	}}}}
	if d := cmp.Diff(want, r.Input); d != "" || err != nil || !r.Decision.Allow {
		t.Error(d, r, err)
	}
	if q.cache != nil {
		t.Error("decisions about cookies are kept, but the key does not have their attributes")
	}
}

func TestWholeInput(t *testing.T) {
	asked := map[string]bool{}
	src := recording{asked: asked}
	for _, text := range []string{"walk(input, [p, v]); p == [\"req\"]; v.method == \"\"", "some k; input[k].method == \"x\"", "x := input; x.req.method == \"\""} {
		clear(asked)
		q := query(t, compile(t, "package a\n\ndefault decision := false\n\ndecision if { "+text+" }\n"), "data.a.decision", vars.PhaseRequest)
		if _, err := q.Eval(context.Background(), Evaluation{Source: src}); err != nil {
			t.Fatal(text, err)
		}
		if !asked["req.method"] || !asked["caller.metadata"] || asked["res.status_code"] || asked["ai.models"] {
			t.Errorf("%s: got %v", text, asked)
		}
	}
}

type recording struct{ asked map[string]bool }

func (r recording) Var(id vars.ID) vars.Value {
	r.asked[id.Path()] = true
	return vars.Null()
}

func TestReads(t *testing.T) {
	p := compile(t, `package a

import data.b

decision if helper(input.caller.kind)

helper(kind) if { kind == "jwt"; b.rich }

never if input.req.method == "GET"
`, func(o *Options) {
		o.Modules = append(o.Modules, Text{Name: "b.rego", Text: []byte("package b\n\nrich if input.vars.tier == \"gold\"\n\nelse if input.req.host == \"x\"\n")})
	})
	got := query(t, p, "data.a.decision", vars.PhaseRequest).Reads()
	var want vars.Set
	for _, path := range []string{"caller.kind", "vars", "req.host"} {
		v, _ := vars.ByPath(path)
		want.Add(v.ID)
	}
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRawBodyAndWindow(t *testing.T) {
	p := compile(t, "package a\n\ndefault decision := false\n\ndecision if contains(input.req.raw_body, \"x\")\n\n"+
		"default late := false\n\nlate if {\n\tinput.ai.response.window.final\n\tinput.ai.response.window.index == 2\n\tinput.ai.response.window.kind == \"assistant\"\n\tinput.ai.response.text == \"part\"\n}\n\n"+
		"default whole := false\n\nwhole if {\n\tnot input.ai.response.window\n\tinput.ai.response.text == \"all\"\n}\n")
	src := values{"ai.response.text": vars.String("all")}
	failed := errors.New("gone")
	tests := []struct {
		name, query string
		e           Evaluation
		want        bool
		err         error
	}{
		{"raw body", "decision", Evaluation{RawBody: func() ([]byte, error) { return []byte("axb"), nil }}, true, nil},
		{"another body", "decision", Evaluation{RawBody: func() ([]byte, error) { return []byte("ab"), nil }}, false, nil},
		{"no body", "decision", Evaluation{RawBody: func() ([]byte, error) { return nil, failed }}, false, failed},
		{"window", "late", Evaluation{Window: &Window{Text: "part", Kind: "assistant", Index: 2, Final: true}}, true, nil},
		{"no window", "late", Evaluation{}, false, nil},
		{"whole", "whole", Evaluation{}, true, nil},
		{"not whole", "whole", Evaluation{Window: &Window{Text: "all"}}, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.e.Source = src
			r, err := query(t, p, "data.a."+tt.query, vars.PhaseResponse).Eval(context.Background(), tt.e)
			if !errors.Is(err, tt.err) || err == nil && r.Decision.Allow != tt.want {
				t.Errorf("got %+v, %v, want %t, %v", r, err, tt.want, tt.err)
			}
		})
	}
}
