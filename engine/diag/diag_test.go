package diag

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	src := NewSource("policy.yaml", "on_request:\n\t- expressions: [\"ai.request.modle == 'gpt'\"]\nlast: ä ü\n")
	at := strings.Index(src.Text(), "ai.request")
	ue := strings.Index(src.Text(), "ü")
	list := List{
		{Pos: src.Pos(ue), End: src.Pos(ue + 2), Code: "b", Message: "not this", Line: src.Line(3), Severity: Warning},
		{
			Pos: src.Pos(at), End: src.Pos(at + len("ai.request.modle")), Code: "unknown_variable", Line: src.Line(2),
			Message: `"ai.request.modle" is not a variable`, Hint: `did you mean "ai.request.model"?`,
		},
		{Code: "no_file", Message: "nothing there", Hint: "write one", Pos: Pos{File: "a.yaml"}},
	}
	want := strings.Join([]string{
		"a.yaml: no_file: nothing there",
		"    write one",
		`policy.yaml:2:19: unknown_variable: "ai.request.modle" is not a variable`,
		" 2 | \t- expressions: [\"ai.request.modle == 'gpt'\"]",
		"   | \t                 " + `^^^^^^^^^^^^^^^^  did you mean "ai.request.model"?`,
		"policy.yaml:3:9: warning: b: not this",
		" 3 | last: ä ü",
		"   |         ^",
	}, "\n")
	if got := list.Error(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if list[0].Code != "b" {
		t.Error("Error changed the order of the list")
	}
}

func TestListIsBounded(t *testing.T) {
	list := make(List, 0, 250)
	for i := range 250 {
		list = append(list, Diagnostic{Pos: Pos{File: "p", Line: i + 1, Col: 1}, Code: "x", Message: "y"})
	}
	lines := strings.Split(list.Error(), "\n")
	if len(lines) != 101 || lines[100] != "and 150 more" {
		t.Errorf("got %d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestErr(t *testing.T) {
	if err := (List{{Severity: Warning}}).Err(); err != nil {
		t.Errorf("got %v for a warning", err)
	}
	if err := List(nil).Err(); err != nil {
		t.Errorf("got %v for nothing", err)
	}
	err := fmt.Errorf("loading: %w", List{{Code: "x"}}.Err())
	var list List
	if !errors.As(err, &list) || len(list) != 1 {
		t.Errorf("got %v, want the list back", err)
	}
}

func TestLongLine(t *testing.T) {
	line := strings.Repeat("a", 500) + "BAD" + strings.Repeat("b", 500)
	d := Diagnostic{Pos: Pos{File: "p", Line: 1, Col: 501}, End: Pos{File: "p", Line: 1, Col: 504}, Code: "x", Line: line}
	lines := strings.Split(d.String(), "\n")
	caret := strings.Index(lines[2], "^^^")
	shown := []rune(lines[1])
	if len(shown) > 180 || string(shown[caret:caret+3]) != "BAD" || strings.Count(lines[2], "^") != 3 {
		t.Errorf("got\n%s", d)
	}
}

func TestJSON(t *testing.T) {
	d := Diagnostic{Pos: Pos{File: "p", Line: 1, Col: 2}, End: Pos{File: "p", Line: 1, Col: 4}, Code: "x", Message: "m", Hint: "h"}
	out, err := json.Marshal(List{d})
	want := `[{"file":"p","line":1,"col":2,"end_line":1,"end_col":4,"severity":"error","code":"x","message":"m","hint":"h"}]`
	if err != nil || string(out) != want {
		t.Errorf("got %s, %v, want %s", out, err, want)
	}
}

func TestSource(t *testing.T) {
	src := NewSource("p", "ä\r\nbc\n\nd")
	tests := []struct {
		offset, line, col int
		text              string
	}{
		{0, 1, 1, "ä"},
		{2, 1, 2, "ä"},
		{4, 2, 1, "bc"},
		{6, 2, 3, "bc"},
		{7, 3, 1, ""},
		{8, 4, 1, "d"},
		{99, 4, 2, "d"},
		{-1, 1, 1, "ä"},
	}
	for _, tt := range tests {
		got := src.Pos(tt.offset)
		if got.Line != tt.line || got.Col != tt.col || src.Line(got.Line) != tt.text {
			t.Errorf("%d: got %v %q, want %d:%d %q", tt.offset, got, src.Line(got.Line), tt.line, tt.col, tt.text)
		}
		if tt.offset >= 0 && tt.offset < len(src.Text()) && src.Offset(got) != tt.offset {
			t.Errorf("%v: got offset %d, want %d", got, src.Offset(got), tt.offset)
		}
	}
	if src.Line(0) != "" || src.Line(9) != "" || src.Offset(Pos{Line: 9}) != len(src.Text()) {
		t.Error("lines outside the text are not empty")
	}
}

func TestMask(t *testing.T) {
	list := List{{Message: "s3cret!", Hint: "no s3cret", Line: "key: s3cret # s3cret"}}
	list.Mask([]string{"", "s3cret"})
	if strings.Contains(fmt.Sprint(list[0].Message, list[0].Hint, list[0].Line), "s3cret") || list[0].Line != "key: ****** # ******" {
		t.Errorf("got %+v", list[0])
	}
}

func TestNearest(t *testing.T) {
	known := []string{"req.method", "req.host", "ai.request.model", "ai.request.models", "vars"}
	tests := []struct{ name, want string }{
		{"req.metod", "req.method"},
		{"req.mehtod", "req.method"},
		{"REQ.HOST", "req.host"},
		{"ai.request.modle", "ai.request.model"},
		{"completely.different", ""},
		{"x", ""},
		{"var", "vars"},
		{"", ""},
	}
	for _, tt := range tests {
		if got, ok := Nearest(tt.name, known); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
