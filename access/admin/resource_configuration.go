package admin

import (
	"context"
	"strconv"
	"strings"

	"weir/access"
)

type configurationIn struct {
	namedIn

	Access opt[scope]    `json:"access" doc:"What may be used; null is everything."`
	Router opt[routerIn] `json:"router" doc:"Which provider keys serve; null is the gateway's own."`
}

// scope is what may be used. A dimension that is left out does not restrict.
type scope struct {
	Providers *nameList `json:"providers,omitempty" doc:"Ids of providers."`
	Models    *nameList `json:"models,omitempty" doc:"Models as author/model or provider:author/model."`
}

type nameList struct {
	Allow []string `json:"allow,omitzero" api:"min=1,max=255" doc:"Only these; a star stands for any characters. An empty list allows nothing."`
	Deny  []string `json:"deny,omitempty" api:"min=1,max=255" doc:"None of these, whatever is allowed."`
}

type routerIn struct {
	Rules []ruleIn `json:"rules" api:"required"`
}

type ruleIn struct {
	Provider string   `json:"provider,omitempty" api:"max=255" doc:"Provider that the rule is for."`
	Model    string   `json:"model,omitempty" api:"max=255" doc:"Model that the rule is for, with its provider in front; it goes before a rule of the provider."`
	Steps    []stepIn `json:"steps" api:"required,items=100" doc:"Sources of keys, in order; at least one."`
}

type stepIn struct {
	Type     string      `json:"type" api:"required,enum=user|gateway|ngrok" doc:"user: the keys listed; gateway, for which ngrok is another name: the gateway's own."`
	Strategy string      `json:"keySelectionStrategy,omitempty" api:"enum=ordered"`
	Keys     []stepKeyIn `json:"keys,omitempty" api:"items=100" doc:"Provider keys of a user step."`
}

type stepKeyIn struct {
	ID    string `json:"id,omitempty" api:"max=255" doc:"A provider key that is there."`
	Name  string `json:"name,omitempty" api:"max=255" doc:"Name of a new provider key."`
	Value string `json:"value,omitempty" api:"secret,max=16384" doc:"Value of a new provider key, which is stored sealed."`
}

type configurationOut struct {
	commonOut

	Access *scope     `json:"access" doc:"What may be used; null is everything."`
	Router *routerOut `json:"router" doc:"Which provider keys serve; null is the gateway's own."`
}

type routerOut struct {
	Rules []ruleOut `json:"rules"`
}

type ruleOut struct {
	Provider string    `json:"provider,omitempty"`
	Model    string    `json:"model,omitempty"`
	Steps    []stepOut `json:"steps"`
}

type stepOut struct {
	Type     string       `json:"type" api:"enum=user|gateway|ngrok"`
	Strategy string       `json:"keySelectionStrategy,omitempty" api:"enum=ordered"`
	Keys     []stepKeyOut `json:"keys,omitempty"`
}

type stepKeyOut struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	KeyRedacted string `json:"keyRedacted"`
}

func configurations() *collection[*access.Configuration, configurationIn, configurationOut] {
	return &collection[*access.Configuration, configurationIn, configurationOut]{
		path: pathConfigurations, list: "aiGatewayAccessKeyConfigurations", one: "AccessKeyConfiguration",
		kind: access.KindConfiguration, read: rightRead, write: rightWrite,
		all:   func(s *access.Snapshot) map[string]*access.Configuration { return s.Configurations },
		fresh: func() *access.Configuration { return &access.Configuration{} },
		ready: storeInlineKeys, view: viewConfiguration, edit: editConfiguration, renames: map[string]string{},
	}
}

// storeInlineKeys makes provider keys of those that the router holds by value, and puts references in their place. Undo
// removes them again, for a configuration that is refused after all.
func storeInlineKeys(q *request, in *configurationIn) (undo func(), err error) {
	var made []string
	undo = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(q.ctx), answerTimeout)
		defer cancel()
		for _, id := range made {
			if err := q.manager.Delete(ctx, q.actor(), access.KindProviderKey, id, access.WriteOptions{}); err != nil {
				q.Log.Warn().Err(err).Str("id", id).Msg("a provider key of a refused configuration stays")
			}
		}
	}
	if err := checkRouter(&in.Router.Value); err != nil {
		return undo, err
	}
	for i := range in.Router.Value.Rules {
		rule := &in.Router.Value.Rules[i]
		for j := range rule.Steps {
			for n := range rule.Steps[j].Keys {
				k := &rule.Steps[j].Keys[n]
				if k.ID != "" {
					continue
				}
				key := &access.ProviderKey{Meta: access.Meta{Name: k.Name}, ProviderID: rule.provider()}
				q.manager.SealKey(key, k.Value)
				if err := q.manager.Create(q.ctx, q.actor(), access.KindProviderKey, key, access.WriteOptions{}); err != nil {
					return undo, err
				}
				made = append(made, key.ID)
				*k = stepKeyIn{ID: key.ID}
			}
		}
	}
	q.snapshot = q.load()
	return undo, nil
}

