package main

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/actions"
	"weir/engine"
)

// TestMigrationPage holds the page for those who come from ngrok to the actions there are: each is on it, with a link, but
// for those that only Weir has; what it says is not there is not.
func TestMigrationPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/migrating-from-ngrok.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	ours := []string{"access-key", "rego", "redact", "cache", "budget", "block", "limit-content", "restrict-tools", "system-prompt", "validate-answer"}
	for _, spec := range actions.Registry() {
		if !slices.Contains(ours, spec.Name) && !strings.Contains(page, "(actions/"+spec.Name+".md)") {
			t.Errorf("%s is not on the page", spec.Name)
		}
	}
	_, absent, _ := strings.Cut(page, "## What is not there")
	for _, name := range []string{"saml", "terminate-tls"} {
		if !strings.Contains(absent, "`"+name+"`") || slices.ContainsFunc(actions.Registry(), func(s engine.ActionSpec) bool { return s.Name == name }) {
			t.Errorf("%s is not what the page says it is", name)
		}
	}
	_, codes, _ := strings.Cut(page, "## Numbers of errors")
	for _, row := range regexp.MustCompile(`(?m)^\| \d.*$`).FindAllString(codes, -1) {
		cells := strings.Split(row, " | ")
		names := regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1)
		for _, f := range engine.Codes() {
			for _, name := range names {
				if string(f.Code) == name[1] && len(names) == 1 && !strings.Contains(cells[2], strconv.Itoa(f.Status)) {
					t.Errorf("%s has status %d, the page says %q", f.Code, f.Status, cells[2])
				}
			}
		}
	}
}

// TestDiagnosticsPage compares the page in docs with the table of codes.
func TestDiagnosticsPage(t *testing.T) {
	t.Parallel()
	want := generated + strings.TrimSpace(diagnosticsPage()) + "\n"
	for n := 2200; n <= 2267; n++ {
		if n != 2220 && !strings.Contains(want, strconv.Itoa(n)) { // a number that was never given out
			t.Errorf("%d has neither a code nor a reason why not", n)
		}
	}
	const path = "../../docs/diagnostics.md"
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE_DOCS") != "" {
		_ = os.WriteFile(path, []byte(want), 0o600)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/diagnostics.md is not what the table says (-want +got); run weir docs:\n%s", diff)
	}
}
