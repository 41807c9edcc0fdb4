package actions_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/policies/policytest"
)

// guardServer is a guard that refuses texts with "evil" in them, in both shapes, and does worse on other paths.
type guardServer struct {
	*httptest.Server

	mu    sync.Mutex
	asked []string
}

func newGuardServer(t *testing.T) *guardServer {
	t.Helper()
	g := &guardServer{}
	mux := http.NewServeMux()
	answer := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	}
	mux.HandleFunc("/moderate", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, moderate(g.read(r))) })
	mux.HandleFunc("/hook", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, judge(g.read(r))) })
	mux.HandleFunc("/hook-slow", func(w http.ResponseWriter, r *http.Request) {
		body := g.read(r)
		time.Sleep(300 * time.Millisecond)
		_, _ = io.WriteString(w, judge(body))
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		g.read(r)
		<-r.Context().Done()
	})
	mux.HandleFunc("/fails", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, judge(g.read(r)))
	})
	mux.HandleFunc("/fails-once", func(w http.ResponseWriter, r *http.Request) {
		body := g.read(r)
		if g.count() == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, judge(body))
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/hook", http.StatusTemporaryRedirect)
	})
	answer("/text", "allowed")
	answer("/list", `[{"allow":true}]`)
	answer("/twice", `{"allow":false,"allow":true}`)
	answer("/word", `{"allow":"true"}`)
	answer("/nothing", `{}`)
	answer("/big", `{"allow":true,"more":"`+strings.Repeat("x", 300<<10)+`"}`)
	answer("/teapot", `{"allow":false,"status":418,"code":"no_coffee","message":"short and stout"}`)
	answer("/odd", `{"allow":false,"status":200,"code":"policy_failed","message":7}`)
	answer("/unsaid", `{"results":[{"categories":{"hate":false}}]}`)
	answer("/many", `{"results":[{"flagged":false},{"flagged":false}]}`)
	answer("/none", `{"results":[]}`)
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)
	return g
}

func (g *guardServer) read(r *http.Request) []byte {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, r.Method+" "+r.Header.Get("Content-Type")+" "+string(body))
	return body
}

func (g *guardServer) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.asked)
}

func moderate(body []byte) string {
	var q struct{ Input []string }
	if json.Unmarshal(body, &q) != nil {
		return "?"
	}
	out := make([]string, len(q.Input))
	for i, text := range q.Input {
		evil := strings.Contains(text, "evil")
		score := 0.1
		if evil {
			score = 0.6
		}
		out[i] = fmt.Sprintf(`{"flagged":%t,"categories":{"violence":%t,"hate":false},"category_scores":{"violence":%v,"hate":0.2}}`, evil, evil, score)
	}
	return `{"id":"m","results":[` + strings.Join(out, ",") + `]}`
}

func judge(body []byte) string {
	var q struct {
		Phase    string
		Texts    []struct{ Text string }
		Response struct{ Texts []struct{ Text string } }
	}
	if json.Unmarshal(body, &q) != nil {
		return "?"
	}
	texts := q.Texts
	if q.Phase == "on_response" {
		texts = q.Response.Texts
	}
	for _, t := range texts {
		if strings.Contains(t.Text, "evil") {
			return `{"allow":false,"message":"no evil here"}`
		}
	}
	return `{"allow":true}`
}

// guardCase is one policy with a guard, one request, and what comes of it.
type guardCase struct {
	name   string
	phase  string // on_request without one
	config string // of http-request
	rule   string // more of the rule
	faults string // of the provider
	stream bool
	breaks bool   // the stream does not end well
	prompt string // hello without one
	checks string
}

func (c *guardCase) script() string {
	phase, prompt, stream, faults, provider := c.phase, c.prompt, "", "", "provider openai\n"
	if phase == "" {
		phase = "on_request"
	}
	if prompt == "" {
		prompt = "hello"
	}
	if c.stream {
		stream = `"stream": true, `
	}
	if c.faults != "" {
		provider, faults = "provider openai faults\n", "-- faults --\n-> "+c.faults+"\n"
	}
	send := "send ask.http\n"
	if c.breaks {
		send = "! " + send
	}
	return provider + "policy policy.yaml\n" + send + c.checks + "\n-- policy.yaml --\n" + phase + ":\n  - {name: guard, " + c.rule +
		"actions: [{type: http-request, config: {" + c.config + "}}]}\n" + faults +
		"-- ask.http --\nPOST /v1/chat/completions\nX-Tier: gold\n\n" +
		`{"model": "gpt-5-mini", ` + stream + `"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "` + prompt + `"}]}` + "\n"
}

