package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/policies/policytest"
)

// TestPolicy runs guarded.txt with a guard that is there. The script beside the policy has none, and nothing passes.
func TestPolicy(t *testing.T) {
	s := httptest.NewServer(newGuard("guard-key-1", []string{"umbra", "helios"}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	for from, to := range map[string]string{"guarded.txt": "test.txtar", "../policy.yaml": "policy.yaml"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if to == "policy.yaml" && strings.Count(string(text), "http://127.0.0.1:8701/") != 2 {
			t.Fatal("got another address of the guard in the policy")
		}
		moved := strings.ReplaceAll(string(text), "http://127.0.0.1:8701/", s.URL+"/")
		if err := os.WriteFile(filepath.Join(dir, to), []byte(moved), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("script", func(t *testing.T) { policytest.RunDir(t, dir) })
}
