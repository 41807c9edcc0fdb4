package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const decidingPolicy = `
on_request:
  - name: no trials
    expressions: ["req.headers['x-plan'][0] == 'trial'"]
    actions: [{type: deny, config: {status_code: 403, message: not for trials}}]
  - name: no secrets
    expressions: ["ai.request.messages[0].text.contains('hunter')"]
    actions: [{type: request-body-find-replace, config: {replacements: [{from: hunter2, to: pw}]}}]
  - name: someday
    mode: shadow
    expressions: ["req.headers['x-plan'][0] == 'gold'"]
    actions: [{type: deny}]
route:
  - name: home
    expressions: ["ai.request.stream == false"]
    model_selection: {strategy: ["ai.models"]}
`

// decisionLine is what these tests read of a decision.
type decisionLine struct {
	Type   string            `json:"type"`
	ID     string            `json:"decision_id"`
	Labels map[string]string `json:"labels"`
	Path   string            `json:"path"`
	Input  map[string]any    `json:"input"`
	Result map[string]any    `json:"result"`
	Custom struct {
		Weir struct {
			Effect  string `json:"effect"`
			Shadow  bool   `json:"shadow"`
			Request string `json:"request_id"`
		} `json:"weir"`
	} `json:"custom"`
}

// service takes batches of decisions.
type service struct {
	mu   sync.Mutex
	auth string
	all  []decisionLine
}

// ServeHTTP takes a batch.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var batch []decisionLine
	z, err := gzip.NewReader(r.Body)
	if err == nil {
		err = json.NewDecoder(z).Decode(&batch)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth = r.Header.Get("Authorization")
	s.all = append(s.all, batch...)
}

func (s *service) paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, len(s.all))
	for i := range s.all {
		out[i] = s.all[i].Path + " " + s.all[i].Custom.Weir.Effect
	}
	return out
}

