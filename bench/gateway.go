package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"weir/actions"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/diag"
	"weir/engine/upstream"
	"weir/policies"
	"weir/server"
)

// Gateway is Weir in this process: the same parts as the command puts together, without its providers.
type Gateway struct {
	client  *upstream.Client
	runtime *engine.Runtime
	store   *policies.Store
	server  *server.Gateway
}

// errNoAddress cannot happen: a gateway has a listener.
var errNoAddress = errors.New("the gateway listens nowhere")

// NewGateway compiles a policy and listens. Access lines go to access.
func NewGateway(policy, listen string, access io.Writer) (*Gateway, error) {
	g := &Gateway{client: upstream.New(upstream.Options{})}
	g.runtime = engine.NewRuntime(engine.RuntimeOptions{Client: g.client, Catalog: catalog.New(nil)})
	g.store = policies.NewStore(policies.Input{Path: "bench.yaml", Text: []byte(policy)}, policies.Options{
		Actions: actions.Registry(), Services: g.runtime.Services,
		Build: func(cfg engine.PlanConfig) (*engine.Plan, diag.List) {
			return g.runtime.NewPlan(cfg)
		},
	})
	if err := g.store.Reload(context.Background()); err != nil {
		g.client.Close()
		return nil, fmt.Errorf("loading the policy: %w", err)
	}
	config := server.DefaultConfig()
	config.Listeners = []server.ListenerConfig{{Address: listen}}
	config.Admin.Address, config.OpenMode = "", true
	config.Endpoints = []server.EndpointConfig{{ID: "bench"}}
	config.Drain = server.DrainConfig{Timeout: time.Second}
	var err error
	g.server, err = server.New(server.Options{
		Config: config, Policies: map[string]server.Policy{"bench": server.FromStore(g.store)}, Pool: g.runtime, Access: access,
	})
	if err != nil {
		g.client.Close()
		return nil, fmt.Errorf("starting the gateway: %w", err)
	}
	return g, nil
}

// Addr is where the gateway listens.
func (g *Gateway) Addr() (string, error) {
	if addrs := g.server.Addrs(); len(addrs) > 0 {
		return addrs[0], nil
	}
	return "", errNoAddress
}

// Run serves until the context ends.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.client.Close()
	if err := g.server.Run(ctx); err != nil {
		return fmt.Errorf("running the gateway: %w", err)
	}
	return nil
}
