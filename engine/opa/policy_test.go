package opa

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"weir/engine/diag"
	"weir/engine/vars"
)

func TestDefaultQuery(t *testing.T) {
	tests := []struct {
		name    string
		modules []string
		want    string
		wantErr string
	}{
		{"one", []string{"package a\n\ndecision := true", "package b\n\nx := 1"}, "data.a.decision", ""},
		{"in two files", []string{"package a.b\n\ndefault decision := false", "package a.b\n\ndecision if input.req.id == \"\""}, "data.a.b.decision", ""},
		{"none", []string{"package a\n\nallow := true"}, "", "no package has a rule called decision"},
		{"two", []string{"package a\n\ndecision := true", "package b\n\ndecision := true"}, "", "several packages have a decision: data.a.decision, data.b.decision"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var o Options
			for _, m := range tt.modules {
				o.Modules = append(o.Modules, Text{Name: "m.rego", Text: []byte(m)})
			}
			p, list := Compile(o)
			if list.HasErrors() {
				t.Fatal(list)
			}
			got, err := p.DefaultQuery()
			if got != tt.want || (err == nil) != (tt.wantErr == "") || err != nil && err.Error() != tt.wantErr {
				t.Errorf("got %q, %v, want %q, %q", got, err, tt.want, tt.wantErr)
			}
		})
	}
}

func TestDiagnostics(t *testing.T) {
	tests := []struct {
		name, module, want string
	}{
		{"misspelt field", "decision if input.req.metod == \"x\"", `
a.rego:3:13: rego_type_error: there is no input.req.metod
 3 | decision if input.req.metod == "x"
   |             ^^^^^^^^^^^^^^^  did you mean input.req.method?`},
		{"misspelt in a local alias", "decision if {\n\tr := input.ai.request\n\tr.modle == \"x\"\n}", `
a.rego:5:2: rego_type_error: there is no r.modle
 5 | 	r.modle == "x"
   | 	^^^^^^^  did you mean r.model?`},
		{"unknown namespace", "decision if input.nothing == \"x\"", `
a.rego:3:13: rego_type_error: there is no input.nothing
 3 | decision if input.nothing == "x"
   |             ^^^^^^^^^^^^^  there are actions, ai, attempt, attempts, caller, conn, endpoint, req, res, time, vars`},
		{"collections of routes", "decision if count(input.ai.models) == 0", `
a.rego:3:19: rego_type_error: there is no input.ai.models
 3 | decision if count(input.ai.models) == 0
   |                   ^^^^^^^^^^^^^^^  models and keys are for the CEL strategies of routes`},
		{"a namespace as a value", "decision if input.req.url == \"x\"", `
a.rego:3:13: rego_type_error: match error
 3 | decision if input.req.url == "x"
   |             ^^^^^^^^^^^^^^^^^^^^  input.req.url has other names below it; its value is input.req.url.value`},
		{"a namespace as an argument", "decision if startswith(input.conn.client_ip, \"10.\")", `
a.rego:3:13: rego_type_error: startswith: invalid argument(s): have: (object<...>, string), want: (search: string, base: string, result: boolean)
 3 | decision if startswith(input.conn.client_ip, "10.")
   |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^  input.conn.client_ip has other names below it; its value is input.conn.client_ip.value`},
		{"upper case", "decision if input.req.headers[\"X-Tier\"][0] == \"x\"", `
a.rego:3:13: rego_type_error: input.req.headers has its names in lower case: "X-Tier" is never there
 3 | decision if input.req.headers["X-Tier"][0] == "x"
   |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^  did you mean input.req.headers["x-tier"]?`},
		{"withheld", "decision if http.send({\"url\": \"\", \"method\": \"get\"}).status_code == 200", `
a.rego:3:13: rego_type_error: undefined function http.send
 3 | decision if http.send({"url": "", "method": "get"}).status_code == 200
   |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^  http.send is there once the policy names the hosts that it may call, in hosts: of rego:`},
		{"withheld for good", "decision if opa.runtime().x", `
a.rego:3:13: rego_type_error: undefined function opa.runtime
 3 | decision if opa.runtime().x
   |             ^^^^^^^^^^^^^  policies do not have this function: it reaches outside the gateway`},
		{"a function's name", "decision if weir.token(\"x\") > 1", `
a.rego:3:13: rego_type_error: undefined function weir.token
 3 | decision if weir.token("x") > 1
   |             ^^^^^^^^^^^^^^^  did you mean weir.tokens?`},
		{"version 0", "decision { input.req.id == \"\" }", `
a.rego:3:1: rego_parse_error: ` + "`if` keyword is required before rule body" + `
 3 | decision { input.req.id == "" }
   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^  modules are of Rego v1: opa fmt --write --v0-v1 rewrites older ones`},
		{"empty", "", ""},
		{"unused variable", "decision if x := 1", `
a.rego:3:13: rego_compile_error: assigned var x unused
 3 | decision if x := 1
   |             ^^^^^^`},
		{"unused import", "import data.b\n\ndecision := true", `
a.rego:3:1: rego_compile_error: import data.b unused
 3 | import data.b
   | ^^^^^^`},
		{"deprecated", "decision if any([true])", `
a.rego:3:13: rego_type_error: deprecated built-in function calls in expression: any
 3 | decision if any([true])
   |             ^^^^^^^^^^^`},
		{"recursion", "decision if decision", `
a.rego:3:1: rego_recursion_error: rule data.a.decision is recursive: data.a.decision -> data.a.decision
 3 | decision if decision
   | ^^^^^^^^^^^^^^^^^^^^`},
		{"unsafe", "decision if y > 1", `
a.rego:3:13: rego_unsafe_var_error: var y is unsafe
 3 | decision if y > 1
   |             ^^^^^`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, list := Compile(Options{Modules: []Text{{Name: "a.rego", Text: []byte("package a\n\n" + tt.module + "\n")}}})
			if got := "\n" + list.Error(); got != tt.want && got != "\n"+tt.want || (p != nil) != (tt.want == "") {
				t.Errorf("got:%s\nwant:%s", got, tt.want)
			}
		})
	}
	if p, list := Compile(Options{Modules: []Text{{Name: "a.rego", Text: []byte("# nothing\n")}}}); p != nil || !list.HasErrors() {
		t.Errorf("an empty module compiles: %v", list)
	}
}

