package access

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/providers/sim"
)

const (
	// patience bounds every wait: far longer than a busy machine needs.
	patience = 30 * time.Second
	// adminToken and masterKey are those of every gateway of a test. They must not be seen in anything it writes.
	adminToken = "canary-admin-token-4f1c9d2e"
	masterKey  = "Y2FuYXJ5LW1hc3Rlci1rZXktMDEyMzQ1Njc4OWFiY2Q="
	// vendorKey is the gateway's own key at the simulated vendor.
	vendorKey = "sk-canary-vendor-key-77aa01"
)

// fleet is what the gateways of a test share.
type fleet struct {
	t      *testing.T
	vendor *vendor
	policy string
	config string // lines of the section access:
	env    []string
	shell  string // what runs the command line of a gateway, "" = nothing between
}

// vendor is a simulated provider whose model costs $1,000 for a million tokens, in and out: a tenth of a cent each.
type vendor struct {
	*sim.Server

	url string
}

func newVendor(t *testing.T) *vendor {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &vendor{url: "http://" + ln.Addr().String(), Server: sim.New(sim.Options{HeaderFaults: sim.ObeyHeader, Logger: zerolog.Nop()})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = v.Serve(ln) // it ends with the listener
	}()
	t.Cleanup(func() {
		_ = v.Close()
		<-served
	})
	return v
}

const vendorPolicy = `providers:
  - id: vendor
    base_url: %s/v1
    api_keys: [{value: "${secrets.get('VENDOR_KEY')}"}]
    models:
      - {id: paid, pricing: {input: 1000, output: 1000}}
      - {id: cheap, pricing: {input: 1, output: 1}}
      - {id: unpriced}
  - id: other
    base_url: %[1]s/v1
    models: [{id: free, pricing: {input: 0, output: 0}}]
`

// newFleet prepares gateways; config is the section access: of their weir.yaml, where FOLDER stands for a folder of each one's own.
func newFleet(t *testing.T, config string) *fleet {
	t.Helper()
	v := newVendor(t)
	f := &fleet{t: t, vendor: v, policy: filepath.Join(t.TempDir(), "policy.yaml"), config: config}
	f.env = []string{"VENDOR_KEY=" + vendorKey, "WEIR_ADMIN_TOKEN=" + adminToken, "WEIR_MASTER_KEY=" + masterKey}
	write(t, f.policy, fmt.Sprintf(vendorPolicy, v.url))
	return f
}

// gateway is one process of weir serve.
type gateway struct {
	t          *testing.T
	folder     string
	url, admin string
	cmd        *exec.Cmd
	out        *output
	ended      chan struct{}
}

// start starts a gateway in a folder, "" = a new one, and waits until it is ready.
func (f *fleet) start(folder string) *gateway {
	f.t.Helper()
	g := f.launch(folder)
	g.await("the gateway is ready", func() bool { return g.health("/readyz") == http.StatusOK })
	return g
}

// launch starts a gateway and waits until it listens.
func (f *fleet) launch(folder string) *gateway {
	f.t.Helper()
	g := f.run(folder)
	g.await("the gateway listens", func() bool { return strings.Contains(g.out.String(), "Providers of") })
	g.url, g.admin = g.find(`gateway +(\S+)`), g.find(`admin +(\S+)`)
	return g
}

// run starts the process of a gateway.
func (f *fleet) run(folder string) *gateway {
	f.t.Helper()
	if folder == "" {
		folder = f.t.TempDir()
	}
	config := filepath.Join(f.t.TempDir(), "weir.yaml")
	write(f.t, config, "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: '127.0.0.1:0'}\ndrain: {wait: 0s, timeout: 5s}\nlog: {level: debug}\naccess:\n"+
		indent(strings.ReplaceAll(f.config, "FOLDER", folder)))
	g := &gateway{t: f.t, folder: folder, out: &output{}, ended: make(chan struct{})}
	args := []string{binary(f.t), "serve", f.policy, "--config", config}
	if f.shell != "" {
		args = append([]string{"sh", "-c", f.shell}, args...)
	}
	g.cmd = exec.Command(args[0], args[1:]...)
	g.cmd.Env = append(os.Environ(), f.env...)
	g.cmd.Stdout, g.cmd.Stderr = g.out, g.out
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := g.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func() {
		defer close(g.ended)
		_ = g.cmd.Wait() // how it ended is in its output
	}()
	f.t.Cleanup(func() {
		g.kill()
		if f.t.Failed() {
			f.t.Logf("output of the gateway in %s:\n%s", folder, g.out.tail())
		}
	})
	return g
}

