package opa

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMask(t *testing.T) {
	event := map[string]any{
		"decision_id": "1", "path": "access/decision",
		"input": map[string]any{"req": map[string]any{"headers": map[string]any{"x": []any{"y"}}}, "user": "a"},
	}
	tests := []struct {
		name, rules string
		want        []MaskRule
		err         string
	}{
		{"paths", "mask contains \"/input/req\"\n\nmask contains \"/input/user\" if input.input.user == \"a\"\n\nmask contains \"/result\" if input.input.user == \"b\"", []MaskRule{{Op: "remove", Path: "/input/req"}, {Op: "remove", Path: "/input/user"}}, ""},
		{"operations", `mask contains {"op": "upsert", "path": "/input/user", "value": {"n": count(input.input.user)}}`, []MaskRule{{Op: "upsert", Path: "/input/user", Value: map[string]any{"n": int64(1)}}}, ""},
		{"null in place", `mask contains {"op": "upsert", "path": "/input/user", "value": null}`, []MaskRule{{Op: "upsert", Path: "/input/user"}}, ""},
		{"an array", `mask := ["/input/user"] if input.path == "access/decision"`, []MaskRule{{Op: "remove", Path: "/input/user"}}, ""},
		{"undefined", `mask := ["/input/user"] if input.path == "other"`, nil, ""},
		{"elsewhere", `mask contains "/labels/x"`, nil, "does not begin with /input"},
		{"no slash", `mask contains "input/x"`, nil, "does not begin with /input"},
		{"another operation", `mask contains {"op": "keep", "path": "/input/x"}`, nil, `"keep" is not an operation`},
		{"another member", `mask contains {"op": "remove", "path": "/input/x", "extra": 1}`, nil, `"extra" is not part`},
		{"a number", `mask contains 1`, nil, "is number, not a string or an object"},
		{"not a set", `mask := true`, nil, "is boolean, not a set"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := compile(t, "package system.log\n\n"+tt.rules+"\n")
			got, err := p.Mask(context.Background(), event)
			if !p.HasMask() || p.HasDrop() {
				t.Errorf("got %t, %t", p.HasMask(), p.HasDrop())
			}
			if tt.err != "" {
				if !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), tt.err) || got.Rules != nil {
					t.Errorf("got %+v, %v, want %s", got, err, tt.err)
				}
				return
			}
			if d := cmp.Diff(tt.want, got.Rules); d != "" || err != nil {
				t.Error(d, err)
			}
		})
	}
	failing := compile(t, "package system.log\n\nmask contains path if { path := \"/input/x\"; to_number(input.path) > 1 }\n")
	if _, err := failing.Mask(context.Background(), event); err == nil {
		t.Error("a mask that fails is no mask")
	}
}

func TestDrop(t *testing.T) {
	event := map[string]any{"path": "x"}
	for rule, want := range map[string]bool{"drop if input.path == \"x\"": true, "drop if input.path == \"y\"": false} {
		p := compile(t, "package system.log\n\n"+rule+"\n")
		if got, err := p.Drop(context.Background(), event); got != want || err != nil || !p.HasDrop() {
			t.Errorf("%s: got %t, %v", rule, got, err)
		}
	}
	if _, err := compile(t, "package system.log\n\ndrop := 1\n").Drop(context.Background(), event); !errors.Is(err, ErrShape) {
		t.Errorf("got %v", err)
	}
	var none *Policy
	if m, err := none.Mask(context.Background(), event); none.HasMask() || none.HasDrop() || m.Rules != nil || err != nil {
		t.Error("a policy without Rego masks")
	}
	p := compile(t, "package a\n\ndecision := true\n")
	if p.HasMask() || p.HasDrop() {
		t.Error("a policy without the rules masks")
	}
}
