package catalog

import (
	_ "embed" // the data file
	"encoding/json"
	"fmt"
	"sync"
)

//go:embed models.json
var embedded []byte

// loadOnce decodes the built-in file at its first use: commands that need no models do not pay for it.
var loadOnce = sync.OnceValues(decodeEmbedded)

// Load returns the built-in catalog. It is decoded once and shared.
func Load() (*Catalog, error) { return loadOnce() }

// decodeEmbedded skips the checks of Read: a test makes them.
func decodeEmbedded() (*Catalog, error) {
	var f catalogFile
	if err := json.Unmarshal(embedded, &f); err != nil {
		return nil, fmt.Errorf("decoding the built-in catalog: %w", err)
	}
	return f.catalog(), nil
}