// runGuards runs each case as a script.
func runGuards(t *testing.T, g *guardServer, cases []guardCase) {
	t.Helper()
	dir := t.TempDir()
	for i := range cases {
		name := fmt.Sprintf("%02d-%s.txtar", i, strings.ReplaceAll(cases[i].name, " ", "_"))
		script := strings.ReplaceAll(cases[i].script(), "GUARD", g.URL)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("scripts", func(t *testing.T) { policytest.RunDir(t, dir) }) // which run side by side
}

const (
	guardAllowed = "status 200\njson choices.0.message.content 'sim: hello'\ncalls openai 1\n! log policy.http_request\n"
	guardRefused = "status 403\njson error.code content_blocked\ncalls openai 0\nlog policy.http_request.refused true\n"
	guardFailed  = "status 500\njson error.code policy_failed\ncalls openai 0\nlog policy.http_request.error %s\n"
	answerHeld   = "status 403\njson error.code content_blocked\ncalls openai 1\n! grep sim: body\n"
)

func TestGuards(t *testing.T) {
	const moderation, webhook = "url: GUARD/moderate, guard: {shape: moderation", "url: GUARD/hook, guard: {shape: webhook"
	failed := func(code string) string { return fmt.Sprintf(guardFailed, code) }
	cases := append(make([]guardCase, 0, 128), []guardCase{
		{name: "moderation allows", config: moderation + "}", checks: guardAllowed},
		{name: "moderation refuses", config: moderation + "}", prompt: "evil", checks: guardRefused + "json error.message 'a guard refused the content'\nlog policy.http_request.categories [\"violence\"]\n"},
		{name: "a category that refuses", config: moderation + ", categories: [hate, violence]}", prompt: "evil", checks: guardRefused},
		{name: "another category", config: moderation + ", categories: [hate]}", prompt: "evil", checks: "status 200\n"},
		{name: "a category that nobody knows", config: moderation + ", categories: [hat]}", checks: failed("bad_verdict")},
		{name: "a score over the threshold", config: moderation + ", threshold: 0.6}", prompt: "evil", checks: guardRefused},
		{name: "a score below the threshold", config: moderation + ", threshold: 0.61}", prompt: "evil", checks: "status 200\n"},
		{name: "a score of a category", config: moderation + ", categories: [hate], threshold: 0.15}", checks: "status 403\ncalls openai 0\n"},
		{name: "a score of a category that nobody knows", config: moderation + ", categories: [hat], threshold: 0.15}", checks: failed("bad_verdict")},
		{name: "texts of others", config: moderation + ", where: [system]}", prompt: "evil", checks: "status 200\n"},
		{name: "its own words", config: moderation + `, status_code: 451, message: "not for ${req.headers['x-tier'][0]}"}`, prompt: "evil", checks: "status 451\njson error.message 'not for gold'\n"},
		{name: "webhook allows", config: webhook + "}", checks: guardAllowed},
		{name: "webhook refuses", config: webhook + "}", prompt: "evil", checks: guardRefused + "json error.message 'no evil here'\n"},
		{name: "webhook says how", config: "url: GUARD/teapot, guard: {shape: webhook}", checks: "status 418\njson error.code no_coffee\njson error.message 'short and stout'\n"},
		{name: "webhook says it oddly", config: "url: GUARD/odd, guard: {shape: webhook}", checks: "status 403\njson error.code content_blocked\njson error.message 'a guard refused the content'\n"},
		{name: "a second try", config: "url: GUARD/fails-once, retry_condition: attempt.status == 503, guard: {shape: webhook}", checks: "status 200\n"},
		{name: "in shadow", rule: "mode: shadow, ", config: webhook + "}", prompt: "evil", checks: "status 200\njson choices.0.message.content 'sim: evil'\nlog rules.0.what 'would refuse: content_blocked: no evil here'\nlog rules.0.shadow true\n"},
		{name: "in shadow and down", rule: "mode: shadow, ", config: "url: 'http://127.0.0.1:1/', guard: {shape: webhook}", checks: "status 200\nlog rules.0.shadow true\n"},

		{name: "whole answer allowed", phase: "on_response", config: webhook + "}, on_stream: buffer", checks: guardAllowed},
		{name: "whole answer refused", phase: "on_response", config: webhook + "}, on_stream: buffer", prompt: "evil", checks: answerHeld},
		{name: "whole answer moderated", phase: "on_response", config: moderation + "}, on_stream: skip", prompt: "evil", checks: answerHeld},
		{name: "stream allowed", phase: "on_response", stream: true, faults: "pace=20ms;chunks=3", config: webhook + "}, on_stream: buffer", checks: "status 200\ngrep hello body\ngrep '\\[DONE\\]' body\n"},
		{name: "stream refused", phase: "on_response", stream: true, breaks: true, faults: "pace=20ms;chunks=3", config: webhook + "}, on_stream: buffer", prompt: "evil", checks: "status 200\ngrep content_blocked body\n! grep 'content.:.(sim|evil)' body\n! grep '\\[DONE\\]' body\nlog code content_blocked\n"},
		{name: "stream moderated", phase: "on_response", stream: true, breaks: true, faults: "pace=20ms;chunks=3", config: moderation + "}, on_stream: buffer", prompt: "evil", checks: "status 200\ngrep content_blocked body\n! grep 'content.:.sim' body\n"},
		{name: "stream refused with a refusal", phase: "on_response", stream: true, faults: "pace=20ms;chunks=3", config: webhook + ", on_block: refusal}, on_stream: buffer", prompt: "evil", checks: "status 200\ngrep 'no evil here' body\ngrep '\\[DONE\\]' body\n! grep sim: body\n"},
		{name: "stream that passes", phase: "on_response", stream: true, config: webhook + "}, on_stream: skip", prompt: "evil", checks: "status 200\ngrep evil body\n! log policy.http_request\n"},
		{name: "stream in shadow", phase: "on_response", stream: true, faults: "pace=20ms;chunks=3", rule: "mode: shadow, ", config: webhook + "}, on_stream: buffer", prompt: "evil", checks: "status 200\ngrep evil body\nlog rules.0.what 'would refuse: content_blocked: no evil here'\n"},
		{name: "stream and no guard", phase: "on_response", stream: true, breaks: true, faults: "pace=20ms;chunks=3", config: "url: 'http://127.0.0.1:1/', guard: {shape: webhook}, on_stream: buffer", checks: "status 200\ngrep policy_failed body\n! grep 'content.:.sim' body\nlog code policy_failed\n"},
		{name: "stream and no guard goes on", phase: "on_response", stream: true, faults: "pace=20ms;chunks=3", rule: "on_error: continue, ", config: "url: 'http://127.0.0.1:1/', guard: {shape: webhook}, on_stream: buffer", checks: "status 200\ngrep hello body\ngrep '\\[DONE\\]' body\n"},
		{name: "an error of the provider", phase: "on_response", faults: "status=400", config: webhook + "}, on_stream: buffer", checks: "status 400\n"},

		{name: "beside and allowed", config: webhook + ", parallel: true}", checks: guardAllowed},
		{name: "beside and slow and allowed", config: "url: GUARD/hook-slow, guard: {shape: webhook, parallel: true}", checks: guardAllowed},
		{name: "beside a stream and slow", stream: true, config: "url: GUARD/hook-slow, guard: {shape: webhook, parallel: true}", checks: "status 200\ngrep hello body\ngrep '\\[DONE\\]' body\n"},
		{name: "beside and slow and refused", config: "url: GUARD/hook-slow, guard: {shape: webhook, parallel: true}", prompt: "evil", checks: answerHeld + "json error.message 'no evil here'\nlog policy.http_request.refused true\n"},
		{name: "beside a stream and slow and refused", stream: true, config: "url: GUARD/hook-slow, guard: {shape: webhook, parallel: true}", prompt: "evil", checks: answerHeld},
		{name: "beside and moderated", config: moderation + ", parallel: true}", prompt: "evil", faults: "delay=200ms", checks: "status 403\njson error.code content_blocked\n"},
		{name: "beside and a second try", config: "url: GUARD/fails, retry_condition: attempt.status == 500 && attempt.number < 3, guard: {shape: webhook, parallel: true}", checks: "status 500\njson error.code policy_failed\n! grep sim: body\n"},
		{name: "beside and no guard", config: "url: 'http://127.0.0.1:1/', guard: {shape: webhook, parallel: true}", checks: "status 500\njson error.code policy_failed\n! grep sim: body\n"},
		{name: "beside and no guard goes on", config: "url: 'http://127.0.0.1:1/', on_error: continue, guard: {shape: webhook, parallel: true}", checks: "status 200\nlog policy.http_request.error connection_failed\n"},
		{name: "beside and no guard and the rule goes on", rule: "on_error: continue, ", config: "url: 'http://127.0.0.1:1/', guard: {shape: webhook, parallel: true}", checks: "status 200\nlog rules.0.action http-request\n"},
	}...)
	for _, way := range []struct{ name, path, code string }{
		{"down", "http://127.0.0.1:1/", "connection_failed"},
		{"slow", "GUARD/hang", "timeout"},
		{"an error", "GUARD/fails", "bad_status"},
		{"a redirect", "GUARD/away", "bad_status"},
		{"text", "GUARD/text", "bad_verdict"},
		{"a list", "GUARD/list", "bad_verdict"},
		{"two verdicts", "GUARD/twice", "bad_verdict"},
		{"a word", "GUARD/word", "bad_verdict"},
		{"nothing", "GUARD/nothing", "bad_verdict"},
		{"too much", "GUARD/big", "response_too_large"},
		{"a moderation", "GUARD/unsaid", "bad_verdict"},
	} {
		config := "timeout: 1s, url: '" + way.path + "', guard: {shape: webhook}"
		cases = append(cases,
			guardCase{name: "webhook is " + way.name, config: config, checks: failed(way.code)},
			guardCase{name: "webhook is " + way.name + " and nobody minds", config: config + ", on_error: continue", checks: "status 200\nlog policy.http_request.error " + way.code + "\n"},
			guardCase{name: "webhook is " + way.name + " and the rule goes on", rule: "on_error: continue, ", config: config, checks: "status 200\nlog rules.0.action http-request\n"},
			guardCase{name: "webhook is " + way.name + " behind the answer", phase: "on_response", config: config + ", on_stream: skip", checks: "status 500\njson error.code policy_failed\n! grep sim: body\n"})
	}
	for _, path := range []string{"unsaid", "many", "none", "text", "nothing", "twice"} {
		cases = append(cases, guardCase{name: "moderation is " + path, config: "url: GUARD/" + path + ", guard: {shape: moderation, where: [user]}", checks: failed("bad_verdict")})
	}
	runGuards(t, newGuardServer(t), cases)
}

// TestGuardsCutTheProvidersCall: a refusal does not wait for a provider that takes its time.
func TestGuardsCutTheProvidersCall(t *testing.T) {
	for _, stream := range []bool{false, true} {
		started := time.Now()
		runGuards(t, newGuardServer(t), []guardCase{{
			name: "cut", stream: stream, prompt: "evil", faults: "delay=20s",
			config: "url: GUARD/hook-slow, guard: {shape: webhook, parallel: true}",
			checks: "status 403\njson error.code content_blocked\ncalls openai 1\nlog attempts 1\n",
		}})
		if took := time.Since(started); took > 10*time.Second {
			t.Errorf("stream %t: got the refusal after %s, want it before the provider answers", stream, took)
		}
	}
}

// TestGuardsAreTold says what a guard is sent, to the byte.
func TestGuardsAreTold(t *testing.T) {
	tests := []struct {
		guardCase

		want string
	}{
		{guardCase{name: "moderation", config: "url: GUARD/moderate, guard: {shape: moderation, model: m-1, where: [user]}"}, `{"input":["hello"],"model":"m-1"}`},
		{guardCase{name: "all texts", config: "url: GUARD/moderate, guard: {shape: moderation}"}, `{"input":["be kind","hello"]}`},
		{
			guardCase{name: "webhook", config: "url: GUARD/hook, guard: {shape: webhook}"},
			`{"request_id":"ID","phase":"on_request","api":"openai.chat","model":"gpt-5-mini","stream":false,"caller":{"id":"","name":"","kind":"anonymous","groups":[]},"texts":[{"kind":"system","text":"be kind"},{"kind":"user","text":"hello"}]}`,
		},
		{
			guardCase{name: "webhook behind the answer", phase: "on_response", config: "url: GUARD/hook, guard: {shape: webhook, where: [response]}, on_stream: skip"},
			`{"request_id":"ID","phase":"on_response","api":"openai.chat","model":"gpt-5-mini","stream":false,"caller":{"id":"","name":"","kind":"anonymous","groups":[]},"texts":[{"kind":"system","text":"be kind"},{"kind":"user","text":"hello"}],"response":{"provider":"openai","model":"gpt-5-mini","texts":[{"kind":"assistant","text":"sim: hello"}]}}`,
		},
		{
			guardCase{name: "webhook behind a stream", stream: true, phase: "on_response", config: "url: GUARD/hook, guard: {shape: webhook, where: [response]}, on_stream: buffer"},
			`{"request_id":"ID","phase":"on_response","api":"openai.chat","model":"gpt-5-mini","stream":true,"caller":{"id":"","name":"","kind":"anonymous","groups":[]},"texts":[{"kind":"system","text":"be kind"},{"kind":"user","text":"hello"}],"response":{"provider":"openai","model":"gpt-5-mini","texts":[{"kind":"assistant","text":"sim: hello"}]}}`,
		},
		{guardCase{name: "moderation behind a stream", stream: true, phase: "on_response", config: "url: GUARD/moderate, guard: {shape: moderation}, on_stream: buffer"}, `{"input":["sim: hello"]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuardServer(t)
			tt.checks = "status 200\n"
			runGuards(t, g, []guardCase{tt.guardCase})
			if g.count() != 1 {
				t.Fatalf("got %d questions, want one", g.count())
			}
			got := strings.TrimPrefix(g.asked[0], "POST application/json ")
			var id struct {
				RequestID string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(got), &id); err != nil {
				t.Fatal(err)
			}
			if id.RequestID != "" {
				got = strings.Replace(got, id.RequestID, "ID", 1)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("question (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGuardsLeaveResults: later rules read what the guard said, and cannot read what it did not.
func TestGuardsLeaveResults(t *testing.T) {
	g := newGuardServer(t)
	runScript(t, `provider openai
policy policy.yaml
send ask.http
status 200
header x-allowed '^true$'
header x-status '^200$'
send ask-shadow.http
status 200

-- policy.yaml --
on_request:
  - actions: [{type: http-request, config: {url: GUARD/hook, guard: {shape: webhook}}}]
  - actions: [{type: set-vars, config: {vars: [{allowed: "${string(actions.http_request.guard.allow)}"}, {status: "${string(actions.http_request.res.status_code)}"}]}}]
on_response:
  - actions: [{type: add-headers, config: {headers: {x-allowed: "${vars.allowed}", x-status: "${vars.status}"}}}]
-- ask.http --
POST /v1/chat/completions

{"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}
-- ask-shadow.http --
POST /v1/chat/completions

{"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello again"}]}
`, map[string]string{"GUARD": g.URL})
	runScript(t, `provider openai
policy policy.yaml
send ask.http
status 500
json error.code policy_failed

-- policy.yaml --
on_request:
  - actions: [{type: http-request, config: {url: GUARD/text, on_error: continue, guard: {shape: webhook}}}]
  - {expressions: ["!actions.http_request.guard.allow"], actions: [{type: deny}]}
-- ask.http --
POST /v1/chat/completions

{"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}
`, map[string]string{"GUARD": g.URL})
}

// TestGuardsWithTooMuchText: what the guard cannot be asked about as a whole is refused, whatever on_error says.
func TestGuardsWithTooMuchText(t *testing.T) {
	long := strings.Repeat("hello ", 200_000)
	runGuards(t, newGuardServer(t), []guardCase{
		{name: "request", prompt: long, rule: "on_error: continue, ", config: "url: GUARD/hook, on_error: continue, guard: {shape: webhook}", checks: "status 403\njson error.code content_blocked\ncalls openai 0\n"},
		{name: "request of others", prompt: long, config: "url: GUARD/hook, guard: {shape: webhook, where: [system]}", checks: "status 200\n"},
	})
}
