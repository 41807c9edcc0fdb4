package docs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"weir/engine/opa"
)

// policyKeys are the top-level keys that tell a policy from other YAML, such as the gateway's own configuration.
var policyKeys = map[string]bool{
	"on_request": true, "route": true, "on_response": true, "providers": true,
	"on_tcp_connect": true, "on_http_request": true, "on_http_response": true, "on_event_stream_message": true,
}

// TestMarkdownBlocks compiles what the documents show: YAML parses, policies and expressions compile, and a block that is
// fenced as failing does fail.
func TestMarkdownBlocks(t *testing.T) {
	top := root(t)
	for _, document := range sources(t, isMarkdown) {
		found, open := blocks(document.text)
		if open {
			t.Errorf("%s: got a fenced block that is never closed, want it closed", document.path)
		}
		for _, one := range found {
			err := checkBlock(filepath.Join(top, filepath.Dir(document.path)), one)
			switch {
			case one.Fails && err == nil:
				t.Errorf("%s:%d: got a block that compiles, want it to fail as its fence says", document.path, one.Line)
			case !one.Fails && err != nil:
				t.Errorf("%s:%d: got %v, want a block that compiles", document.path, one.Line, err)
			}
		}
	}
}

// checkBlock compiles one block; folder is where the files that a policy names are looked for.
func checkBlock(folder string, one block) error {
	switch one.Language {
	case "yaml", "yml":
		keys, err := topLevelKeys(one.Text)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if policyKeys[key] {
				return compilePolicy(folder, one.Text)
			}
		}
		return nil
	case "cel":
		return compileExpression(one.Text)
	case "rego":
		return compileRego(one.Text)
	}
	return nil
}

// compileRego compiles a module, and a test with nothing to test: the names that it imports need not be there.
func compileRego(text string) error {
	module := opa.Text{Name: "block.rego", Text: []byte(text)}
	if strings.Contains(text, "\ntest_") {
		_, diags := opa.Test(context.Background(), opa.Options{}, []opa.Text{module}, opa.TestOptions{Run: "^$"})
		return diags.Err()
	}
	_, diags := opa.Compile(opa.Options{Modules: []opa.Text{module}})
	return diags.Err()
}

// topLevelKeys parses every document of the text and gives the keys of those that are mappings.
func topLevelKeys(text string) ([]string, error) {
	var keys []string
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, fmt.Errorf("parsing yaml: %w", err)
		}
		// Decoding into a value finds what parsing lets through, such as a key that stands twice.
		var value any
		if err := document.Decode(&value); err != nil {
			return nil, fmt.Errorf("decoding yaml: %w", err)
		}
		if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i < len(document.Content[0].Content); i += 2 {
			keys = append(keys, document.Content[0].Content[i].Value)
		}
	}
}

func TestCheckBlock(t *testing.T) {
	tests := []struct {
		name  string
		block block
		fails bool
	}{
		{name: "other languages are not read", block: block{Language: "sh", Text: "a: ["}},
		{name: "yaml that is no policy", block: block{Language: "yaml", Text: "a: 1\nb: [2, 3]"}},
		{name: "several documents", block: block{Language: "yaml", Text: "a: 1\n---\n- b"}},
		{name: "yaml that does not parse", block: block{Language: "yaml", Text: "a: ["}, fails: true},
		{name: "second document does not parse", block: block{Language: "yaml", Text: "a: 1\n---\nb: }"}, fails: true},
		{name: "a key that stands twice", block: block{Language: "yaml", Text: "a: 1\na: 2"}, fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := checkBlock(t.TempDir(), test.block)
			if (err != nil) != test.fails {
				t.Errorf("got %v, want failure %v", err, test.fails)
			}
		})
	}
}

// link finds the target of an inline Markdown link or image.
var link = regexp.MustCompile(`\]\(<?([^)<>\s]+)>?(?:\s+"[^"]*")?\)`)

// TestMarkdownLinks follows every link that stays in the tree.
func TestMarkdownLinks(t *testing.T) {
	top := root(t)
	for _, document := range sources(t, isMarkdown) {
		for _, match := range link.FindAllStringSubmatch(withoutBlocks(document.text), -1) {
			target, _, _ := strings.Cut(match[1], "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			path := filepath.Join(top, filepath.Dir(document.path), filepath.FromSlash(target))
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: got a link to %q, want a file that is there", document.path, match[1])
			}
		}
	}
}

// withoutBlocks leaves out fenced blocks and inline code, where brackets are not links.
func withoutBlocks(text string) string {
	found, _ := blocks(text)
	for _, one := range found {
		if one.Text != "" {
			text = strings.Replace(text, one.Text, "", 1)
		}
	}
	return inlineCode.ReplaceAllString(text, "")
}

var inlineCode = regexp.MustCompile("`[^`\n]*`")
