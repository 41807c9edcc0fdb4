package expr

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/engine/vars"
)

// TestFunctionResults pins what functions do at their edges. Where the documents of the language that policies come from
// and CEL's Go library differ, the case says which way is taken.
func TestFunctionResults(t *testing.T) {
	e := newEnv(t, testOptions())
	tests := []struct {
		name, expr, want string // want "error" = it fails
	}{
		// the five places where documents and library differ
		{"split keeps the rest, as the library", "'a,b,c'.split(',', 2)", `["a","b,c"]`},
		{"base64 without padding is read, as the library", "string(base64.decode('aGVsbG8'))", `"hello"`},
		{"lastIndexOf behind the end is an error, as the documents", "'hello'.lastIndexOf('l', 20)", "error"},
		{"getMilliseconds of a duration is a part, as the documents", "duration('1.234s').getMilliseconds()", "234"},
		{"split without a separator, as the documents", "' a \\t b\\n'.split()", `["a","b"]`},
		// and where they agree
		{"flatten is one level", "[1, [2, [3]]].flatten()", "[1,2,[3]]"},
		{"flatten deeper", "[1, [2, [3]]].flatten(2)", "[1,2,3]"},
		{"charAt behind the last", "'abc'.charAt(3)", `""`},
		{"charAt further", "'abc'.charAt(4)", "error"},
		{"slice", "[1, 2, 3].slice(0, 2)", "[1,2]"},
		{"slice outside", "[1, 2, 3].slice(0, 4)", "error"},
		{"binary", "'%b'.format([5])", `"101"`},
		{"split limits", "['a,b'.split(',', 0), 'a,b'.split(',', 1), 'a,b'.split(',', -1)]", `[[],["a,b"],["a","b"]]`},
		{"lastIndexOf from a place", "['hello'.lastIndexOf('l', 2), 'hello'.lastIndexOf('l', 5), 'hello'.lastIndexOf('o', 3), 'äöä'.lastIndexOf('', 3)]", "[2,3,-1,3]"},
		{"indexOf behind the end", "'hello'.indexOf('l', 20)", "-1"},
		{"lastIndexOf before the beginning", "'hello'.lastIndexOf('l', -1)", "error"},

		{"milliseconds of a negative duration", "duration('-1.234s').getMilliseconds()", "-234"},
		{"milliseconds of a time", "timestamp('2026-01-01T00:00:00.567Z').getMilliseconds()", "567"},
		{"milliseconds in a zone", "timestamp('2026-01-01T00:00:00.567Z').getMilliseconds('Europe/Berlin')", "567"},
		{"milliseconds of what is not known at load", "dyn(duration('2.5s')).getMilliseconds()", "500"},
		{"milliseconds of a text", "vars.tier.getMilliseconds()", "error"},

		{"base64 that is none", "base64.decode('a*')", "error"},
		{"text of base64 without padding", "'aGVsbG8'.decodeBase64()", `"hello"`},
		{"text of base64 that is no text", "'/w=='.decodeBase64()", "error"},
		{"text of what is no base64", "'a*'.decodeBase64()", "error"},
		{"there and back", "'ä&'.encodeBase64().decodeBase64()", `"ä&"`},

		{"random int without limits", "[rand.int(), rand.int(), rand.int()].all(x, x == 0 || x == 1)", "true"},
		{"random int with both ends", "rand.int(0, 99)", "99"},
		{"random int below zero", "rand.int(-1, 1)", "error"},
		{"random of nothing", "[].random() == null", "true"},
		{"random of texts", "['a', 'b'].random()", `"b"`},

		{"query", "queryString.decode('q=hello&x=%20')", `{"q":"hello","x":" "}`},
		{"query, first of several", "'a=1&a=2'.decodeQueryString().a", `"1"`},
		{"query, missing name", "'a=1'.decodeQueryString()['b']", `""`},
		{"query, has", "has('a=1'.decodeQueryString().a) && !has('a=1'.decodeQueryString().b)", "true"},
		{"query that is none", "'a=%zz'.decodeQueryString()", "error"},
		{"query written", "queryString.encode({'b': 'x y', 'a': 1, 'c': [true, 1.5], 'd': null})", `"a=1&b=x+y&c=true&c=1.5&d="`},
		{"query of a variable", "req.url.query_params.encodeQueryString()", `"beta=true&tag=a&tag=b"`},
		{"query of maps", "queryString.encode({'a': {'b': 1}})", "error"},
		{"is a query", "['a=1'.isQueryString(), 'a'.isQueryString(), ''.isQueryString(), 'a=%'.isQueryString()]", "[true,true,false,false]"},

		{"url", "url.parse('https://u:p@a.com:8443/a%20b?x=1#f')", `{"forcequery":false,"fragment":"f","host":"a.com:8443","hostname":"a.com","omithost":false,"opaque":"","path":"/a b","port":"8443","rawfragment":"f","rawpath":"/a%20b","rawquery":"x=1","scheme":"https","user":"u:p"}`},
		{"url, unknown part", "url.parse('https://a.com').nothing == null", "true"},
		{"url that is none", "'http://[::1'.parseUrl()", "error"},
		{"is a url", "['https://a.com'.isURL(), 'a.com'.isURL(), '/x'.isURL(), 'mailto:a@b'.isURL(), 'http://[::1'.isURL()]", "[true,false,false,false,false]"},
		{"unescape what is not escaped", "'%zz'.unescapeUrl()", "error"},

		{"hash formats", "hash.crc32('hello', 'base64') + 'hello'.md5('hex')", `"NhCmhg==5d41402abc4b2a76b9719d911017c592"`},
		{"hash format that is none", "vars.tier.md5('x')", "error"},
		{"hash of nothing", "''.xxhash64()", `"ef46db3751d8e999"`},

		{"json with a large number", "json.decode('12345678901').a == null", "error"},
		{"json numbers", "json.decode('[1, 1.0, 1e3, 12345678901234567890]').map(x, type(x) == int)", "[true,false,false,false]"},
		{"json out of range", "json.decode('[1e999]')[0] == 1", "error"},
		{"json, twice the same name", `json.decode('{"a": 1, "a": 2}').a`, "2"},
		{"json with something behind", "json.decode('1 2')", "error"},
		{"is json", "['{}'.isJson(), '1 2'.isJson(), ''.isJson()]", "[true,false,false]"},
		{"json of bytes", "json.encode(b'hi')", `"\"hi\""`},

		{"distinct of what is equal across types", "[dyn(1), 1.0, 'a', 'a', null, null].distinct()", `[1,"a",null]`},
		{"has of what is equal across types", "[dyn(1), 2].hasAll([dyn(1.0)]) && [1].hasOnly([1, 2]) && ![1, 3].hasOnly([1, 2])", "true"},
		{"has exactly", "[[1, 1].hasExactly([1]), [1].hasExactly([1, 2]), [].hasAny([1]), [1].hasAll([])]", "[true,false,false,true]"},
		{"replace of nothing", "'ab'.replace('', '_')", `"_a_b_"`},
		{"replace none", "'aa'.replace('a', 'b', 0) + 'aa'.replace('a', 'b', -1)", `"aabb"`},

		{"IPv6", "inCidrRange('2001:db8::1', '2001:db8::/32')", "true"},
		{"one address", "inCidrRange('10.0.0.1', '10.0.0.1')", "true"},
		{"no address", "[inCidrRange('x', '10.0.0.0/8'), inCidrRange('10.0.0.1', '10.0.0.0/99')]", "[false,false]"},
		{"private", "['10.0.0.1'.isPrivateIp(), '172.32.0.1'.isPrivateIp(), 'fd00::1'.isPrivateIp(), '127.0.0.1'.isPrivateIp()]", "[true,false,false,false]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// Behind a variable nothing is folded, so that errors show when the expression runs.
			got, err := evaluate(t, e, vars.PhaseRequest, "req.method == 'POST' ? dyn("+tt.expr+") : dyn(null)")
			if err != nil {
				got = "error"
			}
			if got != tt.want {
				t.Errorf("%s: got %s (%v), want %s", tt.expr, got, err, tt.want)
			}
		})
	}
}

