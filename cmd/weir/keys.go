package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type keysCmd struct {
	List    keysListCmd   `cmd:"" help:"List access keys."`
	Show    keysShowCmd   `cmd:"" help:"Show one access key."`
	Create  keysCreateCmd `cmd:"" help:"Make an access key and print its token, which nothing shows again."`
	Update  keysUpdateCmd `cmd:"" help:"Change an access key; what no flag names stays."`
	Disable keysSwitchCmd `cmd:"" help:"Refuse an access key until it is enabled again."`
	Enable  keysEnableCmd `cmd:"" help:"Take an access key again that was disabled."`
	Rotate  keysRotateCmd `cmd:"" help:"Give an access key another token; the one before holds for the overlap."`
	Revoke  keysRevokeCmd `cmd:"" aliases:"delete" help:"Delete an access key. Every gateway refuses it within 2 seconds, live streams too."`
	Import  keysImportCmd `cmd:"" help:"Make an access key of a token that clients have already, read from standard input."`
	Hash    keysHashCmd   `cmd:"" help:"Print the keyed hash of a token from standard input, for the file of static keys."`
}

func accessKeys() *resource {
	return &resource{path: "/access-keys", member: "aiGatewayAccessKeys", prefix: "aigk_", word: "access key"}
}

func configurations() *resource {
	return &resource{
		path: "/access-key-configurations", member: "aiGatewayAccessKeyConfigurations", prefix: "aigac_", word: "access key configuration",
	}
}

func teams() *resource {
	return &resource{path: "/teams", member: "teams", prefix: "team_", word: "team"}
}

func providerKeys() *resource {
	return &resource{path: "/provider-keys", member: "aiGatewayProviderKeys", prefix: "aigpk_", word: "provider key"}
}

