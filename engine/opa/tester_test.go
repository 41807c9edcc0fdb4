package opa

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/diag"
)

const testedModule = `package access

default allow := false

allow if {
	input.req.method == "GET"
	"ops" in data.groups[input.caller.id]
}

allow if {
	weir.tokens(input.ai.request.system) > 100
}
`

func TestTests(t *testing.T) {
	t.Parallel()
	tests := Text{Name: "access_test.rego", Text: []byte(`package access_test

import data.access

test_ops_may_get if {
	access.allow with input as {"req": {"method": "GET"}, "caller": {"id": "ann"}}
}

test_others_may_not if not access.allow with input as {"req": {"method": "GET"}, "caller": {"id": "bob"}}

test_wrong if access.allow with input as {"req": {"method": "PUT"}, "caller": {"id": "ann"}}

test_breaks if {
	print("before", 1)
	x := json.unmarshal("{")
	x == 1
}

test_detect if weir.detect("write to ann@example.com", ["email"])[0].text == "ann@example.com"

todo_test_later if false
`)}
	o := Options{
		Modules: []Text{{Name: "access.rego", Text: []byte(testedModule), At: func(offset int) diag.Pos {
			return diag.Pos{File: "policy.yaml", Line: 10 + strings.Count(testedModule[:offset], "\n"), Col: 5}
		}}},
		Data: []Text{{Name: "groups.json", Text: []byte(`{"groups": {"ann": ["ops"]}}`)}},
	}
	report, diags := Test(context.Background(), o, []Text{tests}, TestOptions{Coverage: true})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	type short struct {
		Name            string
		Line            int
		Passed, Skipped bool
		Failure, Output string
	}
	var got []short
	for _, r := range report.Results {
		failure, _, _ := strings.Cut(r.Failure, ":")
		got = append(got, short{r.Name, r.Pos.Line, r.Passed, r.Skipped, failure, r.Output})
	}
	want := []short{
		{"data.access_test.test_breaks", 13, false, false, "access_test.rego", "before 1\n"},
		{"data.access_test.test_detect", 19, true, false, "", ""},
		{"data.access_test.test_ops_may_get", 5, true, false, "", ""},
		{"data.access_test.test_others_may_not", 9, true, false, "", ""},
		{"data.access_test.test_wrong", 11, false, false, "", ""},
		{"data.access_test.todo_test_later", 21, false, true, "", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%+v", diff, report.Results)
	}
	if !report.Failed() {
		t.Error("the report does not fail")
	}
	if diff := cmp.Diff([]FileCoverage{{Name: "policy.yaml", Covered: 4, Missed: 2, MissedLines: []int{19, 20}}}, report.Files); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := report.Coverage(); got < 66 || got > 67 {
		t.Errorf("got %v percent", got)
	}
}

func TestTestsThatAreWrong(t *testing.T) {
	t.Parallel()
	o := Options{Modules: []Text{{Name: "access.rego", Text: []byte(testedModule)}}}
	tests := []struct {
		name, text, run, want string
	}{
		{name: "the pattern", run: "(", want: "the pattern of names"},
		{name: "syntax", text: "package a_test\ntest_x if {", want: "a_test.rego:2"},
		{name: "a name that is not there", text: "package a_test\ntest_x if nothing(1)", want: "nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, diags := Test(context.Background(), o, []Text{{Name: "a_test.rego", Text: []byte(tt.text)}}, TestOptions{Run: tt.run})
			if err := diags.Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", diags, tt.want)
			}
		})
	}
}