func TestSetCookies(t *testing.T) {
	e := newEnv(t, testOptions())
	tests := []struct{ expr, want string }{
		{"getResCookie('seen').value", `"2"`}, // the longest path
		{"getResCookie('seen').domain", `"example.com"`},
		{"getResCookie('seen').same_site", `"Lax"`},
		{"getResCookie('seen').secure && getResCookie('seen').http_only", "true"},
		{"getResCookie('seen').max_age == duration('60s')", "true"},
		{"getResCookie('seen').expires == timestamp('2026-03-04T05:06:07Z')", "true"},
		{"getResCookie('seen').unparsed_attributes", `{"Priority":"High"}`},
		{"getResCookie('nothing').value + getResCookie('nothing').name", `"nothing"`},
		{"getResCookie('nothing').expires == timestamp(0)", "true"},
		{"[hasResCookie('seen'), hasResCookie('Seen')]", "[true,false]"},
		{"getResCookie('seen')", `{"domain":"example.com","http_only":true,"name":"seen","path":"/v1","same_site":"Lax","secure":true,"value":"2"}`},
	}
	for _, tt := range tests {
		got, err := evaluate(t, e, vars.PhaseResponse, tt.expr)
		if err != nil || got != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.expr, got, err, tt.want)
		}
	}
	if _, diags := e.Value(vars.PhaseRequest, Text{Value: "getResCookie('x').value"}); len(diags) != 1 || diags[0].Code != "wrong_phase" {
		t.Errorf("got %v in on_request, want a wrong phase", diags)
	}
}

