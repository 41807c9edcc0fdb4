package wire

import (
	"strings"
	"testing"
)

func patchOp(op, path, value string) PatchOp {
	return PatchOp{Op: op, Path: path, Value: []byte(value)}
}

func patchFrom(op, from, path string) PatchOp { return PatchOp{Op: op, From: from, Path: path} }

func TestApplyPatch(t *testing.T) {
	tests := []struct {
		name, body string
		ops        []PatchOp
		want       string
	}{
		{"nothing", ` { "a" : 1 } `, nil, ` { "a" : 1 } `},
		{"adds a member", `{"model":"x"}`, []PatchOp{patchOp("add", "/user", `"u"`)}, `{"model":"x","user":"u"}`},
		{"adds to nothing", `{ }`, []PatchOp{patchOp("add", "/a", `1`), patchOp("add", "/b", `2`)}, `{"a":1,"b":2 }`},
		{"adds in place of a member", `{ "a" : 1 , "b":2}`, []PatchOp{patchOp("add", "/a", `[3]`)}, `{ "a" : [3] , "b":2}`},
		{"inserts an element", `{"a":[1, 3]}`, []PatchOp{patchOp("add", "/a/1", `2`)}, `{"a":[1,2, 3]}`},
		{"inserts the first element", `{"a":[1, 3]}`, []PatchOp{patchOp("add", "/a/0", `0`)}, `{"a":[0,1, 3]}`},
		{"inserts behind the last", `{"a":[1, 3 ]}`, []PatchOp{patchOp("add", "/a/2", `4`)}, `{"a":[1, 3,4 ]}`},
		{"appends", `{"a":[1]}`, []PatchOp{patchOp("add", "/a/-", `{"b":[]}`)}, `{"a":[1,{"b":[]}]}`},
		{"appends to nothing", `{"a":[ ]}`, []PatchOp{patchOp("add", "/a/-", `1`), patchOp("add", "/a/-", `2`)}, `{"a":[1,2 ]}`},
		{"an array into an array", `{"a":["x"]}`, []PatchOp{patchOp("add", "/a/-", `["y"]`)}, `{"a":["x",["y"]]}`},
		{"adds into what was added", `{}`, []PatchOp{patchOp("add", "/a", `{}`), patchOp("add", "/a/b", `{"c":[1]}`), patchOp("add", "/a/b/c/0", `0`)}, `{"a":{"b":{"c":[0,1]}}}`},
		{"removes the first member", `{"a":1, "b":2, "c":3}`, []PatchOp{patchOp("remove", "/a", "")}, `{ "b":2, "c":3}`},
		{"removes the last member", "{\n  \"a\": 1,\n  \"b\": 2\n}", []PatchOp{patchOp("remove", "/b", "")}, "{\n  \"a\": 1\n}"},
		{"removes the only member", "{\n  \"a\": 1\n}", []PatchOp{patchOp("remove", "/a", "")}, "{\n}"},
		{"removes an element", `{"a":[1,2,3]}`, []PatchOp{patchOp("remove", "/a/1", "")}, `{"a":[1,3]}`},
		{"removes the last element", `{"a":[1,2 , 3 ]}`, []PatchOp{patchOp("remove", "/a/2", "")}, `{"a":[1,2 ]}`},
		{"removes and adds", `{"a":1}`, []PatchOp{patchOp("remove", "/a", ""), patchOp("add", "/a", `2`)}, `{"a":2}`},
		{"ignores a value that is not asked for", `{"a":1,"b":2}`, []PatchOp{patchOp("remove", "/a", `{{{`)}, `{"b":2}`},
		{"replaces", `{"a": {"b" : 1.50e1 , "c":2}}`, []PatchOp{patchOp("replace", "/a/c", `"x"`)}, `{"a": {"b" : 1.50e1 , "c":"x"}}`},
		{"replaces an element", `{"a":[1 , 2]}`, []PatchOp{patchOp("replace", "/a/0", ` {"x":1} `)}, `{"a":[{"x":1} , 2]}`},
		{"replaces everything", ` {"a":1} `, []PatchOp{patchOp("replace", "", `{"b":2}`)}, ` {"b":2} `},
		{"adds everything", `{"a":1}`, []PatchOp{patchOp("add", "", `{"b":2}`), patchOp("add", "/c", `3`)}, `{"b":2,"c":3}`},
		{"moves a member", `{"a":{"b":"x","c":1},"d":{}}`, []PatchOp{patchFrom("move", "/a/b", "/d/e")}, `{"a":{"c":1},"d":{"e":"x"}}`},
		{"moves an element", `{"a":["x","y","z"]}`, []PatchOp{patchFrom("move", "/a/0", "/a/2")}, `{"a":["y","z","x"]}`},
		{"moves to the end", `{"a":["x","y"]}`, []PatchOp{patchFrom("move", "/a/0", "/a/-")}, `{"a":["y","x"]}`},
		{"moves to where it is", `{"a": 1 ,"b":2}`, []PatchOp{patchFrom("move", "/a", "/a")}, `{"a": 1 ,"b":2}`},
		{"moves over what is there", `{"a":1,"b":2}`, []PatchOp{patchFrom("move", "/a", "/b")}, `{"b":1}`},
		{"moves out of itself", `{"a":{"b":{"c":1}}}`, []PatchOp{patchFrom("move", "/a/b", "/a")}, `{"a":{"c":1}}`},
		{"copies", `{"a":{"b":[ 1 ]}}`, []PatchOp{patchFrom("copy", "/a/b", "/c")}, `{"a":{"b":[ 1 ]},"c":[ 1 ]}`},
		{"copies are apart", `{"a":[1]}`, []PatchOp{patchFrom("copy", "/a", "/b"), patchOp("add", "/b/-", `2`), patchOp("add", "/a/-", `3`)}, `{"a":[1,3],"b":[1,2]}`},
		{"copies into itself", `{"a":[1]}`, []PatchOp{patchFrom("copy", "", "/b")}, `{"a":[1],"b":{"a":[1]}}`},
		{"tests", `{"a":["x",2,{"b":null}]}`, []PatchOp{patchOp("test", "/a/0", `"x"`), patchOp("test", "/a/1", `2.0e0`), patchOp("test", "/a/2/b", `null`)}, `{"a":["x",2,{"b":null}]}`},
		{"tests everything", `{"a":[1],"b":{"c":1,"d":2}}`, []PatchOp{patchOp("test", "", `{"b":{"d":2,"c":1},"a":[1]}`)}, `{"a":[1],"b":{"c":1,"d":2}}`},
		{"tests what was patched", `{"a":[1]}`, []PatchOp{patchOp("add", "/a/-", `2`), patchOp("test", "/a", `[1,2]`)}, `{"a":[1,2]}`},
		{"a slash and a tilde in names", `{"a/b":1,"m~n":2,"~1":3}`, []PatchOp{patchOp("replace", "/a~1b", `4`), patchOp("replace", "/m~0n", `5`), patchOp("replace", "/~01", `6`)}, `{"a/b":4,"m~n":5,"~1":6}`},
		{"names that are no escapes", `{"":1,"a%b":2," ":3,"k\"l":4}`, []PatchOp{patchOp("replace", "/", `5`), patchOp("replace", "/a%b", `6`), patchOp("replace", "/ ", `7`), patchOp("replace", "/k\"l", `8`)}, `{"":5,"a%b":6," ":7,"k\"l":8}`},
		{"an escaped name", `{"\u006dessages":[{"con\u0074ent":"x"}]}`, []PatchOp{patchOp("replace", "/messages/0/content", `"y"`)}, `{"\u006dessages":[{"con\u0074ent":"y"}]}`},
		{"adds an odd name", `{}`, []PatchOp{patchOp("add", "/a\"\n~1", `1`)}, `{"a\"\n/":1}`},
		{"a number as a name", `{"a":{"0":1,"-":2,"01":3}}`, []PatchOp{patchOp("replace", "/a/0", `4`), patchOp("replace", "/a/-", `5`), patchOp("remove", "/a/01", ``)}, `{"a":{"0":4,"-":5}}`},
		{
			"keeps every other byte", "{\r\n\t\"model\" : \"\\u0067pt\" ,\"n\":1.0E+2, \"messages\":[ {\"role\":\"user\",\"content\":\"h\\u00e9\"} , {\"content\" : \"secret\", \"z\":0.10} ]\n}",
			[]PatchOp{patchOp("replace", "/messages/1/content", `"***"`)},
			"{\r\n\t\"model\" : \"\\u0067pt\" ,\"n\":1.0E+2, \"messages\":[ {\"role\":\"user\",\"content\":\"h\\u00e9\"} , {\"content\" : \"***\", \"z\":0.10} ]\n}",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ApplyPatch([]byte("before"), []byte(tt.body), tt.ops)
			if err != nil || string(got) != "before"+tt.want {
				t.Errorf("got %s, %v, want %s after what was there", got, err, tt.want)
			}
		})
	}
}

