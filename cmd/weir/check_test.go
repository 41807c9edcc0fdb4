package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// closedTwice is denyAll with a rule behind it that never runs.
const closedTwice = denyAll + `  - name: later
    actions: [{type: log, config: {metadata: {a: b}}}]
`

func TestCheckStrict(t *testing.T) {
	t.Parallel()
	path := file(t, "policy.yaml", closedTwice)
	p := newProcess(nil)
	if status := p.run([]string{"check", path}); status != 0 || !strings.Contains(p.out.String(), "policy.yaml: ok, 1 warning\n") {
		t.Errorf("got status %d and %s, want a warning", status, p.out)
	}
	p = newProcess(nil)
	if status := p.run([]string{"check", "--strict", path}); status != 1 || !strings.Contains(p.out.String(), "policy.yaml: 1 error\n") || strings.Contains(p.out.String(), "warning") {
		t.Errorf("got status %d and %s, want the warning as an error", status, p.out)
	}
	p = newProcess(nil)
	loose := file(t, "policy.yaml", "on_request: [{on_error: continue, actions: [{type: deny}]}]")
	if status := p.run([]string{"check", "--strict", loose}); status != 1 || !strings.Contains(p.out.String(), "refused: on_error_continue") || !strings.Contains(p.out.String(), "1 error") {
		t.Errorf("got status %d and %s, want what is not enforced refused", status, p.out)
	}
}

func TestCheckKnowsTheCatalog(t *testing.T) {
	t.Parallel()
	p := newProcess(nil)
	path := file(t, "policy.yaml", "route: {model_selection: {strategy: [\"ai.models.filter(m, m.provider_id == 'opnai')\", \"ai.models.onlyProviders(['openai'])\"]}}")
	if status := p.run([]string{"check", path}); status != 0 || strings.Count(p.out.String(), "empty_strategy") != 1 {
		t.Errorf("got status %d and %s, want the first strategy reported", status, p.out)
	}
}

// required are the members that the schema of SARIF 2.1.0 requires of each object that a report holds.
func required(kind string) []string {
	return map[string][]string{
		"log":              {"version", "runs"},
		"run":              {"tool"},
		"tool":             {"driver"},
		"driver":           {"name"},
		"rule":             {"id"},
		"result":           {"message"},
		"message":          {"text"},
		"location":         {},
		"physicalLocation": {"artifactLocation"},
		"artifactLocation": {"uri"},
		"region":           {"startLine"},
		"invocation":       {"executionSuccessful"},
	}[kind]
}

// object asserts that v is an object with the members that its kind must have.
func object(t *testing.T, v any, kind string) map[string]any {
	t.Helper()
	m, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("got %v, want a %s", v, kind)
	}
	for _, name := range required(kind) {
		if m[name] == nil || m[name] == "" {
			t.Errorf("got %v, want %q in a %s", m, name, kind)
		}
	}
	return m
}

func objects(t *testing.T, v any, kind string) []map[string]any {
	t.Helper()
	list, ok := v.([]any)
	if !ok {
		t.Fatalf("got %v, want a list of %s", v, kind)
	}
	out := make([]map[string]any, len(list))
	for i := range list {
		out[i] = object(t, list[i], kind)
	}
	return out
}

