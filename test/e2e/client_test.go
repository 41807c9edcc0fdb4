package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/server"
)

// answer is what the client got.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    error // why the body did not end as its framing says it should; nil = it did
}

// String shows the answer in a failure.
func (a *answer) String() string {
	const shown = 1500
	text := string(a.body)
	if len(text) > shown {
		text = text[:shown/2] + "\n[...]\n" + text[len(text)-shown/2:]
	}
	return fmt.Sprintf("status %d\nheaders %v\nended %v\n%s", a.status, a.header, a.cut, text)
}

// post is a POST with a JSON body as it goes over the wire.
func post(path, body string, fields ...string) string {
	all := append([]string{
		"POST " + path + " HTTP/1.1", "Host: localhost", "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)),
	}, fields...)
	return strings.Join(all, "\r\n") + "\r\n\r\n" + body
}

func get(path string, fields ...string) string {
	return strings.Join(append([]string{"GET " + path + " HTTP/1.1", "Host: localhost"}, fields...), "\r\n") + "\r\n\r\n"
}

// dial opens a connection that ends with the test.
func (w *world) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := w.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *world) connect(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", w.addr)
	if err != nil {
		return nil, fmt.Errorf("dialling: %w", err)
	}
	if w.cert != nil {
		c = tls.Client(c, &tls.Config{RootCAs: w.cert.roots, ServerName: "localhost", MinVersion: tls.VersionTLS12})
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, fmt.Errorf("setting the deadline: %w", err)
	}
	return c, nil
}

// send sends bytes on a connection of their own and reads one answer to its end.
func (w *world) send(t *testing.T, request string) *answer {
	t.Helper()
	a, err := w.try(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try is send for goroutines, which cannot end the test.
func (w *world) try(ctx context.Context, request string) (*answer, error) {
	c, err := w.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, request); err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	method, _, _ := strings.Cut(request, " ")
	return readAnswer(bufio.NewReader(c), method)
}

// readAnswer reads one final answer; interim ones are passed over.
func readAnswer(from *bufio.Reader, method string) (*answer, error) {
	for {
		got, err := http.ReadResponse(from, &http.Request{Method: method})
		if err != nil {
			return nil, fmt.Errorf("reading the answer: %w", err)
		}
		if got.StatusCode < http.StatusOK {
			continue
		}
		a := &answer{status: got.StatusCode, header: got.Header}
		a.body, a.cut = io.ReadAll(got.Body)
		_ = got.Body.Close()
		var silent net.Error
		if errors.As(a.cut, &silent) && silent.Timeout() {
			return a, fmt.Errorf("the answer did not end: %w", a.cut)
		}
		return a, nil
	}
}

// readUntil reads raw bytes until the text is among them.
func readUntil(t *testing.T, c net.Conn, want string) []byte {
	t.Helper()
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, []byte(want)) {
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			t.Fatalf("got %q and %v, want %q", got, err, want)
		}
	}
	return got
}

// certificate is what a gateway behind TLS shows, and what a client needs to believe it.
type certificate struct {
	files server.TLSConfig
	roots *x509.CertPool
}

func newCertificate(t *testing.T, dir string) *certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := &certificate{roots: x509.NewCertPool()}
	c.files.CertFile, c.files.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	c.roots.AppendCertsFromPEM(public)
	for path, text := range map[string][]byte{
		c.files.CertFile: public, c.files.KeyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
