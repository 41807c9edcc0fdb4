package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxSecretText bounds a secret on standard input: service account files are the longest.
const maxSecretText = 64 << 10

// readSecret reads a secret from standard input, where neither the list of processes nor the shell's history shows it.
func (a *app) readSecret(what string) (string, error) {
	if a.in == nil {
		return "", fmt.Errorf("%s is read from standard input, and there is none", what)
	}
	text, err := io.ReadAll(io.LimitReader(a.in, maxSecretText+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", what, err)
	}
	value := strings.TrimSpace(string(text))
	switch {
	case len(text) > maxSecretText:
		return "", fmt.Errorf("%s is over %d bytes", what, maxSecretText)
	case value == "":
		return "", fmt.Errorf("%s is read from standard input, and nothing came", what)
	}
	return value, nil
}

type keysCreateCmd struct {
	apiFlags
	keyFlags
}

// Run makes an access key.
func (c *keysCreateCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error {
		change, err := c.change(api)
		if err != nil {
			return err
		}
		raw, err := api.call(http.MethodPost, accessKeys().path, nil, change)
		if err != nil {
			return err
		}
		return api.told(raw, "was made")
	})
}

type keysImportCmd struct {
	apiFlags
	keyFlags
}

// Run makes an access key of a token from elsewhere.
func (c *keysImportCmd) Run(a *app) error {
	token, err := a.readSecret("the token")
	if err != nil {
		return err
	}
	return c.connect(a, func(api *api) error {
		change, err := c.change(api)
		if err != nil {
			return err
		}
		change["token"] = token
		raw, err := api.call(http.MethodPost, accessKeys().path, nil, change)
		if err != nil {
			return err
		}
		if c.Output == "json" {
			return a.printJSON(withoutToken(raw))
		}
		return api.showKey(raw)
	})
}

// withoutToken is an answer without the token in it, which the caller knows.
func withoutToken(raw json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return raw
	}
	delete(members, "token")
	out, err := json.Marshal(members)
	if err != nil {
		return raw
	}
	return out
}

type keysUpdateCmd struct {
	apiFlags
	keyFlags

	Key string `arg:"" help:"Name or id."`
}

// Run changes an access key.
func (c *keysUpdateCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error {
		change, err := c.change(api)
		if err != nil {
			return err
		}
		if len(change) == 0 {
			return errors.New("nothing to change: give at least one flag")
		}
		raw, err := api.patch(accessKeys(), c.Key, change)
		if err != nil {
			return err
		}
		return api.showKey(raw)
	})
}

// patch changes a resource that is given by name or id.
func (c *api) patch(r *resource, name string, change map[string]any) (json.RawMessage, error) {
	id, err := c.find(r, name)
	if err != nil {
		return nil, err
	}
	return c.call(http.MethodPatch, r.path+"/"+url.PathEscape(id), nil, change)
}

// remove deletes resources that are given by name or id, and says so.
func (c *api) remove(r *resource, names []string, done string) error {
	for _, name := range names {
		id, err := c.find(r, name)
		if err != nil {
			return err
		}
		if _, err := c.call(http.MethodDelete, r.path+"/"+url.PathEscape(id), nil, nil); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c.app.warnf("%s %s\n", id, done)
	}
	return nil
}

type keysSwitchCmd struct {
	apiFlags

	Key string `arg:"" help:"Name or id."`
}

// Run disables an access key.
func (c *keysSwitchCmd) Run(a *app) error { return c.turn(a, true) }

func (c *keysSwitchCmd) turn(a *app, disabled bool) error {
	return c.connect(a, func(api *api) error {
		raw, err := api.patch(accessKeys(), c.Key, map[string]any{"disabled": disabled})
		if err != nil {
			return err
		}
		return api.showKey(raw)
	})
}

type keysEnableCmd struct{ keysSwitchCmd }

// Run enables an access key.
func (c *keysEnableCmd) Run(a *app) error { return c.turn(a, false) }

type keysRotateCmd struct {
	apiFlags

	Key     string `arg:"" help:"Name or id."`
	Overlap string `default:"24h" placeholder:"SPAN" help:"How long the token before still holds; 0s = it ends now."`
}

// Run gives an access key another token.
func (c *keysRotateCmd) Run(a *app) error {
	overlap, err := parseSpan(c.Overlap)
	if err != nil {
		return fmt.Errorf("--overlap: %w", err)
	}
	return c.connect(a, func(api *api) error {
		id, err := api.find(accessKeys(), c.Key)
		if err != nil {
			return err
		}
		raw, err := api.call(http.MethodPost, accessKeys().path+"/"+url.PathEscape(id)+"/rotate", nil,
			map[string]any{"overlapSeconds": int64(overlap / time.Second)})
		if err != nil {
			return err
		}
		note := "has another token, and the one before ended"
		if overlap > 0 {
			note = "has another token; the one before holds until " + time.Now().Add(overlap).UTC().Format(time.RFC3339)
		}
		return api.told(raw, note)
	})
}

type keysRevokeCmd struct {
	apiFlags

	Keys []string `arg:"" help:"Names or ids."`
}

// Run deletes access keys.
func (c *keysRevokeCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error { return api.remove(accessKeys(), c.Keys, "was revoked") })
}
