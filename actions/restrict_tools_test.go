package actions

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
)

func TestMatchName(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"get_weather", "get_weather", true},
		{"get_weather", "get_weather2", false},
		{"get_weather", "Get_weather", false},
		{"get_*", "get_", true},
		{"get_*", "get_weather", true},
		{"get_*", "forget_it", false},
		{"*_delete", "crm_delete", true},
		{"*_delete", "crm_deleted", false},
		{"crm_*_all", "crm_delete_all", true},
		{"crm_*_all", "crm_all", false},
		{"a*b*c", "aXbYbc", true},
		{"a*b*c", "acb", false},
		{"a*a", "a", false},
		{"*", "", true},
		{"**", "x", true},
		{"", "x", false},
	}
	for _, tt := range tests {
		if got := engine.MatchGlob(tt.pattern, tt.name); got != tt.want {
			t.Errorf("%q and %q: got %v, want %v", tt.pattern, tt.name, got, tt.want)
		}
	}
}

func TestUnversioned(t *testing.T) {
	for kind, want := range map[string]string{
		"web_search_20250305": "web_search", "web_search_preview_2025_03_11": "web_search_preview", "bash": "bash", "_1": "_1", "x_": "x_", "": "",
	} {
		if got := unversioned(kind); got != want {
			t.Errorf("%q: got %q, want %q", kind, got, want)
		}
	}
}

func TestRemoveOps(t *testing.T) {
	ops := removeOps([]string{"/tools/10", "/tools/2", "/tools/2/functionDeclarations/0", "/toolsets/1", "/tool_choice", "/tools/2", "/messages/1", "/messages"})
	got := make([]string, 0, len(ops))
	for _, op := range ops {
		got = append(got, op.Path)
	}
	if diff := cmp.Diff([]string{"/toolsets/1", "/tools/10", "/tools/2", "/tool_choice", "/messages"}, got); diff != "" {
		t.Error(diff)
	}
}
