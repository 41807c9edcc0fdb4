package policytest

import (
	"slices"
	"strings"

	"weir/providers/sim"
)

// getenv is the environment of the script's gateway: what the script set, and a key for every simulated provider that
// wants one.
func (w *world) getenv(name string) (string, bool) {
	if value, ok := w.secrets[name]; ok {
		return value.text, !value.missing
	}
	for id := range w.upstreams {
		if slices.Contains(w.keyNames(id), name) {
			return defaultKey(id), true
		}
	}
	return "", false
}

// secret is one secret of a script; a missing one hides the key that a simulated provider has without being asked.
type secret struct {
	text    string
	missing bool
}

// keyNames are the variables that hold the key of a provider: a built-in one says so, unless it answers without; a custom
// one gets a plain name.
func (w *world) keyNames(id string) []string {
	if spec := w.spec(id); spec != nil {
		if spec.KeyOptional {
			return nil
		}
		return spec.Env
	}
	return []string{strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(id)) + "_API_KEY"}
}

func defaultKey(id string) string { return "test-key-" + id }

// unmask puts the script's own keys back where the simulator's journal keeps only their marks: they are not secret.
func (w *world) unmask(text string) string {
	if !strings.Contains(text, "sha256:") {
		return text
	}
	show := func(key string) {
		if key != "" {
			text = strings.ReplaceAll(text, sim.Mark(key), key)
		}
	}
	for _, s := range w.secrets {
		show(s.text)
	}
	for id := range w.upstreams {
		show(defaultKey(id))
	}
	for _, key := range w.sent {
		show(key)
	}
	return text
}
