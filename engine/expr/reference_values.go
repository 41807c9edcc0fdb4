package expr

func codecFunctions() []Function {
	return []Function{
		function("json.decode", "json.decode(string) any", "The value of a JSON text; missing fields of it are null, and of a name that stands twice the last counts.", `json.decode('{"a": [1]}').a[0]`, "1"),
		function("decodeJson", "string.decodeJson() any", "The same as json.decode.", `'{"a": true}'.decodeJson().a`, "true"),
		function("json.encode", "json.encode(any) string", "A value as JSON.", "json.encode({'a': [1, 2.5, null]})", `"{\"a\":[1,2.5,null]}"`),
		function("encodeJson", "any.encodeJson() string", "The same as json.encode.", "['a'].encodeJson()", `"[\"a\"]"`),
		function("isJson", "string.isJson() bool", "Whether a text is JSON.", "'{'.isJson()", "false"),
		function("base64.encode", "base64.encode(bytes) string", "Bytes as base64, with padding.", "base64.encode(b'hello')", `"aGVsbG8="`),
		function("base64.decode", "base64.decode(string) bytes", "The bytes of a base64 text; padding may be missing, which ngrok's documents call an error and CEL's own function accepts.", "string(base64.decode('aGVsbG8'))", `"hello"`),
		function("encodeBase64", "string.encodeBase64() string", "A text as base64, with padding.", "'hello'.encodeBase64()", `"aGVsbG8="`),
		function("decodeBase64", "string.decodeBase64() string", "The text of a base64 text; padding may be missing, and bytes that are no text are an error.", "'aGVsbG8='.decodeBase64()", `"hello"`),
	}
}

func urlFunctions() []Function {
	return []Function{
		function("url.parse", "url.parse(string) map(string, any)", "The parts of a URL: scheme, user, host, hostname, port, path, rawpath, rawquery, fragment, rawfragment, opaque, forcequery and omithost; an error where it cannot be read.", "url.parse('https://a.com:8443/v1?x=1').host", `"a.com:8443"`),
		function("parseUrl", "string.parseUrl() map(string, any)", "The same as url.parse.", "'https://a.com:8443/v1?x=1'.parseUrl().port", `"8443"`),
		function("isURL", "string.isURL() bool", "Whether a text is a URL with a scheme and a host.", "'/v1/models'.isURL()", "false"),
		function("url.escape", "url.escape(string) string", "A text as it stands in a query.", "url.escape('a b&c')", `"a+b%26c"`),
		function("url.unescape", "url.unescape(string) string", "The text of an escaped one.", "url.unescape('a+b%26c')", `"a b&c"`),
		function("escapeUrl", "string.escapeUrl() string", "The same as url.escape.", "'a/b'.escapeUrl()", `"a%2Fb"`),
		function("unescapeUrl", "string.unescapeUrl() string", "The same as url.unescape.", "'a%2Fb'.unescapeUrl()", `"a/b"`),
		function("queryString.decode", "queryString.decode(string) map(string, string)", "The first value of each name of a query string; \"\" for a name that is missing.", "queryString.decode('q=hello&q=x')['q']", `"hello"`),
		function("decodeQueryString", "string.decodeQueryString() map(string, string)", "The same as queryString.decode.", "'a=1&b=2'.decodeQueryString()", `{"a":"1","b":"2"}`),
		function("queryString.encode", "queryString.encode(map) string", "A map as a query string, in order of names; a list stands for several values.", "queryString.encode({'q': 'a b', 'n': [1, 2]})", `"n=1&n=2&q=a+b"`),
		function("encodeQueryString", "map.encodeQueryString() string", "The same as queryString.encode.", "{'q': 'a&b'}.encodeQueryString()", `"q=a%26b"`),
		function("isQueryString", "string.isQueryString() bool", "Whether a text is a query string with at least one name.", "'a=%zz'.isQueryString()", "false"),
	}
}

