package server

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"weir/engine/diag"
)

// Config is weir.yaml: what is not policy.
type Config struct {
	Listeners      []ListenerConfig
	Admin          AdminConfig
	Endpoints      []EndpointConfig
	OpenMode       bool // serve callers that nothing authenticates; on loopback only
	Hosts          []string
	Origins        []string
	TrustedProxies []netip.Prefix
	Limits         Limits
	Secrets        SecretsConfig
	Log            LogConfig
	Decisions      DecisionLogConfig
	Drain          DrainConfig
	RoutingHeaders bool     // x-weir-provider, x-weir-model, x-weir-attempts on answers
	Catalog        []string // files over the built-in catalog
	Region         string   // where the gateway runs
	BundleFolder   string   // where the last good bundles of policies are kept
	IP             IPConfig
	Access         AccessConfig
}

// ListenerConfig is one address of the data port.
type ListenerConfig struct {
	Address string
	TLS     TLSConfig
}

// TLSConfig is the certificate of a listener.
type TLSConfig struct {
	CertFile, KeyFile, ClientCAFile, MinVersion string
}

// AdminConfig is the admin listener.
type AdminConfig struct {
	Address string // empty = none
	Hosts   []string
}

// EndpointConfig binds a policy to a host and a path prefix.
type EndpointConfig struct {
	ID, Host, PathPrefix, Policy string
}

// SecretsConfig says where secrets.get looks, in this order: environment, folders, files.
type SecretsConfig struct {
	Env         bool
	Dirs, Files []string
}

// IPConfig names the files that tell what addresses are.
type IPConfig struct {
	Databases []string
	Lists     []string // category=path
}

// LogConfig says what is logged and how.
type LogConfig struct {
	Format, Level string
	Access        bool
	Route         bool // tell how each target was chosen
	Bodies        int  // most bytes of each body in a line; 0 = no bodies
}

// DrainConfig is the end of a process.
type DrainConfig struct {
	Wait    time.Duration // between not ready and not listening
	Timeout time.Duration // for exchanges to end by themselves
}

// DefaultConfig is the configuration that an empty weir.yaml gives.
func DefaultConfig() *Config {
	c := &Config{}
	for _, o := range options() {
		if o.def != "" {
			_ = o.kind.set(o.field(c), o.def) // a test sets every default
		}
	}
	c.Listeners = []ListenerConfig{defaultOf(listenerOptions())}
	return c
}

func defaultOf[T any](options []option[T]) (out T) {
	for _, o := range options {
		if o.def != "" {
			_ = o.kind.set(o.field(&out), o.def) // as above
		}
	}
	return out
}

// maxConfig bounds weir.yaml, which is a page.
const maxConfig = 1 << 20

// LoadConfig reads weir.yaml. The configuration is of use only where the diagnostics hold no error.
func LoadConfig(path string) (*Config, diag.List) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxConfig {
		err = fmt.Errorf("it is over %d bytes", maxConfig)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path) //nolint:gosec // the file that the operator named
	}
	if err != nil {
		return nil, diag.List{{Pos: diag.Pos{File: path}, Code: "unreadable", Message: "the configuration cannot be read: " + err.Error()}}
	}
	return parseConfig(path, text)
}

// Open tells whether policies that authenticate nobody may be served: nil, or why not.
func (c *Config) Open() error {
	if !c.OpenMode {
		return errOpen
	}
	for i := range c.Listeners {
		if !loopbackAddress(c.Listeners[i].Address) {
			return fmt.Errorf("%w; %s can be reached from other machines", errOpen, c.Listeners[i].Address)
		}
	}
	return nil
}

// loopbackAddress reports whether an address to listen on is this machine's alone.
func loopbackAddress(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopbackHost(host)
}