// keyView is what tables show of an access key.
type keyView struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	TeamID        string     `json:"teamId"`
	Groups        []string   `json:"groups"`
	ExpiresAt     *time.Time `json:"expiresAt"`
	NotBefore     *time.Time `json:"notBefore"`
	Disabled      bool       `json:"disabled"`
	Static        bool       `json:"static"`
	Redacted      string     `json:"keyRedacted"`
	LastUsed      *time.Time `json:"lastUsed"`
	Configuration *struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"accessKeyConfiguration"`
}

func keyHeads() []string {
	return []string{"ID", "NAME", "TEAM", "CONFIGURATION", "STATE", "EXPIRES", "LAST USED", "TOKEN"}
}

// row shows a key; names are those of teams, by id.
func (v *keyView) row(now time.Time, names map[string]string) []string {
	configuration := ""
	if c := v.Configuration; c != nil {
		configuration = c.Name
		if configuration == "" {
			configuration = c.ID
		}
	}
	team := v.TeamID
	if name := names[team]; name != "" {
		team = name
	}
	state := "active"
	switch {
	case v.Disabled:
		state = "disabled"
	case v.ExpiresAt != nil && !now.Before(*v.ExpiresAt):
		state = "expired"
	case v.NotBefore != nil && now.Before(*v.NotBefore):
		state = "not yet"
	}
	if v.Static {
		state += ", from file"
	}
	return []string{v.ID, v.Name, team, configuration, state, shownTime(v.ExpiresAt), shownTime(v.LastUsed), v.Redacted}
}

// names maps the ids of a collection to names, for tables.
func (c *api) names(r *resource) (map[string]string, error) {
	if c.flags.Output == "json" {
		return nil, nil //nolint:nilnil // not needed then
	}
	all, err := c.list(r, nil)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(all))
	for _, e := range all {
		out[e.ID] = e.Name
	}
	return out, nil
}

type keysListCmd struct {
	apiFlags

	Team string `help:"Only this team's: name or id."`
}

// Run lists access keys.
func (c *keysListCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error {
		all, err := api.list(accessKeys(), nil)
		if err != nil {
			return err
		}
		if c.Team != "" {
			team, err := api.find(teams(), c.Team)
			if err != nil {
				return err
			}
			all = slices.DeleteFunc(all, func(e entry) bool {
				var v keyView
				return json.Unmarshal(e.raw, &v) != nil || v.TeamID != team
			})
		}
		names, err := api.names(teams())
		if err != nil {
			return err
		}
		return show(api, keyHeads(), all, func(v *keyView) []string { return v.row(time.Now(), names) })
	})
}

type keysShowCmd struct {
	apiFlags

	Key string `arg:"" help:"Name or id."`
}

// Run shows one access key.
func (c *keysShowCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error {
		id, err := api.find(accessKeys(), c.Key)
		if err != nil {
			return err
		}
		raw, err := api.call(http.MethodGet, accessKeys().path+"/"+url.PathEscape(id), nil, nil)
		if err != nil {
			return err
		}
		return api.showKey(raw)
	})
}

func (c *api) showKey(raw json.RawMessage) error {
	names, err := c.names(teams())
	if err != nil {
		return err
	}
	return showOne(c, keyHeads(), raw, func(v *keyView) []string { return v.row(time.Now(), names) })
}

// keyFlags are the fields of an access key. A flag that is not given changes nothing, and "none" clears.
type keyFlags struct {
	Name          *string  `help:"Name, for people, logs and policies."`
	Description   *string  `help:"What it is for."`
	Metadata      *string  `help:"A JSON object, which policies read as caller.metadata."`
	Team          *string  `help:"Team that it belongs to: name or id."`
	Configuration *string  `help:"Access key configuration: name or id; none = everything is allowed."`
	Group         []string `help:"A group that it is in, for policies; repeatable."`
	Expires       *string  `placeholder:"TIME" help:"When it expires: a time, a day, or a span such as 90d."`
	NotBefore     *string  `placeholder:"TIME" help:"When it begins to hold."`
	Network       []string `placeholder:"PREFIX" help:"An address or prefix that it may be used from; repeatable."`
	ProviderKey   []string `placeholder:"KEY" help:"Provider key that is tried before the gateway's: name or id; repeatable."`
}

// change makes the body of a request.
func (f *keyFlags) change(c *api) (map[string]any, error) {
	out := map[string]any{}
	set(out, "name", f.Name)
	set(out, "description", f.Description)
	set(out, "metadata", f.Metadata)
	setList(out, "groups", f.Group)
	setList(out, "allowedNetworks", f.Network)
	now := time.Now()
	if err := setTime(out, "expiresAt", f.Expires, now); err != nil {
		return nil, err
	}
	if err := setTime(out, "notBefore", f.NotBefore, now); err != nil {
		return nil, err
	}
	if err := c.setReference(out, "teamId", teams(), f.Team); err != nil {
		return nil, err
	}
	if err := c.setReference(out, "accessKeyConfigurationId", configurations(), f.Configuration); err != nil {
		return nil, err
	}
	return out, c.setReferences(out, "providerKeyIds", providerKeys(), f.ProviderKey)
}

// setReference is set for a resource that is given by name or id.
func (c *api) setReference(change map[string]any, field string, r *resource, value *string) error {
	if value == nil || *value == "" || *value == noValue {
		set(change, field, value)
		return nil
	}
	id, err := c.find(r, *value)
	if err != nil {
		return err
	}
	change[field] = id
	return nil
}

func (c *api) setReferences(change map[string]any, field string, r *resource, values []string) error {
	if len(values) == 0 || (len(values) == 1 && values[0] == noValue) {
		setList(change, field, values)
		return nil
	}
	ids := make([]string, 0, len(values))
	for _, v := range values {
		id, err := c.find(r, v)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	change[field] = ids
	return nil
}

// told prints a new token, once, and what to do with it.
func (c *api) told(raw json.RawMessage, note string) error {
	if c.flags.Output == "json" {
		return c.app.printJSON(raw)
	}
	var v struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		Token string `json:"token"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if v.Token == "" {
		return fmt.Errorf("the answer has no token: %s was made, and rotating it gives it one", v.ID)
	}
	c.app.warnf("%s %s. This is its token; it is not shown again:\n", strings.TrimSpace(plain(v.Name)+" "+v.ID), note)
	return c.app.printf("%s\n", v.Token)
}