func TestSchemaAnnotation(t *testing.T) {
	module := "package a\n\n# METADATA\n# scope: rule\n# schemas:\n#   - input.vars: {type: object, properties: {tier: {type: string}}}\ndecision if input.vars.teir == \"gold\"\n"
	_, list := Compile(Options{Modules: []Text{{Name: "a.rego", Text: []byte(module)}}})
	want := `a.rego:7:13: rego_type_error: there is no input.vars.teir`
	if got := list.Error(); !strings.HasPrefix(got, want) || !strings.Contains(got, `did you mean input.vars.tier?`) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestPositionsInsideAnotherFile(t *testing.T) {
	text := "package a # ä\n\ndecision if input.req.metod == \"x\"\n"
	o := Options{Modules: []Text{{Name: "policy.yaml", Text: []byte(text), At: func(offset int) diag.Pos {
		before := string([]rune(text)[:offset])
		line := strings.Count(before, "\n")
		return diag.Pos{File: "policy.yaml", Line: 10 + line, Col: 7 + utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:])}
	}}}}
	_, list := Compile(o)
	want := diag.Pos{File: "policy.yaml", Line: 12, Col: 7 + len("decision if ")}
	if len(list) != 1 || list[0].Pos != want || list[0].Line != "" {
		t.Errorf("got %+v, want %v", list, want)
	}
}

// errorsOf leaves the warnings out.
func errorsOf(list diag.List) diag.List {
	out := diag.List{}
	for i := range list {
		if list[i].Severity == diag.Error {
			out = append(out, list[i])
		}
	}
	return out
}

