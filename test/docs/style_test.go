package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The limits of the house. A file of 400 lines and a function of 60 are what a reviewer reads in one go; 160 characters
// are what two files side by side leave.
const (
	maxFileLines     = 400
	maxFunctionLines = 60
)

// isScript tells the programs of the tree that are not Go.
func isScript(path string) bool {
	switch filepath.Ext(path) {
	case ".sh", ".rego", ".js", ".mjs", ".ts", ".py":
		return true
	}
	return path == "Makefile" || path == ".ci/run"
}

func isOurCode(path string) bool {
	return (isGo(path) || isScript(path)) && !isGenerated(path)
}

func TestFileLength(t *testing.T) {
	for _, file := range sources(t, isOurCode) {
		if lines := strings.Count(file.text, "\n"); lines > maxFileLines {
			t.Errorf("%s: got %d lines, want at most %d", file.path, lines, maxFileLines)
		}
	}
}

// TestFunctionLength leaves tests alone: a table of cases is long and still reads in one go.
func TestFunctionLength(t *testing.T) {
	for _, file := range sources(t, func(path string) bool {
		return isGo(path) && !isGenerated(path) && !strings.HasSuffix(path, "_test.go")
	}) {
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file.path, file.text, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, declaration := range tree.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Body == nil {
				continue
			}
			first, last := set.Position(function.Pos()).Line, set.Position(function.End()).Line
			if lines := last - first + 1; lines > maxFunctionLines {
				t.Errorf("%s:%d: got %d lines in %s, want at most %d", file.path, first, lines, function.Name.Name, maxFunctionLines)
			}
		}
	}
}

// unfinished finds the marks of work put off; they are spelled apart so that this file does not find itself.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b`)

func TestNothingUnfinished(t *testing.T) {
	for _, file := range sources(t, isOurCode) {
		for i, line := range strings.Split(file.text, "\n") {
			if mark := unfinished.FindString(line); mark != "" {
				t.Errorf("%s:%d: got %q, want the work done or an issue of its own", file.path, i+1, mark)
			}
		}
	}
}

// TestDecisions holds the decisions to one form: numbered without gaps, with the same three headings in the same order.
func TestDecisions(t *testing.T) {
	headings := []string{"## Context", "## Decision", "## Consequences"}
	for i, file := range sources(t, func(path string) bool {
		return isMarkdown(path) && strings.HasPrefix(path, "docs/decisions/")
	}) {
		if want := fmt.Sprintf("%04d-", i+1); !strings.HasPrefix(filepath.Base(file.path), want) {
			t.Errorf("%s: got this name, want one that begins with %s", file.path, want)
		}
		var got []string
		for line := range strings.Lines(file.text) {
			if strings.HasPrefix(line, "## ") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		if !slices.Equal(got, headings) {
			t.Errorf("%s: got headings %q, want %q", file.path, got, headings)
		}
	}
}

var change = regexp.MustCompile(`^\* \[(CHANGE|FEATURE|ENHANCEMENT|BUGFIX)\] [A-Z]`)

// TestChangelog holds each entry of the change log to its form: a kind in brackets, then the area.
func TestChangelog(t *testing.T) {
	for _, file := range sources(t, func(path string) bool { return path == "CHANGELOG.md" }) {
		for i, line := range strings.Split(file.text, "\n") {
			entry := strings.HasPrefix(line, "* ") || strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "[")
			if entry && !change.MatchString(line) {
				t.Errorf("%s:%d: got %q, want it to begin with * [CHANGE], [FEATURE], [ENHANCEMENT] or [BUGFIX]", file.path, i+1, line)
			}
		}
	}
}
