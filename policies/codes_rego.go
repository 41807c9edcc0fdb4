package policies

import "weir/engine/diag"

func regoCodes() []DiagnosticCode {
	return []DiagnosticCode{
		{Code: "no_modules", Doc: "`rego` names neither a module nor a bundle."},
		{Code: "rego_parse_error", Doc: "A module is not well formed."},
		{Code: "rego_compile_error", Doc: "A module cannot be compiled."},
		{Code: "rego_type_error", Doc: "A module reads a field that its input does not have, or the types of an expression do not fit together."},
		{Code: "rego_unsafe_var_error", Doc: "A variable of a module has no value that could be found."},
		{Code: "rego_recursion_error", Doc: "A rule of a module asks itself, directly or through others."},
		{Code: "rego_data_error", Doc: "A data document cannot be read, or two of them give one path different values."},
		{Code: "rego_query_error", Doc: "A query is not one, or asks for what no module has."},
		{Code: "no_rego", Doc: "The action `rego` stands in a policy without Rego."},
		{Code: "stream_query", Doc: "A query reads what a streamed answer does not have, and the rule does not say what to do with streams."},
		{Code: "rego_never_true", Severity: diag.Warning, Doc: "A condition of a module can never hold, so that its rule says nothing."},
		{Code: "rego_always_true", Severity: diag.Warning, Doc: "A condition of a module holds whatever the input is."},
		{Code: "rego_shadowed_builtin", Severity: diag.Warning, Doc: "A rule, argument or variable has the name of a built-in function, which it hides."},
		{Code: "rego_missing_default", Severity: diag.Warning, Doc: "A decision has no default: where no rule holds it is undefined, which is a failure."},
		{Code: "rego_nondeterministic", Severity: diag.Warning, Doc: "A decision depends on time, chance or another server, so that the same request may get another one."},
		{Code: "rego_unused_result", Severity: diag.Warning, Doc: "What a function returns is not used."},
		{Code: "rego_not_equals_in_loop", Severity: diag.Warning, Doc: "`!=` over all elements holds as soon as one of them differs."},
		{Code: "rego_sprintf_arguments", Severity: diag.Warning, Doc: "The verbs of a `sprintf` are not as many as its arguments."},
		{Code: "rego_duplicate_rule", Severity: diag.Warning, Doc: "A module has the same rule twice."},
		{Code: "bad_bundle", Doc: "A bundle cannot be read: it is cut off, too large, holds no Rego, or a module or manifest in it is wrong."},
		{Code: "bundle_signature", Doc: "A bundle is not signed with one of its keys, is not what was signed, or is signed and no keys are given."},
		{Code: "unsupported_bundle", Doc: "A bundle is a delta, holds compiled rules, or is written in Rego of before OPA 1.0."},
		{Code: "roots_conflict", Doc: "Two bundles, or a bundle and a module or data of the policy, stand in the same part of `data`."},
		{Code: "bundle_unavailable", Doc: "A bundle is not served, and no copy of it is kept."},
		{Code: "bundle_left_out", Severity: diag.Warning, Doc: "A policy is checked without asking servers for bundles, and no copy of one is kept: what rules ask of Rego is not checked."},
		{Code: "unsigned_bundle", Severity: diag.Warning, Doc: "A bundle comes over plain http and no keys are given to verify it."},
		{Code: "bad_key_text", Doc: "A key cannot verify signatures of its algorithm, or is a private key."},
	}
}
