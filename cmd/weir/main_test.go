package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
	}
	goleak.VerifyTestMain(m,
		// fasthttp's pool of workers, and its clock of dates, notice their end late or never.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// output is read by a test while a command writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is an app that a test runs.
type process struct {
	*app
	out, errs *output
	signals   chan os.Signal
}

func newProcess(env map[string]string) *process {
	p := &process{out: &output{}, errs: &output{}, signals: make(chan os.Signal, 4)}
	p.app = &app{out: p.out, err: p.errs, signals: p.signals, getenv: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}}
	return p
}

// start runs a command that goes on until it is told to stop.
func (p *process) start(t *testing.T, want string, args ...string) {
	t.Helper()
	status := make(chan int, 1)
	go func() { status <- p.run(args) }()
	t.Cleanup(func() {
		p.signals <- syscall.SIGTERM
		select {
		case code := <-status:
			if code != 0 {
				t.Errorf("got status %d, want 0: %s", code, p.errs)
			}
		case <-time.After(20 * time.Second):
			t.Error("the command did not end")
		}
	})
	for range 500 {
		if strings.Contains(p.out.String(), want) {
			return
		}
		select {
		case code := <-status:
			status <- code
			t.Fatalf("the command ended with %d: %s%s", code, p.out, p.errs)
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("got %s%s, want %q", p.out, p.errs, want)
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const denyAll = `
on_request:
  - name: closed
    actions:
      - type: deny
        config: {message: closed for today}
`

func TestCommands(t *testing.T) {
	t.Parallel()
	good := file(t, "policy.yaml", denyAll)
	bad := file(t, "policy.yaml", strings.Replace(denyAll, "type: deny", "type: denny", 1))
	shadow := file(t, "policy.yaml", strings.Replace(denyAll, "name: closed", "name: closed\n    mode: shadow", 1))
	config := file(t, "weir.yaml", "limits: {bodi: 1MiB}")
	off := file(t, "weir.yaml", "access: {enabled: off}")
	several := file(t, "weir.yaml", "endpoints: [{id: default}]\nopen: true")
	tests := []struct {
		name      string
		args      []string
		status    int
		out, errs string
	}{
		{name: "version", args: []string{"version"}, out: "weir dev go"},
		{name: "help", args: []string{"--help"}, out: "catalog"},
		{name: "unknown", args: []string{"fly"}, status: 1, errs: "fly"},
		{name: "good policy", args: []string{"check", good}, out: "policy.yaml: ok\n"},
		{name: "bad policy", args: []string{"check", bad}, status: 1, out: `did you mean "deny"?`},
		{name: "bad and good", args: []string{"check", bad, good}, status: 1, out: "policy.yaml: ok\n"},
		{name: "no policy", args: []string{"check", t.TempDir()}, status: 1, errs: "no policy.yaml"},
		{name: "watching rule", args: []string{"check", shadow}, out: "note: shadow"},
		{name: "watching rule, strictly", args: []string{"check", "--strict", shadow}, status: 1, out: "refused: shadow"},
		{name: "no scripts", args: []string{"test", t.TempDir()}, status: 1, errs: "no .txtar script there"},
		{name: "bad fault", args: []string{"sim", "--listen", "127.0.0.1:0", "--fault", "explode"}, status: 1, errs: "reading --fault"},
		{name: "unknown model", args: []string{"catalog", "show", "nobody:nothing"}, status: 1, errs: "no model nobody:nothing"},
		{name: "unknown provider", args: []string{"catalog", "list", "--provider", "nobody"}, status: 1, errs: "no provider nobody"},
		{name: "bad configuration", args: []string{"serve", "--config", config}, status: 1, errs: "unknown_key"},
		{name: "open without saying so", args: []string{"serve", "--config", off, "--listen", "127.0.0.1:0", "--admin", "none"}, status: 1, errs: "open: true or --demo"},
		{name: "access keys without a folder", args: []string{"serve", "--listen", "127.0.0.1:0", "--admin", "none"}, status: 1, errs: "set access.folder"},
		{name: "open everywhere", args: []string{"serve", "--demo", "--listen", ":0", "--admin", "none"}, status: 1, errs: "can be reached from other machines"},
		{name: "broken policy at the start", args: []string{"serve", bad, "--demo", "--listen", "127.0.0.1:0", "--admin", "none"}, status: 1, errs: "unknown_action"},
		{name: "two default policies", args: []string{"serve", good, "--config", several, "--listen", "127.0.0.1:0"}, status: 1, errs: "has the endpoint default already"},
		{name: "bad address", args: []string{"serve", "--demo", "--listen", "127.0.0.1:99999", "--admin", "none"}, status: 1, errs: "opening listener"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(nil)
			status := p.run(tt.args)
			if status != tt.status || !strings.Contains(p.out.String(), tt.out) || !strings.Contains(p.errs.String(), tt.errs) {
				t.Errorf("got status %d, %q and %q, want %d, %q and %q", status, p.out, p.errs, tt.status, tt.out, tt.errs)
			}
		})
	}
}

func TestCheckAsJSON(t *testing.T) {
	t.Parallel()
	p := newProcess(nil)
	bad := file(t, "policy.yaml", strings.Replace(denyAll, "type: deny", "type: denny", 1))
	if status := p.run([]string{"check", "--format", "json", bad}); status != 1 {
		t.Errorf("got status %d, want 1", status)
	}
	var report struct {
		Files []struct {
			Path        string
			Diagnostics []struct {
				Line, Col int
				Code      string
			}
		}
	}
	if err := json.Unmarshal([]byte(p.out.String()), &report); err != nil {
		t.Fatalf("got %s: %v", p.out, err)
	}
	if len(report.Files) != 1 || report.Files[0].Path != bad || len(report.Files[0].Diagnostics) != 1 || report.Files[0].Diagnostics[0].Line != 5 {
		t.Errorf("got %+v, want one diagnostic at line 5", report)
	}
}

func request(t *testing.T, method, url, body string, fields ...string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("content-type", "application/json")
	for i := 0; i+1 < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func find(t *testing.T, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("got %q, want %s", text, pattern)
	}
	return m[1]
}

func TestServeDemo(t *testing.T) {
	t.Parallel()
	p := newProcess(map[string]string{"OPENAI_API_KEY": "sk-test"})
	p.start(t, "Try it:", "serve", "--demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	welcome := p.out.String()
	for _, want := range []string{`on +sim `, `on +openai `, `off +anthropic .*set ANTHROPIC_API_KEY`} {
		if !regexp.MustCompile(want).MatchString(welcome) {
			t.Errorf("got %q, want %s", welcome, want)
		}
	}
	status, text := request(t, http.MethodPost, find(t, welcome, `curl (\S+)`), find(t, welcome, `-d '(.*)'`))
	if status != http.StatusOK || !strings.Contains(text, "Hello") {
		t.Errorf("the curl line: got %d and %s, want an answer", status, text)
	}
	admin, token := find(t, welcome, `admin +(\S+)`), find(t, welcome, `token (\S+)`)
	if status, _ := request(t, http.MethodGet, admin+"/-/policy", ""); status != http.StatusUnauthorized {
		t.Errorf("got %d without the token, want 401", status)
	}
	if status, text := request(t, http.MethodGet, admin+"/-/policy", "", "authorization", "Bearer "+token); status != http.StatusOK {
		t.Errorf("got %d and %s with the token, want 200", status, text)
	}
	for began := time.Now(); !strings.Contains(p.out.String(), `"provider":"sim"`); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("got %q, want a line for the exchange", p.out)
		}
	}
	if strings.Contains(p.out.String()+p.errs.String(), "sk-test") {
		t.Error("the key is in the output")
	}
}

func TestServeReloads(t *testing.T) {
	t.Parallel()
	policy := file(t, "policy.yaml", denyAll)
	p := newProcess(map[string]string{tokenEnv: "of-mine"})
	p.start(t, "Try it:", "serve", policy, "--demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	if !strings.Contains(p.out.String(), "token from "+tokenEnv) || strings.Contains(p.out.String(), "of-mine") {
		t.Errorf("got %q, want the source of the token and not the token", p.out)
	}
	url := find(t, p.out.String(), `curl (\S+)`)
	body := `{"model":"sim:echo","messages":[{"role":"user","content":"Hello"}]}`
	if status, text := request(t, http.MethodPost, url, body); status != http.StatusForbidden || !strings.Contains(text, "closed for today") {
		t.Fatalf("got %d and %s, want the refusal", status, text)
	}
	edit := func(text string) {
		if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.signals <- syscall.SIGHUP
	}
	await := func(want int, word string) {
		t.Helper()
		status, text := 0, ""
		for range 200 {
			if status, text = request(t, http.MethodPost, url, body); status == want && strings.Contains(text, word) {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("got %d and %s, want %d", status, text, want)
	}
	edit(strings.Replace(denyAll, "closed for today", "closed for good", 1))
	await(http.StatusForbidden, "closed for good")
	edit("on_request: [{actions: [{type: denny}]}]")
	for !strings.Contains(p.errs.String(), "policy not loaded") {
		time.Sleep(20 * time.Millisecond)
	}
	await(http.StatusForbidden, "closed for good")
	edit("on_request: []")
	await(http.StatusOK, "Hello")
}

func TestSim(t *testing.T) {
	t.Parallel()
	p := newProcess(nil)
	p.start(t, "simulated providers on", "sim", "--listen", "127.0.0.1:0", "--fault", "status=503")
	status, _ := request(t, http.MethodPost, find(t, p.out.String(), `(http://\S+)`)+"/v1/chat/completions", `{"model":"m","messages":[]}`)
	if status != http.StatusServiceUnavailable {
		t.Errorf("got %d, want the fault", status)
	}
}

func TestDocs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stale, own := filepath.Join(dir, "actions", "gone.md"), filepath.Join(dir, "actions", "notes.md")
	if err := os.MkdirAll(filepath.Dir(stale), 0o750); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{stale: generated + "# gone", own: "# notes"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := func() map[string]string {
		pages := map[string]string{}
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			pages[strings.TrimPrefix(path, dir)] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return pages
	}
	for range 2 {
		p := newProcess(nil)
		if status := p.run([]string{"docs", "--dir", dir}); status != 0 {
			t.Fatalf("got status %d: %s", status, p.errs)
		}
	}
	first := snapshot()
	for _, want := range []string{"/cel.md", "/errors.md", "/config.md", "/models.md", "/actions/deny.md", "/providers/openai.md", "/actions/notes.md"} {
		if first[want] == "" {
			t.Errorf("%s is missing", want)
		}
	}
	if first["/actions/gone.md"] != "" {
		t.Error("the page of an action that is gone is still there")
	}
	p := newProcess(nil)
	if status := p.run([]string{"docs", "--dir", dir}); status != 0 {
		t.Fatalf("got status %d: %s", status, p.errs)
	}
	if diff := cmp.Diff(first, snapshot()); diff != "" {
		t.Errorf("a second run changes pages:\n%s", diff)
	}
}