// checkSARIF checks a report against the schema's required members, and what points from one part to another.
func checkSARIF(t *testing.T, text string) (results []map[string]any) {
	t.Helper()
	var report any
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("got %s: %v", text, err)
	}
	log := object(t, report, "log")
	runs := objects(t, log["runs"], "run")
	if log["version"] != "2.1.0" || len(runs) != 1 {
		t.Fatalf("got version %v and %d runs, want 2.1.0 and one", log["version"], len(runs))
	}
	rules := objects(t, object(t, object(t, runs[0]["tool"], "tool")["driver"], "driver")["rules"], "rule")
	ids := map[any]bool{}
	for _, rule := range rules {
		object(t, rule["shortDescription"], "message")
		if ids[rule["id"]] {
			t.Errorf("the rule %v is there twice", rule["id"])
		}
		ids[rule["id"]] = true
	}
	objects(t, runs[0]["invocations"], "invocation")
	results = objects(t, runs[0]["results"], "result")
	for _, r := range results {
		object(t, r["message"], "message")
		index, ok := r["ruleIndex"].(float64)
		if !ok || int(index) >= len(rules) || rules[int(index)]["id"] != r["ruleId"] {
			t.Errorf("got rule %v at %v, want the place of that rule", r["ruleId"], r["ruleIndex"])
		}
		if level, ok := r["level"].(string); !ok || !slices.Contains([]string{"none", "note", "warning", "error"}, level) {
			t.Errorf("got level %v, want one of the standard", r["level"])
		}
		for _, l := range objects(t, r["locations"], "location") {
			place := object(t, l["physicalLocation"], "physicalLocation")
			if uri := object(t, place["artifactLocation"], "artifactLocation")["uri"]; strings.Contains(uri.(string), `\`) || strings.Contains(uri.(string), " ") { //nolint:errcheck,forcetypeassert // a test
				t.Errorf("got the reference %v, want one that is a URI", uri)
			}
			if place["region"] != nil {
				region := object(t, place["region"], "region")
				if region["startLine"].(float64) < 1 || region["startColumn"] != nil && region["startColumn"].(float64) < 1 { //nolint:errcheck,forcetypeassert // a test
					t.Errorf("got the region %v, want it to count from 1", region)
				}
			}
		}
	}
	return results
}

func TestCheckAsSARIF(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{
		"a policy.yaml":   "include: [parts/part.yaml]\non_request:\n  - mode: shadow\n    actions: [{type: dney}]\n",
		"parts/part.yaml": "route: {total_timeout: 1s, per_request_timeout: 2s}\n",
		"fine.yaml":       "{}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := newProcess(nil)
	if status := p.run([]string{"check", "--format", "sarif", "a policy.yaml", "fine.yaml"}); status != 1 {
		t.Errorf("got status %d, want 1", status)
	}
	results := checkSARIF(t, p.out.String())
	got := make([]string, 0, len(results))
	for _, r := range results {
		place := object(t, objects(t, r["locations"], "location")[0]["physicalLocation"], "physicalLocation")
		uri := object(t, place["artifactLocation"], "artifactLocation")["uri"]
		got = append(got, strings.Join([]string{r["ruleId"].(string), r["level"].(string), uri.(string)}, " ")) //nolint:errcheck,forcetypeassert // a test
	}
	want := []string{"unknown_action error a%20policy.yaml", "no_effect warning parts/part.yaml", "not_enforced note a%20policy.yaml"}
	if !slices.Equal(got, want) {
		t.Errorf("got results %q, want %q", got, want)
	}
	p = newProcess(nil)
	outside := file(t, "policy.yaml", closedTwice)
	if status := p.run([]string{"check", "--format", "sarif", "--strict", outside}); status != 1 {
		t.Errorf("got status %d, want 1 where warnings are errors", status)
	}
	if results := checkSARIF(t, p.out.String()); len(results) != 1 || results[0]["level"] != "error" || !strings.Contains(p.out.String(), `"file:///`) {
		t.Errorf("got %s, want the warning as an error, in a file outside the folder", p.out)
	}
}

func TestCheckWatch(t *testing.T) {
	t.Parallel()
	path := file(t, "policy.yaml", denyAll)
	p := newProcess(nil)
	status := make(chan int, 1)
	go func() { status <- p.run([]string{"check", "--watch", path}) }()
	await := func(want string, times int) {
		t.Helper()
		for began := time.Now(); strings.Count(p.out.String(), want) < times; time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > 15*time.Second {
				t.Fatalf("got %s%s, want %q %d times", p.out, p.errs, want, times)
			}
		}
	}
	await("policy.yaml: ok\n", 1)
	time.Sleep(50 * time.Millisecond) // until the folder is watched
	if err := os.WriteFile(path, []byte(strings.Replace(denyAll, "type: deny", "type: denny", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	await(`did you mean "deny"?`, 1)
	if err := os.WriteFile(path, []byte(denyAll), 0o600); err != nil {
		t.Fatal(err)
	}
	await("policy.yaml: ok\n", 2)
	p.signals <- syscall.SIGINT
	select {
	case got := <-status:
		if got != 0 {
			t.Errorf("got status %d, want 0", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("the command did not end on the signal")
	}
}
