package opa

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
)

func TestDecisions(t *testing.T) {
	tests := []struct {
		name, value string
		want        *Decision
		err         string
	}{
		{"yes", `true`, &Decision{Allow: true}, ""},
		{"no", `false`, &Decision{}, ""},
		{"nothing said is no", `{}`, &Decision{}, ""},
		{
			"all of it", `{"allow": false, "status": 429, "code": "over_quota", "message": "later", "headers": {"retry-after": "5", "x-a": ["1", "2"]},
			"vars": {"a": 1, "b": {"c": [null, 1.5]}}, "models": {"allow": ["a"], "deny": ["b", "c"]},
			"patch": [{"op": "replace", "path": "/a", "value": {"x": [1, "y"]}}, {"op": "remove", "path": ""}, {"op": "move", "from": "/a", "path": "/b"}, {"op": "test", "path": "/c", "value": null}],
			"redact": [{"pattern": "x+", "replace": "y"}, {"text": "z"}, {"entity": "email", "replace": ""}]}`,
			&Decision{
				Status: 429, Code: "over_quota", Message: "later", Headers: []Header{{"retry-after", "5"}, {"x-a", "1"}, {"x-a", "2"}},
				Vars:   map[string]any{"a": int64(1), "b": map[string]any{"c": []any{nil, 1.5}}},
				Models: &Models{Allow: []string{"a"}, HasAllow: true, Deny: []string{"b", "c"}},
				Patch: []Patch{
					{Op: "replace", Path: "/a", Value: []byte(`{"x":[1,"y"]}`)},
					{Op: "remove"},
					{Op: "move", From: "/a", Path: "/b"},
					{Op: "test", Path: "/c", Value: []byte("null")},
				},
				Redact: []Redaction{{Pattern: "x+", Replace: "y"}, {Text: "z"}, {Entity: "email"}},
			}, "",
		},
		{"a refusal's words in a yes", `{"allow": true, "status": 403, "code": "no", "message": "no"}`, &Decision{Allow: true, Status: 403, Code: "no", Message: "no"}, ""},
		{"sets", `{"models": {"allow": {"b", "a"}}, "redact": {{"text": "z"}}}`, &Decision{Models: &Models{Allow: []string{"a", "b"}, HasAllow: true}, Redact: []Redaction{{Text: "z"}}}, ""},
		{"an allow list of nothing", `{"models": {"allow": []}}`, &Decision{Models: &Models{Allow: []string{}, HasAllow: true}}, ""},
		{"no allow list", `{"models": {"deny": ["x"]}}`, &Decision{Models: &Models{Deny: []string{"x"}}}, ""},
		{"number", `1`, nil, "it is number, not a boolean or an object"},
		{"null", `null`, nil, "it is null"},
		{"array", `[true]`, nil, "it is array"},
		{"set", `{true}`, nil, "it is set"},
		{"unknown member", `{"alow": true}`, nil, `"alow" is not part of a decision`},
		{"a key that is no string", `{1: true}`, nil, `1 is not part of a decision`},
		{"allow", `{"allow": "true"}`, nil, "allow is string, not a boolean"},
		{"status text", `{"status": "403"}`, nil, "status is string"},
		{"status 200", `{"status": 200}`, nil, "not a status from 400 to 599"},
		{"status 600", `{"status": 600}`, nil, "not a status"},
		{"status 403.5", `{"status": 403.5}`, nil, "not a status"},
		{"code", `{"code": "Over Quota"}`, nil, "not a word like over_quota"},
		{"code of nothing", `{"code": ""}`, nil, "not a word"},
		{"message", `{"message": 1}`, nil, "message is number"},
		{"headers", `{"headers": ["a"]}`, nil, "headers is array"},
		{"header name", `{"headers": {"a b": "x"}}`, nil, `"a b" is not the name of a header`},
		{"header value", `{"headers": {"a": "x\r\ny: z"}}`, nil, "the value of the header a cannot be sent"},
		{"header number", `{"headers": {"a": 1}}`, nil, "the header a is number"},
		{"vars", `{"vars": []}`, nil, "vars is array"},
		{"vars name", `{"vars": {"a-b": 1}}`, nil, `"a-b" is not the name of a variable`},
		{"patch set", `{"patch": {{"op": "remove", "path": ""}}}`, nil, "must be an array"},
		{"patch entry", `{"patch": ["x"]}`, nil, "an entry of patch is string"},
		{"patch op", `{"patch": [{"op": "delete", "path": "/a"}]}`, nil, `"delete" is not an operation`},
		{"patch without path", `{"patch": [{"op": "remove"}]}`, nil, "the operation remove of a patch takes op, path"},
		{"patch without value", `{"patch": [{"op": "add", "path": "/a"}]}`, nil, "the operation add of a patch takes op, path, value"},
		{"patch with value", `{"patch": [{"op": "remove", "path": "/a", "value": 1}]}`, nil, "the operation remove"},
		{"patch without from", `{"patch": [{"op": "copy", "path": "/a"}]}`, nil, "takes op, from, path"},
		{"patch member", `{"patch": [{"op": "remove", "path": "/a", "x": 1}]}`, nil, `"x" is not part of patch`},
		{"redact nothing", `{"redact": [{"replace": "x"}]}`, nil, "exactly one of"},
		{"redact two", `{"redact": [{"text": "x", "entity": "email"}]}`, nil, "exactly one of"},
		{"redact member", `{"redact": [{"regex": "x"}]}`, nil, `"regex" is not part of redact`},
		{"redact replace", `{"redact": [{"text": "x", "replace": null}]}`, nil, "redact.replace is null"},
		{"models", `{"models": ["x"]}`, nil, "models is array"},
		{"models member", `{"models": {"allowed": []}}`, nil, `"allowed" is not part of models`},
		{"models allow", `{"models": {"allow": "x"}}`, nil, "models.allow is string"},
		{"models entry", `{"models": {"deny": [1]}}`, nil, "an entry of models.deny is number"},
		{"models empty entry", `{"models": {"deny": [""]}}`, nil, "an entry of models.deny is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseDecision(ast.MustParseTerm(tt.value).Value)
			if tt.err != "" {
				if !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), tt.err) || got != nil {
					t.Errorf("got %+v, %v, want %s", got, err, tt.err)
				}
				return
			}
			if d := cmp.Diff(tt.want, got); d != "" || err != nil {
				t.Error(d, err)
			}
		})
	}
}
