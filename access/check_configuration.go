package access

import (
	"fmt"
	"strings"
)

// Bounds of configurations. The catalog has some hundred models, and rules and steps are written by hand; what a key may use
// is worked out from all of them.
const (
	maxListed = 1000
	maxRules  = 200
	maxSteps  = 10
	maxKeys   = 20
	// maxPattern is the length of the longest model ids with their author and provider, doubled.
	maxPattern = 512
)

// providerPrefix begins the ids of custom providers, as lists of providers may name them.
const providerPrefix = "aigp_"

func (c *checker) configuration(r *Configuration) {
	if r.Access != nil {
		c.list("access.providers", r.Access.Providers)
		c.list("access.models", r.Access.Models)
		c.listedProviders(r.Access.Providers)
	}
	if r.Router != nil {
		c.router(r.Router)
	}
}

// list checks names and patterns of them.
func (c *checker) list(field string, l *NameList) {
	if l == nil {
		return
	}
	for _, part := range []struct {
		name string
		list []string
	}{{"allow", l.Allow}, {"deny", l.Deny}} {
		at := field + "." + part.name
		if len(part.list) > maxListed {
			c.fail(at, "it has %d entries, %d are allowed", len(part.list), maxListed)
			return
		}
		seen := make(map[string]bool, len(part.list))
		for i, name := range part.list {
			at := fmt.Sprintf("%s[%d]", at, i)
			c.pattern(at, name)
			if seen[name] {
				c.fail(at, "%s is there twice", shown(name))
			}
			seen[name] = true
		}
	}
}

func (c *checker) pattern(field, name string) {
	switch {
	case name == "":
		c.fail(field, "it is empty")
	case len(name) > maxPattern:
		c.fail(field, "it has %d bytes, %d are allowed", len(name), maxPattern)
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }):
		c.fail(field, "a name is of printable ASCII characters without spaces")
	}
}

// listedProviders checks the references to custom providers in a list of providers: one that is gone would allow nothing, or
// deny nothing, without anybody noticing.
func (c *checker) listedProviders(l *NameList) {
	if l == nil {
		return
	}
	for part, list := range [][]string{l.Allow, l.Deny} {
		for i, name := range list {
			if strings.HasPrefix(name, providerPrefix) && !strings.Contains(name, "*") && c.s.Providers[name] == nil {
				c.fail(fmt.Sprintf("access.providers.%s[%d]", []string{"allow", "deny"}[part], i), "there is no provider %s", shown(name))
			}
		}
	}
}

func (c *checker) router(r *Router) {
	if len(r.Rules) > maxRules {
		c.fail("router.rules", "it has %d rules, %d are allowed", len(r.Rules), maxRules)
		return
	}
	scopes := make(map[string]int, len(r.Rules))
	for i := range r.Rules {
		rule, at := &r.Rules[i], fmt.Sprintf("router.rules[%d]", i)
		provider := c.ruleScope(at, rule)
		scope := "model " + rule.Model
		if rule.Model == "" {
			scope = "provider " + provider
		}
		if first, again := scopes[scope]; again {
			c.fail(at, "rule %d is for the %s too: one rule can be", first, shown(strings.TrimSpace(scope)))
		}
		scopes[scope] = i
		c.steps(at+".steps", rule.Steps, provider)
	}
}

// ruleScope checks what a rule is for and returns its provider.
func (c *checker) ruleScope(at string, rule *RouterRule) string {
	if rule.Provider == "" && rule.Model == "" {
		c.fail(at, "a rule is for a provider, a model or both")
		return ""
	}
	provider := c.providerName(at+".provider", rule.Provider)
	if rule.Model == "" {
		return provider
	}
	c.pattern(at+".model", rule.Model)
	name, model, ok := strings.Cut(rule.Model, ":")
	if !ok || name == "" || model == "" || strings.Contains(rule.Model, "*") {
		c.fail(at+".model", "a model is written provider:model or provider:author/model")
		return provider
	}
	of := c.providerName(at+".model", name)
	if rule.Provider != "" && of != provider {
		c.fail(at+".model", "the model is not one of the provider %s", shown(rule.Provider))
	}
	return of
}

// providerName is the provider id that a name or the id of a custom provider stands for.
func (c *checker) providerName(field, name string) string {
	if name == "" {
		return ""
	}
	if p := c.s.Providers[name]; p != nil {
		return p.ProviderID
	}
	if strings.HasPrefix(name, providerPrefix) || !c.knownProvider(name) {
		c.fail(field, "there is no provider %s", shown(name))
	}
	return name
}

func (c *checker) steps(at string, steps []Step, provider string) {
	if len(steps) == 0 || len(steps) > maxSteps {
		c.fail(at, "a rule has 1 to %d steps, got %d", maxSteps, len(steps))
		return
	}
	for i := range steps {
		step, at := &steps[i], fmt.Sprintf("%s[%d]", at, i)
		if s := step.KeySelectionStrategy; s != "" && s != "ordered" {
			c.fail(at+".keySelectionStrategy", "the strategy is ordered, got %s", shown(s))
		}
		switch step.Type {
		case StepGateway, StepNgrok:
			if len(step.Keys) > 0 {
				c.fail(at+".keys", "a step of the type %s has no keys of its own", step.Type)
			}
		case StepUser:
			c.stepKeys(at+".keys", step.Keys, provider)
		default:
			c.fail(at+".type", "a type is %s, %s or %s, got %s", StepGateway, StepNgrok, StepUser, shown(step.Type))
		}
	}
}

func (c *checker) stepKeys(at string, keys []StepKey, provider string) {
	if len(keys) == 0 || len(keys) > maxKeys {
		c.fail(at, "a step of the type %s has 1 to %d keys, got %d", StepUser, maxKeys, len(keys))
		return
	}
	seen := make(map[string]bool, len(keys))
	for i, ref := range keys {
		at := fmt.Sprintf("%s[%d].id", at, i)
		k := c.s.ProviderKeys[ref.ID]
		switch {
		case k == nil:
			c.fail(at, "there is no provider key %s", shown(ref.ID))
		case k.ProviderID != provider:
			c.fail(at, "the provider key %s is for %s, the rule for %s", ref.ID, shown(k.ProviderID), shown(provider))
		case seen[ref.ID]:
			c.fail(at, "the provider key %s is there twice", ref.ID)
		}
		seen[ref.ID] = true
	}
}
