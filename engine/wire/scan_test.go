package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestScanRefuses(t *testing.T) {
	deep := func(n int) string {
		return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	tests := []struct {
		name, body string
		offset     int
		message    string
	}{
		{"empty", "", 0, "is empty"},
		{"white space", " \n", 2, "is empty"},
		{"array", `[1]`, 0, "not a JSON object"},
		{"string", `"a"`, 0, "not a JSON object"},
		{"null", `null`, 0, "not a JSON object"},
		{"byte order mark", "\xEF\xBB\xBF{}", 0, "byte order mark"},
		{"byte order mark of UTF-16", "\xFF\xFE{\x00}\x00", 0, "byte order mark"},
		{"trailing brace", `{}}`, 2, "goes on after"},
		{"trailing object", `{} {}`, 3, "goes on after"},
		{"trailing NUL", "{\"a\":1}\x00", 7, "goes on after"},
		{"open", `{`, 1, "ends inside"},
		{"open key", `{"a`, 3, "ends inside"},
		{"no value", `{"a":`, 5, "ends inside"},
		{"open string", `{"a":"b`, 7, "ends inside"},
		{"open escape", `{"a":"\`, 7, "ends inside"},
		{"open object", `{"a":{"b":1`, 11, "ends inside"},
		{"open array", `{"a":[1,`, 8, "ends inside"},
		{"open after comma", `{"a":1,`, 7, "ends inside"},
		{"no colon", `{"a" 1}`, 5, "colon"},
		{"no nested colon", `{"a":{"b"}}`, 9, "colon"},
		{"bare key", `{a:1}`, 1, "double quotes"},
		{"single quotes", `{'a':1}`, 1, "double quotes"},
		{"trailing comma", `{"a":1,}`, 7, "double quotes"},
		{"trailing comma in an array", `{"a":[1,]}`, 8, "value is needed"},
		{"missing comma", `{"a":1 "b":2}`, 7, "comma"},
		{"missing comma in an array", `{"a":[1 2]}`, 8, "comma"},
		{"wrong bracket", `{"a":[1}}`, 7, "comma"},
		{"comment", `{/*x*/"a":1}`, 1, "double quotes"},
		{"no value at all", `{"a":}`, 5, "value is needed"},
		{"bad word", `{"a":nul}`, 5, "JSON word"},
		{"python word", `{"a":True}`, 5, "value is needed"},
		{"NaN", `{"a":NaN}`, 5, "NaN and Infinity"},
		{"Infinity", `{"a":Infinity}`, 5, "NaN and Infinity"},
		{"minus Infinity", `{"a":[-Infinity]}`, 6, "NaN and Infinity"},
		{"plus", `{"a":+1}`, 5, "NaN and Infinity"},
		{"leading zero", `{"a":01}`, 5, "needless zero"},
		{"negative leading zero", `{"a":-012}`, 5, "needless zero"},
		{"bare minus", `{"a":-}`, 5, "not a JSON number"},
		{"bare point", `{"a":1.}`, 5, "not a JSON number"},
		{"bare exponent", `{"a":1e}`, 5, "not a JSON number"},
		{"bare signed exponent", `{"a":1e+}`, 5, "not a JSON number"},
		{"leading point", `{"a":.5}`, 5, "value is needed"},
		{"hexadecimal", `{"a":0x10}`, 6, "comma"},
		{"exponent overflow", `{"a":1e309}`, 5, "out of the range"},
		{"long exponent overflow", `{"a":1E+99999999999999999999}`, 5, "out of the range"},
		{"digit overflow", `{"a":` + strings.Repeat("9", 310) + `}`, 5, "out of the range"},
		{"digits and exponent overflow", `{"a":` + strings.Repeat("9", 250) + `e90}`, 5, "out of the range"},
		{"control character", "{\"a\":\"x\ny\"}", 7, "control character"},
		{"NUL in a string", "{\"a\":\"\x00\"}", 6, "control character"},
		{"control character in a key", "{\"a\tb\":1}", 3, "control character"},
		{"bad escape", `{"a":"\x41"}`, 6, "escape sequence"},
		{"short hex", `{"a":"\u12"}`, 6, "escape sequence"},
		{"bad hex", `{"a":"\u12g4"}`, 6, "escape sequence"},
		{"lone high surrogate", `{"a":"\ud800"}`, 6, "surrogate"},
		{"lone low surrogate", `{"a":"\udc00"}`, 6, "surrogate"},
		{"high surrogate twice", `{"a":"\ud800\ud800"}`, 6, "surrogate"},
		{"high surrogate and letter", `{"a":"\ud83dx"}`, 6, "surrogate"},
		{"lone surrogate in a key", `{"\ud800":1}`, 2, "surrogate"},
		{"lone continuation", "{\"a\":\"\x80\"}", 6, "UTF-8"},
		{"overlong", "{\"a\":\"\xC0\x80\"}", 6, "UTF-8"},
		{"overlong of three", "{\"a\":\"\xE0\x80\x80\"}", 6, "UTF-8"},
		{"encoded surrogate", "{\"a\":\"\xED\xA0\x80\"}", 6, "UTF-8"},
		{"beyond Unicode", "{\"a\":\"\xF4\x90\x80\x80\"}", 6, "UTF-8"},
		{"cut rune", "{\"a\":\"\xE4\xBD\"}", 6, "UTF-8"},
		{"Latin-1", "{\"a\":\"caf\xE9 au lait\"}", 9, "UTF-8"},
		{"bad UTF-8 in a key", "{\"\xFF\":1}", 2, "UTF-8"},
		{"bad UTF-8 between tokens", "{\"a\":1\xFF}", 6, "comma"},
		{"no-break space", "{\u00a0\"a\":1}", 1, "double quotes"},
		{"too deep", deep(scanMaxDepth), 5 + scanMaxDepth - 1, "deeper than 64"},
		{"far too deep", `{"a":` + strings.Repeat("[", 100000), 5 + scanMaxDepth - 1, "deeper than 64"},
		{"duplicate", `{"a":1,"a":2}`, 7, "twice"},
		{"duplicate by escape", `{"model":"a","\u006dodel":"b"}`, 13, "twice"},
		{"duplicate of an escape", `{"\u006dodel":"a","model":"b"}`, 18, "twice"},
		{"duplicate empty keys", `{"":1,"":2}`, 6, "twice"},
		{"duplicate pairs", `{"😀":1,"\ud83d\ude00":2}`, 10, "twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d Doc
			p := d.Scan([]byte(tt.body))
			if p == nil {
				t.Fatalf("got no problem, want %q", tt.message)
			}
			if p.Offset != tt.offset || !strings.Contains(p.Error(), tt.message) {
				t.Errorf("got %d %q, want %d %q", p.Offset, p.Message, tt.offset, tt.message)
			}
			if len(d.Members()) != 0 {
				t.Errorf("got %d members after a problem, want none", len(d.Members()))
			}
		})
	}
}

// scanAccepted are bodies that a strict reader must take.
func scanAccepted() []string {
	return []string{
		`{}`, " \t\r\n{ \n } \n", `{"a":1}`, `{"a":null,"b":true,"c":false}`, `{"":""}`,
		`{"a":-0}`, `{"a":-0.0e-0}`, `{"a":0.1E+2}`, `{"a":1e308}`, `{"a":1e-999}`, `{"a":123456789012345678901234567890}`,
		`{"a":` + strings.Repeat("9", 250) + `e-90}`, `{"a":0.` + strings.Repeat("1", 400) + `}`,
		`{"a":[]}`, `{"a":{}}`, `{"a":[[],{},[{}],{"b":[]}]}`, `{"a":[1,"b",null,{"c":[true]}],"d":{"e":{"f":"g"}}}`,
		`{"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00"}`, `{"\u0061":1,"b":2}`, `{"a":"\u0000"}`,
		`{"a":"é中😀 ſ\u2028 and a plain tail that is long"}`, "{\"a\":\"\x7F\"}", `{"中文":"é"}`,
		"{\n  \"a\": [\n            1,\n            2\n  ],\n  \"b\": {\n    \"c\": \"d\"\n  }\n}\n",
		`{"a":{"b":1,"b":2}}`, // nested duplicates are for whoever reads the object
		`{"a":` + strings.Repeat("[", scanMaxDepth-1) + strings.Repeat("]", scanMaxDepth-1) + `}`,
	}
}

func TestScanAccepts(t *testing.T) {
	for _, body := range scanAccepted() {
		var d Doc
		if p := d.Scan([]byte(body)); p != nil {
			t.Errorf("%s: got %v, want no problem", body, p)
			continue
		}
		scanCompare(t, &d, []byte(body))
	}
}

// scanCompare checks that encoding/json reads the body as the Doc does.
func scanCompare(t *testing.T, d *Doc, body []byte) {
	t.Helper()
	if !json.Valid(body) {
		t.Fatalf("accepted what encoding/json does not: %q", body)
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(d.Members()) {
		t.Fatalf("got %d members, want %d in %q", len(d.Members()), len(want), body)
	}
	for key, raw := range want {
		m, ok := d.Lookup(key)
		if !ok {
			t.Fatalf("key %q not found in %q", key, body)
		}
		if got := d.Raw(m); !bytes.Equal(got, raw) {
			t.Errorf("key %q: got %s, want %s", key, got, raw)
		}
		if m.Kind == KindString {
			var text string
			if err := json.Unmarshal(raw, &text); err != nil {
				t.Fatal(err)
			}
			if got, _ := d.Str(m); got != text {
				t.Errorf("key %q: got %q, want %q", key, got, text)
			}
		}
	}
}

// TestScanEveryOffset moves each kind of stop through every place of the eight-byte windows.
func TestScanEveryOffset(t *testing.T) {
	stops := []string{`\"`, `\\`, `\u00e9`, `\ud83d\ude00`, "é", "中", "😀", "~", "\x7f", "!", "#", "[", "]"}
	bad := []string{"\x1f", "\n", "\x80", "\xff", "\xed\xa0\x80", `\ud800`, `\q`}
	for pad := range 20 {
		for tail := range 20 {
			for _, s := range stops {
				body := []byte(`{"a":"` + strings.Repeat("x", pad) + s + strings.Repeat("y", tail) + `"}`)
				var d Doc
				if p := d.Scan(body); p != nil {
					t.Fatalf("%s: %v", body, p)
				}
				scanCompare(t, &d, body)
			}
			for _, s := range bad {
				body := []byte(`{"a":"` + strings.Repeat("x", pad) + s + strings.Repeat("y", tail) + `"}`)
				var d Doc
				if p := d.Scan(body); p == nil || p.Offset != 6+pad {
					t.Fatalf("%q: got %v, want a problem at %d", body, p, 6+pad)
				}
			}
		}
	}
}

func TestScanManyMembers(t *testing.T) {
	build := func(n int, extra string) []byte {
		b := []byte("{")
		for i := range n {
			b = fmt.Appendf(b, `"key%d":%d,`, i, i)
		}
		return append(b, extra+"}"...)
	}
	var d Doc
	for _, n := range []int{1, scanLinear - 1, scanLinear, scanLinear + 1, 31, 32, 33, 100, 5000} {
		body := build(n, `"last":0`)
		if p := d.Scan(body); p != nil {
			t.Fatalf("%d members: %v", n, p)
		}
		scanCompare(t, &d, body)
		if _, ok := d.Lookup("absent"); ok {
			t.Errorf("%d members: found an absent key", n)
		}
		p := d.Scan(build(n, fmt.Sprintf(`"\u006bey%d":0`, n-1)))
		if p == nil || p.Param != fmt.Sprintf("key%d", n-1) {
			t.Errorf("%d members: got %v, want a duplicate", n, p)
		}
	}
	if p := d.Scan(build(scanMaxMembers, `"last":0`)); p == nil || !strings.Contains(p.Message, "16384") {
		t.Errorf("got %v, want a problem with the number of keys", p)
	}
	d.release()
	if cap(d.members) != 0 {
		t.Errorf("got room for %d members kept, want none", cap(d.members))
	}
}

func TestScanLongKeyInProblem(t *testing.T) {
	key := strings.Repeat("é", 500)
	var d Doc
	p := d.Scan([]byte(`{"` + key + `":1,"` + key + `":2}`))
	if p == nil || len(p.Message) > 300 || !strings.Contains(p.Param, "é...") {
		t.Errorf("got %v, want a short message that ends at a whole letter", p)
	}
}

func TestScanObject(t *testing.T) {
	var d, inner Doc
	body := []byte(`{"a":{"x":1,"y":{"z":2}},"b":{"x":1,"x":2}}`)
	if p := d.Scan(body); p != nil {
		t.Fatal(p)
	}
	a, _ := d.Lookup("a")
	if p := ScanObject(d.Raw(a), &inner); p != nil {
		t.Fatal(p)
	}
	if m, ok := inner.Lookup("y"); !ok || string(inner.Raw(m)) != `{"z":2}` {
		t.Errorf("got %v %v, want the nested object", m, ok)
	}
	b, _ := d.Lookup("b")
	if p := ScanObject(d.Raw(b), &inner); p == nil || p.Offset != 7 || p.Param != "x" {
		t.Errorf("got %v, want the duplicate at 7", p)
	}
}