// TestDecisionLog: a gateway as people start it logs what its policy refused, rewrote and routed, everywhere it was told
// to, and tells the client which decision it was.
func TestDecisionLog(t *testing.T) {
	t.Parallel()
	takes := &service{}
	srv := httptest.NewServer(takes)
	t.Cleanup(srv.Close)
	path := filepath.Join(t.TempDir(), "decisions.log")
	config := file(t, "weir.yaml", `
listeners: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:0"}
decision_log:
  stdout: true
  file: {path: "`+path+`"}
  http: {url: "`+srv.URL+`/logs", token: "${secrets.get('LOG_TOKEN')}", interval: 20ms}
  labels: [region=eu]
`)
	p := newProcess(map[string]string{"LOG_TOKEN": "t0ken", tokenEnv: "of-mine"})
	p.start(t, "Try it:", "serve", file(t, "policy.yaml", decidingPolicy), "--demo", "--config", config)
	url, admin := find(t, p.out.String(), `curl (\S+)`), find(t, p.out.String(), `admin +(\S+)`)

	canary := "CANARY" + "-0123456789"
	ask := func(plan, text string) http.Header {
		t.Helper()
		body := `{"model":"sim:echo","messages":[{"role":"user","content":"` + text + `"}]}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"?key="+canary, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("content-type", "application/json")
		req.Header.Set("x-plan", plan)
		req.Header.Set("cookie", "session="+canary)
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.Header
	}
	refusal := ask("trial", "hello")
	routed := ask("gold", "my password is hunter2")
	want := []string{"on_request/no trials refused", "on_request/no secrets rewrote", "on_request/someday unknown", "route/home routed"}
	await(t, "the batches", func() bool { return len(takes.paths()) == len(want) })
	if diff := cmp.Diff(want, takes.paths()); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
	status, text := request(t, http.MethodGet, admin+"/-/policy", "", "authorization", "Bearer of-mine")
	for _, want := range []string{`"on": true`, `"name": "stdout"`, `"name": "file"`, `"name": "http"`, `"dropped": 0`} {
		if status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("got %d and %s, want %s", status, text, want)
		}
	}
	fromFile := decisionLines(t, path, len(want))
	if diff := cmp.Diff(takes.all, fromFile); diff != "" {
		t.Errorf("the file and the service (-service +file):\n%s", diff)
	}
	if takes.auth != "Bearer t0ken" {
		t.Errorf("got the authorization %q", takes.auth)
	}
	if first := fromFile[0]; first.ID == "" || first.ID != refusal.Get("x-weir-decision-id") || first.Labels["region"] != "eu" || first.Custom.Weir.Request != refusal.Get("x-request-id") {
		t.Errorf("got %+v and the head %v", first, refusal)
	}
	if last := fromFile[3]; last.ID != routed.Get("x-weir-decision-id") || last.Result["provider"] != "sim" || !fromFile[2].Custom.Weir.Shadow {
		t.Errorf("got %+v and the head %v", last, routed)
	}
	rewrote, _ := json.Marshal(fromFile[1].Input)
	if !strings.Contains(string(rewrote), "my password is hunter2") {
		t.Errorf("got the input %s, want it as the rule saw it", rewrote)
	}
	await(t, "the lines", func() bool {
		return strings.Count(p.out.String(), `{"type":"openpolicyagent.org/decision_logs"`) == len(want)
	})
	await(t, "the access log", func() bool { return strings.Contains(p.out.String(), `"decision_id":"`+fromFile[0].ID) })
	all := p.out.String() + p.errs.String() + fileText(t, path)
	if strings.Contains(all, canary) || strings.Contains(all, "t0ken") {
		t.Errorf("a credential is in the logs: %s", all)
	}
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func decisionLines(t *testing.T, path string, n int) []decisionLine {
	t.Helper()
	await(t, "the lines of the file", func() bool { return strings.Count(fileText(t, path), "\n") == n })
	var out []decisionLine
	for s := bufio.NewScanner(strings.NewReader(fileText(t, path))); s.Scan(); {
		var l decisionLine
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

// TestDecisionLogThatCannotStart: what could not be written, or sent with the secret it needs, stops the start.
func TestDecisionLogThatCannotStart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ config, want string }{
		{"file: {path: /none/decisions.log}", "decision_log"},
		{"http: {url: 'https://127.0.0.1:1/', token: \"${secrets.get('GONE')}\"}", "GONE"},
	} {
		p := newProcess(nil)
		config := file(t, "weir.yaml", "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\ndecision_log: {"+tt.config+"}\n")
		if code := p.run([]string{"serve", "--demo", "--config", config}); code == 0 || !strings.Contains(p.errs.String(), tt.want) {
			t.Errorf("%s: got %d and %s, want a failed start", tt.config, code, p.errs)
		}
	}
}

// TestNoDecisionLog: without the option there is neither a file nor a header of a decision that nobody can look up.
func TestNoDecisionLog(t *testing.T) {
	t.Parallel()
	p := newProcess(nil)
	p.start(t, "Try it:", "serve", file(t, "policy.yaml", decidingPolicy), "--demo", "--listen", "127.0.0.1:0", "--admin", "none")
	status, text := request(t, http.MethodPost, find(t, p.out.String(), `curl (\S+)`), `{"model":"sim:echo","messages":[]}`, "x-plan", "trial")
	if status != http.StatusForbidden || !strings.Contains(text, "not for trials") {
		t.Fatalf("got %d and %s", status, text)
	}
	await(t, "the access log", func() bool { return strings.Contains(p.out.String(), `"status":403`) })
	if slices.ContainsFunc([]string{p.out.String(), p.errs.String()}, func(s string) bool { return strings.Contains(s, "decision_id") }) {
		t.Errorf("got %s", p.out)
	}
}

const regoPolicy = `
rego:
  - module: |
      package access

      default decision := {"allow": false, "status": 403, "message": "who are you"}

      decision := {"allow": true} if input.req.headers["x-who"][0] == "anna"
  - module: |
      package system.log

      mask contains "/input/req/headers/x-who"
on_request:
  - name: who may
    actions: [{type: rego}]
  - name: stop
    expressions: ["req.headers['x-stop'][0] == 'yes' && req.headers['x-who'][0] != ''"]
    actions: [{type: deny}]
`

// TestRegoDecisionLog: every decision of a Rego rule is logged, allowed ones too, and the policy's mask holds for all of
// its decisions, those of CEL rules as well.
func TestRegoDecisionLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "decisions.log")
	config := file(t, "weir.yaml", "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\ndecision_log: {file: {path: '"+path+"'}}\n")
	p := newProcess(nil)
	p.start(t, "Try it:", "serve", file(t, "policy.yaml", regoPolicy), "--demo", "--config", config)
	url, body := find(t, p.out.String(), `curl (\S+)`), `{"model":"sim:echo","messages":[]}`
	request(t, http.MethodPost, url, body, "x-who", "MASKEDWORD")
	request(t, http.MethodPost, url, body, "x-who", "anna")
	request(t, http.MethodPost, url, body, "x-who", "anna", "x-stop", "yes")
	got := make([]string, 0, 4)
	for _, l := range decisionLines(t, path, cap(got)) {
		got = append(got, l.Path+" "+l.Custom.Weir.Effect)
	}
	want := []string{"access/decision refused", "access/decision allowed", "access/decision allowed", "on_request/stop refused"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
	text := fileText(t, path)
	if strings.Contains(text, "MASKEDWORD") || strings.Contains(text, `"anna"`) || strings.Count(text, `"erased":["/input/req/headers/x-who"]`) != 4 {
		t.Errorf("got %s, want the mask on each", text)
	}
	if !strings.Contains(text, `"timer_rego_query_eval_ns"`) || !strings.Contains(text, `"result":{"allow":false,"message":"who are you","status":403}`) {
		t.Errorf("got %s, want the timer and the result", text)
	}
}
