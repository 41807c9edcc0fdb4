package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/engine"
	"weir/engine/wire"
)

func admin(t *testing.T, g *running, line, fields string) string {
	t.Helper()
	return talk(t, g.AdminAddr(), line+" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"+fields+"\r\n")
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	p := &fakePolicy{plan: &fakePlan{run: echo}, open: true}
	g := startWith(t, testConfig(), map[string]Policy{"default": p})
	const token = "authorization: Bearer t0ken\r\n"
	tests := []struct{ name, line, fields, status, body string }{
		{"health", "GET /healthz", "", "200", "ok"},
		{"readiness", "GET /readyz", "", "200", "ok"},
		{"no token", "GET /-/policy", "", "401", "bearer token"},
		{"wrong token", "GET /-/policy", "authorization: Bearer t0ke\r\n", "401", "bearer token"},
		{"token in another scheme", "GET /-/policy", "authorization: Basic t0ken\r\n", "401", "bearer token"},
		{"policy", "GET /-/policy", token, "200", `"generation": 7`},
		{"reload", "POST /-/reload", token, "200", `"hash": "abc"`},
		{"reload by GET", "GET /-/reload", token, "405", "takes POST"},
		{"rollback", "POST /-/rollback?endpoint=default", token, "200", `"generation": 7`},
		{"rollback of nothing", "POST /-/rollback?endpoint=other", token, "404", "no endpoint"},
		{"metrics", "GET /-/metrics", token, "200", `weir_policy_info{endpoint="default",hash="abc"} 1`},
		{"metrics of policies", "GET /-/metrics", token, "200", `weir_policy_load_ok{endpoint="default"} 1`},
		{"unknown", "GET /debug/pprof/", token, "404", "/-/policy"},
		{"foreign origin", "GET /healthz", "origin: http://evil.example\r\n", "403", "origin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := admin(t, g, tt.line, tt.fields)
			if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status+" ") || !strings.Contains(got, tt.body) {
				t.Errorf("got %q, want %s and %q", got, tt.status, tt.body)
			}
		})
	}
	foreign := talk(t, g.AdminAddr(), "GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n")
	if !strings.HasPrefix(foreign, "HTTP/1.1 403 ") {
		t.Errorf("got %q, want 403 for a foreign host", foreign)
	}
	for _, path := range []string{"/-/policy", "/healthz", "/readyz"} {
		if got := talk(t, g.addr, "GET "+path+" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"+token+"\r\n"); !strings.HasPrefix(got, "HTTP/1.1 404 ") {
			t.Errorf("%s on the data port: got %q, want 404", path, got)
		}
	}
}

func TestAdminTellsAFailedReload(t *testing.T) {
	t.Parallel()
	p := &fakePolicy{plan: &fakePlan{run: echo}, open: true, fail: errors.New("line 3 is wrong")}
	g := startWith(t, testConfig(), map[string]Policy{"default": p})
	got := admin(t, g, "POST /-/reload", "authorization: Bearer t0ken\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 422 ") || !strings.Contains(got, "line 3 is wrong") || p.reloads.Load() != 1 {
		t.Errorf("got %q, want 422 with the error", got)
	}
	if got := admin(t, g, "POST /-/rollback", "authorization: Bearer t0ken\r\n"); !strings.HasPrefix(got, "HTTP/1.1 409 ") {
		t.Errorf("got %q, want 409", got)
	}
	if got := admin(t, g, "GET /-/metrics", "authorization: Bearer t0ken\r\n"); !strings.Contains(got, `weir_policy_load_ok{endpoint="default"} 0`) {
		t.Errorf("got %q, want the failed load in the metrics", got)
	}
	if got := admin(t, g, "GET /readyz", ""); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want ready all the same", got)
	}
}

