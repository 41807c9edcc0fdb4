package actions

import (
	"strings"
	"testing"
)

func TestRedactProblems(t *testing.T) {
	long := strings.Repeat("a", 5000)
	tests := []struct {
		name, phase, config, want string
	}{
		{"nothing to look for", "on_request", "mode: mask", "missing_field"},
		{"entities", "on_request", "entities: [email, ip]", ""},
		{"entities with words of their own", "on_request", "entities: [{entity: email, mode: hash}, {entity: ip, replace: ''}]", ""},
		{"a pattern", "on_request", "patterns: [{name: customer, pattern: 'C-\\d+', max_length: 9, mode: remove}]", ""},
		{"an unknown entity", "on_request", "entities: [emial]", "bad_value"},
		{"no list", "on_request", "entities: email", "wrong_type"},
		{"an empty list", "on_request", "entities: []", "wrong_type"},
		{"a list in it", "on_request", "entities: [[email]]", "wrong_type"},
		{"no entity in it", "on_request", "entities: [{mode: mask}]", "missing_field"},
		{"a null for it", "on_request", "entities: [{entity: null}]", "missing_field"},
		{"another key in it", "on_request", "entities: [{entity: email, with: x}]", "unknown_key"},
		{"another mode in it", "on_request", "entities: [{entity: email, mode: tokenize}]", "bad_value"},
		{"one twice", "on_request", "entities: [email, {entity: email}]", "duplicate_value"},
		{"another mode", "on_request", "entities: [email], mode: shuffle", "bad_value"},
		{"a field that is none", "on_request", "entities: [email], modes: mask", "unknown_key"},
		{"a text for hashes", "on_request", "entities: [email], mode: hash, replace: x", "conflicting_fields"},
		{"a text for the hash of one", "on_request", "entities: [{entity: email, mode: hash, replace: x}]", "conflicting_fields"},
		{"a text for masks beside hashes", "on_request", "entities: [{entity: email, mode: hash}, ip], replace: x", ""},
		{"a long text", "on_request", "entities: [email], replace: " + long, "too_long"},
		{"a text of expressions", "on_request", "entities: [email], replace: '${req.id}'", "not_a_template"},
		{"a text of expressions in it", "on_request", "entities: [{entity: email, replace: '${req.id}'}]", "not_a_template"},
		{"a list for a text", "on_request", "entities: [{entity: email, replace: [a]}]", "wrong_type"},
		{"a list for a mode", "on_request", "entities: [{entity: email, mode: [hash]}]", "bad_value"},
		{"salt for masks", "on_request", "entities: [email], salt: a salt of some length", "conflicting_fields"},
		{"salt", "on_request", "entities: [email], mode: hash, salt: a salt of some length", ""},
		{"a short salt", "on_request", "entities: [email], mode: hash, salt: short", "bad_value"},
		{"an empty salt", "on_request", "entities: [email], mode: hash, salt: ''", "bad_value"},
		{"a salt that is none", "on_request", "entities: [email], mode: hash, salt: '${nothing}'", "unknown_variable"},
		{"masks put back", "on_request", "entities: [email], restore: true", "conflicting_fields"},
		{"placeholders put back", "on_request", "entities: [ip, {entity: email, mode: tokenise}], restore: true", ""},
		{"put back into the request", "on_response", "entities: [email], mode: tokenise, restore: true", "wrong_phase"},
		{"not put back", "on_response", "entities: [email], mode: tokenise, restore: false", ""},
		{"streams of requests", "on_request", "entities: [email], on_stream: buffer", "wrong_phase"},
		{"streams", "on_response", "entities: [email], on_stream: buffer, undecided: block", ""},
		{"undecided requests", "on_request", "entities: [email], undecided: block", "wrong_phase"},
		{"places", "on_request", "entities: [email], where: [system, user, assistant, tool_arguments, tool_results, other]", ""},
		{"places of answers", "on_response", "entities: [email], where: [response, assistant, tool_arguments, tool_results, other]", ""},
		{"the answer of a request", "on_request", "entities: [email], where: [response]", "wrong_phase"},
		{"the user of an answer", "on_response", "entities: [email], where: [user]", "wrong_phase"},
		{"another place", "on_request", "entities: [email], where: [users]", "bad_value"},
		{"no place", "on_request", "entities: [email], where: []", "out_of_range"},
		{"a pattern without name", "on_request", "patterns: [{pattern: a}]", "missing_field"},
		{"a pattern that is none", "on_request", "patterns: [{name: a, pattern: '(a'}]", "bad_regex"},
		{"a name that is none", "on_request", "patterns: [{name: A-b, pattern: a}]", "bad_name"},
		{"a long name", "on_request", "patterns: [{name: " + strings.Repeat("a", 41) + ", pattern: a}]", "bad_name"},
		{"the name of an entity", "on_request", "patterns: [{name: email, pattern: a}]", "duplicate_value"},
		{"a name twice", "on_request", "patterns: [{name: a, pattern: a}, {name: a, pattern: b}]", "duplicate_value"},
		{"too many", "on_request", "patterns: [" + strings.Repeat("{name: a, pattern: a}, ", 65) + "]", "out_of_range"},
		{"a long window", "on_request", "patterns: [{name: a, pattern: a, max_length: 8193}]", "out_of_range"},
		{"on connections", "on_tcp_connect", "entities: [email]", "wrong_phase"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := problems(t, tt.phase+": [{type: redact, config: {"+tt.config+"}}]")
			if tt.name == "too many" {
				got, _, _ = strings.Cut(got, " ")
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
