// Package docs_test holds the tree to what it says: the blocks of its documents compile, its links lead somewhere and its
// files keep the house rules that the linter does not know.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// skippedFolders are not ours: the repository's own records, built tools and what package managers put into the tree.
var skippedFolders = map[string]bool{
	".git": true, "bin": true, "node_modules": true, ".venv": true, "venv": true, "__pycache__": true, "out": true,
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			t.Fatal("no go.mod above the test")
		}
		folder = parent
	}
}

// source is one file of the tree.
type source struct {
	path string // slash-separated, from the root
	text string
}

// sources reads the files of the tree whose path is wanted, in the order of their paths.
func sources(t *testing.T, wanted func(path string) bool) []source {
	t.Helper()
	top := root(t)
	var found []source
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skippedFolders[entry.Name()] {
				return filepath.SkipDir
			}
			return nil
		}
		relative, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		if !entry.Type().IsRegular() || !wanted(relative) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found = append(found, source{path: relative, text: string(text)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("got no file, want some: the test looks at nothing")
	}
	return found
}

func isMarkdown(path string) bool { return strings.HasSuffix(path, ".md") }

func isGo(path string) bool { return strings.HasSuffix(path, ".go") }

// isGenerated tells the files that a program of the tree writes.
func isGenerated(path string) bool {
	return strings.HasPrefix(filepath.Base(path), "zz_")
}