func TestAdminOnASocket(t *testing.T) {
	t.Parallel()
	c := testConfig()
	path := filepath.Join(t.TempDir(), "admin.sock")
	c.Admin.Address = "unix:" + path
	g, err := New(Options{
		Config: c, Pool: &fakePool{}, Log: zerolog.Nop(),
		Policies: map[string]Policy{"default": &fakePolicy{plan: &fakePlan{}, open: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.closeListeners()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v and %v, want mode 0600", info, err)
	}
	if len(g.Token()) < 32 {
		t.Errorf("got token %q, want one that cannot be guessed", g.Token())
	}
}

func selfSigned(t *testing.T, name string) TLSConfig {
	t.Helper()
	dir := t.TempDir()
	c := TLSConfig{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), MinVersion: "1.2"}
	writePair(t, &c, name)
	return c
}

func writePair(t *testing.T, c *TLSConfig, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{c.CertFile: {Type: "CERTIFICATE", Bytes: der}, c.KeyFile: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func servedName(t *testing.T, addr string) string {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestCertificatesAreReloaded(t *testing.T) {
	t.Parallel()
	conf := testConfig()
	conf.Listeners[0].TLS = selfSigned(t, "one")
	g := start(t, conf, echo)
	if got := servedName(t, g.addr); got != "one" {
		t.Fatalf("got %q, want one", got)
	}
	pair := conf.Listeners[0].TLS
	writePair(t, &pair, "two")
	later := time.Now().Add(time.Minute)
	_ = os.Chtimes(pair.CertFile, later, later)
	g.certs[0].refresh(zerolog.Nop())
	if got := servedName(t, g.addr); got != "two" {
		t.Errorf("got %q, want two", got)
	}
	_ = os.WriteFile(pair.CertFile, []byte("broken"), 0o600)
	g.certs[0].refresh(zerolog.Nop())
	if got := servedName(t, g.addr); got != "two" {
		t.Errorf("got %q, want the old one kept", got)
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	conf := testConfig()
	client := selfSigned(t, "client")
	conf.Listeners[0].TLS = selfSigned(t, "server")
	conf.Listeners[0].TLS.ClientCAFile = client.CertFile
	g := start(t, conf, func(x *engine.Exchange) error {
		x.Reply.Status = 200
		x.Reply.Body = []byte(x.Conn.TLS.PeerCertificates[0].Subject.CommonName + " " + x.Request.Scheme)
		return nil
	})
	pair, err := tls.LoadX509KeyPair(client.CertFile, client.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, certs := range [][]tls.Certificate{{pair}, nil} {
		c := tls.Client(dial(t, g.addr), &tls.Config{InsecureSkipVerify: true, Certificates: certs})
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = c.Write([]byte(post(chat, "connection: close")))
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		if ok := strings.Contains(string(buf[:n]), "\r\n\r\nclient https"); ok != (certs != nil) {
			t.Errorf("got %q with %d certificates", buf[:n], len(certs))
		}
	}
}

func TestForwardedAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, trusted, fields, want string
	}{
		{"nobody trusted", "", "x-forwarded-for: 1.1.1.1\r\n", "127.0.0.1 http"},
		{"peer trusted", "127.0.0.0/8", "x-forwarded-for: 1.1.1.1\r\nx-forwarded-proto: https\r\n", "1.1.1.1 https"},
		{"nearest untrusted", "127.0.0.1", "x-forwarded-for: 9.9.9.9, 1.1.1.1, 127.0.0.1\r\n", "1.1.1.1 http"},
		{"several fields", "127.0.0.1", "x-forwarded-for: 9.9.9.9\r\nx-forwarded-for: 1.1.1.1\r\n", "1.1.1.1 http"},
		{"with port", "127.0.0.1", "x-forwarded-for: 1.1.1.1:80\r\n", "1.1.1.1 http"},
		{"version 6", "127.0.0.1", "x-forwarded-for: [2001:db8::1]:80\r\n", "2001:db8::1 http"},
		{"nonsense", "127.0.0.1", "x-forwarded-for: 9.9.9.9, me\r\n", "127.0.0.1 http"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := testConfig()
			if tt.trusted != "" {
				if err := kindPrefixes().set(&c.TrustedProxies, tt.trusted); err != nil {
					t.Fatal(err)
				}
			}
			g := start(t, c, func(x *engine.Exchange) error {
				x.Reply.Status = 200
				x.Reply.Body = []byte(x.Conn.ClientIP.String() + " " + x.Request.Scheme)
				return nil
			})
			got := talk(t, g.addr, post(chat, strings.Split(strings.TrimSpace(tt.fields+"connection: close"), "\r\n")...))
			if !strings.HasSuffix(got, "\r\n\r\n"+tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Endpoints = []EndpointConfig{
		{ID: "any"},
		{ID: "team", PathPrefix: "/team"},
		{ID: "deep", PathPrefix: "/team/deep"},
		{ID: "host", Host: "ai.example.com"},
		{ID: "wild", Host: "*.example.com", PathPrefix: "/x"},
	}
	policies := map[string]Policy{}
	for _, e := range c.Endpoints {
		policies[e.ID] = &fakePolicy{open: true, plan: &fakePlan{run: func(x *engine.Exchange) error {
			x.Reply.Status = 200
			x.Reply.Body = []byte(e.ID + " " + x.Endpoint.ID + " " + x.Request.API.String())
			return nil
		}}}
	}
	g := startWith(t, c, policies)
	tests := []struct{ host, path, want string }{
		{"localhost", "/v1/embeddings", "any any openai.embeddings"},
		{"localhost", "/team/v1/embeddings", "team team openai.embeddings"},
		{"localhost", "/team/deep/v1/embeddings", "deep deep openai.embeddings"},
		{"AI.example.com:80", "/v1/embeddings", "host host openai.embeddings"},
		{"b.example.com", "/x/v1/embeddings", "wild wild openai.embeddings"},
		{"b.example.com", "/v1/embeddings", "any any openai.embeddings"},
		{"localhost", "/teams/v1/embeddings", `"not_found"`},
	}
	for _, tt := range tests {
		got := talk(t, g.addr, "POST "+tt.path+" HTTP/1.1\r\nhost: "+tt.host+"\r\nconnection: close\r\n\r\n")
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s%s: got %q, want %q", tt.host, tt.path, got, tt.want)
		}
	}
}

func TestModelsInEveryShape(t *testing.T) {
	t.Parallel()
	plan := &fakePlan{models: []wire.ModelEntry{{ID: "m1"}, {ID: "m2"}}}
	g := startWith(t, testConfig(), map[string]Policy{"default": &fakePolicy{plan: plan, open: true}})
	tests := []struct{ path, fields, want string }{
		{"/v1/models", "", `{"object":"list","data":[{"id":"m1"`},
		{"/v1/models?limit=1", "anthropic-version: 2023-06-01\r\n", `"has_more":true`},
		{"/v1/models", "x-goog-api-key: k\r\n", `{"models":[{"name":"models/m1"`},
		{"/v1beta/models/m2", "x-goog-api-key: k\r\n", `{"name":"models/m2"`},
		{"/v1/models/m2", "", `{"id":"m2"`},
		{"/v1/models/m3", "", `"code":"model_not_found"`},
	}
	for _, tt := range tests {
		got := talk(t, g.addr, "GET "+tt.path+" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"+tt.fields+"\r\n")
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestListedOriginsMayRead(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Origins = []string{"https://app.example.com"}
	g := start(t, c, echo)
	got := talk(t, g.addr, "OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\norigin: https://app.example.com\r\n"+
		"access-control-request-headers: authorization\r\nconnection: close\r\n\r\n")
	for _, want := range []string{"HTTP/1.1 204 ", "access-control-allow-origin: https://app.example.com\r\n", "access-control-allow-headers: authorization\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	got = talk(t, g.addr, post(chat, "origin: https://app.example.com", "connection: close"))
	if !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.Contains(got, "access-control-allow-origin: https://app.example.com\r\n") {
		t.Errorf("got %q, want an answer the page may read", got)
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	g := start(t, testConfig(), echo)
	body := `{"model":"` + strings.Repeat("m", 2000) + "\u202e\u0085" + `"}`
	talk(t, g.addr, post(body, "connection: close", "authorization: Bearer secret-key"))
	talk(t, g.addr, "GET /v1/%e2%80%ae%1b HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
	talk(t, g.addr, "GET /v1/%e2%80%aeb HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
	waitFor(t, "three lines", func() bool { return strings.Count(g.access.String(), "\n") == 3 })
	text := g.access.String()
	if strings.Contains(text, "secret") || strings.ContainsAny(text, "\u202e\u0085\x1b") {
		t.Errorf("got %q, want neither secrets nor marks that move the cursor", text)
	}
	for line := range strings.Lines(text) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("got %q, want JSON: %v", line, err)
		}
		if len(line) > 2000 || fields["status"] == nil || fields["request_id"] == nil {
			t.Errorf("got %q, want a short line with id and status", line)
		}
	}
	if !strings.Contains(text, `\u202eb`) || !strings.Contains(text, `"code":"bad_request"`) {
		t.Errorf("got %q, want the escape and the code", text)
	}
}

// stuck is a log that takes nothing until it is let go.
type stuck struct{ let chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.let
	return len(p), nil
}

func TestSlowLogDropsAndCounts(t *testing.T) {
	t.Parallel()
	s := &stats{}
	out := stuck{let: make(chan struct{})}
	a := newAccessLog(out, s, &LogConfig{Format: "json"})
	const pad = `{"pad":"0123456789012345678901234567890123456789"}` + "\n"
	const fits = int64(logPending / len(pad))
	for range 4 * fits { // what one write holds, what waits behind it, and more
		a.queue([]byte(pad))
	}
	if n := s.logsDropped.Load(); n < fits || n > 4*fits {
		t.Errorf("got %d lines dropped, want what did not fit", n)
	}
	close(out.let)
	a.close()
}

func TestUnixListener(t *testing.T) {
	t.Parallel()
	c := testConfig()
	path := filepath.Join(t.TempDir(), "data.sock")
	c.Listeners[0].Address = "unix:" + path
	start(t, c, echo)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte(post(chat, "connection: close")))
	if got := readAll(t, conn); !strings.HasSuffix(got, chat) {
		t.Errorf("got %q, want the answer", got)
	}
}
