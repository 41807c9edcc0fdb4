package expr

// Function documents one function that expressions may call.
type Function struct {
	Name      string
	Group     string // heading under which it stands
	Signature string
	Doc       string
	Example   string // a CEL expression
	Want      string // what Example gives, as JSON; for models and the like their ids
}

// Functions lists every function and macro there is, group by group.
func Functions() []Function {
	var out []Function
	for _, g := range []struct {
		name  string
		items []Function
	}{
		{"Requests and answers", requestFunctions()},
		{"Addresses", addressFunctions()},
		{"Secrets and chance", secretFunctions()},
		{"Texts", textFunctions()},
		{"Searching texts", searchFunctions()},
		{"JSON and base64", codecFunctions()},
		{"URLs and queries", urlFunctions()},
		{"Hashes", hashFunctions()},
		{"Lists and maps", listFunctions()},
		{"Conditions over lists and maps", macroFunctions()},
		{"Times", timeFunctions()},
		{"Conversions", conversionFunctions()},
		{"Models, providers, authors and keys", modelFunctions()},
	} {
		for _, f := range g.items {
			f.Group = g.name
			out = append(out, f)
		}
	}
	return out
}

// function is one row of the tables below.
func function(name, signature, doc, example, want string) Function {
	return Function{Name: name, Signature: signature, Doc: doc, Example: example, Want: want}
}

func requestFunctions() []Function {
	return []Function{
		function("getReqHeader", "getReqHeader(string) list(string)", "The values of a request header; names ignore case, a missing header has none.", "getReqHeader('X-Tier')", `["gold"]`),
		function("hasReqHeader", "hasReqHeader(string) bool", "Whether the request has a header.", "hasReqHeader('x-tier')", "true"),
		function("getQueryParam", "getQueryParam(string) list(string)", "The values of a query parameter; a missing one has none.", "getQueryParam('tag')", `["a","b"]`),
		function("hasQueryParam", "hasQueryParam(string) bool", "Whether the query has a parameter.", "hasQueryParam('nothing')", "false"),
		function("getReqCookie", "getReqCookie(string) cookie", "The first cookie of a name in the order sent; its value is \"\" where there is none.", "getReqCookie('session').value", `"abc"`),
		function("hasReqCookie", "hasReqCookie(string) bool", "Whether the request has a cookie.", "hasReqCookie('session')", "true"),
		function("getResHeader", "getResHeader(string) list(string)", "The values of a header of the answer, in on_response.", "getResHeader('retry-after')", `["2"]`),
		function("hasResHeader", "hasResHeader(string) bool", "Whether the answer has a header, in on_response.", "hasResHeader('retry-after')", "true"),
		function("getResCookie", "getResCookie(string) set_cookie", "The cookie of a name that the answer sets, the one with the longest path first, in on_response: name, value, domain, path, same_site, expires, max_age, http_only, secure and unparsed_attributes. Its value is \"\" where there is none.", "getResCookie('seen').path", `"/v1"`),
		function("hasResCookie", "hasResCookie(string) bool", "Whether the answer sets a cookie, in on_response.", "hasResCookie('nothing')", "false"),
		function("has", "has(field) bool", "Whether a field is there; for headers write 'x' in req.headers.", "has(vars.tier) && !has(vars.missing)", "true"),
	}
}

func addressFunctions() []Function {
	return []Function{
		function("inCidrRange", "inCidrRange(string ip, string range) bool", "Whether an address is in a range, of IPv4 or IPv6; false where either cannot be read. An address without a mask is a range of one.", "inCidrRange(conn.client_ip, '10.0.0.0/8')", "true"),
		function("inCidrRanges", "inCidrRanges(string ip, list(string) ranges) bool", "Whether an address is in one of the ranges; those that cannot be read do not count.", "inCidrRanges('10.0.0.1', ['192.168.0.0/16', '10.0.0.0/8'])", "true"),
		function("isPrivateIp", "string.isPrivateIp() bool", "Whether an address is in one of the ranges of RFC 1918.", "'192.168.1.1'.isPrivateIp()", "true"),
	}
}

func secretFunctions() []Function {
	return []Function{
		function("secrets.get", "secrets.get(string name) string, secrets.get(string vault, string name) string", "A secret, looked up when the policy loads; the names must be literal.", "secrets.get('vault', 'token') != ''", "true"),
		function("basic_auth.encode", "basic_auth.encode(string user, string password) string", "The value of an Authorization header.", "basic_auth.encode('a', 'b')", `"Basic YTpi"`),
		function("rand.double", "rand.double() double", "A random number from 0 up to, but not including, 1.", "rand.double() < 1.0", "true"),
		function("rand.int", "rand.int() int, rand.int(int min, int max) int", "0 or 1 by chance, or a random int from min to max, both included; min cannot be negative.", "rand.int(3, 3) + rand.int() / 2", "3"),
	}
}
