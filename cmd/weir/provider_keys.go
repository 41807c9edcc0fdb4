package main

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

type providerKeysCmd struct {
	List   providerKeysListCmd   `cmd:"" help:"List provider keys, without their values."`
	Create providerKeysCreateCmd `cmd:"" help:"Store a key at a provider. Its value is read from standard input, or a variable."`
	Rotate providerKeysRotateCmd `cmd:"" help:"Put another value in the place of a provider key's."`
	Delete providerKeysDeleteCmd `cmd:"" help:"Delete provider keys that nothing refers to."`
}

type providerKeyView struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	ProviderID string     `json:"providerId"`
	TeamID     string     `json:"teamId"`
	Redacted   string     `json:"keyRedacted"`
	LastUsed   *time.Time `json:"lastUsed"`
	Static     bool       `json:"static"`
}

func providerKeyHeads() []string {
	return []string{"ID", "NAME", "PROVIDER", "TEAM", "STATE", "LAST USED", "KEY"}
}

func (v *providerKeyView) row(names map[string]string) []string {
	team := v.TeamID
	if names[team] != "" {
		team = names[team]
	}
	return []string{v.ID, v.Name, v.ProviderID, team, stateOf(false, v.Static), shownTime(v.LastUsed), v.Redacted}
}

func (c *api) showProviderKey(raw []byte, err error) error {
	if err != nil {
		return err
	}
	names, err := c.names(teams())
	if err != nil {
		return err
	}
	return showOne(c, providerKeyHeads(), raw, func(v *providerKeyView) []string { return v.row(names) })
}

type providerKeysListCmd struct {
	apiFlags

	Provider string `help:"Only those of this provider."`
}

// Run lists provider keys.
func (c *providerKeysListCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error {
		query := url.Values{}
		if c.Provider != "" {
			query.Set("provider", c.Provider)
		}
		all, err := api.list(providerKeys(), query)
		if err != nil {
			return err
		}
		names, err := api.names(teams())
		if err != nil {
			return err
		}
		return show(api, providerKeyHeads(), all, func(v *providerKeyView) []string { return v.row(names) })
	})
}

// valueFlags say where the value of a provider key comes from; never the command line, which others can read.
type valueFlags struct {
	ValueEnv string `placeholder:"NAME" help:"Variable that holds the value, in place of standard input."`
}

func (f *valueFlags) value(a *app) (string, error) {
	if f.ValueEnv == "" {
		return a.readSecret("the value of the provider key")
	}
	if v, ok := a.getenv(f.ValueEnv); ok && v != "" {
		return v, nil
	}
	return "", fmt.Errorf("--value-env: the variable %s is not set", f.ValueEnv)
}

type providerKeysCreateCmd struct {
	apiFlags
	valueFlags

	Provider    string  `required:"" help:"Provider that it is for, such as openai."`
	Name        string  `required:"" help:"Name, for people and traces."`
	Description *string `help:"What it is for."`
	Metadata    *string `help:"Anything else."`
	Team        *string `help:"Team that alone may use it: name or id."`
}

// Run stores a provider key.
func (c *providerKeysCreateCmd) Run(a *app) error {
	value, err := c.value(a)
	if err != nil {
		return err
	}
	return c.connect(a, func(api *api) error {
		change := map[string]any{"providerId": c.Provider, "name": c.Name, "value": value}
		set(change, "description", c.Description)
		set(change, "metadata", c.Metadata)
		if err := api.setReference(change, "teamId", teams(), c.Team); err != nil {
			return err
		}
		return api.showProviderKey(api.call(http.MethodPost, providerKeys().path, nil, change))
	})
}

type providerKeysRotateCmd struct {
	apiFlags
	valueFlags

	Key  string  `arg:"" help:"Name or id."`
	Name *string `help:"Another name."`
}

// Run exchanges the value of a provider key.
func (c *providerKeysRotateCmd) Run(a *app) error {
	value, err := c.value(a)
	if err != nil {
		return err
	}
	return c.connect(a, func(api *api) error {
		id, err := api.find(providerKeys(), c.Key)
		if err != nil {
			return err
		}
		path := providerKeys().path + "/" + url.PathEscape(id)
		change := map[string]any{"value": value}
		set(change, "name", c.Name)
		return api.showProviderKey(api.call(http.MethodPost, path+"/rotate", nil, change))
	})
}

type providerKeysDeleteCmd struct {
	apiFlags

	Keys []string `arg:"" help:"Names or ids."`
}

// Run deletes provider keys.
func (c *providerKeysDeleteCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error { return api.remove(providerKeys(), c.Keys, "was deleted") })
}
