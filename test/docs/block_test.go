package docs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is one fenced block of a document.
type block struct {
	Language string
	Fails    bool // fenced as "yaml fail": it shows a mistake
	Line     int  // of its first line of text, counted from 1
	Text     string
}

// blocks finds the fenced blocks of a document. A block that is never closed ends with the document, as in Markdown; open
// reports it, because it is always a slip.
func blocks(text string) (found []block, open bool) {
	var fence, indent string
	var current block
	var lines []string
	for number, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeft(line, " ")
		if fence == "" {
			if fence = openingFence(trimmed); fence != "" {
				indent = line[:len(line)-len(trimmed)]
				words := strings.Fields(trimmed[len(fence):])
				current = block{Line: number + 2}
				if len(words) > 0 {
					current.Language = words[0]
					current.Fails = len(words) > 1 && words[1] == "fail"
				}
				lines = lines[:0]
			}
			continue
		}
		if bare := strings.TrimSpace(line); strings.HasPrefix(bare, fence) && strings.Trim(bare, fence[:1]) == "" {
			current.Text = strings.Join(lines, "\n")
			found = append(found, current)
			fence = ""
			continue
		}
		lines = append(lines, strings.TrimPrefix(line, indent))
	}
	return found, fence != ""
}

// openingFence is the run of three or more backquotes or tildes that begins the line, "" for none.
func openingFence(line string) string {
	for _, mark := range []string{"`", "~"} {
		length := len(line) - len(strings.TrimLeft(line, mark))
		if length >= 3 && !strings.Contains(line[length:], "`") {
			return line[:length]
		}
	}
	return ""
}

func TestBlocks(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []block
		open bool
	}{
		{name: "no block", text: "one\n`yaml` two\n"},
		{name: "one", text: "a\n```yaml\nb: 1\nc: 2\n```\n", want: []block{{Language: "yaml", Line: 3, Text: "b: 1\nc: 2"}}},
		{name: "meant to fail", text: "```yaml fail\nb: [\n```", want: []block{{Language: "yaml", Fails: true, Line: 2, Text: "b: ["}}},
		{name: "in a list", text: "- x\n  ```cel\n  1 +\n    1\n  ```", want: []block{{Language: "cel", Line: 3, Text: "1 +\n  1"}}},
		{name: "longer fence", text: "````md\n```yaml\n```\n````", want: []block{{Language: "md", Line: 2, Text: "```yaml\n```"}}},
		{name: "tildes", text: "~~~rego\npackage a\n~~~", want: []block{{Language: "rego", Line: 2, Text: "package a"}}},
		{name: "without language", text: "```\nx\n```", want: []block{{Line: 2, Text: "x"}}},
		{name: "never closed", text: "```yaml\nx: 1\n", open: true},
		{name: "two", text: "```a\n1\n```\n\n```b\n2\n```", want: []block{{Language: "a", Line: 2, Text: "1"}, {Language: "b", Line: 6, Text: "2"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, open := blocks(test.text)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("blocks (-want +got):\n%s", diff)
			}
			if open != test.open {
				t.Errorf("open: got %v, want %v", open, test.open)
			}
		})
	}
}