func TestXXHash64(t *testing.T) {
	all := make([]byte, 101)
	for i := range all {
		all[i] = byte(i)
	}
	for in, want := range map[string]string{
		"": "ef46db3751d8e999", "a": "d24ec4f1a98c6e5b", "hello": "26c7827d889f6da3",
		"Nobody inspects the spammish repetition": "fbcea83c8a378bf1", string(all): "e99038495f85381e",
	} {
		if got := fmt.Sprintf("%016x", xxhash64([]byte(in))); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// TestBounded gives functions of CEL's library what would take them minutes, or memory that nobody has.
func TestBounded(t *testing.T) {
	e := newEnv(t, Options{})
	numbers, texts := make([]any, 200_000), make([]any, 200_000)
	for i := range numbers {
		numbers[i], texts[i] = int64(i), strconv.Itoa(i)
	}
	long := strings.Repeat("a", 1<<20)
	src := source{vars.Vars: vars.Dyn(map[string]any{"numbers": numbers, "texts": texts, "long": long})}
	for expr, want := range map[string]string{
		"vars.numbers.distinct().size() == 1":                   "error",
		"vars.texts.distinct().size() == 200000":                "true",
		"vars.numbers.hasAll(vars.numbers)":                     "error",
		"vars.numbers.hasAny([1, 2])":                           "true",
		"vars.numbers.hasExactly(vars.texts)":                   "error",
		"size(vars.long.replace('a', vars.long)) == 1":          "error",
		"size(vars.long.replace('', vars.long)) == 1":           "error",
		"size(vars.long.replace('a', vars.long, 3)) == 4194301": "true",
	} {
		p, diags := e.Predicate(vars.PhaseRequest, []Text{{Value: expr}})
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		begin := time.Now()
		ok, err := p.Match(src)
		if got := outcome(ok, err); got != want || time.Since(begin) > 20*time.Second {
			t.Errorf("%s: got %s (%v) after %v, want %s", expr, got, err, time.Since(begin), want)
		}
	}
}

// TestRunCost runs functions on long values inside of a loop: what they cost must count, or the limit would never be met.
func TestRunCost(t *testing.T) {
	e := newEnv(t, testOptions())
	long := "a=" + strings.Repeat("1+23", 50_000)
	list := make([]any, 5000)
	for i := range list {
		list[i] = long
	}
	src := source{vars.Vars: vars.Dyn(map[string]any{"list": list, "long": long, "texts": list[:20]})}
	const allowed = 10 * time.Second // a million units are some 20 ms, here on a busy machine under the race detector
	for _, body := range []string{
		"x.md5() == ''", "x.xxhash64() == ''", "hash.sha256(x) == ''", "x.lower() == ''", "x.upper() == ''",
		"x.escapeUrl() == ''", "x.encodeBase64() == ''", "x.decodeQueryString()['b'] == 'x'", "x.isQueryString() == false",
		"x.split().size() == 0", "x.isJson()", "url.parse(x).host == 'x'", "vars.texts.encodeJson() == ''",
		"queryString.encode({'a': x}) == ''", "vars.list.randomize() == []", "vars.list.sortBy(y, y) == []",
	} {
		t.Run(body, func(t *testing.T) {
			p, diags := e.Predicate(vars.PhaseRequest, []Text{{Value: "vars.list.exists(x, " + body + ")"}})
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			begin := time.Now()
			if ok, err := p.Match(src); err == nil || !strings.Contains(err.Error(), "cost limit") {
				t.Errorf("got %v, %v, want the cost limit", ok, err)
			}
			if took := time.Since(begin); took > allowed {
				t.Errorf("took %v, want at most %v", took, allowed)
			}
		})
	}
}
