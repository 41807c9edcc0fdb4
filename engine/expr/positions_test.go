package expr

import (
	"strings"
	"testing"

	"weir/engine/diag"
	"weir/engine/vars"
)

// scalar is a text inside a file: value is what is left of raw when its escapes are read, at is where each character stands.
func scalar(raw string, line, col int) Text {
	var value strings.Builder
	var places []diag.Pos
	in := []rune(raw)
	for i := 0; i < len(in); i++ {
		places = append(places, diag.Pos{File: "p.yaml", Line: line, Col: col})
		c := in[i]
		switch {
		case c == '\\' && i+1 < len(in): // an escape of a double-quoted scalar
			i++
			col++
			if c = in[i]; c == 'n' {
				c = '\n'
			}
		case c == '\n': // a folded line, indented by two
			c = ' '
			line, col = line+1, 2
		}
		value.WriteRune(c)
		col++
	}
	end := diag.Pos{File: "p.yaml", Line: line, Col: col}
	return Text{Value: value.String(), At: func(offset int) diag.Pos {
		if offset < len(places) {
			return places[offset]
		}
		return end
	}}
}

// TestPositions makes sure that diagnostics point at the file, whatever stands between it and the text that was read.
func TestPositions(t *testing.T) {
	e := newEnv(t, testOptions())
	type place struct{ line, col, endLine, endCol int }
	tests := []struct {
		name, raw string
		template  bool
		want      place
	}{
		{"plain", "a ${req.metod} b", true, place{7, 15, 7, 24}},
		{"after escapes", `\"a\" \n ${req.metod}`, true, place{7, 22, 7, 31}},
		{"escapes inside", `${\"}\" + req.metod}`, true, place{7, 21, 7, 30}},
		{"on a folded line", "a\nb ${\nreq.metod}", true, place{9, 3, 9, 12}},
		{"over two lines", "${\n1 +\n}", true, place{9, 3, 9, 4}},
		{"no closing brace", "a\n${req.method", true, place{8, 3, 8, 5}},
		{"expression", "req.method == 'x' &&\nreq.metod == 'y'", false, place{8, 3, 8, 12}},
		{"type", `req.method == \"x\" && req.method == 1`, false, place{7, 45, 7, 47}},
		{"secret", `req.host == \"x\" || secrets.get(\"nope\") == req.host`, false, place{7, 32, 7, 43}},
		{"syntax", "req.host ==\n'a' 'b'", false, place{8, 7, 8, 10}},
		{"warning", "a ${req.headers['x']} b", true, place{7, 15, 7, 31}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := scalar(tt.raw, 7, 11)
			var diags diag.List
			if tt.template {
				_, diags = e.Template(vars.PhaseRequest, text)
			} else {
				_, diags = e.Predicate(vars.PhaseRequest, []Text{text})
			}
			if len(diags) != 1 {
				t.Fatalf("got %v, want one diagnostic", diags)
			}
			d := diags[0]
			if got := (place{d.Pos.Line, d.Pos.Col, d.End.Line, d.End.Col}); got != tt.want {
				t.Errorf("got %v, want %v: %v", got, tt.want, d)
			}
		})
	}
}
