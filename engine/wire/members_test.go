package wire

import (
	"slices"
	"testing"
)

func TestMembersValues(t *testing.T) {
	var d Doc
	body := []byte(`{"s":"a\nb","p":"plain","t":true,"f":false,"n":null,"i":-12,"e":1e3,"w":4.0,"x":1.5,"big":1e300,"max":9223372036854775807,"over":9223372036854775808,"a":[1],"o":{}}`)
	if p := d.Scan(body); p != nil {
		t.Fatal(p)
	}
	get := func(key string) Member {
		m, ok := d.Lookup(key)
		if !ok {
			t.Fatalf("no member %q", key)
		}
		return m
	}
	kinds := map[string]Kind{
		"s": KindString, "t": KindBool, "f": KindBool, "n": KindNull, "i": KindNumber, "a": KindArray, "o": KindObject,
	}
	for key, want := range kinds {
		if got := get(key).Kind; got != want {
			t.Errorf("%s: got %v, want %v", key, got, want)
		}
	}
	for key, want := range map[string]string{"s": "a\nb", "p": "plain"} {
		if got, ok := d.Str(get(key)); got != want || !ok {
			t.Errorf("%s: got %q %v, want %q", key, got, ok, want)
		}
	}
	for key, want := range map[string]bool{"t": true, "f": false} {
		if got, ok := d.Bool(get(key)); got != want || !ok {
			t.Errorf("%s: got %v %v, want %v", key, got, ok, want)
		}
	}
	for key, want := range map[string]int64{"i": -12, "e": 1000, "w": 4, "max": 9223372036854775807} {
		if got, ok := d.Int(get(key)); got != want || !ok {
			t.Errorf("%s: got %v %v, want %v", key, got, ok, want)
		}
	}
	for _, key := range []string{"x", "big", "over", "s", "n"} {
		if got, ok := d.Int(get(key)); ok {
			t.Errorf("%s: got %v, want none", key, got)
		}
	}
	if _, ok := d.Str(get("i")); ok {
		t.Error("a number has a string value")
	}
	if _, ok := d.Bool(get("n")); ok {
		t.Error("null has a boolean value")
	}
}

func TestElements(t *testing.T) {
	tests := []struct {
		name, raw string
		want      []string
	}{
		{"empty", `[]`, nil},
		{"spaced", "[ \n ]", nil},
		{"one", `[1]`, []string{"1"}},
		{"mixed", ` [ "a,]" , {"b":[2,3]},[[]] ,null,true,-1e5 ] `, []string{`"a,]"`, `{"b":[2,3]}`, `[[]]`, `null`, `true`, `-1e5`}},
		{"no array", `{"a":1}`, nil},
		{"nothing", ``, nil},
		{"broken", `[1,2`, []string{"1", "2"}},
		{"no comma", `[1 2]`, []string{"1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			Elements([]byte(tt.raw), func(m Member) bool {
				got = append(got, tt.raw[m.Start:m.End])
				return true
			})
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	n := 0
	Elements([]byte(`[1,2,3]`), func(Member) bool { n++; return n < 2 })
	if n != 2 {
		t.Errorf("got %d elements, want the walk to stop after 2", n)
	}
}
