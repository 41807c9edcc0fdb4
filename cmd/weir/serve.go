package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"

	"weir/actions"
	"weir/engine"
	"weir/engine/diag"
	"weir/policies"
	"weir/providers"
	"weir/server"
)

// tokenEnv names the variable that holds the admin listener's token.
const tokenEnv = "WEIR_ADMIN_TOKEN"

type serveCmd struct {
	Policy string `arg:"" optional:"" type:"existingfile" help:"Policy file of the default endpoint; none = route by the model's name."`
	Config string `type:"existingfile" help:"weir.yaml: listeners, TLS, limits, secrets, endpoints."`
	Listen string `placeholder:"ADDR" help:"Address of the gateway, in place of the first listener's."`
	Admin  string `placeholder:"ADDR" help:"Address of the admin listener; none = without one."`
	Demo   bool   `help:"Simulated providers, and no authentication on loopback."`
}

// Run serves until it is told to stop.
func (c *serveCmd) Run(a *app) error {
	config, err := a.config(c.Config)
	if err != nil {
		return err
	}
	if err := c.override(config); err != nil {
		return err
	}
	log := newLogger(a, config)
	checkFiles(log, config)
	var opts []partOption
	if c.Demo {
		d, err := startDemo()
		if err != nil {
			return err
		}
		defer d.close(log)
		opts = append(opts, func(o *engine.RuntimeOptions) { o.Demo = d.provider() })
	}
	local := a.probeLocal(context.Background(), providers.Registry())
	opts = append(opts, func(o *engine.RuntimeOptions) { o.Local = local })
	decisions, err := a.decisionLog(config, log)
	if err != nil {
		return err
	}
	defer decisions.Close()
	opts = append(opts, logsDecisions(decisions))
	parts, err := a.newParts(config, log, opts...)
	if err != nil {
		return err
	}
	defer parts.close()
	token := a.adminToken()
	plans := &planner{config: config, runtime: parts.runtime, open: func() (*accessService, error) {
		return a.openAccess(config, parts.secrets, parts.runtime, token, log)
	}}
	defer func() {
		if err := plans.close(); err != nil {
			log.Error().Err(err).Msg("access keys ended badly")
		}
	}()
	stores, err := c.load(a, config, parts, plans, log)
	if err != nil {
		return err
	}
	o := &server.Options{
		Config: config, Policies: stores.byID, Pool: parts.runtime, Token: token, Log: log, Decisions: decisions,
	}
	if s := plans.access; s != nil {
		o.API, o.AccessStats = s.api, s
		s.run(stores.list)
	}
	return c.serve(a, o, stores, plans.access)
}

// adminToken is the token of the admin listener: that of the environment, or one that is made now.
func (a *app) adminToken() string {
	if v, ok := a.getenv(tokenEnv); ok && v != "" {
		return v
	}
	return rand.Text()
}

// override puts the command line over weir.yaml.
func (c *serveCmd) override(config *server.Config) error {
	if c.Listen != "" {
		config.Listeners[0].Address = c.Listen
	}
	switch c.Admin {
	case "":
	case "none":
		config.Admin.Address = ""
	default:
		config.Admin.Address = c.Admin
	}
	if c.Demo {
		config.OpenMode, config.Drain.Wait = true, 0 // no balancer watches a demo
	}
	const id = "default"
	if len(config.Endpoints) == 0 {
		config.Endpoints = []server.EndpointConfig{{ID: id, Policy: c.Policy}}
		return nil
	}
	if c.Policy == "" {
		return nil
	}
	for i := range config.Endpoints {
		if e := &config.Endpoints[i]; e.ID == id || (e.Host == "" && e.PathPrefix == "") {
			return fmt.Errorf("weir.yaml has the endpoint %s already: leave out its entry or the policy of the command line", e.ID)
		}
	}
	config.Endpoints = append(config.Endpoints, server.EndpointConfig{ID: id, Policy: c.Policy})
	return nil
}

func newLogger(a *app, c *server.Config) zerolog.Logger {
	level, err := zerolog.ParseLevel(c.Log.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	out := a.err
	if c.Log.Format == "console" {
		out = zerolog.ConsoleWriter{Out: a.err, NoColor: true}
	}
	return zerolog.New(zerolog.SyncWriter(out)).Level(level).With().Timestamp().Logger()
}

// stores are the policies of the endpoints, by id and in order.
type stores struct {
	list []*policies.Store
	byID map[string]server.Policy
}

// load loads every policy; a cold start with a broken one does not listen.
func (c *serveCmd) load(a *app, config *server.Config, p *parts, plans *planner, log zerolog.Logger) (*stores, error) {
	if err := plans.begin(); err != nil {
		return nil, err
	}
	out := &stores{byID: map[string]server.Policy{}}
	loaded := map[string]*policies.Store{}
	p.runtime.SetEndpoints(gatewayEndpoints(config, loaded))
	for i := range config.Endpoints {
		e := &config.Endpoints[i]
		s := policies.NewStore(policies.Input{Path: e.Policy}, policies.Options{
			Name: e.ID, Actions: actions.Registry(), Secrets: p.secrets, Build: plans.build, Services: p.runtime.Services, Log: log,
			BundleFolder: config.BundleFolder,
		})
		loaded[e.ID] = s
		err := s.Reload(context.Background())
		if diags := s.Status().Diagnostics; len(diags) > 0 {
			a.warnf("%s\n", diags.Error())
		}
		if err != nil {
			if _, told := errors.AsType[diag.List](err); told {
				return nil, errFailed
			}
			return nil, fmt.Errorf("loading the policy of endpoint %s: %w", e.ID, err)
		}
		out.list = append(out.list, s)
		out.byID[e.ID] = server.FromStore(s)
	}
	return out, plans.settle(context.Background(), out.list)
}

func (c *serveCmd) serve(a *app, o *server.Options, s *stores, access *accessService) error {
	config, log := o.Config, o.Log
	if config.Log.Access {
		o.Access = a.out
	}
	g, err := server.New(*o)
	if err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	if err := c.welcome(a, config, g, s, access); err != nil {
		g.Shutdown()
		return err
	}
	ctx, stop := a.untilStopped(func() {
		if access != nil {
			access.static.reload(access)
		}
		if err := g.Reload(context.Background()); err != nil {
			log.Error().Msg("not every policy was reloaded")
		}
	})
	defer stop()
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if err := policies.NewWatcher(log, s.list...).Run(ctx); err != nil {
			log.Error().Err(err).Msg("policy files are not watched; reload by SIGHUP or POST /-/reload")
		}
	})
	err = g.Run(ctx)
	stop()
	tasks.Wait()
	if err != nil {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}
