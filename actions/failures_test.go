package actions_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/actions"
	"weir/engine"
	"weir/policies/policytest"
)

// failure is one way in which one action does not do what it is there for.
type failure struct {
	action, name string
	phase        string // on_request without one
	config       string // fields of the action
	request      string // "" = a chat completion with a few headers
	// status is what the client gets, 500 without one; code goes with it, policy_failed without one.
	status int
	code   string
	// goesOn says that the rule goes on by default, so that it must say on_error: halt to end in status.
	goesOn bool
	// always is for refusals and the client's own mistakes: on_error has no say in them.
	always bool
	// own says that the action has an on_error of its own, which goes on as that of the rule does. Notes of it are in the log
	// under the field.
	own, ownLog string
	// after is a rule that stands behind the action, such as one that reads what it sets.
	after string
}

// Expressions that compile and fail when they are evaluated.
const (
	failing   = "${string(1 / size(req.headers['x-none']))}" // divides by nothing
	mistyped  = "${string(req.body.nothing + 1)}"            // adds to what is not there
	twoLines  = "${req.body.evil}"                           // holds a line break
	plainFail = "string(1 / size(req.headers['x-none']))"
)

const failureChat = `POST /v1/chat/completions
Host: localhost
User-Agent: tests
X-Bad: (
X-Dots: ../x

{"model": "openai:gpt-4o", "evil": "a\nb", "messages": [{"role": "user", "content": "hello"}]}`

const failureBroken = "POST /v1/chat/completions\nHost: localhost\nUser-Agent: tests\n\n" + `{"model": "openai:gpt-4o", "messages": [`

const failureStream = "POST /v1/chat/completions\nHost: localhost\nUser-Agent: tests\n\n" +
	`{"model": "openai:gpt-4o", "stream": true, "messages": [{"role": "user", "content": "hello"}]}`

const failureToken = "POST /v1/chat/completions\nHost: localhost\nUser-Agent: tests\nAuthorization: Bearer TOKEN\n\n" +
	`{"model": "openai:gpt-4o", "messages": [{"role": "user", "content": "hello"}]}`

// unfailing says why an action has no row: nothing that it does at run time can fail.
func unfailing() map[string]string {
	return map[string]string{
		"circuit-breaker":   "it evaluates nothing; that its refusals hold is in circuit_breaker_test.go",
		"close-connection":  "it evaluates nothing and always refuses",
		"compress-response": "what cannot be compressed goes out as it is",
		"remove-headers":    "its names are fixed when the policy loads",
	}
}

// harmless is harmlessPlain with the actions that work on content.
func harmless() map[string]string {
	out := harmlessPlain()
	maps.Copy(out, harmlessContent())
	return out
}

// harmlessPlain is a config for each action with which it would do nothing worse than let a request pass or answer it.
func harmlessPlain() map[string]string {
	return map[string]string{
		"access-key":                 "enforce: false",
		"add-headers":                "headers: {x-a: b}",
		"basic-auth":                 "credentials: ['alice:correct-horse'], enforce: false",
		"circuit-breaker":            "",
		"close-connection":           "",
		"compress-response":          "",
		"custom-response":            "",
		"deny":                       "",
		"forward":                    "url: 'http://127.0.0.1:1/'",
		"forward-internal":           "url: 'http://${req.host}'",
		"http-request":               "url: 'http://127.0.0.1:1/'",
		"jwt-validation":             jwtFields("RS256", "{value: 'https://issuer.example.com'}", "sources: {additional_jkus: ['https://issuer.example.com/keys']}"),
		"log":                        "metadata: {a: b}",
		"oauth":                      "provider: github, client_id: weir, client_secret: a client secret of some length",
		"openid-connect":             "issuer_url: 'http://127.0.0.1:1', client_id: weir, client_secret: a client secret of some length",
		"owasp-crs-request":          "",
		"owasp-crs-response":         "",
		"rate-limit":                 "name: a, algorithm: sliding_window, capacity: 5, rate: 1m, bucket_key: [conn.client_ip]",
		"redact":                     "entities: [email]",
		"rego":                       "query: data.access.decision",
		"redirect":                   "from: nowhere, to: x",
		"remove-headers":             "headers: [x-a]",
		"request-body-find-replace":  "replacements: [{from: nowhere, to: x}]",
		"response-body-find-replace": "replacements: [{from: nowhere, to: x}]",
		"restrict-ips":               "allow: [127.0.0.0/8]",
		"set-vars":                   "vars: [{a: b}]",
		"sse-find-replace":           "replacements: [{from: nowhere, to: x}]",
		"url-rewrite":                "from: nowhere, to: x",
		"verify-webhook":             "provider: github, secret: a secret, enforce: false",
	}
}

