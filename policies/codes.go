package policies

import "weir/engine/diag"

// DiagnosticCode is one row of the table of what can be wrong with a policy.
type DiagnosticCode struct {
	Code     string
	Severity diag.Severity
	Doc      string
	// Ngrok are the numbers under which ngrok's validation reports the same.
	Ngrok []int
}

// DiagnosticCodes returns the table, in the order of its subjects.
func DiagnosticCodes() []DiagnosticCode {
	var out []DiagnosticCode
	for _, part := range [][]DiagnosticCode{fileCodes(), shapeCodes(), ruleCodes(), actionCodes(), expressionCodes(), regoCodes(), routeCodes()} {
		out = append(out, part...)
	}
	return out
}

func fileCodes() []DiagnosticCode {
	return []DiagnosticCode{
		{Code: "no_such_file", Doc: "A file is not there: the policy, one that it includes, or one that an action reads."},
		{Code: "unreadable_file", Doc: "A file or folder cannot be read."},
		{Code: "empty_folder", Doc: "An included folder holds no policy."},
		{Code: "include_cycle", Doc: "A document includes itself, directly or through others; the message is the chain."},
		{Code: "too_large", Doc: "A file is over 1 MiB, the policy has too many values once its aliases are expanded, or too many files."},
		{Code: "empty_document", Doc: "A file holds no document. A policy without rules is written `{}`, so that a file cut off never means that everything is allowed.", Ngrok: []int{2236}},
		{Code: "several_documents", Doc: "A file holds more than one YAML document.", Ngrok: []int{2236}},
		{Code: "bad_yaml", Doc: "The text is not YAML or JSON.", Ngrok: []int{2236}},
		{Code: "bad_text", Doc: "The text is not UTF-8, or holds a line break that editors and parsers read differently.", Ngrok: []int{2236}},
		{Code: "bad_tag", Doc: "A YAML tag means nothing in a policy.", Ngrok: []int{2236}},
		{Code: "bad_key", Doc: "A key is not a name.", Ngrok: []int{2236}},
		{Code: "bad_merge", Doc: "A merge key names something that is not a mapping.", Ngrok: []int{2236}},
		{Code: "alias_cycle", Doc: "An alias stands inside what it names.", Ngrok: []int{2236}},
		{Code: "bad_number", Doc: "A number does not fit into 64 bits, or is infinite or no number.", Ngrok: []int{2228}},
		{Code: "too_deep", Doc: "Values nest too deep.", Ngrok: []int{2250}},
		{Code: "internal", Doc: "A mistake of Weir itself; please report it."},
	}
}

func shapeCodes() []DiagnosticCode {
	return []DiagnosticCode{
		{Code: "unknown_key", Doc: "A mapping has a key that means nothing there.", Ngrok: []int{2203, 2236}},
		{Code: "renamed_key", Doc: "A phase, key, action or field stands under a name that it no longer has, or has elsewhere; the hint is the name here.", Ngrok: []int{2201, 2236}},
		{Code: "deprecated_field", Severity: diag.Warning, Doc: "A field is still read under a name that was given up."},
		{Code: "duplicate_key", Doc: "A key is set twice, or two fields that are the same are both set.", Ngrok: []int{2231, 2236}},
		{Code: "duplicate_value", Doc: "A list that takes each value once has one twice.", Ngrok: []int{2231}},
		{Code: "wrong_type", Doc: "A value is of another type than its field.", Ngrok: []int{2203, 2236, 2252}},
		{Code: "missing_field", Doc: "A required field is missing, or one that another field needs.", Ngrok: []int{2203, 2234, 2240}},
		{Code: "empty_value", Doc: "A key has nothing behind it where that is more likely a file cut off than an intention.", Ngrok: []int{2223}},
		{Code: "bad_value", Doc: "A word is not one of those that a field takes.", Ngrok: []int{2204, 2214, 2222}},
		{Code: "invalid_value", Doc: "A value of a provider is not one of those that its field takes.", Ngrok: []int{2204, 2222}},
		{Code: "out_of_range", Doc: "A number, a length or a number of entries is outside its bounds.", Ngrok: []int{2204, 2212, 2215, 2218, 2221, 2225, 2237, 2244, 2245, 2246, 2250, 2255}},
		{Code: "too_long", Doc: "A text is longer than its field takes.", Ngrok: []int{2221}},
		{Code: "bad_duration", Doc: "A duration is not written like 30s or 1h30m.", Ngrok: []int{2228}},
		{Code: "bad_name", Doc: "A name cannot be what it is meant to be: an id, a variable, a header or query parameter, or one that only the gateway writes.", Ngrok: []int{2210, 2219}},
		{Code: "bad_header", Doc: "The name or value of a header cannot be sent, is too long, or is not for policies to set.", Ngrok: []int{2208, 2209, 2210, 2211, 2219}},
		{Code: "bad_url", Doc: "A URL is not one, or not of http or https, or holds what belongs elsewhere.", Ngrok: []int{2226}},
		{Code: "bad_time_zone", Doc: "There is no such time zone, or two documents of a policy name different ones."},
		{Code: "not_a_template", Doc: "`${` stands in a field that takes none, where it would be sent as it is."},
		{Code: "no_effect", Severity: diag.Warning, Doc: "Something has no effect where it stands."},
	}
}

