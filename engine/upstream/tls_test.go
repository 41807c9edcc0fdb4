package upstream

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authorityForTests signs certificates.
type authorityForTests struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authorityForTests {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authorityForTests{cert: cert, key: key, file: filepath.Join(t.TempDir(), "ca.pem")}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue writes a certificate for a name, and its key.
func (a *authorityForTests) issue(t *testing.T, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "EC PRIVATE KEY", keyDER)
	return certFile, keyFile
}

// pair is a certificate for origin.example.
func (a *authorityForTests) pair(t *testing.T) tls.Certificate {
	t.Helper()
	certFile, keyFile := a.issue(t, "origin.example")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// serveTLS runs a script behind TLS.
func serveTLS(t *testing.T, cfg *tls.Config, script func(n int, c net.Conn, r *bufio.Reader)) *rawServer {
	t.Helper()
	return serve(t, func(n int, c net.Conn, r *bufio.Reader) {
		secured := tls.Server(readFrom{c, r}, cfg)
		if secured.Handshake() == nil {
			script(n, secured, bufio.NewReader(secured))
		} else {
			_, _ = io.Copy(io.Discard, r) // a close with unread bytes would be a reset, and the alert lost
		}
		_ = secured.Close()
	})
}

// readFrom is a connection that is read through a buffer.
type readFrom struct {
	net.Conn
	r io.Reader
}

func (c readFrom) Read(p []byte) (int, error) { return c.r.Read(p) }

func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	pair := ca.pair(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	certFile, keyFile := ca.issue(t, "weir")
	tests := []struct {
		name   string
		server *tls.Config // nil for one without wishes
		client TLSConfig
		want   error
	}{
		{name: "own authority and server name", client: TLSConfig{CAFile: ca.file, ServerName: "origin.example"}},
		{name: "wrong name", client: TLSConfig{CAFile: ca.file}, want: ErrTLS},
		{name: "system roots", client: TLSConfig{ServerName: "origin.example"}, want: ErrTLS},
		{name: "other authority", client: TLSConfig{CAFile: other.file, ServerName: "origin.example"}, want: ErrTLS},
		{
			name: "old server", server: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
			client: TLSConfig{CAFile: ca.file, ServerName: "origin.example"}, want: ErrTLS,
		},
		{name: "1.2 server", server: &tls.Config{MaxVersion: tls.VersionTLS12}, client: TLSConfig{CAFile: ca.file, ServerName: "origin.example"}},
		{
			name: "1.2 server, 1.3 wanted", server: &tls.Config{MaxVersion: tls.VersionTLS12},
			client: TLSConfig{CAFile: ca.file, ServerName: "origin.example", MinVersion: tls.VersionTLS13}, want: ErrTLS,
		},
		{
			name: "another protocol", server: &tls.Config{NextProtos: []string{"other"}},
			client: TLSConfig{CAFile: ca.file, ServerName: "origin.example"}, want: ErrTLS,
		},
		{
			name: "client certificate", server: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool},
			client: TLSConfig{CAFile: ca.file, ServerName: "origin.example", CertFile: certFile, KeyFile: keyFile},
		},
		{
			name: "client certificate missing, found after the handshake", server: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool},
			client: TLSConfig{CAFile: ca.file, ServerName: "origin.example"}, want: ErrTLS,
		},
		{
			name: "client certificate missing", server: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MaxVersion: tls.VersionTLS12},
			client: TLSConfig{CAFile: ca.file, ServerName: "origin.example"}, want: ErrTLS,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkTLS(t, pair, tt.server, tt.client, tt.want) })
	}
}

// checkTLS expects calls to an origin that shows pair to work on one connection, or to fail with want.
func checkTLS(t *testing.T, pair tls.Certificate, server *tls.Config, client TLSConfig, want error) {
	t.Helper()
	names := make(chan string, 10)
	if server == nil {
		server = &tls.Config{}
	}
	server.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		names <- hello.ServerName
		return &pair, nil
	}
	s := serveTLS(t, server, always(okAnswer))
	c := newClient(t, Options{})
	ep, err := c.Endpoint(EndpointConfig{Scheme: "https", Host: s.addr(), TLS: client})
	if err != nil {
		t.Fatal(err)
	}
	if want != nil {
		_, err := get(t, c, post(ep))
		wantError(t, err, want)
		return
	}
	for range 3 {
		wantBody(t, c, post(ep), "ok")
	}
	if got := <-names; got != "origin.example" || s.connections() != 1 {
		t.Errorf("got server name %q and %d connections", got, s.connections())
	}
}

func TestTLSBodies(t *testing.T) {
	ca := newAuthority(t)
	pair := ca.pair(t)
	bodies := make(chan string, 1)
	s := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{pair}}, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			head, body, err := readRequest(r)
			if err != nil {
				return
			}
			bodies <- body
			if strings.Contains(head, "/cut") {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nnot all")
				return // the server says farewell first, so this is a clean end
			}
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	c := newClient(t, Options{})
	ep, err := c.Endpoint(EndpointConfig{Scheme: "https", Host: s.addr(), TLS: TLSConfig{CAFile: ca.file, ServerName: "origin.example"}})
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Repeat("p", writeWhole/3)
	for _, segments := range [][]string{{}, {part}, {part, part, part, part, part}, {strings.Repeat(part, 20), "x", part, strings.Repeat(part, 9)}} {
		req := post(ep)
		req.Segments = nil
		for _, s := range segments {
			req.Segments = append(req.Segments, []byte(s))
		}
		req.Headers = append(req.Headers, Header{"X-Long", strings.Repeat("h", 2*writeWhole)})
		want := string(req.Body) + strings.Join(segments, "")
		done := make(chan error, 1)
		go func() {
			_, err := get(t, c, req)
			done <- err
		}()
		if got := <-bodies; got != want {
			t.Errorf("got a body of %d bytes, want %d", len(got), len(want))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	req := post(ep)
	req.Target = "/cut"
	wantBody(t, c, req, "not all")
	<-bodies
}

// New certificates are used from the next dial on, and broken files leave the old ones in place.
func TestTLSReload(t *testing.T) {
	old, fresh := newAuthority(t), newAuthority(t)
	pair := fresh.pair(t)
	s := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{pair}}, once(okAnswer))
	c := newClient(t, Options{})
	ep, err := c.Endpoint(EndpointConfig{Scheme: "https", Host: s.addr(), TLS: TLSConfig{CAFile: old.file, ServerName: "origin.example"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = get(t, c, post(ep))
	wantError(t, err, ErrTLS)
	good, err := os.ReadFile(fresh.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old.file, append(good, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	wantBody(t, c, post(ep), "ok")
	if err := os.WriteFile(old.file, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantBody(t, c, post(ep), "ok")
}

func TestTLSConfigErrors(t *testing.T) {
	ca := newAuthority(t)
	tests := []struct {
		name string
		cfg  TLSConfig
	}{
		{"version 1.1", TLSConfig{MinVersion: tls.VersionTLS11}},
		{"certificate without key", TLSConfig{CertFile: ca.file}},
		{"no such file", TLSConfig{CAFile: "/does/not/exist"}},
		{"certificate that is none", TLSConfig{CertFile: ca.file, KeyFile: ca.file}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newClient(t, Options{}).Endpoint(EndpointConfig{Scheme: "https", Host: "example.com", TLS: tt.cfg})
			wantError(t, err, ErrConfig)
		})
	}
}
