package policies

import (
	"strings"
	"testing"

	"weir/actions"
)

// TestSecretFieldsAreMasked breaks policies in every way that shows a line with a secret of an action in it.
func TestSecretFieldsAreMasked(t *testing.T) {
	tests := []struct {
		name, policy string
		shows        string // what must still be there
	}{
		{
			name:   "the field itself is wrong",
			policy: "on_request:\n  - type: basic-auth\n    config: {credentials: [\"anna:s3same\"]}\n",
			shows:  "3 |     config: {credentials: [*************]}",
		},
		{
			name:   "another credential is wrong",
			policy: "on_request:\n  - type: basic-auth\n    config: {credentials: [\"anna:s3same-open\", 'bert:s3same']}\n",
			shows:  "bad_value",
		},
		{
			name:   "an unknown field in the same line",
			policy: "on_request: [{type: basic-auth, config: {credentials: [\"anna:s3same-open\"], relm: a}}]\n",
			shows:  `did you mean "realm"?`,
		},
		{
			name:   "a warning about the same line",
			policy: "on_request: [{actions: [{type: basic-auth, config: {credentials: [\"anna:s3same-open\"]}}], expressions: ['1 == 2']}]\n",
			shows:  "always_false",
		},
		{
			name:   "written with escapes",
			policy: "on_request: [{type: basic-auth, config: {credentials: [\"anna\\x3as3same-open\"], relm: a}}]\n",
			shows:  "unknown_key",
		},
		{
			name:   "unknown action",
			policy: "on_request: [{type: basic-auht, config: {credentials: [\"anna:s3same-open\"]}}]\n",
			shows:  "unknown_action",
		},
		{
			name:   "another name of the action",
			policy: "on_request: [{type: webhook-validation, config: {provider: github, secret: s3same-open}}]\n",
			shows:  "renamed_key",
		},
		{
			name:   "no action at all",
			policy: "on_request: [{config: {credentials: [\"anna:s3same-open\"]}}]\n",
			shows:  "no_actions",
		},
		{
			name:   "wrong phase",
			policy: "on_response: [{actions: [{type: basic-auth, config: {credentials: [\"anna:s3same-open\"]}}]}]\n",
			shows:  "wrong_phase",
		},
		{
			name:   "phase under an unknown name",
			policy: "on_requst: [{type: basic-auth, config: {credentials: [\"anna:s3same-open\"]}}]\n",
			shows:  "unknown_key",
		},
		{
			name:   "a block of several lines",
			policy: "on_request:\n  - type: basic-auth\n    config:\n      credentials:\n        - |\n          s3same\n          open\n",
			shows:  "bad_value",
		},
		{
			name:   "secrets of tokens",
			policy: "on_request: [{type: jwt-validation, config: {issuer: {allow_list: [{value: a}]}, http: {tokens: []}, jws: {allowed_algorithms: [HS256], keys: [{sources: {secrets: [s3same-open]}}]}}}]\n",
			shows:  "out_of_range",
		},
		{
			name:   "secrets of a login",
			policy: "on_request: [{type: openid-connect, config: {client_id: a, client_secret: s3same-open, session_secret: s3same-too}}]\n",
			shows:  "missing_field",
		},
		{
			name:   "text that is no YAML",
			policy: "on_request:\n  - type: basic-auth\n    config:\n      credentials: [\"anna:s3same-open]\n      realm: a\n",
			shows:  "bad_yaml",
		},
		{
			name:   "text that is no YAML, in a list below its key",
			policy: "on_request:\n  - type: basic-auth\n    config:\n      credentials:\n      - anna:s3same-open\n      - \"bert:s3same-open\" oh\n      realm: a\n",
			shows:  "bad_yaml",
		},
		{
			name:   "JSON that is broken",
			policy: `{"on_request": [{"type": "oauth", "config": {"client_secret": "s3same-open" "provider": "github"}}]}`,
			shows:  "bad_yaml",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := Compile(Input{Path: "policy.yaml", Text: []byte(tt.policy)}, Options{Actions: actions.Registry()})
			got := diags.Error()
			if strings.Contains(got, "s3same") || !strings.Contains(got, tt.shows) {
				t.Errorf("got\n%s\nwant %q in it and no secret", got, tt.shows)
			}
		})
	}
}

// TestMaskLeavesTheRest keeps what is no secret readable.
func TestMaskLeavesTheRest(t *testing.T) {
	const policy = `on_request:
  - type: basic-auth
    config: {credentials: ["anna:${req.hst}", "a:b"], realm: banana, relm: 1}
  - {type: forward, config: {url: "https://a.example", credentials: drop, drop: 1}}
`
	_, diags := Compile(Input{Path: "policy.yaml", Text: []byte(policy)}, Options{Actions: actions.Registry()})
	got := diags.Error()
	for _, want := range []string{
		`config: {credentials: ["anna:${req.hst}", *****], realm: banana, relm: 1}`, // only its own place
		`credentials: drop, drop: 1}}`,
		`"req.hst" is not a variable`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q in it", got, want)
		}
	}
}
