package policytest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"

	"weir/actions"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/diag"
	engineup "weir/engine/upstream"
	"weir/policies"
	"weir/providers"
	"weir/providers/sim"
	"weir/server"
)

// patience is how long a script waits for anything: far longer than a busy machine needs for a reload or an answer, and
// short enough that a script that hangs is noticed.
const patience = 20 * time.Second

// maxFile bounds a file that is taken from the script's folder: policies and requests are pages, not data sets.
const maxFile = 4 << 20

// worldKey is where testscript keeps the world of a script.
type worldKey struct{}

// world is everything one script has: its files, its clock, its secrets, its providers and its gateway.
type world struct {
	script string // the archive
	dir    string // where its files were unpacked
	update bool

	clock     *clock
	secrets   map[string]secret
	access    access
	specs     []engine.ProviderSpec
	upstreams map[string]*upstream // by canonical id
	stray     *upstream            // takes the calls to providers that nobody simulates

	client  *engineup.Client
	store   *policies.Store
	policy  string // its file
	gateway *server.Gateway
	lines   *lines
	stop    context.CancelFunc
	tasks   sync.WaitGroup

	last    *answer
	sent    []string          // credentials of the last request
	updates map[string]string // files of the archive to rewrite at the end
}

func newWorld(script, dir string) (*world, error) {
	w := &world{
		script: script, dir: dir, clock: newClock(), secrets: map[string]secret{}, specs: providers.Registry(),
		upstreams: map[string]*upstream{}, lines: newLines(), updates: map[string]string{},
	}
	told, err := sim.ParseFault(`status=501;body={"error":{"message":"the script simulates no provider of this name"}}`)
	if err != nil {
		return nil, fmt.Errorf("preparing the script: %w", err)
	}
	w.stray, err = w.serve("stray", sim.Options{Fault: told})
	return w, err
}

func worldOf(ts *testscript.TestScript) *world {
	w, ok := ts.Value(worldKey{}).(*world)
	if !ok {
		ts.Fatalf("the script has no world")
	}
	return w
}

// close ends what the script started, and writes what it updated.
func (w *world) close() {
	if w.stop != nil {
		w.stop()
	}
	w.tasks.Wait()
	if w.client != nil {
		w.client.Close()
	}
	for _, u := range w.upstreams {
		u.close()
	}
	w.stray.close()
	w.rewrite()
}

// file finds a file of the script: in its archive, else beside it, from where it is copied so that edits stay here. What
// stands beside it may be named in it, and comes with it.
func (w *world) file(name string) (string, error) {
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fmt.Errorf("%s is not a file of the script or of its folder", name)
	}
	beside := filepath.Join(filepath.Dir(w.script), filepath.FromSlash(name))
	info, err := os.Stat(beside)
	switch {
	case err != nil || !info.Mode().IsRegular():
		return "", fmt.Errorf("there is no %s in the script or beside it", name)
	case info.Size() > maxFile:
		return "", fmt.Errorf("%s is over %d bytes", name, maxFile)
	}
	if err := copyBeside(filepath.Dir(beside), filepath.Dir(path)); err != nil {
		return "", fmt.Errorf("copying %s: %w", name, err)
	}
	return path, nil
}

// maxBeside is how many files come with one: more than any policy names that a script is written for.
const maxBeside = 1000

// copyBeside copies the files of a folder and those below, but for other scripts, hidden ones, those that are too large and
// what is there already.
func copyBeside(from, to string) error {
	count := 0
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return fmt.Errorf("naming %s: %w", path, err)
		}
		target := filepath.Join(to, rel)
		switch {
		case entry.IsDir() && rel != "." && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o750)
		case filepath.Ext(path) == ".txtar", strings.HasPrefix(entry.Name(), "."), !entry.Type().IsRegular():
			return nil
		}
		count++
		if count > maxBeside {
			return fmt.Errorf("there are more than %d files in %s", maxBeside, from)
		}
		return copyFile(path, target)
	})
	if err != nil {
		return fmt.Errorf("copying what stands beside it: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil || info.Size() > maxFile {
		return err //nolint:wrapcheck // the caller says what it was doing
	}
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	text, err := os.ReadFile(from) //nolint:gosec // a script reads the files of its own folder
	if err != nil {
		return err //nolint:wrapcheck // as above
	}
	return os.WriteFile(to, text, 0o600) //nolint:wrapcheck,gosec // as above; below the script's own folder
}

