package editor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHover(t *testing.T) {
	tests := []struct {
		name, text string
		want       string // part of what is shown; empty = nothing is
		about      string // what it is about
	}{
		{name: "key", text: "time_z‸one: UTC", want: "Default: `UTC`", about: "time_zone"},
		{name: "key under its other name", text: "on_http_req‸uest: []", want: "before routing", about: "on_http_request"},
		{name: "key of an action", text: "on_request:\n  - {type: deny, config: {stat‸us_code: 403}}", want: "From 400 to 599", about: "status_code"},
		{name: "action", text: "on_request:\n  - actions: [{type: de‸ny}]", want: "**deny**", about: "deny"},
		{name: "word", text: "on_request:\n  - on_error: ha‸lt", want: "One of `halt`, `continue`", about: "halt"},
		{name: "variable", text: "on_request:\n  - expressions: [\"req.meth‸od == 'POST'\"]", want: "`req.method`: string", about: "req.method"},
		{name: "the middle of a variable", text: "on_request:\n  - expressions: [\"a‸i.request.model == ''\"]", want: "`request`", about: "ai"},
		{name: "variable with names below it", text: "on_request:\n  - expressions: [\"req.u‸rl.path == ''\"]", want: "`req.url`: string", about: "req.url"},
		{name: "function", text: "on_request:\n  - expressions: [\"inCidr‸Range(conn.client_ip, '10.0.0.0/8')\"]", want: "inCidrRange(string", about: "inCidrRange"},
		{name: "function of a namespace", text: "on_request:\n  - expressions: [\"hash.sha2‸56('a') == ''\"]", want: "hash.sha256(string", about: "hash.sha256"},
		{name: "function of a value", text: "on_request:\n  - expressions: [\"req.host.starts‸With('a')\"]", want: "string.startsWith(string", about: "startsWith"},
		{name: "field of a model", text: "route:\n  - model_selection: {strategy: [\"ai.models.filter(m, m.pricing.in‸put < 1.0)\"]}", want: "of model.pricing", about: "input"},
		{name: "variable of a loop", text: "route:\n  - model_selection: {strategy: [\"ai.models.filter(m, m‸.known)\"]}", want: "`m`: model", about: "m"},
		{name: "template", text: "on_request:\n  - {type: deny, config: {message: \"it is ${time.ho‸ur} o'clock\"}}", want: "`time.hour`: int", about: "time.hour"},
		{name: "expression of an action", text: "on_request:\n  - {type: rate-limit, config: {bucket_key: [\"conn.client‸_ip\"]}}", want: "`conn.client_ip`: string", about: "conn.client_ip"},
		{name: "field with an expression", text: "on_request:\n  - {type: rate-limit, config: {bucket‸_key: [conn.client_ip]}}", want: "list of CEL expression", about: "bucket_key"},
		{name: "beside a template", text: "on_request:\n  - {type: deny, config: {message: \"time.ho‸ur ${time.hour}\"}}"},
		{name: "quotes doubled in front", text: "on_request:\n  - expressions: ['req.host == ''a'' && req.meth‸od == ''b''']", want: "`req.method`: string", about: "req.method"},
		{name: "a string", text: "on_request:\n  - expressions: [\"req.host == 'ti‸me'\"]"},
		{name: "an unknown key", text: "on_reqest‸: []"},
		{name: "a comment", text: "# time_z‸one\ntime_zone: UTC"},
	}
	k := newKnowledge(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, offset := cursor(t, tt.text)
			doc, from, to := k.hover(text, offset)
			if tt.want == "" {
				if doc != "" {
					t.Fatalf("got %q, want nothing", doc)
				}
				return
			}
			if !strings.Contains(doc, tt.want) || text[from:to] != tt.about {
				t.Errorf("got %q about %q, want %q about %q", doc, text[from:to], tt.want, tt.about)
			}
		})
	}
}

func TestSymbols(t *testing.T) {
	d := newDocument("file:///p.yaml", 1, "providers:\n  - id: a\non_request:\n  - name: first\n    actions: [{type: deny}, {type: log}]\n  - type: log\nroute: {name: only}\n")
	type flat struct{ Name, Detail, Children string }
	got := make([]flat, 0, 3)
	for _, s := range symbols(d) {
		f := flat{Name: s.Name}
		for _, c := range s.Children {
			f.Children += c.Name + "(" + c.Detail + ")"
		}
		got = append(got, f)
	}
	want := []flat{
		{Name: "providers", Children: "a()"},
		{Name: "on_request", Children: "first(deny, log)log()"},
		{Name: "route", Children: "only()"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("symbols differ (-want +got):\n%s", diff)
	}
}

func TestPositions(t *testing.T) {
	d := newDocument("file:///p.yaml", 1, "a: \"ä𝄞b\"\r\nc: d\n")
	tests := []struct {
		name   string
		at     position
		offset int
	}{
		{name: "start", at: position{0, 0}, offset: 0},
		{name: "behind two units of one character", at: position{0, 7}, offset: strings.Index(d.text, "b")},
		{name: "end of a line with a carriage return", at: position{0, 9}, offset: strings.Index(d.text, "\r")},
		{name: "second line", at: position{1, 3}, offset: strings.Index(d.text, "d\n")},
		{name: "line behind the end", at: position{2, 0}, offset: len(d.text)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := d.offset(tt.at); got != tt.offset {
				t.Errorf("got offset %d, want %d", got, tt.offset)
			}
			if got := d.position(tt.offset); got != tt.at {
				t.Errorf("got %+v, want %+v", got, tt.at)
			}
		})
	}
	if got := d.offset(position{0, 100}); got != strings.Index(d.text, "\r") {
		t.Errorf("got offset %d for a column behind the line, want its end", got)
	}
	if got := column("ä𝄞b", 4); got != 4 {
		t.Errorf("got column %d, want 4", got)
	}
}

// FuzzOutline reads whatever there is: it ends, and every node lies inside the text.
func FuzzOutline(f *testing.F) {
	for _, seed := range []string{
		"a: [b, {c: d}]\n", "- - a\n  -\n", "a: |\n b\nc: 'd''\n", "{\"a\": [1, 2", "? a\n: b\n", "a: &x {b: *x}\n\t- c", "a:\n    b: c\n  d: e\n",
		"'a': \"b\\", "]}:,", "a: b\n- c\n d\n",
	} {
		f.Add(seed, 3)
	}
	k := newKnowledge(f)
	f.Fuzz(func(t *testing.T, text string, offset int) {
		var check func(n *node)
		check = func(n *node) {
			if n == nil {
				return
			}
			if n.start < 0 || n.start > n.end || n.end > len(text) {
				t.Fatalf("got a node from %d to %d in a text of %d bytes", n.start, n.end, len(text))
			}
			for _, e := range n.entries {
				check(e.key)
				check(e.value)
			}
			for _, item := range n.items {
				check(item)
			}
		}
		check(outline(text))
		if offset >= 0 && offset <= len(text) {
			k.complete(text, offset)
			k.hover(text, offset)
		}
	})
}