func (g *gateway) find(pattern string) string {
	g.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(g.out.String())
	if m == nil {
		g.t.Fatalf("the output has no %s:\n%s", pattern, g.out.tail())
	}
	return m[1]
}

// kill ends the process at once, as a machine that loses its power does.
func (g *gateway) kill() {
	_ = g.cmd.Process.Kill() // it may have ended
	<-g.ended
}

// stop ends the process in an orderly way.
func (g *gateway) stop() {
	g.t.Helper()
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		g.t.Fatal(err)
	}
	select {
	case <-g.ended:
	case <-time.After(patience):
		g.t.Fatal("the gateway did not end")
	}
}

func (g *gateway) await(what string, done func() bool) {
	g.t.Helper()
	for began := time.Now(); !done(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-g.ended:
			g.t.Fatalf("%s: the gateway ended:\n%s", what, g.out.tail())
		default:
		}
		if time.Since(began) > patience {
			g.t.Fatalf("%s: not within %s:\n%s", what, patience, g.out.tail())
		}
	}
}

func (g *gateway) health(path string) int {
	resp, err := http.Get(g.admin + path)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// api asks the Admin API and decodes its answer into out, if that is not nil.
func (g *gateway) api(method, path, body string, out any) (status int, text string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.admin+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	if out != nil && resp.StatusCode < 300 {
		if err := json.Unmarshal(raw, out); err != nil {
			g.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return resp.StatusCode, string(raw)
}

// create makes a resource and returns its id.
func (g *gateway) create(path, body string) string {
	g.t.Helper()
	var out struct{ ID string }
	if status, text := g.api(http.MethodPost, path, body, &out); status != http.StatusCreated {
		g.t.Fatalf("POST %s: got %d: %s", path, status, text)
	}
	return out.ID
}

// key makes an access key with more fields, each with a comma in front.
func (g *gateway) key(name, fields string) (id, token string) {
	g.t.Helper()
	var out struct{ ID, Token string }
	if status, text := g.api(http.MethodPost, "/access-keys", fmt.Sprintf(`{"name": %q%s}`, name, fields), &out); status != http.StatusCreated {
		g.t.Fatalf("making the key: got %d: %s", status, text)
	}
	return out.ID, out.Token
}

// reply is what a client got.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // the answer broke off
}

// chat asks a model with a key; fault, if it is not empty, is what befalls the vendor's answer.
func (g *gateway) chat(ctx context.Context, token, body, fault string) reply {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if fault != "" {
		req.Header.Set("X-Sim-Fault", fault)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(raw), err}
}

// ask is chat with one message that must be answered with a status.
func (g *gateway) ask(token, model string, want int) reply {
	g.t.Helper()
	r := g.chat(g.t.Context(), token, fmt.Sprintf(`{"model": %q, "messages": [{"role": "user", "content": "hello"}]}`, model), "")
	if r.err != nil || r.status != want {
		g.t.Fatalf("asking %s: got %d, %v: %s; want %d", model, r.status, r.err, r.body, want)
	}
	return r
}

// output is what a process wrote.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write takes more.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String is all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// tail is enough of it to see what went wrong.
func (o *output) tail() string {
	s := o.String()
	return s[max(0, len(s)-8000):]
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
}

var built struct {
	sync.Once

	path string
	err  error
}

// binary builds weir once for all tests of the package.
func binary(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		dir, err := os.MkdirTemp("", "weir-test-") //nolint:usetesting // it is for all tests of the package
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "weir")
		out, err := exec.Command("go", "build", "-o", built.path, "weir/cmd/weir").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// TestMain removes the binary.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.path != "" {
		_ = os.RemoveAll(filepath.Dir(built.path)) // the system clears its folder of temporary files
	}
	os.Exit(code)
}