func jwtFields(algorithm, issuer, keys string) string {
	return fmt.Sprintf(`issuer: {allow_list: [%s]}, http: {tokens: [{type: jwt, method: header, name: Authorization, prefix: "Bearer "}]},
          jws: {allowed_algorithms: [%s], keys: {%s}}`, issuer, algorithm, keys)
}

func failures() []failure {
	const (
		fails   = `"` + failing + `"`
		nothing = `"` + mistyped + `"`
		evil    = `"` + twoLines + `"`
		bad     = `"${req.headers['x-bad'][0]}"`
		jwtHere = "{value: 'https://issuer.example.com'}"
	)
	return slices.Concat([]failure{
		{action: "add-headers", name: "a value fails", config: "headers: {x-a: " + fails + "}"},
		{action: "add-headers", name: "a value of a wrong type", config: "headers: {x-a: " + nothing + "}"},
		{action: "add-headers", name: "a line break", config: "headers: {x-a: " + evil + "}"},
		{action: "add-headers", name: "to the answer", phase: "on_response", config: "headers: {x-a: " + fails + "}"},

		{action: "access-key", name: "nobody has this key", request: failureToken, status: 401, code: "unauthorized", always: true},
		{action: "basic-auth", name: "a credential fails", config: `credentials: ["alice:` + failing + `"]`},
		{action: "basic-auth", name: "a credential is none", config: `credentials: ["${req.headers['x-none'][0]}"]`},
		{action: "basic-auth", name: "nobody says who it is", config: "credentials: ['alice:correct-horse']", status: 401, code: "unauthorized", always: true},

		{action: "custom-response", name: "the body fails", config: "body: " + fails},
		{action: "custom-response", name: "a header fails", config: "headers: {x-a: " + nothing + "}"},
		{action: "custom-response", name: "a line break", config: "headers: {x-a: " + evil + "}"},
		{action: "custom-response", name: "in place of the answer", phase: "on_response", config: "body: " + fails},

		{action: "deny", name: "the message fails", config: "message: " + fails},
		{action: "deny", name: "a message of a wrong type", config: "message: " + nothing},

		{action: "log", name: "a value fails", config: "metadata: {a: " + fails + "}", goesOn: true},
		{action: "log", name: "a value of a wrong type", config: "metadata: {a: " + nothing + "}", goesOn: true},
		{action: "log", name: "about the answer", phase: "on_response", config: "metadata: {a: " + fails + "}", goesOn: true},

		{action: "rate-limit", name: "the key fails", config: `name: a, algorithm: sliding_window, capacity: 5, rate: 1m, bucket_key: ["` + plainFail + `"]`},
		{action: "rate-limit", name: "a key of a wrong type", config: `name: a, algorithm: sliding_window, capacity: 5, rate: 1m, bucket_key: ["req.body.nothing + 1"]`},
		{action: "rate-limit", name: "the cost fails", config: `name: a, algorithm: sliding_window, capacity: 5, rate: 1m, bucket_key: [conn.client_ip], cost: "1 / size(req.headers['x-none'])"`},
		{action: "rate-limit", name: "a cost below nothing", config: `name: a, algorithm: sliding_window, capacity: 5, rate: 1m, bucket_key: [conn.client_ip], cost: "-1 * size(req.headers['x-bad'])"`},

		{action: "redirect", name: "the target fails", config: "to: " + fails},
		{action: "redirect", name: "the pattern fails", config: "from: " + fails + ", to: x"},
		{action: "redirect", name: "no target", config: `to: "${req.headers['x-none'][0]}"`},
		{action: "redirect", name: "a header fails", config: "to: 'https://example.com/', headers: {x-a: " + fails + "}"},

		{action: "restrict-ips", name: "a range fails", config: "allow: [" + fails + "]"},
		{action: "restrict-ips", name: "a range is none", config: "deny: [" + bad + "]"},
		{action: "restrict-ips", name: "about the answer", phase: "on_response", config: "allow: [" + fails + "]"},
		{action: "restrict-ips", name: "another address", config: "allow: [192.0.2.0/24]", status: 403, code: "policy_denied", always: true},

		{action: "set-vars", name: "a value fails", config: "vars: [{a: " + fails + "}]", goesOn: true},
		{action: "set-vars", name: "a value that a refusal reads", config: "vars: [{a: " + fails + "}]", after: `{expressions: ["vars.a == 'x'"], actions: [{type: deny}]}`},
		{action: "set-vars", name: "a value of a wrong type that a refusal reads", config: "vars: [{a: " + nothing + "}]", after: `{expressions: ["vars.a == 'x'"], actions: [{type: deny}]}`},

		{action: "url-rewrite", name: "the target fails", config: "to: " + fails},
		{action: "url-rewrite", name: "the pattern fails", config: "from: " + fails + ", to: x"},
		{action: "url-rewrite", name: "another host", config: "to: 'https://example.com/v1/chat/completions'"},
		{action: "url-rewrite", name: "dots", config: `from: chat, to: "..%2f${req.headers['x-dots'][0]}"`},

		{action: "verify-webhook", name: "the secret fails", config: "provider: github, secret: " + fails},
		{action: "verify-webhook", name: "no secret", config: `provider: github, secret: "${req.headers['x-none'][0]}"`},
		{action: "verify-webhook", name: "the body cannot be read", config: "provider: github, secret: a secret", request: failureBroken, status: 400, code: "bad_request", always: true},
		{action: "verify-webhook", name: "not signed", config: "provider: github, secret: a secret", status: 403, code: "policy_denied", always: true},

		{action: "owasp-crs-request", name: "the body cannot be read", config: "process_body: true", request: failureBroken, status: 400, code: "bad_request", always: true},
		{action: "owasp-crs-request", name: "an attack", request: strings.Replace(failureChat, "completions\n", "completions?a=%3Cscript%3Ealert(1)%3C/script%3E\n", 1), status: 403, code: "content_blocked", always: true},
		{action: "owasp-crs-response", name: "the body of a stream", phase: "on_response", config: "process_body: true", request: failureStream, own: "on_error: continue", ownLog: "owasp_crs_response.error"},

		{action: "jwt-validation", name: "no token", config: jwtFields("RS256", jwtHere, "sources: {additional_jkus: ['DOWN/keys']}"), status: 401, code: "unauthorized", always: true},
		{action: "jwt-validation", name: "the issuer fails", config: jwtFields("RS256", "{value: "+fails+"}", "sources: {additional_jkus: ['DOWN/keys']}"), request: failureToken},
		{action: "jwt-validation", name: "no keys", config: jwtFields("RS256", jwtHere, "sources: {additional_jkus: ['DOWN/keys']}"), request: failureToken},
		{action: "jwt-validation", name: "the keys are no keys", config: jwtFields("RS256", jwtHere, "sources: {additional_jkus: ['HELLO/keys']}"), request: failureToken},
		{action: "jwt-validation", name: "the keys are too large", config: jwtFields("RS256", jwtHere, "sources: {additional_jkus: ['BIG/keys']}"), request: failureToken},
		{action: "jwt-validation", name: "the keys are an error", config: jwtFields("RS256", jwtHere, "sources: {additional_jkus: ['BROKEN/keys']}"), request: failureToken},

		{action: "oauth", name: "nobody is logged in", config: harmless()["oauth"], status: 401, code: "unauthorized", always: true},
		{action: "oauth", name: "the secret fails", config: "provider: github, client_id: weir, client_secret: " + fails},
		{action: "openid-connect", name: "nobody is logged in", config: harmless()["openid-connect"], status: 401, code: "unauthorized", always: true},
		{action: "openid-connect", name: "the secret fails", config: "issuer_url: 'DOWN', client_id: weir, client_secret: " + fails},
		{action: "openid-connect", name: "the issuer is down", config: "issuer_url: 'DOWN', client_id: weir, client_secret: a client secret of some length", request: failureBrowser},
		{action: "openid-connect", name: "the issuer says nothing", config: "issuer_url: 'HELLO', client_id: weir, client_secret: a client secret of some length", request: failureBrowser},
	}, failuresOfForwarding(fails, evil), failuresOfReplacing(fails), failuresOfRedacting(fails), failuresOfContent(fails), failuresOfRego())
}

