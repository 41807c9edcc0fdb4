package actions_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/policies/policytest"
)

// regoWay is one way in which a decision cannot be had. Its rules hold where "now" does; elsewhere the decision allows.
type regoWay struct {
	name, rules, config string
}

const wayTooLarge = "input too large"

func regoWays() []regoWay {
	return []regoWay{
		{name: "undefined"},
		{name: "conflict", rules: `decision := {"allow": true, "code": "one"} if now

decision := {"allow": true, "code": "two"} if now`},
		{name: "runtime error", rules: `decision if {
	now
	to_number(input.req.method) > 0
}`},
		{name: "deadline", config: "deadline: 5ms", rules: `decision if {
	now
	some x in numbers.range(1, 3000)
	some y in numbers.range(1, 3000)
	x * y == 7.5
}`},
		{name: "missing data", rules: "decision := data.teams[input.req.method].allow if now"},
		{name: "panic in a built-in", rules: `decision if {
	now
	bits.lsh(count(input.req.method), 4611686018427387904) > 0
}`},
		{name: "built-in that ignores its deadline", config: "deadline: 5ms", rules: `decision if {
	now
	count(format_int(bits.lsh(count(input.req.method), 2000000), 10)) > 0
}`},
		{name: wayTooLarge, rules: `decision if {
	now
	count(input.req.body.extra) > 0
}`},
		{name: "another type", rules: `decision := "yes" if now`},
		{name: "an unknown member", rules: `decision := {"allow": true, "alow": true} if now`},
		{name: "a member of another type", rules: `decision := {"allow": "yes"} if now`},
		{name: "a header that cannot be sent", rules: `decision := {"allow": true, "headers": {"x-a": "b\r\nc: d"}} if now`},
		{name: "a header of the gateway", rules: `decision := {"allow": true, "headers": {"content-length": "1"}} if now`},
		{name: "a pattern that is none", rules: `decision := {"allow": true, "redact": [{"pattern": "(a"}]} if now`},
		{name: "an entity that is none", rules: `decision := {"allow": true, "redact": [{"entity": "shoe_size"}]} if now`},
		{name: "a patch that does not apply", rules: `decision := {"allow": true, "patch": [{"op": "remove", "path": "/nothing/here"}]} if now`},
		{name: "a patch of another shape", rules: `decision := {"allow": true, "patch": [{"op": "remove"}]} if now`},
	}
}

// regoPlace is where a decision is asked for.
type regoPlace struct {
	name, phase string
	now         string // when its rules hold
	config      string
	request     string
	refused     string // what a script checks of the failure
	passed      string // and where the rule goes on
	slow        bool   // the first part has to be out before the second comes
	once        bool   // one way is enough: it is about the end of the stream
}

const (
	regoChat   = `{"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}`
	regoStream = `{"model": "gpt-5-mini", "stream": true, "messages": [{"role": "user", "content": "hello"}]}`
)

func regoPlaces() []regoPlace {
	const (
		whole    = "status 200\njson choices.0.message.content 'all is fine. this is the second part. so be it'\nlog rules.0.what\n"
		streamed = "status 200\ngrep 'fine' body\ngrep 'second' body\ngrep '\\[DONE\\]' body\nlog rules.0.what\n"
		cut      = "status 200\ngrep 'fine' body\n! grep 'second|part' body\ngrep 'policy_failed' body\n! grep '\\[DONE\\]' body\nlog code policy_failed\n"
	)
	return []regoPlace{
		{
			name: "request", phase: "on_request", now: `input.req.method == "POST"`, request: regoChat,
			refused: "status 500\njson error.code policy_failed\nlog code policy_failed\ncalls openai 0\n", passed: whole + "calls openai 1\n",
		},
		{
			name: "whole answer", phase: "on_response", now: "input.res.status_code == 200", request: regoChat,
			refused: "status 500\njson error.code policy_failed\n! grep 'fine' body\n", passed: whole,
		},
		{
			name: "stream before its first byte", phase: "on_response", now: "input.res.status_code == 200", request: regoStream,
			refused: "status 500\njson error.code policy_failed\n! grep 'data:' body\n", passed: streamed,
		},
		{
			name: "part of a stream", phase: "on_response", now: "input.ai.response.window.index == 1", request: regoStream, slow: true,
			refused: "! " + cut, passed: streamed,
		},
		{
			name: "part of a stream, with refusals", phase: "on_response", now: "input.ai.response.window.index == 1", config: "on_block: refusal", request: regoStream, slow: true, once: true,
			refused: "! " + cut, passed: streamed,
		},
		{
			name: "stream that is held back", phase: "on_response", now: `contains(input.ai.response.text, "fine")`, config: "on_stream: buffer", request: regoStream, slow: true,
			refused: "! " + strings.Replace(cut, "grep 'fine'", "! grep 'fine'", 1), passed: streamed,
		},
	}
}

