package main

import (
	"context"
	"fmt"

	"weir/policies"
)

// minImported is the least that the gateway takes as a token from elsewhere.
const minImported = 16

type keysHashCmd struct {
	Config string `type:"existingfile" help:"weir.yaml of the gateway: its master key makes the hash."`
}

// Run prints the hash of a token. It needs no gateway, only the same master key.
func (c *keysHashCmd) Run(a *app) error {
	config, err := a.config(c.Config)
	if err != nil {
		return err
	}
	folder, err := a.stateFolder(&config.Access)
	if err != nil {
		return err
	}
	token, err := a.readSecret("the token")
	if err != nil {
		return err
	}
	if len(token) < minImported {
		return fmt.Errorf("a token has at least %d bytes, or it can be guessed: got %d", minImported, len(token))
	}
	sources := a.secretSources(config)
	secret := func(name string) (string, error) { return policies.LookupSecret(sources, name) }
	address, err := config.Access.StoreAddress(secret)
	if err != nil {
		return fmt.Errorf("access.store: %w", err)
	}
	box, err := a.masterKeys(context.Background(), &config.Access, folder, address, secret)
	if err != nil {
		return err
	}
	return a.printf("%s\n", box.HashText(token))
}
