package actions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/engine"
)

// Files are read through the policy where there is one, and otherwise from beside it.
func TestBlockReadsFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("\xEF\xBB\xBFone\r\n# no\n two \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	node := &engine.Node{Kind: engine.NodeScalar, Value: "a.txt"}
	node.Text.Value, node.Pos.File = "a.txt", filepath.Join(dir, "policy.yaml")
	list := &engine.Node{Kind: engine.NodeList, Items: []*engine.Node{node}}
	key := &engine.Node{Kind: engine.NodeScalar}
	key.Text.Value = "files"
	read := ""
	tests := []struct {
		name string
		read func(string) ([]byte, error)
		want string
	}{
		{"from beside the policy", nil, "one two"},
		{"through the policy", func(path string) ([]byte, error) {
			read = path
			return []byte("three"), nil
		}, "three"},
		{"too large", func(string) ([]byte, error) { return make([]byte, maxPolicyFile+1), nil }, ""},
		{"missing", func(string) ([]byte, error) { return nil, os.ErrNotExist }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec := Registry()[0]
			c := engine.NewConfig(nil, 0, &spec, node.Pos, nil)
			c.ReadFile = tt.read
			text, err := readPolicyFile(c, node)
			if (err == nil) != (tt.want != "") {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				got := strings.Join((&block{}).readFiles(configWith(c, key, list), nil), " ")
				if got != tt.want {
					t.Errorf("got %q of %q, want %q", got, text, tt.want)
				}
			}
		})
	}
	if read != "a.txt" {
		t.Errorf("got %q read, want the name as the policy has it", read)
	}
}

// configWith is a config with one field, which it has the reader of another one for.
func configWith(c *engine.Config, key, value *engine.Node) *engine.Config {
	spec := engine.ActionSpec{Name: "block", Fields: []engine.Field{{Name: key.Text.Value, Type: engine.FieldStrings}}}
	out := engine.NewConfig(nil, 0, &spec, value.Pos, &engine.Node{Kind: engine.NodeMap, Keys: []*engine.Node{key}, Items: []*engine.Node{value}})
	out.ReadFile = c.ReadFile
	return out
}
