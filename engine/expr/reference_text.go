package expr

func textFunctions() []Function {
	return []Function{
		function("lower", "string.lower() string", "A text in lower case, all of Unicode.", "'ÄB'.lower()", `"äb"`),
		function("upper", "string.upper() string", "A text in upper case, all of Unicode.", "'äb'.upper()", `"ÄB"`),
		function("lowerAscii", "string.lowerAscii() string", "A text in which the letters A to Z are in lower case.", "'ÄB'.lowerAscii()", `"Äb"`),
		function("upperAscii", "string.upperAscii() string", "A text in which the letters a to z are in upper case.", "'äb'.upperAscii()", `"äB"`),
		function("trim", "string.trim() string", "A text without white space around it.", "' a '.trim()", `"a"`),
		function("split", "string.split() list(string), string.split(string separator[, int limit]) list(string)", "The parts of a text: the words of it, or what stands between separators. With a limit the last part keeps the rest, as in CEL's own function, so that nothing is lost; ngrok's documents drop it. A limit of 0 gives no parts.", "'a,b,c'.split(',', 2) + ' a  b '.split()", `["a","b,c","a","b"]`),
		function("join", "list(string).join([string separator]) string", "The texts of a list as one.", "['a', 'b'].join('-')", `"a-b"`),
		function("replace", "string.replace(string old, string new[, int limit]) string", "A text with one part replaced, everywhere or up to limit times.", "'aXbX'.replace('X', '-', 1)", `"a-bX"`),
		function("substring", "string.substring(int start[, int end]) string", "A part of a text; outside of it is an error.", "'hello'.substring(1, 3)", `"el"`),
		function("charAt", "string.charAt(int) string", "One character, \"\" just behind the last one.", "'hello'.charAt(1) + 'hello'.charAt(5)", `"e"`),
		function("reverse", "string.reverse() string, list.reverse() list", "A text or list from its end to its beginning.", "'abc'.reverse()", `"cba"`),
		function("format", "string.format(list) string", "A text with %s, %d, %f, %e, %b, %o, %x and %X replaced by values.", "'%s costs %.2f'.format(['it', 1.5])", `"it costs 1.50"`),
		function("strings.quote", "strings.quote(string) string", "A text in quotes, with escapes.", `strings.quote('a"b')`, `"\"a\\\"b\""`),
		function("size", "size(any) int, any.size() int", "The number of characters, bytes, elements or entries.", "size('ä') + [1, 2].size() + size({'a': 1})", "4"),
	}
}

func searchFunctions() []Function {
	return []Function{
		function("contains", "string.contains(string) bool", "Whether a text holds another.", "'gpt-4o-mini'.contains('mini')", "true"),
		function("startsWith", "string.startsWith(string) bool", "Whether a text begins with another.", "req.url.path.startsWith('/v1/')", "true"),
		function("endsWith", "string.endsWith(string) bool", "Whether a text ends with another.", "'gpt-4o-mini'.endsWith('mini')", "true"),
		function("matches", "string.matches(string pattern) bool", "Whether an RE2 pattern matches anywhere in a text.", "'gpt-4o'.matches('^gpt-[0-9]')", "true"),
		function("indexOf", "string.indexOf(string[, int start]) int", "Where a text first stands in another, -1 where it does not, nor behind the end.", "'hello mellow'.indexOf('ello', 2)", "7"),
		function("lastIndexOf", "string.lastIndexOf(string[, int last]) int", "Where a text last stands in another, -1 where it does not. A place behind the end to look from is an error, as in CEL's definition and ngrok's documents; the Go library finds nothing there.", "'hello mellow'.lastIndexOf('ello', 6)", "1"),
	}
}

