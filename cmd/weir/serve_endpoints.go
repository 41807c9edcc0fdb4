package main

import (
	"weir/engine"
	"weir/policies"
	"weir/server"
)

// gatewayEndpoints is what policies may forward to: every endpoint of weir.yaml, with the policy that is in loaded by the
// time it serves.
func gatewayEndpoints(config *server.Config, loaded map[string]*policies.Store) []engine.GatewayEndpoint {
	out := make([]engine.GatewayEndpoint, 0, len(config.Endpoints))
	for i := range config.Endpoints {
		e := &config.Endpoints[i]
		out = append(out, engine.GatewayEndpoint{
			ID: e.ID, Host: e.Host, PathPrefix: e.PathPrefix,
			Plan: func() *engine.Plan {
				if s := loaded[e.ID]; s != nil {
					return s.Load()
				}
				return nil
			},
		})
	}
	return out
}
