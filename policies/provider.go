package policies

import (
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/vars"
)

const (
	// maxWindow is far above every context window in sight; more is a slip.
	maxWindow = 1 << 30
	// maxWeight leaves room for percentages and parts per thousand.
	maxWeight = 1_000_000
	// maxProviderConns is more sockets than one address can have anyway.
	maxProviderConns = 65_535
)

// providers reads providers: of a document or of one route.
func (c *compiler) providers(o *object, taken *names) []engine.ProviderConfig {
	items := o.list("providers")
	out := make([]engine.ProviderConfig, 0, len(items))
	for _, item := range items {
		p := c.provider(c.object(item, "a provider"))
		taken.take(item, p.ID, p.IDAliases)
		out = append(out, p)
	}
	return out
}

// names finds ids and aliases that two entries share. Case does not count, as in requests.
type names struct {
	c          *compiler
	code, what string
	seen       map[string]diag.Pos
}

func (s *names) take(n *engine.Node, id string, aliases []string) {
	if s.seen == nil {
		s.seen = map[string]diag.Pos{}
	}
	for i, name := range append([]string{id}, aliases...) {
		key := strings.ToLower(name)
		if key == "" {
			continue
		}
		at := n.Get("id")
		if list := n.Get("id_aliases"); i > 0 && list != nil {
			at = list.Items[i-1]
		}
		if first, dup := s.seen[key]; dup {
			s.c.errorf(at, s.code, "it is first used in "+place(first, at.Pos), "the %s %q is there twice", s.what, name)
			continue
		}
		s.seen[key] = at.Pos
	}
}

func (c *compiler) provider(o *object) engine.ProviderConfig {
	p := engine.ProviderConfig{
		Pos:         o.n.Pos,
		ID:          o.must("id"),
		IDAliases:   o.strs("id_aliases"),
		BaseURL:     o.address("base_url"),
		DisplayName: o.str("display_name"),
		Description: o.str("description"),
		Website:     o.str("website"),
		Disabled:    o.boolean("disabled"),
		Metadata:    o.metadata("metadata"),
		PassHeaders: o.strs("pass_headers"),
		Proxy:       o.address("proxy"),
		MaxConns:    int(o.integer("max_connections", maxProviderConns)),
	}
	c.checkID(o, p.ID, p.IDAliases)
	for _, h := range p.PassHeaders {
		if err := engine.CheckHeaderName(h); err != nil {
			c.errorf(o.get("pass_headers"), "bad_name", "", "pass_headers: %v", err)
		}
	}
	if n := o.get("auth"); n != nil {
		words := []string{"bearer", "x-api-key", "x-goog-api-key", "api-key", "none"}
		p.Auth = words[o.word("auth", words...)]
	}
	p.APIKeys = c.apiKeys(o)
	p.Models = c.models(o)
	p.Surfaces = c.surfaces(o)
	p.TLS = c.providerTLS(o)
	o.close()
	return p
}

// checkID refuses ids that no client could write in front of a model's name.
func (c *compiler) checkID(o *object, id string, aliases []string) {
	for _, name := range append([]string{id}, aliases...) {
		if strings.ContainsAny(name, ": \t\n,") {
			c.errorf(o.get("id"), "bad_name", "", "the provider id %q must not hold colons, commas or spaces", name)
		}
	}
}

// apiKeys reads api_keys. A secret that is not there leaves its key out; the plan says what that means for the provider.
func (c *compiler) apiKeys(o *object) []engine.KeyConfig {
	items := o.list("api_keys")
	out := make([]engine.KeyConfig, 0, len(items))
	for _, item := range items {
		k := c.object(item, "an API key")
		key := engine.KeyConfig{Pos: item.Pos, Weight: int(k.integer("weight", maxWeight))}
		n := k.get("value")
		switch {
		case k.wrong:
		case n == nil:
			c.errorf(item, "missing_field", "", "an API key needs \"value\"")
		case n.Kind != engine.NodeScalar:
			k.mistyped(n, "value", "a string")
		case strings.TrimSpace(n.Text.Value) == "":
			c.errorf(n, "empty_secret", "", "an API key cannot be empty")
		default:
			c.keyValue(n, &key)
			out = append(out, key)
		}
		k.close()
	}
	return out
}

