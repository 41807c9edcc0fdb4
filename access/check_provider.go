package access

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of custom providers, those of the API that this mirrors where it has any.
const (
	maxModels   = 1000
	maxSurfaces = 20
	maxParams   = 100
)

// isProviderID reports whether a text can be a provider's id: it stands in front of models, in paths and in metrics.
func isProviderID(id string) bool {
	return id != "" && len(id) <= maxName && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

func (c *checker) provider(p *Provider) {
	switch {
	case !isProviderID(p.ProviderID):
		c.fail("provider_id", "a provider id has 1 to %d characters of a-z, 0-9, dot, hyphen and underscore", maxName)
	case strings.HasPrefix(p.ProviderID, providerPrefix):
		c.fail("provider_id", "%s is how ids of resources begin", providerPrefix)
	case c.m.BuiltIn(p.ProviderID):
		c.fail("provider_id", "%q is a provider that Weir knows by itself", p.ProviderID)
	}
	for id, other := range c.s.Providers {
		if id != p.ID && other.ProviderID == p.ProviderID && c.err == nil {
			c.err = fmt.Errorf("the provider %q: %w", p.ProviderID, ErrExists)
		}
	}
	if _, err := checkURL(p.BaseURL, "https", "http"); err != nil {
		c.fail("base_url", "%s", err)
	}
	c.surfaces(p.Surfaces)
	c.models(p)
}

// surfacesOf are the surfaces of a format, nil for what is no format.
func surfacesOf(format string) []string {
	switch format {
	case "openai":
		return []string{
			"chat-completions", "completions", "embeddings", "responses", "images", "speech", "transcriptions", "moderations", "rerank",
		}
	case "anthropic":
		return []string{"messages", "count-tokens"}
	case "gemini":
		return []string{"generate", "embed", "count-tokens"}
	default:
		return nil
	}
}

func (c *checker) surfaces(list []ProviderSurface) {
	if len(list) > maxSurfaces {
		c.fail("surfaces", "it has %d entries, %d are allowed", len(list), maxSurfaces)
		return
	}
	for i := range list {
		s, at := &list[i], fmt.Sprintf("surfaces[%d]", i)
		known := surfacesOf(s.Format)
		switch {
		case known == nil:
			c.fail(at+".format", "a format is openai, anthropic or gemini, got %s", shown(s.Format))
		case s.Surface != "" && !slices.Contains(known, s.Surface):
			c.fail(at+".surface", "a surface of %s is %s, got %s", s.Format, strings.Join(known, ", "), shown(s.Surface))
		case s.Surface == "" && len(s.SupportedParams) > 0:
			c.fail(at+".supported_params", "they need a surface")
		}
		c.names(at+".supported_params", s.SupportedParams, maxParams)
	}
}

func (c *checker) models(p *Provider) {
	if len(p.Models) > maxModels {
		c.fail("models", "it has %d entries, %d are allowed", len(p.Models), maxModels)
		return
	}
	seen := make(map[string]bool, len(p.Models))
	for i := range p.Models {
		m, at := &p.Models[i], fmt.Sprintf("models[%d]", i)
		if m.ID == "" {
			m.ID = newID("aigpm_", c.now())
		}
		c.pattern(at+".model_id", m.ModelID)
		if len(m.ModelID) > maxName {
			c.fail(at+".model_id", "it has %d bytes, %d are allowed", len(m.ModelID), maxName)
		}
		if strings.Contains(m.ModelID, "*") {
			c.fail(at+".model_id", "a model's id has no *")
		}
		if seen[m.ModelID] {
			c.fail(at+".model_id", "%s is there twice", shown(m.ModelID))
		}
		seen[m.ModelID] = true
		c.names(at+".unsupported_params", m.UnsupportedParams, maxParams)
		c.price(at+".input_price", m.InputPrice)
		c.price(at+".output_price", m.OutputPrice)
	}
}

func (c *checker) now() time.Time {
	if c.m.Now == nil {
		return time.Now()
	}
	return c.m.Now()
}

// price checks a price in USD per million tokens. Six decimals make the price of one token a whole number of what costs are
// counted in.
func (c *checker) price(field, text string) {
	if text == "" {
		return
	}
	if whole, _, err := decimal(text, 6); err != nil {
		c.fail(field, "%s", err)
	} else if len(whole) > 6 {
		c.fail(field, "a million tokens cost less than a million dollars")
	}
}