func TestApplyPatchRefuses(t *testing.T) {
	deep := strings.Repeat("[", scanMaxDepth-1) + strings.Repeat("]", scanMaxDepth-1)
	tests := []struct {
		name, body string
		ops        []PatchOp
		want       string // in the error
	}{
		{"no op", `{}`, []PatchOp{{Path: "/a"}}, `patch operation 1 ("" at "/a"): op is none of`},
		{"an unknown op", `{}`, []PatchOp{patchOp("merge", "/a", `1`)}, `op is none of`},
		{"the second one", `{"a":1}`, []PatchOp{patchOp("remove", "/a", ""), patchOp("remove", "/a", "")}, `patch operation 2 ("remove" at "/a"): there is nothing`},
		{"no slash", `{"a":1}`, []PatchOp{patchOp("remove", "a", "")}, `begins with /`},
		{"a lone tilde", `{"a~":1}`, []PatchOp{patchOp("remove", "/a~", "")}, `~0 and ~1`},
		{"a tilde with something else", `{"a~2":1}`, []PatchOp{patchOp("remove", "/a~2", "")}, `~0 and ~1`},
		{"a path without end", `{}`, []PatchOp{patchOp("add", strings.Repeat("/a", scanMaxDepth+1), "1")}, `longer than the 64 levels`},
		{"a path that is no text", `{}`, []PatchOp{patchOp("add", "/a\xff", "1")}, `UTF-8`},
		{"adds to what is not there", `{"a":1}`, []PatchOp{patchOp("add", "/b/c", `1`)}, `nothing at this path`},
		{"adds into a scalar", `{"a":"x"}`, []PatchOp{patchOp("add", "/a/b", `1`)}, `neither an object nor an array`},
		{"adds far behind the end", `{"a":[1]}`, []PatchOp{patchOp("add", "/a/2", `1`)}, `behind the end`},
		{"adds no value", `{"a":[1]}`, []PatchOp{patchOp("add", "/b", ``)}, `no value`},
		{"adds what is no JSON", `{}`, []PatchOp{patchOp("add", "/b", `{"a":01}`)}, `needless zero`},
		{"adds two values", `{}`, []PatchOp{patchOp("add", "/b", `1,"c":2`)}, `goes on`},
		{"adds half a value", `{}`, []PatchOp{patchOp("add", "/b", `{"a":`)}, `ends inside`},
		{"adds half a surrogate", `{}`, []PatchOp{patchOp("add", "/b", `"\ud800"`)}, `surrogate`},
		{"an index with a zero in front", `{"a":[1,2]}`, []PatchOp{patchOp("replace", "/a/01", `3`)}, `leading zeros`},
		{"an index with a sign", `{"a":[1,2]}`, []PatchOp{patchOp("replace", "/a/+1", `3`)}, `sign`},
		{"an index below zero", `{"a":[1,2]}`, []PatchOp{patchOp("remove", "/a/-1", ``)}, `sign`},
		{"an index that is none", `{"a":[1,2]}`, []PatchOp{patchOp("add", "/a/1e0", `3`)}, `is an index`},
		{"replaces behind the end", `{"a":[1,2]}`, []PatchOp{patchOp("replace", "/a/2", `3`)}, `nothing at this path`},
		{"replaces the place behind the end", `{"a":[1,2]}`, []PatchOp{patchOp("replace", "/a/-", `3`)}, `nothing is yet`},
		{"replaces nothing", `{"a":1}`, []PatchOp{patchOp("replace", "/b", `3`)}, `nothing at this path`},
		{"names differ by case", `{"A":1}`, []PatchOp{patchOp("remove", "/a", ``)}, `nothing at this path`},
		{"removes everything", `{"a":1}`, []PatchOp{patchOp("remove", "", ``)}, `whole body`},
		{"moves into itself", `{"a":{"b":1}}`, []PatchOp{patchFrom("move", "/a", "/a/c")}, `"move" from "/a" to "/a/c"): a value cannot be moved into itself`},
		{"moves what is not there", `{"a":1}`, []PatchOp{patchFrom("move", "/b", "/c")}, `from: there is nothing`},
		{"moves to nowhere", `{"a":1}`, []PatchOp{patchFrom("move", "/a", "/b/c")}, `nothing at this path`},
		{"copies what is not there", `{"a":1}`, []PatchOp{patchFrom("copy", "/b", "/c")}, `from: there is nothing`},
		{"tests another value", `{"a":"x"}`, []PatchOp{patchOp("test", "/a", `"y"`)}, `"test" at "/a"): the value there is another one`},
		{"tests another kind", `{"a":"1"}`, []PatchOp{patchOp("test", "/a", `1`)}, `another one`},
		{"tests a longer list", `{"a":[1]}`, []PatchOp{patchOp("test", "/a", `[1,2]`)}, `another one`},
		{"tests a shorter list", `{"a":[1,2]}`, []PatchOp{patchOp("test", "/a", `[1]`)}, `another one`},
		{"tests a larger object", `{"a":{"b":1}}`, []PatchOp{patchOp("test", "/a", `{"b":1,"c":2}`)}, `another one`},
		{"tests other members", `{"a":{"b":1}}`, []PatchOp{patchOp("test", "/a", `{"c":1}`)}, `another one`},
		{"tests neighbouring ids", `{"a":9007199254740993}`, []PatchOp{patchOp("test", "/a", `9007199254740992`)}, `another one`},
		{"tests what is not there", `{}`, []PatchOp{patchOp("test", "/a", `null`)}, `nothing at this path`},
		{"a key twice", `{"a":{"b":1,"\u0062":2}}`, []PatchOp{patchOp("remove", "/a/b", ``)}, `stands twice`},
		{"a key twice in the body", `{"a":1,"a":2}`, nil, `stands twice`},
		{"a value with a key twice at the top", `{}`, []PatchOp{patchOp("replace", "", `{"a":1,"a":2}`)}, `stands twice`},
		{"leaves a list", `{}`, []PatchOp{patchOp("replace", "", `[]`)}, `not a JSON object`},
		{"no body", ``, []PatchOp{patchOp("add", "/a", `1`)}, `neither an object`},
		{"a body that is none", `{"a":`, []PatchOp{patchOp("add", "/b", `1`)}, `ends inside`},
		{"nests too deep", `{"a":[]}`, []PatchOp{patchOp("add", "/a/0", deep)}, `nested deeper`},
		{"too many operations", `{"a":1}`, make([]PatchOp, patchMaxOps+1), `1025 operations`},
		{"copies of copies", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, doubling(40), `more than 32 MiB`},
		{"an object that is too wide", `{"a":{` + manyMembers(scanMaxMembers) + `}}`, []PatchOp{patchOp("add", "/a/x", `1`)}, `more than 16384`},
		{"an array that is too long", `{"a":[` + strings.Repeat("1,", scanMaxMembers) + `1]}`, []PatchOp{patchOp("add", "/a/0", `1`)}, `more than 16384`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ApplyPatch([]byte("before"), []byte(tt.body), tt.ops)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if string(got) != "before" {
				t.Errorf("got %q, want nothing of the patch", got)
			}
		})
	}
}

