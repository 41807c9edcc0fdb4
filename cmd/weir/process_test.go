package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asMain makes a process of the test's binary run the commands in place of the tests.
const asMain = "WEIR_TEST_AS_MAIN"

// patience bounds every wait: far longer than a busy machine needs.
const patience = 20 * time.Second

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for began := time.Now(); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// TestSecondSignalEndsTheProcess: the first signal drains, for a minute here; the second ends the process at once.
func TestSecondSignalEndsTheProcess(t *testing.T) {
	t.Parallel()
	config := file(t, "weir.yaml", "open: true\nadmin: {address: '127.0.0.1:0'}\nlisteners: [{address: '127.0.0.1:0'}]\ndrain: {wait: 1m, timeout: 1m}\n")
	for _, signals := range [][2]os.Signal{{syscall.SIGTERM, syscall.SIGTERM}, {os.Interrupt, syscall.SIGTERM}} {
		t.Run(signals[0].String(), func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			out, errs := &output{}, &output{}
			p := exec.CommandContext(t.Context(), self, "serve", "--config", config)
			p.Env, p.Stdout, p.Stderr = append(os.Environ(), asMain+"=1"), out, errs
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- p.Wait() }()
			defer func() { _ = p.Process.Kill() }()
			await(t, "the start", func() bool { return strings.Contains(out.String(), "Providers of") })
			ready := find(t, out.String(), `admin +(\S+)`) + "/readyz"
			if status, text := request(t, http.MethodGet, ready, ""); status != http.StatusOK {
				t.Fatalf("got %d and %s before the signal, want 200", status, text)
			}
			if err := p.Process.Signal(signals[0]); err != nil {
				t.Fatal(err)
			}
			await(t, "the begin of the drain", func() bool { return strings.Contains(errs.String(), "draining") })
			if status, text := request(t, http.MethodGet, ready, ""); status != http.StatusServiceUnavailable {
				t.Errorf("got %d and %s in the drain, want 503", status, text)
			}
			select {
			case err := <-ended:
				t.Fatalf("the process ended in the drain: %v: %s", err, errs)
			case <-time.After(100 * time.Millisecond):
			}
			if err := p.Process.Signal(signals[1]); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
					t.Errorf("got %v, want status 1", err)
				}
			case <-time.After(patience):
				t.Error("the process goes on after the second signal")
			}
		})
	}
}

// pair writes a certificate of its own making over the files of the one before.
func pair(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path+".new", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// secured is one connection over TLS.
type secured struct {
	*tls.Conn
	from *bufio.Reader
}

func dialTLS(ctx context.Context, addr string) (*secured, error) {
	inner, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := tls.Client(inner, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) // the name is looked at below
	if err := c.HandshakeContext(ctx); err != nil {
		_ = inner.Close()
		return nil, err
	}
	return &secured{Conn: c, from: bufio.NewReader(c)}, c.SetDeadline(time.Now().Add(patience))
}

func (s *secured) name() string { return s.ConnectionState().PeerCertificates[0].Subject.CommonName }

// ask begins an exchange, and returns what reads the answer to its end.
func (s *secured) ask(t *testing.T, body string) (rest func() string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://localhost/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("content-type", "application/json")
	if err := req.Write(s); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(s.from, req) //nolint:bodyclose // rest closes it
	if err != nil {
		t.Fatal(err)
	}
	return func() string {
		t.Helper()
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Errorf("the answer was cut: %v after %s", err, text)
		}
		return string(text)
	}
}