func hashFunctions() []Function {
	wants := []struct{ name, what, want string }{
		{"crc32", "CRC-32 (IEEE)", "3610a686"},
		{"crc64", "CRC-64 (ISO)", "3c3eeee2d8100000"},
		{"md5", "MD5", "5d41402abc4b2a76b9719d911017c592"},
		{"sha1", "SHA-1", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"},
		{"sha256", "SHA-256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
		{"xxhash64", "XXH64 with the seed 0", "26c7827d889f6da3"},
	}
	out := make([]Function, 0, 2*len(wants)+2)
	for _, w := range wants {
		out = append(
			out,
			function("hash."+w.name, "hash."+w.name+"(string[, string format]) string",
				"The "+w.what+" of a text, as 'hex' (default) or 'base64'.", "hash."+w.name+"('hello')", `"`+w.want+`"`),
			function(w.name, "string."+w.name+"([string format]) string", "The same as hash."+w.name+".",
				"'hello'."+w.name+"('hex')", `"`+w.want+`"`),
		)
	}
	return append(out,
		function("hash.sha512", "hash.sha512(string[, string format]) string", "The SHA-512 of a text, as 'hex' (default) or 'base64'.", "size(hash.sha512('hello'))", "128"),
		function("sha512", "string.sha512([string format]) string", "The same as hash.sha512.", "size('hello'.sha512('base64'))", "88"))
}

func timeFunctions() []Function {
	const at = "timestamp('2026-03-04T05:06:07.890Z')"
	zone := " In UTC, or in the time zone given."
	part := func(name, doc, want string) Function {
		return function(name, "timestamp."+name+"([string zone]) int", doc+zone, at+"."+name+"()", want)
	}
	return []Function{
		part("getFullYear", "The year.", "2026"),
		part("getMonth", "The month, from 0 for January.", "2"),
		part("getDate", "The day of the month, from 1.", "4"),
		part("getDayOfMonth", "The day of the month, from 0.", "3"),
		part("getDayOfWeek", "The day of the week, from 0 for Sunday.", "3"),
		part("getDayOfYear", "The day of the year, from 0.", "62"),
		function("getHours", "timestamp.getHours([string zone]) int, duration.getHours() int", "The hour of a time, in UTC or the time zone given; all hours of a duration.", at+".getHours('Europe/Berlin')", "6"),
		function("getMinutes", "timestamp.getMinutes([string zone]) int, duration.getMinutes() int", "The minute of a time; all minutes of a duration.", "duration('1h30m').getMinutes()", "90"),
		function("getSeconds", "timestamp.getSeconds([string zone]) int, duration.getSeconds() int", "The second of a time; all seconds of a duration.", at+".getSeconds()", "7"),
		function("getMilliseconds", "timestamp.getMilliseconds([string zone]) int, duration.getMilliseconds() int", "The milliseconds behind the last full second, of a time and of a duration: as CEL's definition and ngrok's documents have it, where the Go library gives all milliseconds of a duration.", "duration('1.234s').getMilliseconds()", "234"),
	}
}

func conversionFunctions() []Function {
	return []Function{
		function("bool", "bool(string) bool", "A text such as 'true' as a bool.", "bool('true')", "true"),
		function("int", "int(any) int", "A double cut to its whole part, a text, or a time in seconds since 1970, as an int.", "int('42') + int(1.9)", "43"),
		function("uint", "uint(any) uint", "A number or text as an unsigned int.", "uint('42')", "42"),
		function("double", "double(any) double", "A number or text as a double.", "double('1.5') * 2.0", "3"),
		function("string", "string(any) string", "A number, bool, time, duration or bytes as a text.", "string(1.5) + string(true)", `"1.5true"`),
		function("bytes", "bytes(string) bytes", "The bytes of a text.", "size(bytes('ä'))", "2"),
		function("timestamp", "timestamp(string) timestamp, timestamp(int seconds) timestamp", "An RFC 3339 text, or seconds since 1970, as a time.", "timestamp(time.now) > timestamp('2026-01-01T00:00:00Z')", "true"),
		function("duration", "duration(string) duration", "A text such as '1h30m' as a duration.", "timestamp('2026-01-01T00:00:00Z') + duration('1h') < timestamp(time.now)", "true"),
		function("type", "type(any) type", "The type of a value.", "type(vars.tier) == string", "true"),
		function("dyn", "dyn(any) any", "A value whose type is not checked when the policy loads.", "dyn(1) == 'a'", "false"),
	}
}