func (c *compiler) keyValue(n *engine.Node, key *engine.KeyConfig) {
	if !strings.Contains(n.Text.Value, "${") {
		c.out.secrets.hide(n.Text.Value) // a key written into the policy itself is as secret as any
	}
	c.missing = nil
	t, diags := c.env.Template(vars.PhaseRoute, n.Text)
	for i := range diags {
		if d := c.explain(diags[i]); d.Code != codeSecretMissing {
			c.take(diag.List{d}, n)
		} else if key.Missing == "" && len(c.missing) > 0 {
			key.Missing = c.missing[0]
			c.warnf(n, codeSecretMissing, "set "+envName(key.Missing)+" in the environment, or give weir.yaml another source", "the secret %s is not set: the key is left out, and a provider without any key is off", key.Missing)
		}
	}
	key.Value = t
}

func (c *compiler) models(o *object) []engine.ModelConfig {
	items := o.list("models")
	out := make([]engine.ModelConfig, 0, len(items))
	taken := names{c: c, code: "duplicate_model", what: "model"}
	for _, item := range items {
		m := c.model(c.object(item, "a model"))
		taken.take(item, m.ID, m.IDAliases)
		out = append(out, m)
	}
	return out
}

func (c *compiler) model(o *object) engine.ModelConfig {
	m := engine.ModelConfig{
		Pos:               o.n.Pos,
		ID:                o.must("id"),
		IDAliases:         o.strs("id_aliases"),
		AuthorID:          o.str("author_id"),
		DisplayName:       o.str("display_name"),
		Description:       o.str("description"),
		Disabled:          o.boolean("disabled"),
		Metadata:          o.metadata("metadata"),
		InputModalities:   o.strs("input_modalities"),
		OutputModalities:  o.strs("output_modalities"),
		SupportedFeatures: o.strs("supported_features"),
		UnsupportedParams: c.params(o, "unsupported_params"),
		MaxContextWindow:  o.integer("max_context_window", maxWindow),
		MaxOutputTokens:   o.integer("max_output_tokens", maxWindow),
		Weight:            int(o.integer("weight", maxWeight)),
	}
	if n := o.get("pricing"); n != nil {
		p := c.object(n, "pricing")
		m.Pricing = &engine.PricingConfig{
			Input: p.price("input"), Output: p.price("output"),
			CacheRead: p.price("cache_read"), CacheWrite: p.price("cache_write"),
		}
		p.close()
	}
	o.close()
	return m
}

// params reads names of body keys, as strings or as {name}.
func (c *compiler) params(o *object, field string) []string {
	var out []string
	for _, item := range o.list(field) {
		name := ""
		switch item.Kind {
		case engine.NodeScalar:
			name = o.plain(item, field)
		case engine.NodeMap:
			p := c.object(item, "an entry of "+field)
			name = p.must("name")
			p.close()
		default:
			o.mistyped(item, field, "a list of names")
		}
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func (c *compiler) surfaces(o *object) []engine.SurfaceConfig {
	formats := map[string][]string{
		"openai": {
			"chat-completions", "completions", "embeddings", "responses", "images", "speech", "transcriptions",
			"moderations", "rerank",
		},
		"anthropic": {"messages", "count-tokens"},
		"gemini":    {"generate", "embed", "count-tokens"},
	}
	items := o.list("supported_api_surfaces")
	out := make([]engine.SurfaceConfig, 0, len(items))
	for _, item := range items {
		s := c.object(item, "an API surface")
		cfg := engine.SurfaceConfig{Pos: item.Pos, Format: s.must("format"), BaseURL: s.address("base_url")}
		known, ok := formats[cfg.Format]
		if !ok && cfg.Format != "" {
			c.errorf(s.get("format"), "bad_value", engine.HintFor(cfg.Format, []string{"anthropic", "gemini", "openai"}),
				"\"format\" cannot be %q", cfg.Format)
		}
		if n := s.get("surface"); n != nil && ok {
			cfg.Surface = known[s.word("surface", known...)]
		}
		cfg.SupportedParams = c.params(s, "supported_params")
		if n := s.get("supported_params"); n != nil && cfg.Surface == "" {
			c.errorf(n, "missing_field", "", "\"supported_params\" needs \"surface\"")
		}
		s.close()
		out = append(out, cfg)
	}
	return out
}

func (c *compiler) providerTLS(o *object) engine.ProviderTLS {
	n := o.get("tls")
	if n == nil {
		return engine.ProviderTLS{}
	}
	t := c.object(n, "tls")
	out := engine.ProviderTLS{
		CAFile: t.str("ca_file"), CertFile: t.str("cert_file"), KeyFile: t.str("key_file"), ServerName: t.str("server_name"),
	}
	if v := t.get("min_version"); v != nil {
		words := []string{"1.2", "1.3"}
		out.MinVersion = words[t.word("min_version", words...)]
	}
	if (out.CertFile == "") != (out.KeyFile == "") {
		c.errorf(n, "missing_field", "", "cert_file and key_file go together")
	}
	t.close()
	return out
}