// provider is the one that the keys of a rule are of.
func (r *ruleIn) provider() string {
	if r.Provider != "" {
		return r.Provider
	}
	before, _, _ := strings.Cut(r.Model, ":")
	return before
}

// checkRouter looks at what no provider key is to be made for.
func checkRouter(in *routerIn) error {
	for i := range in.Rules {
		rule, at := &in.Rules[i], "router.rules["+strconv.Itoa(i)+"]"
		if rule.provider() == "" {
			return badField(at, "names neither a provider nor a model")
		}
		if len(rule.Steps) == 0 {
			return badField(at+".steps", "is empty")
		}
		for j := range rule.Steps {
			step, at := &rule.Steps[j], at+".steps["+strconv.Itoa(j)+"]"
			if (step.Type == access.StepUser) != (len(step.Keys) > 0) {
				return badField(at+".keys", "belongs to a step of type user, which needs at least one")
			}
			for n := range step.Keys {
				k := &step.Keys[n]
				if (k.ID == "") != (k.Name != "" && k.Value != "") || (k.ID != "" && (k.Name != "" || k.Value != "")) {
					return badField(at+".keys["+strconv.Itoa(n)+"]", "is not either an id, or a name and a value")
				}
			}
		}
	}
	return nil
}

func editConfiguration(_ *request, in *configurationIn, c *access.Configuration) error {
	in.into(&c.Meta)
	if in.Access.Set {
		c.Access = nil
		if !in.Access.Null {
			c.Access = &access.Scope{Providers: in.Access.Value.Providers.names(), Models: in.Access.Value.Models.names()}
		}
	}
	if in.Router.Set {
		c.Router = nil
		if !in.Router.Null {
			c.Router = in.Router.Value.rules()
		}
	}
	return nil
}

func (l *nameList) names() *access.NameList {
	if l == nil {
		return nil
	}
	return &access.NameList{Allow: l.Allow, Deny: l.Deny}
}

func namesOf(l *access.NameList) *nameList {
	if l == nil {
		return nil
	}
	return &nameList{Allow: l.Allow, Deny: l.Deny}
}

func (in *routerIn) rules() *access.Router {
	out := &access.Router{Rules: make([]access.RouterRule, 0, len(in.Rules))}
	for i := range in.Rules {
		rule := access.RouterRule{Provider: in.Rules[i].Provider, Model: in.Rules[i].Model}
		for _, s := range in.Rules[i].Steps {
			step := access.Step{Type: s.Type, KeySelectionStrategy: s.Strategy}
			for _, k := range s.Keys {
				step.Keys = append(step.Keys, access.StepKey{ID: k.ID})
			}
			rule.Steps = append(rule.Steps, step)
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}

func viewConfiguration(q *request, c *access.Configuration) configurationOut {
	out := configurationOut{commonOut: q.common(pathConfigurations, &c.Meta)}
	if c.Access != nil {
		out.Access = &scope{Providers: namesOf(c.Access.Providers), Models: namesOf(c.Access.Models)}
	}
	if c.Router == nil {
		return out
	}
	out.Router = &routerOut{Rules: make([]ruleOut, 0, len(c.Router.Rules))}
	for _, r := range c.Router.Rules {
		rule := ruleOut{Provider: r.Provider, Model: r.Model, Steps: make([]stepOut, 0, len(r.Steps))}
		for _, s := range r.Steps {
			step := stepOut{Type: s.Type, Strategy: s.KeySelectionStrategy}
			for _, k := range s.Keys {
				key := stepKeyOut{ID: k.ID}
				if p := q.snapshot.ProviderKeys[k.ID]; p != nil {
					key.Name, key.KeyRedacted = p.Name, p.Hint
				}
				step.Keys = append(step.Keys, key)
			}
			rule.Steps = append(rule.Steps, step)
		}
		out.Router.Rules = append(out.Router.Rules, rule)
	}
	return out
}