const failureBrowser = "GET /page\nHost: localhost\nUser-Agent: tests\nAccept: text/html\nX-Forwarded-Proto: https\n\n"

func failuresOfForwarding(fails, evil string) []failure {
	const (
		asked = "http_request"
		slow  = "timeout: 1s, url: 'SLOW/'"
	)
	return []failure{
		{action: "forward", name: "the url fails", config: `url: "http://127.0.0.1/` + failing + `"`, own: "on_error: continue"},
		{action: "forward", name: "the url is none", config: `url: "http://127.0.0.1/${req.headers['x-dots'][0]}"`, own: "on_error: continue"},
		{action: "forward", name: "a host that is not allowed", config: `allowed_hosts: [example.com], url: "http://${req.host}/"`, own: "on_error: continue"},
		{action: "forward", name: "a header fails", config: "url: 'HELLO', headers: {x-a: " + fails + "}"},
		{action: "forward", name: "a line break", config: "url: 'HELLO', headers: {x-a: " + evil + "}"},
		{action: "forward", name: "the target is down", config: "url: 'DOWN'", status: 502, code: "upstream_refused", always: true, own: "on_error: continue"},
		{action: "forward", name: "the target is slow", config: "url: 'SLOW', timeout: 100ms", status: 504, code: "upstream_timeout", always: true, own: "on_error: continue"},
		{action: "forward", name: "the target speaks no HTTP", config: "url: 'RAW'", status: 502, code: "upstream_failed", always: true, own: "on_error: continue"},
		{action: "forward", name: "the body cannot be read", config: "url: 'HELLO'", request: failureBroken, status: 400, code: "bad_request", always: true},

		{action: "forward-internal", name: "the url fails", config: `url: "http://` + failing + `"`},
		{action: "forward-internal", name: "no such endpoint", config: `url: "http://${req.headers['x-bad'][0]}x"`, status: 404, code: "not_found", always: true, own: "on_error: continue"},

		{action: "http-request", name: "the url fails", config: `url: "http://127.0.0.1/` + failing + `"`},
		{action: "http-request", name: "a header fails", config: "url: 'HELLO', headers: {x-a: " + fails + "}"},
		{action: "http-request", name: "a line break", config: "url: 'HELLO', headers: {x-a: " + evil + "}"},
		{action: "http-request", name: "a parameter fails", config: "url: 'HELLO', query_params: [{key: a, value: " + fails + "}]"},
		{action: "http-request", name: "the body fails", config: "url: 'HELLO', method: POST, body: " + fails},
		{action: "http-request", name: "the condition fails", config: `url: 'BROKEN', retry_condition: "1 / size(req.headers['x-none']) > 0"`},
		{action: "http-request", name: "about the answer", phase: "on_response", config: `url: "http://127.0.0.1/` + failing + `"`},
		{action: "http-request", name: "the service is down", config: "url: 'DOWN', on_error: halt", always: true},
		{action: "http-request", name: "the service is slow", config: slow + ", on_error: halt", always: true},
		{action: "http-request", name: "the answer is too large", config: "url: 'BIG', on_error: halt", always: true},
		{action: "http-request", name: "the service speaks no HTTP", config: "url: 'RAW', on_error: halt", always: true},
		{action: "http-request", name: "a host that is not allowed", config: `allowed_hosts: [example.com], url: "http://${req.host}/", on_error: halt`, always: true},
		{action: "http-request", name: "the service is down and nobody minds", config: "url: 'DOWN'", own: "on_error: continue", ownLog: asked + ".error", status: 200},
	}
}

