package main

import (
	"fmt"
	"net"
	"strings"
	"text/tabwriter"

	"weir/engine"
	"weir/server"
)

// welcome says what is on, what is off and why, and how to try it.
func (c *serveCmd) welcome(a *app, config *server.Config, g *server.Gateway, s *stores, access *accessService) error {
	base := baseURL(config, g.Addrs()[0])
	if err := a.printf("weir %s\n\n  gateway  %s\n", version, base); err != nil {
		return err
	}
	if addr := g.AdminAddr(); addr != "" {
		if err := c.sayAdmin(a, addr, g.Token()); err != nil {
			return err
		}
	}
	if err := sayAccess(a, config, g, access); err != nil {
		return err
	}
	var model string
	for i, store := range s.list {
		states := store.Load().Providers()
		if i == 0 {
			model = tryModel(states)
		}
		if err := sayProviders(a, config.Endpoints[i].ID, states); err != nil {
			return err
		}
	}
	if model == "" {
		return a.printf("\nNo provider is on: set a key such as OPENAI_API_KEY, or start with --demo.\n\n")
	}
	e := &config.Endpoints[0]
	auth := ""
	if !s.list[0].Load().Authenticates() && config.OpenMode {
		return a.printf("\nTry it:\n\n  %s\n\n", curlLine(base+strings.TrimSuffix(e.PathPrefix, "/"), auth, model))
	}
	if access != nil {
		return a.printf("\nTry it, with an access key:\n\n  %s\n\n",
			curlLine(base+strings.TrimSuffix(e.PathPrefix, "/"), " -H 'authorization: Bearer wr-...'", model))
	}
	return a.printf("\nTry it, with the credential that the policy asks for:\n\n  %s\n\n",
		curlLine(base+strings.TrimSuffix(e.PathPrefix, "/"), " -H 'authorization: Bearer ...'", model))
}

func baseURL(config *server.Config, addr string) string {
	if strings.HasPrefix(addr, "/") {
		return "unix:" + addr
	}
	if config.Listeners[0].TLS.CertFile != "" {
		return "https://" + addr
	}
	return "http://" + addr
}

func curlLine(base, auth, model string) string {
	target := base
	if path, ok := strings.CutPrefix(base, "unix:"); ok {
		target = "--unix-socket " + path + " http://localhost"
	}
	return fmt.Sprintf(`curl %s/v1/chat/completions%s -H 'content-type: application/json' `+
		`-d '{"model":%q,"messages":[{"role":"user","content":"Hello"}]}'`, target, auth, model)
}

func (c *serveCmd) sayAdmin(a *app, addr, token string) error {
	url := "http://" + addr
	if strings.HasPrefix(addr, "/") {
		url = "unix:" + addr
	}
	shown := "from " + tokenEnv
	if v, ok := a.getenv(tokenEnv); !ok || v == "" {
		shown = token
	}
	return a.printf("  admin    %s  token %s\n", url, shown)
}

// sayProviders prints the table of one endpoint's providers, those that are on first.
func sayProviders(a *app, endpoint string, states []engine.ProviderState) error {
	if err := a.printf("\nProviders of endpoint %s:\n\n", endpoint); err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, on := range []bool{true, false} {
		for _, s := range states {
			if s.On != on {
				continue
			}
			word := "off"
			if on {
				word = "on"
			}
			if _, err := fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", word, s.ID, plural(s.Models, "model"), s.Why); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// tryModel is a name that answers: the simulator's while it is on, else whatever auto chooses.
func tryModel(states []engine.ProviderState) string {
	model := ""
	for _, s := range states {
		switch {
		case s.On && s.ID == "sim":
			return "sim:echo"
		case s.On:
			model = "auto"
		}
	}
	return model
}

// sayAccess tells that access keys are on, where their state is, and how to make the first.
func sayAccess(a *app, config *server.Config, g *server.Gateway, s *accessService) error {
	if s == nil {
		return nil
	}
	now := s.directory.Load()
	known := plural(len(now.AccessKeys), "access key")
	if !s.Ready() {
		known = "the store cannot be read, and everybody is refused until it can"
	}
	asked := "keys are asked for"
	if config.OpenMode {
		asked = "keys are not asked for (open), unless a policy does"
	}
	if err := a.printf("  access   %s: %s; state in %s, %s\n", asked, known, s.folder, s.shown); err != nil {
		return err
	}
	switch {
	case len(now.AccessKeys) > 0 || !s.Ready():
		return nil
	case g.AdminAddr() == "":
		return a.printf("\nThere is no access key yet, and no admin listener to make one at: set admin.address.\n")
	}
	at := here(g.AdminAddr())
	if at == server.DefaultConfig().Admin.Address {
		return a.printf("\nThere is no access key yet. With the token above in %s:\n\n  weir keys create --name me\n", tokenEnv)
	}
	return a.printf("\nThere is no access key yet. With the token above in %s:\n\n  weir keys create --name me --admin %s\n", tokenEnv, at)
}

// here is an address to listen on as a command on this machine reaches it.
func here(at string) string {
	if strings.HasPrefix(at, "/") {
		return "unix:" + at
	}
	if host, port, err := net.SplitHostPort(at); err == nil && net.ParseIP(host).IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return at
}