func ruleCodes() []DiagnosticCode {
	return []DiagnosticCode{
		{Code: "no_actions", Doc: "A rule has no actions.", Ngrok: []int{2206}},
		{Code: "duplicate_phase", Doc: "A document has one phase under both of its names."},
		{Code: "duplicate_name", Severity: diag.Warning, Doc: "Two rules have one name, so that logs do not tell them apart. Two models of a provider with one name are an error.", Ngrok: []int{2231}},
		{Code: "unreachable_rule", Severity: diag.Warning, Doc: "An earlier rule ends every request, or answers every call of a model."},
		{Code: "unreachable_route", Severity: diag.Warning, Doc: "An earlier route takes every request, or none gets as far as the routes."},
		{Code: "unsupported_feature", Doc: "Known from the model this language mirrors, and not there yet; the hint is what to use instead.", Ngrok: []int{2248, 2256, 2262, 2263}},
		{Code: "route_must_halt", Doc: "A rule that routes says `on_error: continue`; a route whose expressions fail never leads to a wider one."},
		{Code: "bad_mode", Doc: "An action cannot run in shadow."},
		{Code: "not_enforced", Severity: diag.Warning, Doc: "A shadow rule, `enforce: false` or `on_error: continue` leaves something unenforced. Listed as a note; refused by `--strict`."},
	}
}

func actionCodes() []DiagnosticCode {
	return []DiagnosticCode{
		{Code: "unknown_action", Doc: "There is no such action.", Ngrok: []int{2201}},
		{Code: "unsupported_action", Doc: "The action is known from the model this language mirrors, and not there yet; the hint is what to use instead.", Ngrok: []int{2201, 2256}},
		{Code: "wrong_phase", Doc: "An action or variable belongs to another phase.", Ngrok: []int{2202, 2205}},
		{Code: "unsupported_provider", Doc: "`verify-webhook` does not know the signatures of this provider; the message names what it knows.", Ngrok: []int{2222}},
		{Code: "unknown_endpoint", Doc: "A request is forwarded to an endpoint of the gateway that is not there.", Ngrok: []int{2226, 2259, 2260}},
		{Code: "conflicting_fields", Doc: "Two fields that exclude each other are both set.", Ngrok: []int{2204}},
		{Code: "open_url", Doc: "An expression chooses the host that Weir itself calls, and nothing says where it may lead."},
		{Code: "bad_host", Doc: "An entry of a list of hosts is not a host."},
		{Code: "bad_file", Doc: "A file that an action reads is not what the action needs, such as a list of phrases without any."},
		{Code: "bad_schema", Doc: "A JSON Schema cannot be used."},
		{Code: "stream_guard", Doc: "A guard cannot be asked about a stream in pieces, and the rule does not say what to do with streams."},
		{Code: "waf_unavailable", Doc: "The core rule set of the firewall cannot be set up on this machine."},
		{Code: "unreachable_action", Doc: "An action stands behind one that always ends the phase.", Ngrok: []int{2207}},
	}
}