func failuresOfReplacing(fails string) []failure {
	rows := []failure{
		{action: "request-body-find-replace", request: failureChat},
		{action: "response-body-find-replace", phase: "on_response", request: failureChat},
		{action: "sse-find-replace", phase: "on_response", request: failureStream},
	}
	out := make([]failure, 0, 2*len(rows)+1)
	for i := range rows {
		pattern, replacement := rows[i], rows[i]
		pattern.name, pattern.config = "the pattern fails", "replacements: [{from: "+fails+", to: x}]"
		replacement.name, replacement.config = "the replacement fails", "replacements: [{from: hello, to: "+fails+"}]"
		out = append(out, pattern, replacement)
	}
	return append(out, failure{
		action: "request-body-find-replace", name: "the body cannot be read", config: "replacements: [{from: hello, to: x}]",
		request: failureBroken, status: http.StatusBadRequest, code: "bad_request", always: true,
	})
}

// only leaves the rows of actions that are there.
func only(rows []failure, registry []engine.ActionSpec) []failure {
	return slices.DeleteFunc(rows, func(f failure) bool {
		return !slices.ContainsFunc(registry, func(s engine.ActionSpec) bool { return s.Name == f.action })
	})
}

// TestFailuresAreComplete holds every action to rows that say what its failures lead to.
func TestFailuresAreComplete(t *testing.T) {
	rows, never, configs := failures(), unfailing(), harmless()
	for _, spec := range actions.Registry() {
		has := slices.ContainsFunc(rows, func(f failure) bool { return f.action == spec.Name })
		if why, cannot := never[spec.Name]; has == cannot {
			t.Errorf("%s: got rows %v and %q, want either rows in failures or a reason in unfailing", spec.Name, has, why)
		}
		if _, ok := configs[spec.Name]; !ok {
			t.Errorf("%s: got no config in harmless, want one", spec.Name)
		}
	}
}

