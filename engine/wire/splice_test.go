package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestSplice(t *testing.T) {
	set := func(key, value string) Edit { return Edit{Key: key, Value: []byte(value)} }
	del := func(key string) Edit { return Edit{Key: key, Op: EditDelete} }
	tests := []struct {
		name, body string
		edits      []Edit
		want       string
	}{
		{"nothing", ` { "a" : 1 } `, nil, ` { "a" : 1 } `},
		{"replace", `{"a":1,"model":"x","b":2}`, []Edit{set("model", `"longer"`)}, `{"a":1,"model":"longer","b":2}`},
		{"replace keeps spaces", `{ "model" : "x" , "b":2}`, []Edit{set("model", `"y"`)}, `{ "model" : "y" , "b":2}`},
		{"replace an escaped key", `{"\u006dodel":"x"}`, []Edit{set("model", `"y"`)}, `{"\u006dodel":"y"}`},
		{"replace two", `{"a":1,"b":2,"c":3}`, []Edit{set("c", `33`), set("a", `11`)}, `{"a":11,"b":2,"c":33}`},
		{"add", `{"a":1}`, []Edit{set("b", `2`)}, `{"a":1,"b":2}`},
		{"add two in order", `{"a":1}`, []Edit{set("c", `3`), set("b", `2`)}, `{"a":1,"c":3,"b":2}`},
		{"add an odd key", `{"a":1}`, []Edit{set("b\"\n", `2`)}, `{"a":1,"b\"\n":2}`},
		{"add to nothing", `{}`, []Edit{set("b", `2`)}, `{"b":2}`},
		{"add to spaced nothing", " { \n } ", []Edit{set("b", `2`), set("c", `3`)}, " {\"b\":2,\"c\":3 \n } "},
		{"add to pretty", "{\n  \"a\": 1\n}\n", []Edit{set("b", `2`)}, "{\n  \"a\": 1,\"b\":2\n}\n"},
		{"add null", `{"a":1}`, []Edit{{Key: "b"}}, `{"a":1,"b":null}`},
		{"delete the first", `{"a":1,"b":2,"c":3}`, []Edit{del("a")}, `{"b":2,"c":3}`},
		{"delete the middle", `{"a":1, "b":2, "c":3}`, []Edit{del("b")}, `{"a":1, "c":3}`},
		{"delete the last", `{"a":1,"b":2,"c":3}`, []Edit{del("c")}, `{"a":1,"b":2}`},
		{"delete the last of pretty", "{\n  \"a\": 1,\n  \"b\": 2\n}", []Edit{del("b")}, "{\n  \"a\": 1\n}"},
		{"delete the first of pretty", "{\n  \"a\": 1,\n  \"b\": 2\n}", []Edit{del("a")}, "{\n  \"b\": 2\n}"},
		{"delete the last two", `{"a":1,"b":2,"c":3}`, []Edit{del("c"), del("b")}, `{"a":1}`},
		{"delete the first two", `{"a":1,"b":2,"c":3}`, []Edit{del("b"), del("a")}, `{"c":3}`},
		{"delete around", `{"a":1,"b":2,"c":3}`, []Edit{del("a"), del("c")}, `{"b":2}`},
		{"delete all", `{"a":1,"b":2}`, []Edit{del("a"), del("b")}, `{}`},
		{"delete all spaced", `{ "a":1 , "b":2 }`, []Edit{del("a"), del("b")}, `{  }`},
		{"delete what is not there", `{"a":1}`, []Edit{del("b")}, `{"a":1}`},
		{"delete from nothing", `{}`, []Edit{del("b")}, `{}`},
		{"delete all and add", `{ "a":1 }`, []Edit{del("a"), set("b", `2`)}, `{ "b":2 }`},
		{"delete the last and add", `{"a":1,"b":2}`, []Edit{del("b"), set("c", `3`)}, `{"a":1,"c":3}`},
		{"delete, replace and add", `{"a":1,"b":2,"c":3}`, []Edit{del("b"), set("c", `33`), set("d", `4`)}, `{"a":1,"c":33,"d":4}`},
		{"the last edit of a key counts", `{"a":1}`, []Edit{set("a", `2`), set("a", `3`), set("b", `4`), set("b", `5`)}, `{"a":3,"b":5}`},
		{"set then delete", `{"a":1,"b":2}`, []Edit{set("b", `3`), del("b"), set("c", `3`), del("c")}, `{"a":1}`},
		{"delete then set", `{"a":1,"b":2}`, []Edit{del("a"), set("a", `3`)}, `{"a":3,"b":2}`},
		{"a key inside a value", `{"x":{"a":1},"a":2}`, []Edit{del("a")}, `{"x":{"a":1}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d Doc
			if p := d.Scan([]byte(tt.body)); p != nil {
				t.Fatal(p)
			}
			if got := string(d.Splice([]byte("before"), tt.edits)); got != "before"+tt.want {
				t.Errorf("got %q, want %q after what was there", got, tt.want)
			}
		})
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "plain", "\"\\/", "\x00\x01\b\f\n\r\t\x1f\x7f", "é中😀\u2028<>&", strings.Repeat("x", 100) + "\""} {
		got := AppendString(nil, s)
		var back string
		if err := json.Unmarshal(got, &back); err != nil || back != s {
			t.Errorf("%q: got %s, which reads as %q (%v)", s, got, back, err)
		}
	}
	if got, want := string(AppendString([]byte("["), "a\xffb\xc0")), "[\"a\uFFFDb\uFFFD\""; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAppendValue(t *testing.T) {
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"nil", nil, `null`},
		{"bool", true, `true`},
		{"string", "a\"b", `"a\"b"`},
		{"int", -5, `-5`},
		{"int32", int32(7), `7`},
		{"int64", int64(math.MinInt64), `-9223372036854775808`},
		{"uint", uint(7), `7`},
		{"uint64", uint64(math.MaxUint64), `18446744073709551615`},
		{"float32", float32(0.5), `0.5`},
		{"whole float", 1e6, `1000000`},
		{"float", 0.7, `0.7`},
		{"large float", 1e300, `1e+300`},
		{"small float", 1e-9, `1e-09`},
		{"array", []any{1, "a", nil, []any{}}, `[1,"a",null,[]]`},
		{"object", map[string]any{"b": 1, "a": map[string]any{}, "c": []any{true}}, `{"a":{},"b":1,"c":[true]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AppendValue([]byte(" "), tt.value)
			if err != nil || string(got) != " "+tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
			if !json.Valid(got) {
				t.Errorf("%s is not JSON", got)
			}
		})
	}
	endless := []any{nil}
	endless[0] = endless
	for _, bad := range []any{math.NaN(), math.Inf(-1), struct{}{}, []any{1, math.NaN()}, map[string]any{"a": []int{1}}, endless} {
		if got, err := AppendValue(nil, bad); err == nil {
			t.Errorf("got %s, want an error", got)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, body := range scanAccepted() {
		f.Add([]byte(body))
	}
	f.Add([]byte(`{"model":"a","\u006dodel":"b"}`))
	f.Add([]byte(`{"a":"\ud800","b":1e999,"c":01}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var d Doc
		if p := d.Scan(body); p != nil {
			if p.Offset < 0 || p.Offset > len(body) || p.Message == "" {
				t.Fatalf("problem %+v in a body of %d bytes", p, len(body))
			}
			return
		}
		scanCompare(t, &d, body)
		for _, api := range []API{OpenAIChat, AnthropicMessages, GeminiBatchEmbed} {
			var p Peek
			if p.Read(api, body) == nil {
				p.Texts(api, func(string) bool { return true })
				p.Images(api)
			}
		}
		for _, m := range d.Members() {
			Elements(d.Raw(m), func(e Member) bool {
				if raw := d.Raw(m)[e.Start:e.End]; !json.Valid(raw) {
					t.Fatalf("element %q is not JSON", raw)
				}
				return true
			})
		}
	})
}

func FuzzSplice(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":2,"c":3}`), "a", "b", byte(1))
	f.Add([]byte(` { "a" : 1 } `), "a", "z", byte(2))
	f.Add([]byte(` { } `), "a", "a", byte(3))
	f.Add([]byte("{\n \"\\u0061\": [1],\n \"b\": {}\n}"), "b", "a", byte(0))
	f.Fuzz(func(t *testing.T, body []byte, first, second string, ops byte) {
		var d Doc
		if d.Scan(body) != nil {
			return
		}
		edits := []Edit{
			{Key: first, Value: []byte(`"1st"`), Op: EditOp(ops & 1)},
			{Key: second, Value: []byte(`{"2nd":2}`), Op: EditOp(ops >> 1 & 1)},
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatal(err)
		}
		for _, e := range edits {
			if strings.ToValidUTF8(e.Key, "") != e.Key {
				return // such a key is not in any body, and would be written in another form
			}
			delete(want, e.Key)
			if e.Op == EditSet {
				want[e.Key] = e.Value
			}
		}
		got := d.Splice(nil, edits)
		var again Doc
		if p := again.Scan(got); p != nil {
			t.Fatalf("%q became %q: %v", body, got, p)
		}
		if len(again.Members()) != len(want) {
			t.Fatalf("%q became %q, want %d members", body, got, len(want))
		}
		for key, value := range want {
			m, ok := again.Lookup(key)
			if !ok || !bytes.Equal(again.Raw(m), value) {
				t.Fatalf("%q became %q: %q is %s, want %s", body, got, key, again.Raw(m), value)
			}
		}
	})
}
