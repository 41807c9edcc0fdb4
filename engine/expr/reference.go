package expr

// Function documents one function that expressions may call.
type Function struct {
	Name      string
	Signature string
	Doc       string
	Example   string // a CEL expression
	Want      string // what Example gives, as JSON; for models and the like their ids
}

// Functions lists the functions that are ours or that policies use most; the rest of CEL's own are in its language definition.
func Functions() []Function {
	out := requestFunctions()
	out = append(out, valueFunctions()...)
	out = append(out, hashFunctions()...)
	out = append(out, textFunctions()...)
	return append(out, modelFunctions()...)
}

func requestFunctions() []Function {
	return []Function{
		{"getReqHeader", "getReqHeader(string) list(string)", "The values of a request header; names ignore case, a missing header has none.", "getReqHeader('X-Tier')", `["gold"]`},
		{"hasReqHeader", "hasReqHeader(string) bool", "Whether the request has a header.", "hasReqHeader('x-tier')", "true"},
		{"getQueryParam", "getQueryParam(string) list(string)", "The values of a query parameter.", "getQueryParam('tag')", `["a","b"]`},
		{"hasQueryParam", "hasQueryParam(string) bool", "Whether the query has a parameter.", "hasQueryParam('nothing')", "false"},
		{"getReqCookie", "getReqCookie(string) cookie", "The first cookie of a name; its value is \"\" where there is none.", "getReqCookie('session').value", `"abc"`},
		{"hasReqCookie", "hasReqCookie(string) bool", "Whether the request has a cookie.", "hasReqCookie('session')", "true"},
		{"getResHeader", "getResHeader(string) list(string)", "The values of a response header, in on_response.", "getResHeader('retry-after')", `["2"]`},
		{"hasResHeader", "hasResHeader(string) bool", "Whether the response has a header, in on_response.", "hasResHeader('retry-after')", "true"},
		{"inCidrRange", "inCidrRange(string ip, string range) bool", "Whether an address is in a range; false where either cannot be read.", "inCidrRange(conn.client_ip, '10.0.0.0/8')", "true"},
		{"inCidrRanges", "inCidrRanges(string ip, list(string) ranges) bool", "Whether an address is in one of the ranges; those that cannot be read do not count.", "inCidrRanges('10.0.0.1', ['192.168.0.0/16', '10.0.0.0/8'])", "true"},
		{"isPrivateIp", "string.isPrivateIp() bool", "Whether an address is in one of the ranges of RFC 1918.", "'192.168.1.1'.isPrivateIp()", "true"},
		{"secrets.get", "secrets.get(string name) string, secrets.get(string vault, string name) string", "A secret, looked up when the policy loads; the names must be literal.", "secrets.get('vault', 'token') != ''", "true"},
		{"has", "has(field) bool", "Whether a field is there. For headers write 'x' in req.headers.", "has(vars.tier) && !has(vars.missing)", "true"},
	}
}

