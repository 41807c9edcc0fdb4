package main

import (
	"fmt"

	"github.com/rs/zerolog"

	"weir/engine"
	"weir/engine/upstream"
	"weir/policies"
	"weir/server"
)

// secretSources are where secrets are looked for, in order.
func (a *app) secretSources(c *server.Config) []policies.Source {
	var out []policies.Source
	if c.Secrets.Env {
		out = append(out, policies.EnvSecrets(a.getenv))
	}
	for _, dir := range c.Secrets.Dirs {
		out = append(out, policies.DirSecrets(dir))
	}
	for _, file := range c.Secrets.Files {
		out = append(out, policies.FileSecrets(file))
	}
	return out
}

// decisionLog opens the decision log, nil where none is configured.
func (a *app) decisionLog(c *server.Config, log zerolog.Logger) (*server.DecisionLog, error) {
	if c.Decisions.Stdout {
		a.out = zerolog.SyncWriter(a.out) // which the access log writes to as well
	}
	sources := a.secretSources(c)
	d, err := server.NewDecisionLog(server.DecisionOptions{
		Config: &c.Decisions, Version: version, Stdout: a.out, Client: upstream.NewHTTPClient(nil), Log: log,
		Secret: func(name string) (string, error) { return policies.LookupSecret(sources, name) },
	})
	if err != nil {
		return nil, fmt.Errorf("decision_log: %w", err)
	}
	return d, nil
}

// logsDecisions gives the runtime a decision log, if there is one.
func logsDecisions(d *server.DecisionLog) partOption {
	return func(o *engine.RuntimeOptions) {
		if d != nil {
			o.Decisions = d
		}
	}
}