func (w *world) read(name string) (string, error) {
	path, err := w.file(name)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path) //nolint:gosec // found by file
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return string(text), nil
}

// load loads the policy and starts the gateway on it. A policy that does not load leaves no gateway; what is wrong with it
// is in the store's status.
func (w *world) load(path string) error {
	if w.client == nil {
		w.client = engineup.New(engineup.Options{})
	}
	models, err := catalog.Load()
	if err != nil {
		return fmt.Errorf("loading the catalog: %w", err)
	}
	rt := engine.NewRuntime(engine.RuntimeOptions{
		Client: w.client, Catalog: models, Providers: w.specs, Env: providers.Environment(w.getenv), Local: w.answering(),
		Locate: w.locate, Log: zerolog.Nop(), Now: w.clock.read,
	})
	w.policy = path
	rt.SetAccess(&w.access)
	rt.SetMeter(&w.access)
	rt.SetEndpoints([]engine.GatewayEndpoint{{ID: endpointID, Plan: func() *engine.Plan { return w.store.Load() }}})
	w.store = policies.NewStore(policies.Input{Path: path}, policies.Options{
		Actions: actions.Registry(), Secrets: []policies.Source{policies.EnvSecrets(w.getenv)}, Log: zerolog.Nop(),
		Build: w.build(rt), Services: rt.Services, RegoDeadline: patience,
	})
	if err := w.store.Reload(context.Background()); err != nil {
		return fmt.Errorf("loading the policy: %w", err)
	}
	return w.start(rt)
}

// build makes plans as weir serve does: where there are access keys, a policy that authenticates nobody asks for one.
func (w *world) build(rt *engine.Runtime) func(engine.PlanConfig) (*engine.Plan, diag.List) {
	return func(cfg engine.PlanConfig) (*engine.Plan, diag.List) {
		if !cfg.Authenticates && w.access.any() {
			cfg.OnRequest = append([]engine.Rule{engine.AccessRule()}, cfg.OnRequest...)
			cfg.Authenticates = true
		}
		return rt.NewPlan(cfg)
	}
}

// endpointID is what logs call the only endpoint of a script's gateway.
const endpointID = "test"

func (w *world) start(rt *engine.Runtime) error {
	config := server.DefaultConfig()
	config.Listeners = []server.ListenerConfig{{Address: "127.0.0.1:0"}}
	config.Admin.Address, config.OpenMode = "", true
	config.Endpoints = []server.EndpointConfig{{ID: endpointID}}
	config.Drain = server.DrainConfig{Timeout: time.Second}
	gateway, err := server.New(server.Options{
		Config: config, Policies: map[string]server.Policy{endpointID: server.FromStore(w.store)}, Pool: rt,
		Access: w.lines, Log: zerolog.Nop(),
	})
	if err != nil {
		return fmt.Errorf("starting the gateway: %w", err)
	}
	w.gateway = gateway
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	watcher := policies.NewWatcher(zerolog.Nop(), w.store)
	w.tasks.Go(func() { _ = gateway.Run(ctx) }) // a gateway that ended answers nothing, which fails the script
	w.tasks.Go(func() { _ = watcher.Run(ctx) }) // without it edit waits in vain, which fails the script
	return nil
}

var (
	errNoPolicy    = errors.New("no policy is loaded: the script needs a policy line before this one")
	errNothingSent = errors.New("nothing was sent yet")
)

// await polls until done holds; an error says that it did not come true in time.
func await(what string, done func() bool) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !done() {
		select {
		case <-poll.C:
		case <-deadline.C:
			return fmt.Errorf("%s did not happen within %s", what, patience)
		}
	}
	return nil
}