func valueFunctions() []Function {
	return []Function{
		{"rand.double", "rand.double() double", "A random number from 0 up to, but not including, 1.", "rand.double() < 1.0", "true"},
		{"rand.int", "rand.int() int, rand.int(int min, int max) int", "A random int, or one from min to max, both included.", "rand.int(3, 3)", "3"},
		{"json.decode", "json.decode(string) any", "The value of a JSON text; missing fields of it are null.", `json.decode('{"a": [1]}').a[0]`, "1"},
		{"decodeJson", "string.decodeJson() any", "The same as json.decode.", `'{"a": true}'.decodeJson().a`, "true"},
		{"json.encode", "json.encode(any) string", "A value as JSON.", "json.encode({'a': [1, 2.5, null]})", `"{\"a\":[1,2.5,null]}"`},
		{"encodeJson", "any.encodeJson() string", "The same as json.encode.", "['a'].encodeJson()", `"[\"a\"]"`},
		{"isJson", "string.isJson() bool", "Whether a text is JSON.", "'{'.isJson()", "false"},
		{"base64.encode", "base64.encode(bytes) string", "Bytes as base64.", "base64.encode(b'hello')", `"aGVsbG8="`},
		{"base64.decode", "base64.decode(string) bytes", "The bytes of a base64 text.", "string(base64.decode('aGVsbG8='))", `"hello"`},
		{"encodeBase64", "string.encodeBase64() string", "A text as base64.", "'hello'.encodeBase64()", `"aGVsbG8="`},
		{"decodeBase64", "string.decodeBase64() string", "The text of a base64 text.", "'aGVsbG8='.decodeBase64()", `"hello"`},
		{"basic_auth.encode", "basic_auth.encode(string user, string password) string", "The value of an Authorization header.", "basic_auth.encode('a', 'b')", `"Basic YTpi"`},
		{"url.escape", "url.escape(string) string", "A text as it stands in a query.", "url.escape('a b&c')", `"a+b%26c"`},
		{"url.unescape", "url.unescape(string) string", "The text of an escaped one.", "url.unescape('a+b%26c')", `"a b&c"`},
		{"escapeUrl", "string.escapeUrl() string", "The same as url.escape.", "'a/b'.escapeUrl()", `"a%2Fb"`},
		{"unescapeUrl", "string.unescapeUrl() string", "The same as url.unescape.", "'a%2Fb'.unescapeUrl()", `"a/b"`},
	}
}

