package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// sessionsKept is how many TLS sessions an endpoint can resume: an origin needs one, and a few when it has several addresses.
const sessionsKept = 8

// TLSConfig is how an endpoint proves who it is and checks who it talks to. There is no way to skip the check.
type TLSConfig struct {
	CAFile     string // PEM; the system's roots where empty
	CertFile   string // PEM, with KeyFile, for servers that ask for a certificate
	KeyFile    string
	ServerName string // the host where empty
	MinVersion uint16 // TLS 1.2 where 0, and never lower
}

// tlsSource makes the TLS settings of dials, anew when a file has changed. While new files do not work together, as in
// the middle of a rotation, the last ones that did stay.
type tlsSource struct {
	cfg  TLSConfig
	host string

	mu      sync.Mutex
	stamps  [3]stamp
	current *tls.Config
}

type stamp struct {
	changed time.Time
	size    int64
}

func newTLSSource(cfg TLSConfig, host string) (*tlsSource, error) {
	switch {
	case cfg.MinVersion != 0 && cfg.MinVersion != tls.VersionTLS12 && cfg.MinVersion != tls.VersionTLS13:
		return nil, refuse(ErrConfig, "lowest TLS version must be 1.2 or 1.3")
	case (cfg.CertFile == "") != (cfg.KeyFile == ""):
		return nil, refuse(ErrConfig, "a client certificate needs both its file and its key's file")
	}
	s := &tlsSource{cfg: cfg, host: host}
	s.stamps = s.look()
	current, err := s.build()
	if err != nil {
		return nil, fail("", ErrConfig, err)
	}
	s.current = current
	return s, nil
}

// config returns the settings for one dial.
func (s *tlsSource) config() *tls.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.look(); now != s.stamps {
		if current, err := s.build(); err == nil {
			s.current, s.stamps = current, now
		}
	}
	return s.current
}

func (s *tlsSource) look() (stamps [3]stamp) {
	for i, name := range [...]string{s.cfg.CAFile, s.cfg.CertFile, s.cfg.KeyFile} {
		if name == "" {
			continue
		}
		if info, err := os.Stat(name); err == nil {
			stamps[i] = stamp{changed: info.ModTime(), size: info.Size()}
		}
	}
	return stamps
}

func (s *tlsSource) build() (*tls.Config, error) {
	cfg := &tls.Config{
		ServerName:         s.cfg.ServerName,
		MinVersion:         max(s.cfg.MinVersion, tls.VersionTLS12),
		NextProtos:         []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(sessionsKept),
		// Small first records help browsers paint; here they would only cost system calls.
		DynamicRecordSizingDisabled: true,
	}
	if cfg.ServerName == "" {
		cfg.ServerName = s.host
	}
	if s.cfg.CAFile != "" {
		pem, err := os.ReadFile(s.cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the certificates to trust: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("the file of certificates to trust holds none")
		}
	}
	if s.cfg.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(s.cfg.CertFile, s.cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("loading the client certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
