package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"weir/access/seal"
	"weir/server"
)

// stateMode keeps other users of the machine from the state.
const stateMode = 0o700

func inFolder(folder, name string) string { return filepath.Join(folder, name) }

// stateFolder is the folder of the gateway's state; it is made where it is missing.
func (a *app) stateFolder(c *server.AccessConfig) (string, error) {
	folder := c.Folder
	if folder == "" {
		folder = a.defaultFolder()
	}
	if folder == "" {
		return "", errors.New("access keys need a folder for the gateway's state: set access.folder in weir.yaml, or $HOME")
	}
	if err := os.MkdirAll(folder, stateMode); err != nil {
		return "", fmt.Errorf("access.folder: %w", err)
	}
	return folder, nil
}

// defaultFolder is where the system keeps the state of services and of programs, "" where it says nothing.
func (a *app) defaultFolder() string {
	if v, ok := a.getenv("STATE_DIRECTORY"); ok && v != "" {
		first, _, _ := strings.Cut(v, ":") // a service may have several
		return first
	}
	if v, ok := a.getenv("XDG_STATE_HOME"); ok && filepath.IsAbs(v) {
		return filepath.Join(v, "weir")
	}
	if v, ok := a.getenv("HOME"); ok && filepath.IsAbs(v) {
		return filepath.Join(v, ".local", "state", "weir")
	}
	return ""
}

// masterKeys loads the keys that seal and hash. One is made only for a gateway that is alone.
func (a *app) masterKeys(
	ctx context.Context, c *server.AccessConfig, folder, store string, secret func(string) (string, error),
) (*seal.Box, error) {
	first := seal.KeySource{Generated: inFolder(folder, "master.key")}
	value, _ := a.getenv(c.MasterKey.Env)
	switch {
	case value != "":
		first = seal.KeySource{Value: value}
	case c.MasterKey.File != "":
		first = seal.KeySource{File: c.MasterKey.File}
	case len(c.MasterKey.Command) > 0:
		first = seal.KeySource{Command: c.MasterKey.Command}
	case store != "" && !strings.HasPrefix(store, "sqlite:"):
		return nil, fmt.Errorf("gateways that share a store need the same master key: set %s, or access.master_key in weir.yaml; "+
			"openssl rand -base64 32 makes one", c.MasterKey.Env)
	}
	sources := []seal.KeySource{first}
	for _, place := range c.OldMasterKeys {
		kind, name, _ := strings.Cut(place, ":")
		switch kind {
		case "file":
			sources = append(sources, seal.KeySource{File: name})
			continue
		case "env":
			value, _ = a.getenv(name)
		default:
			var err error
			if value, err = secret(name); err != nil {
				return nil, fmt.Errorf("access.old_master_keys: %w", err)
			}
		}
		if value == "" {
			return nil, fmt.Errorf("access.old_master_keys: %s is not set", place)
		}
		sources = append(sources, seal.KeySource{Value: value})
	}
	keys, err := seal.LoadKeys(ctx, sources)
	if err != nil {
		return nil, fmt.Errorf("access.master_key: %w", err)
	}
	box, err := seal.New(keys...)
	if err != nil {
		return nil, fmt.Errorf("access.master_key: %w", err)
	}
	return box, nil
}

// webhookKey is what signs webhooks, nil where nothing does.
func (s *accessService) webhookKey() ([]byte, error) {
	if s.config.WebhookSecret == "" {
		return nil, nil
	}
	value, err := s.secret(s.config.WebhookSecret)
	if err != nil {
		return nil, fmt.Errorf("access.webhook_secret: %w", err)
	}
	text, encoded := strings.CutPrefix(value, "whsec_")
	if !encoded {
		return []byte(value), nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) == 0 {
		return nil, fmt.Errorf("access.webhook_secret: the secret %q is not whsec_ and base64", s.config.WebhookSecret)
	}
	return key, nil
}
