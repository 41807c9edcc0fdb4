package e2e

import (
	"cmp"
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/actions"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/upstream"
	"weir/policies"
	"weir/providers/sim"
	"weir/server"
)

// patience bounds every wait: far longer than a busy machine needs, short enough that a hang is noticed.
const patience = 20 * time.Second

// soon is the second that the design promises for everything that follows a client that went away, and what a machine may
// take beside that runs the tests of other packages at the same time.
const soon = time.Second + slack

// transport is what clients speak through.
type transport string

const (
	plain   transport = "plain"
	overTLS transport = "TLS"
)

// setup says what a world is made of.
type setup struct {
	// policy is a document in which {{name}} is the base URL of the simulator of that name.
	policy string
	// sims are the simulated providers: a name, and the script of its faults.
	sims map[string]string
	// specs are the built-in providers; most tests need none.
	specs  []engine.ProviderSpec
	by     transport
	watch  bool
	config func(*server.Config)
	// at is where the policy lies, and lay puts it there; a file of the world's own where they are missing.
	at  string
	lay func(*world)
}

// world is a gateway on a loopback port in front of its simulated providers.
type world struct {
	t     *testing.T
	dir   string
	addr  string
	path  string // of the policy
	store *policies.Store
	log   *lines
	sims  map[string]*provider
	cert  *certificate
}

// provider is one simulated provider.
type provider struct {
	name, url string
	*sim.Server
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps what was logged.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), sims: map[string]*provider{}, log: &lines{}}
	for name, script := range s.sims {
		w.simulate(name, script)
	}
	w.path = cmp.Or(s.at, filepath.Join(w.dir, "policy.yaml"))
	if s.lay != nil {
		s.lay(w)
	} else {
		w.write(w.path, s.policy)
	}
	models, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Options{})
	t.Cleanup(client.Close)
	rt := engine.NewRuntime(engine.RuntimeOptions{Client: client, Catalog: models, Providers: s.specs, Log: zerolog.Nop()})
	w.store = policies.NewStore(policies.Input{Path: w.path}, policies.Options{
		Actions: actions.Registry(), Build: rt.NewPlan, Services: rt.Services, Log: zerolog.Nop(),
	})
	if err := w.store.Reload(t.Context()); err != nil {
		t.Fatalf("the policy does not load: %v", err)
	}
	w.serve(&s, rt)
	return w
}

// simulate starts a provider that does what its script says.
func (w *world) simulate(name, script string) {
	w.t.Helper()
	faults, err := sim.ParseScript(script)
	if err != nil {
		w.t.Fatal(err)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	p := &provider{name: name, url: "http://" + ln.Addr().String(), Server: sim.New(sim.Options{Script: faults})}
	served := make(chan error, 1)
	go func() { served <- p.Serve(ln) }()
	w.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			w.t.Errorf("closing %s: %v", name, err)
		}
		_ = ln.Close() // the simulator may not have begun to serve
		if err := <-served; err != nil {
			w.t.Errorf("serving %s: %v", name, err)
		}
	})
	w.sims[name] = p
}

// serve runs the gateway, and the watcher where the test wants it, until the test ends.
func (w *world) serve(s *setup, rt *engine.Runtime) {
	w.t.Helper()
	config := server.DefaultConfig()
	config.Listeners = []server.ListenerConfig{{Address: "127.0.0.1:0"}}
	if s.by == overTLS {
		w.cert = newCertificate(w.t, w.dir)
		config.Listeners[0].TLS = w.cert.files
	}
	config.Admin.Address, config.OpenMode = "", true
	config.Endpoints = []server.EndpointConfig{{ID: "e2e"}}
	config.Drain = server.DrainConfig{Timeout: 2 * time.Second}
	if s.config != nil {
		s.config(config)
	}
	gateway, err := server.New(server.Options{
		Config: config, Policies: map[string]server.Policy{"e2e": server.FromStore(w.store)}, Pool: rt,
		Access: w.log, Log: zerolog.Nop(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.addr = gateway.Addrs()[0]
	ctx, stop := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if err := gateway.Run(ctx); err != nil {
			w.t.Errorf("the gateway ended: %v", err)
		}
	})
	if s.watch {
		watcher := policies.NewWatcher(zerolog.Nop(), w.store)
		tasks.Go(func() {
			if err := watcher.Run(ctx); err != nil {
				w.t.Errorf("the watcher ended: %v", err)
			}
		})
	}
	w.t.Cleanup(func() {
		stop()
		tasks.Wait()
		if n := rt.InFlight(); n != 0 {
			w.t.Errorf("%d exchanges were not given back", n)
		}
	})
}

// fill puts the addresses of the simulators into a policy.
func (w *world) fill(policy string) string {
	for name, p := range w.sims {
		policy = strings.ReplaceAll(policy, "{{"+name+"}}", p.url)
	}
	return policy
}

func (w *world) write(path, policy string) {
	w.t.Helper()
	if err := os.WriteFile(path, []byte(w.fill(policy)), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// call is one upstream call with the name of the provider that noted it.
type call struct {
	at string
	sim.Call
}

// calls are the calls of every provider in the order in which they began.
func (w *world) calls() []call {
	var all []call
	for name, p := range w.sims {
		made := p.Calls()
		for i := range made {
			all = append(all, call{name, made[i]})
		}
	}
	slices.SortFunc(all, func(a, b call) int { return a.Began.Compare(b.Began) })
	return all
}

// ended waits until every upstream call has ended and returns them.
func (w *world) ended(t *testing.T) []call {
	t.Helper()
	var all []call
	waitFor(t, "the end of every upstream call", func() bool {
		all = w.calls()
		return !slices.ContainsFunc(all, func(c call) bool { return c.End == sim.Running })
	})
	return all
}

// sequence names providers and keys in the order of the calls: alpha/one alpha/two beta/one.
func sequence(calls []call, keys map[string]string) string {
	names := make([]string, len(calls))
	for i := range calls {
		names[i] = calls[i].at
		if key := keys[calls[i].Key]; key != "" {
			names[i] += "/" + key
		}
	}
	return strings.Join(names, " ")
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begin := time.Now(); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}
