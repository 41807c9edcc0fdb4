package actions_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/policies/policytest"
)

// runScript runs a policy script in which words in capitals stand for what only the test knows, such as the address of a
// server.
func runScript(t *testing.T, text string, words map[string]string) {
	t.Helper()
	for word, value := range words {
		text = strings.ReplaceAll(text, word, value)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "script.txtar"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("script", func(t *testing.T) { policytest.RunDir(t, dir) })
}