// TestCertificatesAreReplaced: once the files are replaced, SIGHUP puts the new pair in front of new connections; those
// that are open, a stream among them, go on, and none is refused meanwhile. A pair that does not fit changes nothing.
func TestCertificatesAreReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := pair(t, dir, "one")
	config := file(t, "weir.yaml", "listeners: [{address: '127.0.0.1:0', tls: {cert_file: "+certFile+", key_file: "+keyFile+"}}]\n")
	p := newProcess(nil)
	p.start(t, "Try it:", "serve", "--demo", "--config", config, "--admin", "none")
	addr := find(t, p.out.String(), `curl https://([^/\s]+)`)
	connect := func() *secured {
		t.Helper()
		s, err := dialTLS(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	const chat, stream = `{"model":"sim:fast","messages":[{"role":"user","content":"one two three four five six seven"}]}`,
		`{"model":"sim:slow","stream":true,"messages":[{"role":"user","content":"one two three four five six seven"}]}`
	idle, busy := connect(), connect()
	if got := idle.name(); got != "one" {
		t.Fatalf("got certificate %q, want one", got)
	}
	if text := idle.ask(t, chat)(); !strings.Contains(text, "seven") {
		t.Fatalf("got %s", text)
	}
	flowing := busy.ask(t, stream)

	pair(t, dir, "two")
	p.signals <- syscall.SIGHUP
	await(t, "the new certificate", func() bool {
		s := connect() // whatever it is shown, it is served
		text := s.ask(t, chat)()
		if !strings.Contains(text, "seven") {
			t.Fatalf("got %s while certificates change", text)
		}
		return s.name() == "two"
	})
	if text := flowing(); !strings.HasSuffix(text, "data: [DONE]\n\n") {
		t.Errorf("got %s, want the stream to its end", text)
	}
	for _, s := range []*secured{idle, busy} {
		if text := s.ask(t, chat)(); !strings.Contains(text, "seven") {
			t.Errorf("got %s on a connection from before", text)
		}
	}

	if err := os.WriteFile(keyFile, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signals <- syscall.SIGHUP
	await(t, "the complaint", func() bool { return strings.Contains(p.errs.String(), "certificate not loaded") })
	if got := connect().name(); got != "two" {
		t.Errorf("got certificate %q after a broken pair, want two", got)
	}
}

// TestAReloadCannotOpenTheGateway: where other machines can call, an edit that takes the authentication away is refused, and
// the plan before stays.
func TestAReloadCannotOpenTheGateway(t *testing.T) {
	t.Parallel()
	const guarded = `
on_request:
  - name: callers
    expressions: ["req.headers['authorization'][0] != 'Bearer of-the-caller'"]
    actions: [{type: deny, config: {status_code: 401, message: who are you}}]
  - actions: [{type: custom-response, config: {status_code: 200, body: MARK}}]
`
	policy := file(t, "policy.yaml", strings.Replace(guarded, "MARK", "first", 1))
	p := newProcess(map[string]string{tokenEnv: "of-mine", "OPENAI_API_KEY": "sk-test"})
	p.start(t, "Try it", "serve", policy, "--listen", "0.0.0.0:0", "--admin", "127.0.0.1:0")
	_, port, err := net.SplitHostPort(find(t, p.out.String(), `curl https?://([^/\s]+)/v1`))
	if err != nil {
		t.Fatal(err)
	}
	url, admin := "http://127.0.0.1:"+port+"/v1/chat/completions", find(t, p.out.String(), `admin +(\S+)`)
	edit := func(text string) {
		t.Helper()
		if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.signals <- syscall.SIGHUP
	}
	const ask = `{"model":"m","messages":[]}`
	wantGuarded := func(word string) {
		t.Helper()
		if status, text := request(t, http.MethodPost, url, ask); status != http.StatusUnauthorized || !strings.Contains(text, "who are you") {
			t.Errorf("got %d and %s without a credential, want 401", status, text)
		}
		if status, text := request(t, http.MethodPost, url, ask, "authorization", "Bearer of-the-caller"); status != http.StatusOK || text != word {
			t.Errorf("got %d and %s with a credential, want %s", status, text, word)
		}
	}
	wantGuarded("first")
	for _, open := range []string{
		"on_request: [{actions: [{type: custom-response, config: {status_code: 200, body: open}}]}]\n",
		"on_request: []\n",
	} {
		edit(open)
		told := func() string {
			_, text := request(t, http.MethodGet, admin+"/-/policy", "", "authorization", "Bearer of-mine")
			return text
		}
		await(t, "the refusal", func() bool { return strings.Contains(told(), "open_policy") })
		if text := told(); !strings.Contains(text, `"generation": 1`) || !strings.Contains(text, `"authenticates": true`) {
			t.Errorf("got %s, want the first plan, which authenticates", text)
		}
		wantGuarded("first")
		edit(strings.Replace(guarded, "MARK", "first", 1)) // so that the next refusal is told anew
		await(t, "the repair", func() bool { return !strings.Contains(told(), "open_policy") })
	}
	edit(strings.Replace(guarded, "MARK", "second", 1))
	await(t, "the second policy", func() bool {
		_, text := request(t, http.MethodPost, url, ask, "authorization", "Bearer of-the-caller")
		return text == "second"
	})
	wantGuarded("second")
}