func doubling(n int) []PatchOp {
	ops := make([]PatchOp, n)
	for i := range ops {
		ops[i] = patchFrom("copy", "", "/"+string(rune('b'+i)))
	}
	return ops
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k` + strings.Repeat("x", i%7) + string(rune('0'+i%10)) + strings.Repeat("y", i/70%100) + strings.Repeat("z", i/7000) + `":1`)
	}
	return b.String()
}

func TestApplyPatchTellsNoValues(t *testing.T) {
	const secret = "my-secret-value"
	bodies := []string{`{"a":"` + secret + `","b":["` + secret + `"]}`, `{"a":{"` + secret + `":1}}`}
	for _, body := range bodies {
		for _, op := range []PatchOp{
			patchOp("test", "/a", `"other `+secret+`"`), patchOp("add", "/a/b/c", `"`+secret+`"`), patchOp("replace", "/c", `"`+secret+`"`),
			patchOp("add", "/a", `"`+secret), patchOp("add", "/b/7", `"`+secret+`"`), patchFrom("move", "/c", "/a"),
		} {
			if _, err := ApplyPatch(nil, []byte(body), []PatchOp{op}); err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%s %s: got %v, want an error without values", op.Op, op.Path, err)
			}
		}
	}
}

func TestApplyPatchLeavesTheBody(t *testing.T) {
	const text = `{"a":[1,2],"b":{"c":"x"}}`
	body := []byte(text)
	value := []byte(`{"d":[1]}`)
	_, err := ApplyPatch(nil, body, []PatchOp{
		{Op: "add", Path: "/b/v", Value: value},
		{Op: "add", Path: "/b/w", Value: value},
		patchOp("add", "/b/v/d/-", `2`),
		patchOp("remove", "/a/0", ""), patchOp("replace", "/b/c", `"longer than it was"`), patchFrom("move", "/a", "/b/e"),
	})
	if err != nil || string(body) != text || string(value) != `{"d":[1]}` {
		t.Errorf("got %s and %s, %v, want both as they were", body, value, err)
	}
}

func TestPatchNumber(t *testing.T) {
	same := [][]string{
		{"0", "-0", "0.0", "0e5", "0e99999999999999999999", "-0.000"},
		{"1", "1.0", "10e-1", "0.1e1", "0.01E+2"},
		{"-100", "-1e2", "-100.000"},
		{"9007199254740993"},
		{"1e-99999999999999999999"},
		{"-1e-99999999999999999999"},
	}
	for i, a := range same {
		for j, b := range same {
			for _, x := range a {
				for _, y := range b {
					if got := patchNumber(x) == patchNumber(y); got != (i == j) {
						t.Errorf("%s and %s: got equal %t", x, y, got)
					}
				}
			}
		}
	}
}
