package actions

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/engine"
	"weir/policies"
)

// TestThreeFiles checks that every action has its code, its test and its page under one name.
func TestThreeFiles(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	registering := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := regexp.MustCompile(`register\(engine\.ActionSpec\{\s*Name:\s*"([a-z-]+)"`).FindSubmatch(data)
		if name == nil || strings.HasSuffix(file, "_test.go") {
			continue
		}
		registering++
		base := strings.TrimSuffix(file, ".go")
		if want := strings.ReplaceAll(string(name[1]), "-", "_"); base != want {
			t.Errorf("got %s in %s, want it in %s.go", name[1], file, want)
		}
		for _, other := range []string{base + "_test.go", base + ".md"} {
			if _, err := os.Stat(other); err != nil {
				t.Errorf("got %v, want %s beside %s", err, other, file)
			}
		}
	}
	if registering != len(Registry()) {
		t.Errorf("got %d files that register, want %d", registering, len(Registry()))
	}
}

// sections splits a page at its headings.
func sections(page string) (headings []string, text map[string]string) {
	text = map[string]string{}
	parts := strings.Split("\n"+page, "\n## ")
	for _, part := range parts[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		headings = append(headings, heading)
		text[heading] = body
	}
	text[""] = strings.TrimSpace(parts[0])
	return headings, text
}

// rows returns the cells of the first table of a section, without its head.
func rows(section string) [][]string {
	var out [][]string
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		out = append(out, cells)
	}
	if len(out) < 2 {
		return nil
	}
	return out[2:]
}

func TestPages(t *testing.T) {
	for _, spec := range Registry() {
		t.Run(spec.Name, func(t *testing.T) {
			headings, text := sections(spec.Doc)
			if want := []string{"Phases", "Fields", "Example", "Errors"}; !slices.Equal(headings, want) {
				t.Errorf("got headings %v, want %v", headings, want)
			}
			title, sentence, _ := strings.Cut(text[""], "\n\n")
			if title != "# "+spec.Name || !strings.HasSuffix(sentence, ".") || strings.Contains(sentence, "\n") {
				t.Errorf("got title %q and %q, want the name and one sentence", title, sentence)
			}
			for phase := range strings.SplitSeq(spec.Phases.String(), ", ") {
				if !strings.Contains(text["Phases"], "`"+phase+"`") {
					t.Errorf("got no word about %s, want each phase named", phase)
				}
			}
			checkFieldTable(t, &spec, rows(text["Fields"]))
			examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text["Example"], -1)
			if len(examples) == 0 {
				t.Error("got no example, want one")
			}
			for _, m := range examples {
				_, diags := policies.Compile(policies.Input{Path: "example", Text: []byte(m[1])}, policies.Options{Actions: Registry()})
				if len(diags) > 0 {
					t.Errorf("got %v, want an example that compiles", diags)
				}
			}
			known := engine.Codes()
			for _, row := range rows(text["Errors"]) {
				code := strings.Trim(row[0], "`")
				if !slices.ContainsFunc(known, func(f engine.CodeFact) bool { return string(f.Code) == code }) {
					t.Errorf("got %q among the errors, want codes that exist", code)
				}
			}
		})
	}
}

func checkFieldTable(t *testing.T, spec *engine.ActionSpec, table [][]string) {
	t.Helper()
	if len(table) != len(spec.Fields) {
		t.Fatalf("got %d rows, want %d fields", len(table), len(spec.Fields))
	}
	for i := range spec.Fields {
		f, row := &spec.Fields[i], table[i]
		def := ""
		if f.Default != "" {
			def = "`" + f.Default + "`"
		}
		if row[0] != "`"+f.Name+"`" || row[2] != def || row[3] != f.Doc {
			t.Errorf("got row %q, want %q with default %q and %q", row, f.Name, def, f.Doc)
		}
		if required := strings.Contains(row[1], "required"); required != f.Required {
			t.Errorf("got required %v for %s, want %v", required, f.Name, f.Required)
		}
		if f.Max != 0 && !strings.Contains(row[1], strconv.FormatInt(f.Max, 10)) {
			t.Errorf("got %q for %s, want its limit %d", row[1], f.Name, f.Max)
		}
	}
}
