package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// certificateEvery is how often certificate files are looked at: they change every few weeks, and a look costs two
// calls to stat.
const certificateEvery = 30 * time.Second

// unixMode keeps other users of the machine from an admin socket.
const unixMode = 0o600

// listen opens every configured listener.
func (g *Gateway) listen() error {
	for i := range g.config.Listeners {
		if err := g.listenData(&g.config.Listeners[i]); err != nil {
			return err
		}
	}
	if g.config.Admin.Address == "" {
		return nil
	}
	ln, err := open(g.config.Admin.Address)
	if err != nil {
		return fmt.Errorf("opening the admin listener: %w", err)
	}
	if !isLoopback(ln.Addr()) {
		g.log.Warn().Stringer("address", ln.Addr()).
			Msg("the admin listener can be reached from other machines: its tokens and provider keys pass in the clear unless TLS ends in front of it")
	}
	g.admin = ln
	return nil
}

func (g *Gateway) listenData(c *ListenerConfig) error {
	ln, err := open(c.Address)
	if err != nil {
		return fmt.Errorf("opening listener %s: %w", c.Address, err)
	}
	l := &listener{
		gateway:  g,
		Listener: ln, limits: g.limits, stats: &g.stats, log: g.log, loopback: isLoopback(ln.Addr()), done: make(chan struct{}),
	}
	g.listeners = append(g.listeners, l)
	if c.TLS.CertFile != "" {
		cert, err := newCertificate(&c.TLS)
		if err != nil {
			return fmt.Errorf("opening listener %s: %w", c.Address, err)
		}
		g.certs, l.cert = append(g.certs, cert), cert
		if l.tls, err = cert.config(&c.TLS); err != nil {
			return fmt.Errorf("opening listener %s: %w", c.Address, err)
		}
	}
	l.entries = g.entriesFor(ln.Addr(), l.tls != nil)
	return g.checkOpen(l)
}

// checkOpen refuses to listen beyond this machine without proof of who calls.
func (g *Gateway) checkOpen(l *listener) error {
	for i := range l.entries {
		p := l.entries[i].policy
		if p == nil {
			return fmt.Errorf("endpoint %s has no policy", l.entries[i].ID)
		}
		if p.Status().Authenticates {
			continue
		}
		err := g.config.Open()
		if err == nil && !l.loopback {
			err = errOpen
		}
		if err != nil {
			return fmt.Errorf("listening on %s for endpoint %s: %w", l.Addr(), l.entries[i].ID, err)
		}
	}
	return nil
}

// errOpen says that a policy that authenticates nobody was to be served where that is not allowed.
var errOpen = errors.New("the policy authenticates nobody: serving everyone is for loopback, with open: true or --demo; " +
	"where callers have access keys, access.enabled: on in weir.yaml asks for them")

// open opens "host:port", or "unix:/path" for a socket only its owner may use.
func open(address string) (net.Listener, error) {
	var lc net.ListenConfig
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		return lc.Listen(context.Background(), "tcp", address) //nolint:wrapcheck // the caller names the listener
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		_ = os.Remove(path) // a socket left by a process that is gone; listening tells if not
	}
	ln, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller names the listener
	}
	if err := os.Chmod(path, unixMode); err != nil {
		_ = ln.Close() // the chmod is what failed
		return nil, fmt.Errorf("closing the socket to others: %w", err)
	}
	return ln, nil
}

// certificate is a pair of files that may be replaced while they are in use.
type certificate struct {
	certFile, keyFile string

	current atomic.Pointer[tls.Certificate]
	mu      sync.Mutex // guards stamp
	stamp   [2]time.Time
}

func newCertificate(c *TLSConfig) (*certificate, error) {
	t := &certificate{certFile: c.CertFile, keyFile: c.KeyFile}
	if err := t.load(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *certificate) load() error {
	t.stamp = t.stamps()
	pair, err := tls.LoadX509KeyPair(t.certFile, t.keyFile)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	t.current.Store(&pair)
	return nil
}

func (t *certificate) stamps() (s [2]time.Time) {
	for i, name := range []string{t.certFile, t.keyFile} {
		if info, err := os.Stat(name); err == nil {
			s[i] = info.ModTime()
		}
	}
	return s
}

// watch loads the files anew when they change; a pair that does not fit leaves the old one in use.
func (t *certificate) watch(ctx context.Context, log zerolog.Logger) {
	tick := time.NewTicker(certificateEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.refresh(log)
		}
	}
}

func (t *certificate) refresh(log zerolog.Logger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stamps() == t.stamp {
		return
	}
	if err := t.load(); err != nil {
		log.Error().Err(err).Msg("certificate not loaded, the earlier one stays")
		return
	}
	log.Info().Str("file", t.certFile).Msg("certificate loaded")
}

func (t *certificate) config(c *TLSConfig) (*tls.Config, error) {
	out := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		GetConfigForClient: fingerprint,
		GetCertificate:     func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return t.current.Load(), nil },
	}
	if c.MinVersion == "1.3" {
		out.MinVersion = tls.VersionTLS13
	}
	if c.ClientCAFile == "" {
		return out, nil
	}
	pem, err := os.ReadFile(c.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the client CA: %w", err)
	}
	out.ClientCAs = x509.NewCertPool()
	if !out.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the client CA: %s holds no certificate", c.ClientCAFile)
	}
	out.ClientAuth = tls.RequireAndVerifyClientCert
	return out, nil
}
