package actions_test

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/actions"
	"weir/engine"
	"weir/engine/vars"
	"weir/policies"
	"weir/policies/policytest"
)

// failureServices are servers that do not do what they should, by the words that stand for them.
func failureServices(t *testing.T) map[string]string {
	t.Helper()
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	listen := func(answer string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if answer == "" {
			_ = l.Close() // nobody is there any more
			return "http://" + l.Addr().String()
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, answer)
				_ = c.Close()
			}
		}()
		return "http://" + l.Addr().String()
	}
	stop := make(chan struct{})
	slow := serve(func(_ http.ResponseWriter, _ *http.Request) { <-stop })
	t.Cleanup(func() { close(stop) }) // before the server waits for its requests
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]string{
		"DOWN":   listen(""),
		"RAW":    listen("hello, this is no HTTP\r\n\r\n"),
		"HELLO":  serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }),
		"BROKEN": serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }),
		"BIG": serve(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", 2<<20))
		}),
		"SLOW": slow,
		"TOKEN": encode([]byte(`{"alg":"RS256","kid":"one","typ":"JWT"}`)) + "." +
			encode([]byte(`{"iss":"https://issuer.example.com","sub":"me","exp":4000000000}`)) + "." + encode(make([]byte, 256)),
	}
}

// TestFailingConditions has the condition in front of every action fail, in every phase it can stand in.
func TestFailingConditions(t *testing.T) {
	phases := map[string]vars.Phase{"on_request": vars.PhaseRequest, "on_response": vars.PhaseResponse}
	words := failureServices(t)
	dir := t.TempDir()
	configs := harmless()
	for _, spec := range actions.Registry() {
		for phase, bit := range phases {
			if spec.Phases&bit == 0 {
				continue
			}
			f := failure{action: spec.Name, phase: phase}
			for mode, word := range map[string]string{"default": "", "halt": "on_error: halt, ", "continue": "on_error: continue, "} {
				checks := f.refused()
				if mode == "continue" || mode == "default" && !spec.Guards {
					checks = f.passed("log rules.0.what\n")
				}
				word += `expressions: ["1 / size(req.headers['x-none']) == 1"], `
				script := f.script(configs[spec.Name], word, checks)
				for w, value := range words {
					script = strings.ReplaceAll(script, w, value)
				}
				if err := os.WriteFile(filepath.Join(dir, spec.Name+"-"+phase+"-"+mode+".txtar"), []byte(script), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	policytest.RunDir(t, dir)
}

// TestFailingConnections has the condition in front of every action of on_tcp_connect fail: nobody is let in.
func TestFailingConnections(t *testing.T) {
	dir := t.TempDir()
	configs := harmless()
	for _, spec := range actions.Registry() {
		if spec.Phases&vars.PhaseTCPConnect == 0 {
			continue
		}
		const condition = `expressions: ["1 / (conn.client_port - conn.client_port) == 1"], `
		f := failure{action: spec.Name, phase: "on_tcp_connect"}
		script := strings.Replace(f.script(configs[spec.Name], "on_error: halt, "+condition, "calls openai 0\n"), "send request.http", "! send request.http", 1)
		if err := os.WriteFile(filepath.Join(dir, spec.Name+"-halt.txtar"), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		script = f.script(configs[spec.Name], "on_error: continue, "+condition, f.passed("log rules.0.what\n"))
		if err := os.WriteFile(filepath.Join(dir, spec.Name+"-continue.txtar"), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	policytest.RunDir(t, dir)
}

// panicking takes the place of an action.
type panicking struct{}

func (panicking) Do(context.Context, *engine.Exchange) (engine.Verdict, error) { panic("boom") }

// TestPanickingActions has every action panic: the request ends, whatever the rule says.
func TestPanickingActions(t *testing.T) {
	configs := harmless()
	for _, spec := range actions.Registry() {
		for _, phase := range []string{"on_request", "on_response"} {
			if bit := map[string]vars.Phase{"on_request": vars.PhaseRequest, "on_response": vars.PhaseResponse}[phase]; spec.Phases&bit == 0 {
				continue
			}
			t.Run(spec.Name+"/"+phase, func(t *testing.T) {
				// a rule in front answers, so that the answer has something to be lost
				text := "on_request: []\n"
				if phase == "on_response" {
					text = "on_request: [{type: custom-response, config: {body: fine}}]\n"
				}
				text = strings.TrimPrefix(text, "on_request: []\n") + phase + ": [{on_error: continue, actions: [{type: " + spec.Name + ", config: {" + configs[spec.Name] + "}}]}]\n"
				if spec.Name == "rego" {
					text = regoOfFailures + text
				}
				cfg, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte(text)}, policies.Options{Actions: actions.Registry()})
				if diags.HasErrors() {
					t.Fatalf("got %v, want a policy that compiles", diags)
				}
				rules := cfg.OnRequest
				if phase == "on_response" {
					rules = cfg.OnResponse
				}
				rules[0].Actions[0].Action = panicking{}
				plan, diags := engine.NewRuntime(engine.RuntimeOptions{}).NewPlan(cfg)
				if diags.HasErrors() {
					t.Fatalf("got %v, want a plan", diags)
				}
				x := engine.NewExchange()
				x.Request.Method, x.Request.Host, x.Request.Path = "POST", "localhost", "/v1/chat/completions"
				if err := plan.Run(x); err == nil || engine.AsError(err).Code != engine.CodeInternal {
					t.Errorf("got %v, want internal", err)
				}
				if x.Reply.Body != nil || len(x.Attempts()) > 0 {
					t.Errorf("got answer %q and %d calls, want none", x.Reply.Body, len(x.Attempts()))
				}
			})
		}
	}
}
