package actions

import (
	"strings"
	"testing"
)

func TestSetVars(t *testing.T) {
	tests := []struct{ name, vars, check string }{
		{"constant", "[{a: 1}, {b: text}, {c: null}, {d: 2.5}]", "vars.a == 1 && vars.b == 'text' && vars.c == null && vars.d == 2.5"},
		{"typed", `[{a: "${req.method == 'POST'}"}, {b: "${1 + 2}"}]`, "vars.a == true && vars.b == 3"},
		{"text around", `[{a: "<${1 + 2}>"}]`, "vars.a == '<3>'"},
		{"nested", `[{a: {b: ["${req.id}", 1], c: {d: "${req.host}"}}}]`, "vars.a.b[0] == 'req-1' && vars.a.b[1] == 1 && vars.a.c.d == 'api.example.com'"},
		{"in order", `[{a: 1}, {b: "${vars.a + 1}"}, {a: "${vars.b + 1}"}]`, "vars.a == 3 && vars.b == 2"},
		{"mapping in place of the list", "{a: 1, b: 2}", "vars.a == 1 && vars.b == 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := compile(t, "on_request:\n- {type: set-vars, config: {vars: "+tt.vars+"}}\n- {expressions: [\""+tt.check+"\"], actions: [{type: deny}]}")
			x := exchange()
			if _, err := run(t, x, cfg.OnRequest[:1]); err != nil {
				t.Fatal(err)
			}
			if ok, err := cfg.OnRequest[1].When.Match(x); !ok || err != nil {
				t.Errorf("got %v and %v, want %s", ok, err, tt.check)
			}
		})
	}
}

func TestSetVarsFails(t *testing.T) {
	cfg := compile(t, `on_request: [{type: set-vars, config: {vars: [{a: "${1 / (req.id.size() - 5)}"}]}}]`)
	if _, err := run(t, exchange(), cfg.OnRequest); err == nil || !strings.Contains(err.Error(), "set-vars: a:") {
		t.Errorf("got %v, want an error that names the variable", err)
	}
}

func TestSetVarsProblems(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"nothing", "", "missing_field"},
		{"none", "vars: []", "out_of_range"},
		{"text", "vars: a", "wrong_type"},
		{"two names", "vars: [{a: 1, b: 2}]", "wrong_type"},
		{"bad name", "vars: [{a-b: 1}]", "bad_name"},
		{"itself", `vars: [{a: "${vars.a}"}]`, "unset_variable"},
		{"too deep", "vars: [{a: " + strings.Repeat("[", 17) + strings.Repeat("]", 17) + "}]", "too_deep"},
		{"many", "vars: [" + strings.Repeat("{a: 1},", 65) + "]", "out_of_range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, "on_request: [{type: set-vars, config: {"+tt.config+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
