package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"weir/access/seal"
)

const (
	// nameAccess is the gateway with access keys on.
	nameAccess = "weir-access"
	// accessID is that of the one key; clients of every target send its token.
	accessID = "00000000000000000000000001"
)

// accessKeys are one key of a team, one budget and one limit, far beyond what a run uses.
const accessKeys = `teams: [{name: bench, id: team_00000000000000000000000001}]
access_keys: [{name: bench, team: bench, token_hash: "HASH"}]
budgets: [{name: month, team: bench, unit: usd, limit: 1000000, window: month}]
limits: [{name: minute, per: [access_key], unit: requests, limit: 1000000000, window: 60s}]
`

// accessConfig has SQLite, counters in memory and usage in a folder of their own.
const accessConfig = `drain: {wait: 0s, timeout: 2s}
access: {folder: FOLDER, file: FOLDER/keys.yaml, master_key: {file: FOLDER/master.key}}
`

// prepareAccess writes what the gateway with access keys reads, and returns its configuration.
func (o *options) prepareAccess(box *seal.Box, master []byte) (config string, err error) {
	folder := filepath.Join(o.dir, "access")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("preparing %s: %w", nameAccess, err)
	}
	for name, text := range map[string]string{
		"keys.yaml":  strings.Replace(accessKeys, "HASH", box.HashText(o.token), 1),
		"master.key": base64.StdEncoding.EncodeToString(master),
		"weir.yaml":  strings.ReplaceAll(accessConfig, "FOLDER", folder),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("preparing %s: %w", nameAccess, err)
		}
	}
	return filepath.Join(folder, "weir.yaml"), nil
}

// accessTarget is the real binary with access keys; it has no form within this program.
func (o *options) accessTarget(policy string) (target, error) {
	master := []byte(strings.Repeat("0123456789abcdef", seal.KeySize/16))
	for i := range master {
		master[i] ^= byte(i * 37) // a key that repeats itself is refused
	}
	box, err := seal.New(master)
	if err != nil {
		return target{}, fmt.Errorf("preparing %s: %w", nameAccess, err)
	}
	o.token = seal.NewToken(accessID)
	config, err := o.prepareAccess(box, master)
	if err != nil {
		return target{}, err
	}
	return target{name: nameAccess, argv: func(addr, _ string) []string {
		return []string{o.weir, "serve", policy, "--config", config, "--listen", addr, "--admin", "127.0.0.1:0"}
	}}, nil
}
