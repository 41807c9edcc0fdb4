package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/engine"
	"weir/engine/upstream"
	"weir/policies"
	"weir/providers"
	"weir/server"
)

const (
	// probeTime is how long a local server gets to answer at the start: it is on this machine.
	probeTime = 300 * time.Millisecond
	// probeBody is what is read of its answer, of which only the status counts.
	probeBody = 4 << 10
)

// config reads weir.yaml, or gives the defaults where none is named.
func (a *app) config(path string) (*server.Config, error) {
	if path == "" {
		return server.DefaultConfig(), nil
	}
	c, diags := server.LoadConfig(path)
	if len(diags) > 0 {
		a.warnf("%s\n", diags.Error())
	}
	if diags.HasErrors() {
		return nil, errFailed
	}
	return c, nil
}

// parts are what plans are made of, shared by all endpoints.
type parts struct {
	client  *upstream.Client
	runtime *engine.Runtime
	secrets []policies.Source
}

// partOption changes the runtime before it is made.
type partOption func(*engine.RuntimeOptions)

func (a *app) newParts(c *server.Config, log zerolog.Logger, opts ...partOption) (*parts, error) {
	models, err := readModels(c.Catalog)
	if err != nil {
		return nil, err
	}
	p := &parts{client: upstream.New(upstream.Options{})}
	o := engine.RuntimeOptions{
		Client: p.client, Catalog: models, Providers: providers.Registry(), Env: providers.Environment(a.getenv), Log: log,
	}
	if !c.RoutingHeaders {
		o.HideRouting = engine.HeadersHidden
	}
	if c.Log.Route {
		o.Trace = engine.TraceLogged
	}
	for _, opt := range opts {
		opt(&o)
	}
	p.runtime = engine.NewRuntime(o)
	p.secrets = a.secretSources(c)
	return p, nil
}

func (p *parts) close() { p.client.Close() }

// probeLocal asks the providers that run on this machine whether they are there, all at once.
func (a *app) probeLocal(ctx context.Context, specs []engine.ProviderSpec) []string {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	var (
		mu    sync.Mutex
		found []string
		tasks sync.WaitGroup
	)
	for i := range specs {
		s := &specs[i]
		target, ok := a.probeURL(s)
		if !ok {
			continue
		}
		tasks.Go(func() {
			if answers(ctx, target) {
				mu.Lock()
				found = append(found, s.ID)
				mu.Unlock()
			}
		})
	}
	tasks.Wait()
	slices.Sort(found)
	return found
}

// probeURL is what to ask of a local provider. Only this machine is asked unless the environment names another.
func (a *app) probeURL(s *engine.ProviderSpec) (string, bool) {
	if s.Probe == "" {
		return "", false
	}
	base, named := s.BaseURL, false
	getenv := providers.Environment(a.getenv)
	for _, name := range s.BaseURLEnv {
		if v, ok := getenv(name); ok && v != "" {
			base, named = v, true
			break
		}
	}
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (!named && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost") {
		return "", false
	}
	return u.Scheme + "://" + u.Host + s.Probe, true
}

func answers(ctx context.Context, target string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return false
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.CopyN(io.Discard, resp.Body, probeBody)
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}