func expressionCodes() []DiagnosticCode {
	return []DiagnosticCode{
		{Code: "syntax", Doc: "An expression or template is not well formed.", Ngrok: []int{2200, 2213, 2224}},
		{Code: "template_in_expression", Doc: "`${...}` stands inside an expression, which is CEL already.", Ngrok: []int{2200}},
		{Code: "unknown_variable", Doc: "There is no such variable.", Ngrok: []int{2200, 2213, 2224}},
		{Code: "unsupported_variable", Doc: "The variable is known from the model this language mirrors, and not there yet.", Ngrok: []int{2200, 2224}},
		{Code: "unknown_field", Doc: "A model, key, provider or cookie has no such field.", Ngrok: []int{2200, 2224}},
		{Code: "unknown_function", Doc: "There is no such function, or not for these types.", Ngrok: []int{2200, 2224}},
		{Code: "type_mismatch", Doc: "The types of an expression do not fit together.", Ngrok: []int{2200, 2224}},
		{Code: "invalid_expression", Doc: "An expression cannot be compiled.", Ngrok: []int{2200, 2224}},
		{Code: "invalid_argument", Doc: "A literal cannot be the argument of its function.", Ngrok: []int{2200, 2217}},
		{Code: "invalid_has", Doc: "`has()` stands around something that is not a field."},
		{Code: "list_in_text", Severity: diag.Warning, Doc: "A list or mapping stands in the middle of a text, where it is written as JSON; one of its entries is more likely meant."},
		{Code: "not_a_condition", Doc: "A condition is neither true nor false.", Ngrok: []int{2200}},
		{Code: "bad_regex", Doc: "A pattern is not a regular expression of RE2.", Ngrok: []int{2261}},
		{Code: "always_fails", Doc: "An expression fails whatever the request is.", Ngrok: []int{2200}},
		{Code: "too_costly", Doc: "An expression may cost more than one request is given.", Ngrok: []int{2249}},
		{Code: "always_true", Severity: diag.Warning, Doc: "A condition is true for every request."},
		{Code: "always_false", Severity: diag.Warning, Doc: "A condition is false for every request, so that its rule never runs."},
		{Code: "unset_variable", Doc: "`vars.x` or a result is read where no earlier rule can have set it.", Ngrok: []int{2251}},
		{Code: "secret_missing", Doc: "A secret is not there. In the keys of a provider this is a warning: the key is left out.", Ngrok: []int{2232}},
		{Code: "secret_unreadable", Doc: "The source of a secret cannot be read.", Ngrok: []int{2232}},
		{Code: "empty_secret", Doc: "A secret or key is empty.", Ngrok: []int{2223}},
		{Code: "secret_name", Doc: "The name of a secret is not a literal."},
	}
}

func routeCodes() []DiagnosticCode {
	return []DiagnosticCode{
		{Code: "strategy_type", Doc: "A strategy does not give a model or key, or a list of them."},
		{Code: "shadowed_strategy", Severity: diag.Warning, Doc: "A strategy is never asked: one before it always leaves something, or is the same."},
		{Code: "empty_strategy", Severity: diag.Warning, Doc: "A strategy leaves no model of the catalog or of the policy."},
		{Code: "duplicate_provider", Doc: "Two providers share an id or alias.", Ngrok: []int{2231}},
		{Code: "duplicate_model", Doc: "Two models of a provider share an id or alias.", Ngrok: []int{2231}},
		{Code: "missing_base_url", Doc: "A provider that is not built in has no base_url.", Ngrok: []int{2234}},
		{Code: "invalid_base_url", Doc: "A provider cannot be reached by its base_url, proxy or certificates.", Ngrok: []int{2226, 2247}},
		{Code: "open_policy", Doc: "A policy that proves nobody is served on this machine alone, with open: true or --demo, or behind access keys."},
		{Code: "access_off", Doc: "The policy uses access-key, and access keys are off at this gateway."},
		{Code: "access_unavailable", Doc: "The policy needs access keys, and the gateway's could not be opened; the message says why."},
	}
}
