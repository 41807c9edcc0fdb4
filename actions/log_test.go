package actions

import (
	"strings"
	"testing"
)

func TestLog(t *testing.T) {
	cfg := compile(t, `
on_request:
  - {type: log, config: {metadata: {tier: "${req.headers['x-tier'][0]}", n: 1, deep: {list: ["${req.id}"]}}}}
  - {expressions: ["actions.log.metadata.tier == 'gold' && actions.log.metadata.deep.list[0] == 'req-1'"], actions: [{type: deny}]}
`)
	x := exchange()
	if _, err := run(t, x, cfg.OnRequest[:1]); err != nil {
		t.Fatal(err)
	}
	if ok, err := cfg.OnRequest[1].When.Match(x); !ok || err != nil {
		t.Errorf("got %v and %v for the result, want what was logged", ok, err)
	}
}

func TestLogAllOrNothing(t *testing.T) {
	cfg := compile(t, `
on_request:
  - {type: log, config: {metadata: {ok: 1, bad: "${1 / (req.id.size() - 5)}"}}}
  - {expressions: ["actions.log.metadata == null"], actions: [{type: deny}]}
`)
	x := exchange()
	if _, err := run(t, x, cfg.OnRequest[:1]); err == nil || !strings.Contains(err.Error(), "log: bad:") {
		t.Errorf("got %v, want an error that names the field", err)
	}
	if ok, err := cfg.OnRequest[1].When.Match(x); !ok || err != nil {
		t.Errorf("got %v and %v, want no result", ok, err)
	}
}

func TestLogProblems(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"nothing", "", "missing_field"},
		{"list", "metadata: [a]", "wrong_type"},
		{"unknown variable", `metadata: {a: ["${nope}"]}`, "unknown_variable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, "on_request: [{type: log, config: {"+tt.config+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
