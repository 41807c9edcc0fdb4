package vars

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	seen := make(map[string]bool)
	for i, v := range All() {
		if int(v.ID) != i || v.Path == "" {
			t.Fatalf("row %d: got %+v, want the row of this id", i, v)
		}
		if seen[v.Path] {
			t.Errorf("%s stands twice", v.Path)
		}
		seen[v.Path] = true
		if strings.ContainsRune(v.Doc, '|') {
			t.Errorf("%s: its sentence holds a bar, which ends a cell of the reference", v.Path)
		}
		if v.Phases == 0 || !strings.HasSuffix(v.Doc, ".") || !strings.Contains(v.Example, v.Path) {
			t.Errorf("%s: got %+v, want phases, a sentence and an example of it", v.Path, v)
		}
		if got, ok := ByPath(v.Path); !ok || got.ID != v.ID || v.ID.Path() != v.Path {
			t.Errorf("%s is not found by its path", v.Path)
		}
		if p, ok := Planned(v.Path); ok {
			t.Errorf("%s is there, but %s is planned", v.Path, p)
		}
	}
	if _, ok := ByPath("req"); ok {
		t.Error("got a variable req")
	}
	if got := ID(Count).Path(); got != "" {
		t.Errorf("got %q for an id outside the table", got)
	}
}

func TestPlanned(t *testing.T) {
	tests := []struct{ path, want string }{
		{"conn.k8s", "conn.k8s"},
		{"conn.k8s.namespace", "conn.k8s"},
		{"conn.k8sx", ""},
		{"req.method", ""},
		{"req.body", ""},
	}
	for _, tt := range tests {
		if got, ok := Planned(tt.path); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: got %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestSet(t *testing.T) {
	var a, b Set
	a.Add(ReqMethod)
	b.Add(AIResponseUsageReasoningTokens)
	b.Add(ReqMethod)
	if a.Has(AIResponseUsageReasoningTokens) || !b.Has(ReqMethod) {
		t.Error("sets hold the wrong variables")
	}
	a.Union(b)
	if a.Len() != 2 || !a.Has(AIResponseUsageReasoningTokens) {
		t.Errorf("got %d variables after the union, want 2", a.Len())
	}
}

func TestNames(t *testing.T) {
	if got := (PhaseRequest | PhaseResponse).String(); got != "on_request, on_response" {
		t.Errorf("got %q", got)
	}
	if got := TypeKeys.String(); got != "list(key)" {
		t.Errorf("got %q", got)
	}
}
