package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

type keyConfigsCmd struct {
	List   keyConfigsListCmd   `cmd:"" help:"List access key configurations."`
	Apply  keyConfigsApplyCmd  `cmd:"" help:"Make the configuration of a YAML or JSON file, or change the one that has its name."`
	Delete keyConfigsDeleteCmd `cmd:"" help:"Delete configurations that no access key has."`
}

type nameListView struct {
	Allow *[]string `json:"allow"`
	Deny  []string  `json:"deny"`
}

func (v *nameListView) text() string {
	if v == nil || (v.Allow == nil && len(v.Deny) == 0) {
		return "all"
	}
	out := "all"
	if v.Allow != nil {
		out = strings.Join(*v.Allow, ", ")
	}
	if out == "" {
		out = "none"
	}
	if len(v.Deny) > 0 {
		out += " but " + strings.Join(v.Deny, ", ")
	}
	return out
}

type configurationView struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Static bool   `json:"static"`
	Access *struct {
		Providers *nameListView `json:"providers"`
		Models    *nameListView `json:"models"`
	} `json:"access"`
	Router *struct {
		Rules []json.RawMessage `json:"rules"`
	} `json:"router"`
}

func configurationHeads() []string {
	return []string{"ID", "NAME", "PROVIDERS", "MODELS", "ROUTER RULES", "STATE"}
}

func (v *configurationView) row() []string {
	providers, models, rules := "all", "all", ""
	if v.Access != nil {
		providers, models = v.Access.Providers.text(), v.Access.Models.text()
	}
	if v.Router != nil {
		rules = strconv.Itoa(len(v.Router.Rules))
	}
	return []string{v.ID, v.Name, providers, models, rules, stateOf(false, v.Static)}
}

type keyConfigsListCmd struct{ apiFlags }

// Run lists configurations.
func (c *keyConfigsListCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error {
		all, err := api.list(configurations(), nil)
		if err != nil {
			return err
		}
		return show(api, configurationHeads(), all, (*configurationView).row)
	})
}

type keyConfigsApplyCmd struct {
	apiFlags

	File string `arg:"" type:"existingfile" help:"YAML or JSON: name, description, metadata, access, router. Provider keys are given by id, or by name."`
}

// maxConfiguration is what the Admin API takes.
const maxConfiguration = 256 << 10

// Run makes or changes a configuration, so that it is what the file says: what the file leaves out is cleared.
func (c *keyConfigsApplyCmd) Run(a *app) error {
	body, err := readConfiguration(c.File)
	if err != nil {
		return err
	}
	return c.connect(a, func(api *api) error {
		all, err := api.list(configurations(), nil)
		if err != nil {
			return err
		}
		var found []string
		for _, e := range all {
			if e.Name == body["name"] {
				found = append(found, e.ID)
			}
		}
		if err := api.nameKeys(body); err != nil {
			return err
		}
		method, path := http.MethodPost, configurations().path
		switch len(found) {
		case 0:
		case 1:
			method, path = http.MethodPatch, path+"/"+url.PathEscape(found[0])
			for _, field := range []string{"description", "metadata", "access", "router"} {
				if _, given := body[field]; !given {
					body[field] = nil
				}
			}
		default:
			return fmt.Errorf("%d configurations are called %q: %s", len(found), body["name"], strings.Join(found, ", "))
		}
		raw, err := api.call(method, path, nil, body)
		if err != nil {
			return err
		}
		return showOne(api, configurationHeads(), raw, (*configurationView).row)
	})
}

func readConfiguration(path string) (map[string]any, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxConfiguration {
		err = fmt.Errorf("it is over %d bytes", maxConfiguration)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path) //nolint:gosec // the file that the command line names
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var body map[string]any
	if err := yaml.Unmarshal(text, &body); err != nil {
		return nil, fmt.Errorf("reading %s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if name, ok := body["name"].(string); !ok || name == "" {
		return nil, errors.New(path + " needs a name, by which it is found again")
	}
	return body, nil
}

// nameKeys puts the ids of stored provider keys in the place of their names, so that a file can be kept that no id is in. A
// key that has a value is one of its own, whose name is new.
func (c *api) nameKeys(body map[string]any) error {
	router, _ := body["router"].(map[string]any)
	for _, rule := range members(router["rules"]) {
		for _, step := range members(rule["steps"]) {
			for _, key := range members(step["keys"]) {
				name, ok := key["name"].(string)
				if !ok || key["id"] != nil || key["value"] != nil {
					continue
				}
				id, err := c.find(providerKeys(), name)
				if err != nil {
					return err
				}
				delete(key, "name")
				key["id"] = id
			}
		}
	}
	return nil
}

// members are the objects of a list; what is something else is left to the gateway, which says what is wrong with it.
func members(list any) (out []map[string]any) {
	all, _ := list.([]any)
	for _, one := range all {
		if m, ok := one.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

type keyConfigsDeleteCmd struct {
	apiFlags

	Configurations []string `arg:"" help:"Names or ids."`
}

// Run deletes configurations.
func (c *keyConfigsDeleteCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error { return api.remove(configurations(), c.Configurations, "was deleted") })
}
