package main

import (
	"errors"
	"net/http"
	"strconv"
)

type teamsCmd struct {
	List   teamsListCmd   `cmd:"" help:"List teams."`
	Create teamsCreateCmd `cmd:"" help:"Make a team."`
	Update teamsUpdateCmd `cmd:"" help:"Change a team; what no flag names stays."`
	Delete teamsDeleteCmd `cmd:"" help:"Delete teams that nothing belongs to."`
}

type teamView struct {
	ID             string   `json:"id"`
	Name           string   `json:"name"`
	Description    string   `json:"description"`
	Disabled       bool     `json:"disabled"`
	Static         bool     `json:"static"`
	ProviderKeyIDs []string `json:"provider_key_ids"`
}

func teamHeads() []string { return []string{"ID", "NAME", "STATE", "PROVIDER KEYS", "DESCRIPTION"} }

func (v *teamView) row() []string {
	return []string{v.ID, v.Name, stateOf(v.Disabled, v.Static), strconv.Itoa(len(v.ProviderKeyIDs)), v.Description}
}

func stateOf(disabled, static bool) string {
	state := "active"
	if disabled {
		state = "disabled"
	}
	if static {
		state += ", from file"
	}
	return state
}

type teamsListCmd struct{ apiFlags }

// Run lists teams.
func (c *teamsListCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error {
		all, err := api.list(teams(), nil)
		if err != nil {
			return err
		}
		return show(api, teamHeads(), all, (*teamView).row)
	})
}

// teamFlags are the fields of a team.
type teamFlags struct {
	Description *string  `help:"What it is."`
	Metadata    *string  `help:"A JSON object, which policies read."`
	Disabled    *bool    `negatable:"" help:"Refuse its access keys."`
	ProviderKey []string `placeholder:"KEY" help:"Provider key that its access keys try before the gateway's: name or id; repeatable."`
}

func (f *teamFlags) change(c *api) (map[string]any, error) {
	out := map[string]any{}
	set(out, "description", f.Description)
	set(out, "metadata", f.Metadata)
	if f.Disabled != nil {
		out["disabled"] = *f.Disabled
	}
	return out, c.setReferences(out, "provider_key_ids", providerKeys(), f.ProviderKey)
}

type teamsCreateCmd struct {
	apiFlags
	teamFlags

	Name string `required:"" help:"Name, for people, logs and policies."`
}

// Run makes a team.
func (c *teamsCreateCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error {
		change, err := c.change(api)
		if err != nil {
			return err
		}
		change["name"] = c.Name
		raw, err := api.call(http.MethodPost, teams().path, nil, change)
		if err != nil {
			return err
		}
		return showOne(api, teamHeads(), raw, (*teamView).row)
	})
}

type teamsUpdateCmd struct {
	apiFlags
	teamFlags

	Team string  `arg:"" help:"Name or id."`
	Name *string `help:"Another name."`
}

// Run changes a team.
func (c *teamsUpdateCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error {
		change, err := c.change(api)
		if err != nil {
			return err
		}
		set(change, "name", c.Name)
		if len(change) == 0 {
			return errors.New("nothing to change: give at least one flag")
		}
		raw, err := api.patch(teams(), c.Team, change)
		if err != nil {
			return err
		}
		return showOne(api, teamHeads(), raw, (*teamView).row)
	})
}

type teamsDeleteCmd struct {
	apiFlags

	Teams []string `arg:"" help:"Names or ids."`
}

// Run deletes teams.
func (c *teamsDeleteCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error { return api.remove(teams(), c.Teams, "was deleted") })
}