func hashFunctions() []Function {
	wants := []struct{ name, want string }{
		{"crc32", "3610a686"},
		{"crc64", "3c3eeee2d8100000"},
		{"md5", "5d41402abc4b2a76b9719d911017c592"},
		{"sha1", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"},
		{"sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
	}
	out := make([]Function, 0, 2*len(wants)+1)
	for _, w := range wants {
		out = append(
			out,
			Function{
				"hash." + w.name, "hash." + w.name + "(string[, string format]) string",
				"The " + w.name + " of a text, as 'hex' (default) or 'base64'.", "hash." + w.name + "('hello')", `"` + w.want + `"`,
			},
			Function{
				w.name, "string." + w.name + "([string format]) string", "The same as hash." + w.name + ".",
				"'hello'." + w.name + "('hex')", `"` + w.want + `"`,
			},
		)
	}
	return append(out,
		Function{
			"hash.sha512", "hash.sha512(string[, string format]) string", "The sha512 of a text, as 'hex' (default) or 'base64'.",
			"size(hash.sha512('hello'))", "128",
		},
		Function{"sha512", "string.sha512([string format]) string", "The same as hash.sha512.", "size('hello'.sha512('base64'))", "88"})
}

func textFunctions() []Function {
	return []Function{
		{"lower", "string.lower() string", "A text in lower case, all of Unicode.", "'ÄB'.lower()", `"äb"`},
		{"upper", "string.upper() string", "A text in upper case, all of Unicode.", "'äb'.upper()", `"ÄB"`},
		{"contains", "string.contains(string) bool", "Whether a text holds another.", "'gpt-4o-mini'.contains('mini')", "true"},
		{"startsWith", "string.startsWith(string) bool", "Whether a text begins with another.", "req.url.path.startsWith('/v1/')", "true"},
		{"endsWith", "string.endsWith(string) bool", "Whether a text ends with another.", "'gpt-4o-mini'.endsWith('mini')", "true"},
		{"matches", "string.matches(string pattern) bool", "Whether an RE2 pattern matches anywhere in a text.", "'gpt-4o'.matches('^gpt-[0-9]')", "true"},
		{"split", "string.split(string separator[, int limit]) list(string)", "The parts of a text.", "'a,b'.split(',')", `["a","b"]`},
		{"join", "list(string).join([string separator]) string", "The texts of a list as one.", "['a', 'b'].join('-')", `"a-b"`},
		{"replace", "string.replace(string old, string new[, int limit]) string", "A text with one part replaced.", "'aXb'.replace('X', '-')", `"a-b"`},
		{"substring", "string.substring(int start[, int end]) string", "A part of a text.", "'hello'.substring(1, 3)", `"el"`},
		{"trim", "string.trim() string", "A text without white space around it.", "' a '.trim()", `"a"`},
		{"size", "size(any) int, any.size() int", "The number of characters, elements or entries.", "size('ä') + [1, 2].size()", "3"},
		{"exists", "list.exists(x, condition) bool", "Whether a condition holds for one element.", "[1, 2].exists(x, x > 1)", "true"},
		{"all", "list.all(x, condition) bool", "Whether a condition holds for all elements.", "[1, 2].all(x, x > 1)", "false"},
		{"map", "list.map(x, expression) list", "The results for all elements.", "[1, 2].map(x, x * 2)", "[2,4]"},
	}
}

func modelFunctions() []Function {
	return []Function{
		{"filter", "list.filter(x, condition) list", "The elements a condition holds for.", "ai.models.filter(m, m.provider_id == 'google')", `["gemini-2.0-flash"]`},
		{"only", "list.only(list(string) ids) list", "Those models, providers or authors, by id or alias; case does not count.", "ai.models.only(['GPT-4o'])", `["gpt-4o"]`},
		{"ignore", "list.ignore(list(string) ids) list", "All but those models, providers or authors.", "ai.providers.ignore(['openai', 'ollama'])", `["anthropic","google"]`},
		{"onlyProviders", "list(model).onlyProviders(list(string) ids) list(model)", "The models of these providers.", "ai.models.onlyProviders(['ollama'])", `["llama3.2:1b"]`},
		{"ignoreProviders", "list(model).ignoreProviders(list(string) ids) list(model)", "The models of all other providers.", "ai.models.ignoreProviders(['openai', 'anthropic', 'google'])", `["llama3.2:1b"]`},
		{"onlyAuthors", "list(model).onlyAuthors(list(string) ids) list(model)", "The models of these authors.", "ai.models.onlyAuthors(['meta'])", `["llama3.2:1b"]`},
		{"ignoreAuthors", "list(model).ignoreAuthors(list(string) ids) list(model)", "The models of all other authors.", "ai.models.ignoreAuthors(['openai', 'anthropic', 'google'])", `["llama3.2:1b"]`},
		{"inRegion", "list(model).inRegion(string) list(model)", "The models served in a region of their vendor.", "ai.models.inRegion('eu-central-1')", `["claude-3-5-sonnet-20241022"]`},
		{"inCountryCode", "list(model).inCountryCode(string) list(model)", "The models served in a country, by its ISO 3166 code.", "ai.models.inCountryCode('DE')", `["claude-3-5-sonnet-20241022"]`},
		{"underCost", "list(model).underCost(string priceType, number max) list(model)", "The models whose price is known and below max, in USD (per million tokens for text).", "ai.models.underCost('text.input', 0.12)", `["gemini-2.0-flash"]`},
		{"sortBy", "list(model).sortBy('price') list(model), list.sortBy(x, key) list", "The models by their input price, or any list by a key, lowest first. What has no key comes last; equals keep their order.", "ai.models.inRegion('us-east-1').sortBy(m, m.pricing.input)", `["gpt-4o-mini","gpt-4o"]`},
		{"random", "list.random() element", "One element by chance.", "ai.models.only(['gpt-4o']).random()", `"gpt-4o"`},
		{"randomize", "list.randomize() list", "The elements in random order.", "ai.models.only(['gpt-4o']).randomize()", `["gpt-4o"]`},
		{"get", "list(model).get(string provider, string model) model, list.get(string id) element", "One model, provider or author, none where it cannot be reached.", "ai.models.get('openai', 'gpt-4o')", `"gpt-4o"`},
		{"getModel", "provider.getModel(string id) model", "A model of a provider.", "ai.providers.get('openai').getModel('gpt-4o')", `"gpt-4o"`},
		{"getMetadata", "model.getMetadata(string path) any", "A value of the metadata by its dotted path, null where there is none.", "ai.models.only(['claude-3-5-sonnet'])[0].getMetadata('config.region')", `"us"`},
	}
}