// TestFailures fails every action in every way, in a gateway with a simulated provider. By default nothing goes on; with
// on_error: continue in its rule the request goes on, and the log says so.
func TestFailures(t *testing.T) {
	words := failureServices(t)
	dir := t.TempDir()
	n := 0
	add := func(f *failure, mode, script string) {
		n++
		name := strings.ReplaceAll(fmt.Sprintf("%s-%s-%s", f.action, f.name, mode), " ", "_")
		for word, value := range words {
			script = strings.ReplaceAll(script, word, value)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".txtar"), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range only(failures(), actions.Registry()) {
		if f.status != http.StatusOK {
			add(&f, "halts", f.script(f.config, haltWord(f.goesOn), f.refused()))
		}
		switch {
		case f.always:
			add(&f, "continues", f.script(f.config, "on_error: continue, ", f.refused()))
		case f.status != http.StatusOK:
			add(&f, "continues", f.script(f.config, "on_error: continue, ", f.passed("log rules.0.action "+f.action+"\n")))
		}
		if f.goesOn {
			add(&f, "goes_on", f.script(f.config, "", f.passed("log rules.0.action "+f.action+"\n")))
		}
		if f.own != "" {
			noted := ""
			if f.ownLog != "" {
				noted = "log policy." + f.ownLog + "\n"
			}
			add(&f, "own", f.script(f.config+", "+f.own, "", f.passed(noted)))
		}
	}
	policytest.RunDir(t, dir)
}

func haltWord(goesOn bool) string {
	if goesOn {
		return "on_error: halt, "
	}
	return ""
}

// script is a policy script with one rule that holds the action.
func (f *failure) script(config, onError, checks string) string {
	phase := f.phase
	if phase == "" {
		phase = "on_request"
	}
	after := ""
	if f.after != "" {
		after = "  - " + f.after + "\n"
	}
	request := f.request
	if request == "" {
		request = failureChat
	}
	if f.action == "rego" {
		phase = regoOfFailures + phase
	}
	return fmt.Sprintf("provider openai\npolicy policy.yaml\nsend request.http\n%s\n-- policy.yaml --\n%s:\n  - {%sactions: [{type: %s, config: {%s}}]}\n%s-- request.http --\n%s\n",
		checks, phase, onError, f.action, config, after, request)
}

// refused checks that the client got the failure and the provider nothing, where the rule stands before it.
func (f *failure) refused() string {
	status, code, calls := f.status, f.code, 0
	if status == 0 {
		status = http.StatusInternalServerError
	}
	if code == "" {
		code = string(engine.CodePolicyFailed)
	}
	if f.phase == "on_response" {
		calls = 1
	}
	return fmt.Sprintf("status %d\nlog code %s\ncalls openai %d\n", status, code, calls)
}

// passed checks that the request went on to where it would have gone without the rule.
func (f *failure) passed(noted string) string {
	if f.request == failureBrowser {
		return "status 404\n" + noted
	}
	return "status 200\ncalls openai 1\n" + noted
}