// TestRegoFailsClosed fails decisions in every way and in every place: whoever asked is refused, with policy_failed, unless
// the rule says that it goes on.
func TestRegoFailsClosed(t *testing.T) {
	dir := t.TempDir()
	for i, way := range regoWays() {
		for _, place := range regoPlaces() {
			if place.once && i > 0 {
				continue
			}
			for _, onError := range []string{"", "on_error: continue, "} {
				checks, mode := place.refused, "halts"
				if onError != "" {
					checks, mode = place.passed, "continues"
				}
				name := strings.ReplaceAll(fmt.Sprintf("%s-%s-%s.txtar", way.name, place.name, mode), " ", "_")
				if err := os.WriteFile(filepath.Join(dir, name), []byte(regoScript(&way, &place, onError, checks)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	policytest.RunDir(t, dir)
}

func regoScript(way *regoWay, place *regoPlace, onError, checks string) string {
	module := fmt.Sprintf("package access\n\nnow if %s\n\ndecision if not now\n\n%s\n", place.now, way.rules)
	config := strings.Trim(way.config+", "+place.config, ", ")
	send := "send request.http\n"
	if rest, broken := strings.CutPrefix(checks, "! "); broken {
		send, checks = "! send request.http\n", rest
	}
	request, pace := place.request, ""
	if place.slow {
		pace = ";pace=15ms"
	}
	if way.name == wayTooLarge { // which it is from the first part on
		checks = strings.Replace(checks, "\ngrep 'fine' body\n! grep 'second|part'", "\n! grep 'fine|second|part'", 1)
		request = strings.Replace(request, "{", `{"extra": [`+strings.Repeat("1,", 150_000)+"1], ", 1)
	}
	return fmt.Sprintf(`provider openai say.txt
policy policy.yaml
%s%s
-- say.txt --
-> say=all is fine. this is the second part. so be it%s
-- policy.yaml --
rego:
  - access.rego
  - data: {teams: {GET: {allow: true}}}
%s:
  - {%sactions: [{type: rego, config: {%s}}]}
-- access.rego --
%s
-- request.http --
POST /v1/chat/completions

%s
`, send, checks, pace, place.phase, onError, config, module, request)
}

// regoOfFailures is what stands in front of a policy in whose rules the rows below, or the harmless action, stand.
const regoOfFailures = `rego:
  - module: |
      package access

      decision := true

      fails if to_number(input.req.method) > 0

      refuses := false
`

// failuresOfRego are the rows of the table of all actions; TestRegoFailsClosed has every way.
func failuresOfRego() []failure {
	return []failure{
		{action: "rego", name: "the decision fails", config: "query: data.access.fails"},
		{action: "rego", name: "the decision about the answer fails", phase: "on_response", config: "query: data.access.fails"},
		{action: "rego", name: "the decision about a stream fails", phase: "on_response", config: "query: data.access.fails", request: failureStream},
		{action: "rego", name: "the decision refuses", config: "query: data.access.refuses", status: 403, code: "policy_denied", always: true},
	}
}