func TestQueryProblems(t *testing.T) {
	p := compile(t, "package access\n\ndecision := true\n\nlate if input.res.status_code == 200\n\nhelper(x) if x.res.status_code == 1\n\nhelped if helper(input)\n",
		func(o *Options) { o.Data = []Text{{Name: "d.yaml", Text: []byte("limits: {a: true}")}} })
	tests := []struct {
		text, want string
		phase      vars.Phase
	}{
		{"data.access.decision", "", vars.PhaseRequest},
		{"data.limits.a", "", vars.PhaseRequest},
		{"data.access.late", "", vars.PhaseResponse},
		{"data.access.late", "a.rego:5:9: wrong_phase: input.res.status_code has no value in on_request", vars.PhaseRequest},
		{"data.access.helped", "", vars.PhaseRequest}, // input as a whole is there
		{"data.access.decisions", "rego_query_error: there is no rule or data at data.access.decisions\n    did you mean data.access.decision?", vars.PhaseRequest},
		{"access.decision", "rego_query_error: \"access.decision\" is not a query", vars.PhaseRequest},
		{"data.access[x]", "rego_query_error: \"data.access[x]\" is not a query", vars.PhaseRequest},
		{"data", "rego_query_error: \"data\" is not a query", vars.PhaseRequest},
		{"true; data.access.decision", "rego_query_error: \"true; data.access.decision\" is not a query", vars.PhaseRequest},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			q, list := p.Query(tt.text, tt.phase)
			if got := errorsOf(list).Error(); !strings.HasPrefix(got, tt.want) || (q != nil) != (tt.want == "") || tt.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestData(t *testing.T) {
	tests := []struct {
		name string
		data []Text
		want any
		err  string
	}{
		{"json and yaml", []Text{
			{Name: "a.json", Text: []byte(`{"x": {"n": 12345678901234567890}}`)}, {Name: "b.yaml", Text: []byte("x: {y: [1, 2.5]}")},
		}, map[string]any{"n": 12345678901234567890.0, "y": []any{int64(1), 2.5}}, ""},
		{"below a path", []Text{{Name: "a.json", Text: []byte(`[1]`), Path: []string{"x", "y"}}}, map[string]any{"y": []any{int64(1)}}, ""},
		{
			"twice",
			[]Text{{Name: "a.json", Text: []byte(`{"x": {"y": 1}}`)}, {Name: "b.json", Text: []byte(`{"x": {"y": 1}}`)}},
			nil,
			"b.json: rego_data_error: another data document has data.x.y already",
		},
		{"a list at the root", []Text{{Name: "a.json", Text: []byte(`[1]`)}}, nil, "a.json: rego_data_error: a data document at the root must be a mapping"},
		{"empty", []Text{{Name: "a.yaml", Text: []byte(" \n")}}, nil, "a.yaml: rego_data_error: the data document is empty"},
		{"broken", []Text{{Name: "a.json", Text: []byte(`{"x": `)}}, nil, "a.json: rego_data_error: the data document cannot be read:"},
		{"where a rule is", []Text{{Name: "a.json", Text: []byte(`{"a": {"decision": 1}}`)}}, nil, "a.rego:3:1: rego_compile_error:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, list := Compile(Options{Modules: []Text{{Name: "a.rego", Text: []byte("package a\n\ndecision := data.x\n")}}, Data: tt.data})
			if tt.err != "" {
				if got := list.Error(); !strings.HasPrefix(got, tt.err) || p != nil {
					t.Errorf("got %q, want %q", got, tt.err)
				}
				return
			}
			if list.HasErrors() {
				t.Fatal(list)
			}
			r, _ := query(t, p, "data.a.decision", vars.PhaseRequest).Eval(context.Background(), Evaluation{Source: values{}})
			if d := cmp.Diff(tt.want, r.Value); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestStrictness holds that what only strict mode minds stops a policy's own modules, and is a warning in bundles.
func TestStrictness(t *testing.T) {
	careless := Text{Name: "b.rego", Text: []byte("package b\n\nimport data.unused\n\nx if y := 1\n")}
	own := Text{Name: "a.rego", Text: []byte("package a\n\ndecision if data.b.x\n")}
	wrong := Text{Name: "c.rego", Text: []byte("package b\n\nz if count(1) > 0\n")}
	bundle := func(modules ...Text) []*Bundle {
		return []*Bundle{{Name: "b.tar.gz", Roots: []string{"b"}, Modules: modules}}
	}
	if p, list := Compile(Options{Modules: []Text{own, careless}}); p != nil || len(errorsOf(list)) != 2 {
		t.Errorf("own: got %v", list)
	}
	p, list := Compile(Options{Modules: []Text{own}, Bundles: bundle(careless)})
	if p == nil || list.HasErrors() || len(list) < 2 || !strings.Contains(list.Error(), "b.rego:3:1: warning: rego_compile_error: import data.unused unused") {
		t.Errorf("bundle: got %v", list)
	}
	if p, list := Compile(Options{Modules: []Text{own}, Bundles: bundle(careless, wrong)}); p != nil || !strings.Contains(list.Error(), "c.rego:3:6: rego_type_error: count") {
		t.Errorf("wrong bundle: got %v", list)
	}
}