func listFunctions() []Function {
	return []Function{
		function("slice", "list.slice(int start, int end) list", "The elements from start up to, but not including, end; outside of the list is an error.", "[1, 2, 3, 4].slice(1, 3)", "[2,3]"),
		function("flatten", "list.flatten([int depth]) list", "The elements of the lists in a list, one level deep or as many as given.", "[1, [2, [3]]].flatten()", "[1,2,[3]]"),
		function("sort", "list.sort() list", "The elements of one type from the lowest to the highest.", "[3, 1, 2].sort()", "[1,2,3]"),
		function("sortBy", "list.sortBy(x, key) list, list(model).sortBy('price') list(model)", "Any list by a key, or models by their input price, lowest first. What has no key comes last; equals keep their order.", "['ccc', 'a', 'bb'].sortBy(x, size(x))", `["a","bb","ccc"]`),
		function("distinct", "list.distinct() list", "The elements without those that stand there before.", "[1, 2, 1].distinct()", "[1,2]"),
		function("lists.range", "lists.range(int n) list(int)", "The ints from 0 up to, but not including, n.", "lists.range(3)", "[0,1,2]"),
		function("random", "list.random() element", "One element by chance, null where there is none.", "[1].random()", "1"),
		function("randomize", "list.randomize() list", "The elements in random order.", "size([1, 2].randomize())", "2"),
		function("hasAll", "list.hasAll(list) bool", "Whether a list holds every element of another.", "['a', 'b'].hasAll(['b'])", "true"),
		function("hasAny", "list.hasAny(list) bool", "Whether a list holds one of the elements of another.", "caller.groups.hasAny(['admins', 'ops'])", "true"),
		function("hasOnly", "list.hasOnly(list) bool", "Whether a list holds nothing but elements of another.", "['a', 'c'].hasOnly(['a', 'b'])", "false"),
		function("hasExactly", "list.hasExactly(list) bool", "Whether two lists hold the same elements, in whatever order.", "['a', 'b'].hasExactly(['b', 'a'])", "true"),
	}
}

func macroFunctions() []Function {
	return []Function{
		function("all", "list.all(x, condition) bool, map.all(key, condition) bool", "Whether a condition holds for all elements, or all keys of a map.", "[1, 2].all(x, x > 1)", "false"),
		function("exists", "list.exists(x, condition) bool, map.exists(key, condition) bool", "Whether a condition holds for one element or more.", "{'a': 1}.exists(k, k == 'a')", "true"),
		function("exists_one", "list.exists_one(x, condition) bool", "Whether a condition holds for just one element.", "[1, 2, 3].exists_one(x, x > 2)", "true"),
		function("filter", "list.filter(x, condition) list", "The elements a condition holds for.", "ai.models.filter(m, m.provider_id == 'google')", `["gemini-2.0-flash"]`),
		function("map", "list.map(x[, condition], expression) list", "The results for all elements, or for those a condition holds for.", "[1, 2].map(x, x > 1, x * 2)", "[4]"),
	}
}

func modelFunctions() []Function {
	return []Function{
		function("only", "list.only(list(string) ids) list", "Those models, providers or authors, by id or alias; case does not count.", "ai.models.only(['GPT-4o'])", `["gpt-4o"]`),
		function("ignore", "list.ignore(list(string) ids) list", "All but those models, providers or authors.", "ai.providers.ignore(['openai', 'ollama'])", `["anthropic","google"]`),
		function("onlyProviders", "list(model).onlyProviders(list(string) ids) list(model)", "The models of these providers.", "ai.models.onlyProviders(['ollama'])", `["llama3.2:1b"]`),
		function("ignoreProviders", "list(model).ignoreProviders(list(string) ids) list(model)", "The models of all other providers.", "ai.models.ignoreProviders(['openai', 'anthropic', 'google'])", `["llama3.2:1b"]`),
		function("onlyAuthors", "list(model).onlyAuthors(list(string) ids) list(model)", "The models of these authors.", "ai.models.onlyAuthors(['meta'])", `["llama3.2:1b"]`),
		function("ignoreAuthors", "list(model).ignoreAuthors(list(string) ids) list(model)", "The models of all other authors.", "ai.models.ignoreAuthors(['openai', 'anthropic', 'google'])", `["llama3.2:1b"]`),
		function("inRegion", "list(model).inRegion(string) list(model)", "The models served in a region of their vendor.", "ai.models.inRegion('eu-central-1')", `["claude-3-5-sonnet-20241022"]`),
		function("inCountryCode", "list(model).inCountryCode(string) list(model)", "The models served in a country, by its ISO 3166 code.", "ai.models.inCountryCode('DE')", `["claude-3-5-sonnet-20241022"]`),
		function("underCost", "list(model).underCost(string priceType, number max) list(model)", "The models whose price is known and below max, in USD (per million tokens for text).", "ai.models.underCost('text.input', 0.12)", `["gemini-2.0-flash"]`),
		function("get", "list(model).get(string provider, string model) model, list.get(string id) element", "One model, provider or author, none where it cannot be reached.", "ai.models.get('openai', 'gpt-4o')", `"gpt-4o"`),
		function("getModel", "provider.getModel(string id) model", "A model of a provider.", "ai.providers.get('openai').getModel('gpt-4o')", `"gpt-4o"`),
		function("getMetadata", "model.getMetadata(string path) any, provider.getMetadata(string path) any", "A value of the metadata by its dotted path, null where there is none.", "ai.models.only(['claude-3-5-sonnet'])[0].getMetadata('config.region')", `"us"`),
	}
}
