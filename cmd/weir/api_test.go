package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Ids of the fake gateway.
const (
	idKey    = "aigk_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	idOld    = "aigk_bbbbbbbbbbbbbbbbbbbbbbbbbb"
	idTeam   = "team_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	idConfig = "aigac_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	idSealed = "aigpk_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	idBudget = "bud_aaaaaaaaaaaaaaaaaaaaaaaaaa"
)

const (
	keyJSON = `{"id":"` + idKey + `","name":"ci","teamId":"` + idTeam + `","accessKeyConfiguration":{"id":"` + idConfig + `","uri":"u","name":"cheap"},` +
		`"expiresAt":"2999-01-31T12:00:00Z","disabled":false,"static":false,"keyRedacted":"wr-aaaa...zzzz","lastUsed":"2026-01-02T03:04:05Z"}`
	oldJSON     = `{"id":"` + idOld + `","name":"old\u001b[31m","teamId":null,"accessKeyConfiguration":null,"expiresAt":"2001-01-01T00:00:00Z","static":true,"keyRedacted":"ng-b...c","lastUsed":null}`
	teamJSON    = `{"id":"` + idTeam + `","name":"research","description":"","disabled":false,"static":false,"provider_key_ids":["` + idSealed + `"]}`
	configJSON  = `{"id":"` + idConfig + `","name":"cheap","access":{"providers":{"allow":["openai"]},"models":{"allow":["openai/gpt-4o*"],"deny":["*-pro"]}},"router":{"rules":[{},{}]}}`
	sealedJSON  = `{"id":"` + idSealed + `","name":"main","providerId":"openai","keyRedacted":"sk-a...z","lastUsed":null}`
	budgetJSON  = `{"id":"` + idBudget + `","name":"","team_id":"` + idTeam + `","unit":"usd","limit":"500","window":"week","used":"12.5","resets_at":"2026-11-30T00:00:00Z","when":"m.id.startsWith('claude-opus')","per":[]}`
	usageJSON   = `{"id":"u1","eventTime":"2026-11-22T10:00:00Z","accessKeyId":"` + idKey + `","provider":"openai","model":"gpt-4o","attemptNumber":1,"statusCode":200,"inputTokens":10,"outputTokens":5,"totalCost":"0.00012","keySource":"gateway","latencyMs":830}`
	unknownJSON = `{"id":"u2","eventTime":"2026-11-22T09:00:00Z","provider":"own","model":"m","attemptNumber":2,"statusCode":null,"timedOut":true,"inputTokens":null,"outputTokens":null,"totalCost":null,"keySource":"user"}`
	overJSON    = `{"buckets":[{"bucketStart":"2026-11-22T00:00:00Z","groupKey":"` + idTeam + `","cost":"1.5","attemptsOfUnknownCost":1,"requests":7,"errors":2,"inputTokens":70,"outputTokens":30}],"totals":{"cost":"1.5","attemptsOfUnknownCost":1,"requests":7,"errors":2,"inputTokens":70,"outputTokens":30},"uri":"u"}`
)

func page(member, next string, entries ...string) string {
	if next == "" {
		next = "null"
	} else {
		next = `"` + next + `"`
	}
	return `{"` + member + `":[` + strings.Join(entries, ",") + `],"uri":"u","nextPageUri":` + next + `}`
}

// fakeAdmin answers by method and path, and keeps what it was asked.
type fakeAdmin struct {
	mu      sync.Mutex
	answers map[string]string // "METHOD path" or "METHOD path?query" to "status body"
	asked   []string
	url     string
}

func newFakeAdmin(t *testing.T, answers map[string]string) *fakeAdmin {
	t.Helper()
	f := &fakeAdmin{answers: map[string]string{
		"GET /access-keys":               "200 " + page("aiGatewayAccessKeys", "", keyJSON, oldJSON),
		"GET /access-keys/" + idKey:      "200 " + keyJSON,
		"GET /teams":                     "200 " + page("teams", "", teamJSON),
		"GET /access-key-configurations": "200 " + page("aiGatewayAccessKeyConfigurations", "", configJSON),
		"GET /provider-keys":             "200 " + page("aiGatewayProviderKeys", "", sealedJSON),
		"GET /provider-keys/" + idSealed: "200 " + sealedJSON,
		"GET /budgets":                   "200 " + page("budgets", "", budgetJSON),
		"GET /limits":                    "200 " + page("limits", ""),
		"GET /usage":                     "200 " + page("aiGatewayUsage", "", usageJSON, unknownJSON),
		"GET /usage/overview":            "200 " + overJSON,
	}}
	maps.Copy(f.answers, answers)
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	f.url = s.Listener.Addr().String()
	return f
}

func (f *fakeAdmin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	query := r.URL.Query()
	query.Del("limit")
	target := r.URL.Path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	line := r.Method + " " + target
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, ok := f.answers[line]
	if !ok {
		answer, ok = f.answers[r.Method+" "+r.URL.Path]
	}
	if len(body) > 0 {
		line += " " + string(body)
	}
	f.asked = append(f.asked, line)
	switch {
	case r.Header.Get("authorization") != "Bearer t0ken":
		answer = `401 {"errorCode":"unauthorized","statusCode":401,"msg":"the Admin API wants a bearer token that holds","details":{}}`
	case !ok:
		answer = `404 {"errorCode":"not_found","statusCode":404,"msg":"there is no such thing","details":{}}`
	}
	status, text, _ := strings.Cut(answer, " ")
	code := 0
	_, _ = fmt.Sscan(status, &code)
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

// changes are the requests that change something.
func (f *fakeAdmin) changes() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.asked {
		if !strings.HasPrefix(line, "GET ") {
			out = append(out, line)
		}
	}
	return out
}

func (f *fakeAdmin) run(stdin string, args ...string) (status int, out, errs string) {
	p := newProcess(map[string]string{tokenEnv: "t0ken", "OPENAI_KEY": "sk-of-env"})
	p.in = strings.NewReader(stdin)
	status = p.run(append(args, "--admin", f.url))
	return status, p.out.String(), p.errs.String()
}

// TestAccessTables: what lists look like. Control characters of others do nothing to the terminal.
func TestAccessTables(t *testing.T) {
	t.Parallel()
	f := newFakeAdmin(t, nil)
	tests := []struct {
		args string
		want string
	}{
		{"keys list", `
ID                               NAME     TEAM      CONFIGURATION  STATE               EXPIRES               LAST USED             TOKEN
aigk_aaaaaaaaaaaaaaaaaaaaaaaaaa  ci       research  cheap          active              2999-01-31 12:00:00Z  2026-01-02 03:04:05Z  wr-aaaa...zzzz
aigk_bbbbbbbbbbbbbbbbbbbbbbbbbb  old?[31m -         -              expired, from file  2001-01-01 00:00:00Z  -                     ng-b...c
`},
		{"keys list --team research", `
ID                               NAME  TEAM      CONFIGURATION  STATE   EXPIRES               LAST USED             TOKEN
aigk_aaaaaaaaaaaaaaaaaaaaaaaaaa  ci    research  cheap          active  2999-01-31 12:00:00Z  2026-01-02 03:04:05Z  wr-aaaa...zzzz
`},
		{"keys show ci", `
id             aigk_aaaaaaaaaaaaaaaaaaaaaaaaaa
name           ci
team           research
configuration  cheap
state          active
expires        2999-01-31 12:00:00Z
last used      2026-01-02 03:04:05Z
token          wr-aaaa...zzzz
`},
		{"teams list", `
ID                               NAME      STATE   PROVIDER KEYS  DESCRIPTION
team_aaaaaaaaaaaaaaaaaaaaaaaaaa  research  active  1              -
`},
		{"budgets list", `
ID                              NAME  FOR       LIMIT    WINDOW  USED  RESETS                STATE   PER  WHEN
bud_aaaaaaaaaaaaaaaaaaaaaaaaaa  -     research  500 usd  week    12.5  2026-11-30 00:00:00Z  active  -    m.id.startsWith('claude-opus')
`},
		{"limits list", `
ID  NAME  FOR  LIMIT  WINDOW  USED  RESETS  STATE  PER  WHEN
`},
		{"key-configs list", `
ID                                NAME   PROVIDERS  MODELS                    ROUTER RULES  STATE
aigac_aaaaaaaaaaaaaaaaaaaaaaaaaa  cheap  openai     openai/gpt-4o* but *-pro  2             active
`},
		{"provider-keys list", `
ID                                NAME  PROVIDER  TEAM  STATE   LAST USED  KEY
aigpk_aaaaaaaaaaaaaaaaaaaaaaaaaa  main  openai    -     active  -          sk-a...z
`},
		{"usage list", `
TIME                  ACCESS KEY  PROVIDER  MODEL   TRY  STATUS   IN  OUT  COST USD  MS   KEYS
2026-11-22 10:00:00Z  ci          openai    gpt-4o  1    200      10  5    0.00012   830  gateway
2026-11-22 09:00:00Z  -           own       m       2    timeout  -   -    unknown   -    user
`},
		{"usage overview --by team", `
DAY         TEAM      COST USD  COST UNKNOWN  REQUESTS  ERRORS  IN  OUT
2026-11-22  research  1.5       1             7         2       70  30
total       -         1.5       1             7         2       70  30
`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			status, out, errs := f.run("", strings.Fields(tt.args)...)
			want := strings.ReplaceAll(strings.TrimPrefix(tt.want, "\n"), "old?[31m -", "old?[31m  -")
			if diff := cmp.Diff(squeeze(want), squeeze(out)); status != 0 || diff != "" {
				t.Errorf("got status %d, %s and (-want +got):\n%s", status, errs, diff)
			}
		})
	}
}

// squeeze leaves one form of the spaces between columns, which depend on the longest cell.
func squeeze(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(out, "\n")
}

func TestAccessJSON(t *testing.T) {
	t.Parallel()
	f := newFakeAdmin(t, nil)
	tests := []struct{ args, want string }{
		{"keys list", "[" + keyJSON + "," + oldJSON + "]"},
		{"keys show ci", keyJSON},
		{"budgets list", "[" + budgetJSON + "]"},
		{"limits list", "[]"},
		{"usage list", "[" + usageJSON + "," + unknownJSON + "]"},
		{"usage overview --by key", overJSON},
	}
	for _, tt := range tests {
		status, out, errs := f.run("", append(strings.Fields(tt.args), "--output", "json")...)
		var got, want any
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%s: got status %d, %q and %s", tt.args, status, out, errs)
		}
		_ = json.Unmarshal([]byte(tt.want), &want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.args, diff)
		}
	}
}

// TestAccessChanges: which request each command makes of its flags, names turned into ids.
func TestAccessChanges(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "cheap.yaml")
	if err := os.WriteFile(config, []byte("name: cheap\naccess: {models: {allow: ['openai/*']}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	created := "201 " + strings.Replace(keyJSON, "{", `{"token":"wr-new-g1-secret",`, 1)
	f := func(line, answer string) map[string]string { return map[string]string{line: answer} }
	tests := []struct {
		name    string
		args    []string
		stdin   string
		answers map[string]string
		want    []string
		out     string
		errs    string
	}{
		{
			name: "create a key", args: []string{"keys", "create", "--name", "ci", "--team", "research", "--configuration", "cheap", "--group", "a", "--group", "b", "--expires", "2030-01-31", "--provider-key", "main"},
			answers: f("POST /access-keys", created), out: "wr-new-g1-secret\n", errs: "not shown again",
			want: []string{`POST /access-keys {"accessKeyConfigurationId":"` + idConfig + `","expiresAt":"2030-01-31T00:00:00Z","groups":["a","b"],"name":"ci","providerKeyIds":["` + idSealed + `"],"teamId":"` + idTeam + `"}`},
		},
		{
			name: "import a key", args: []string{"keys", "import", "--name", "old"}, stdin: "ng-xxxxx-g1-yyyyy\n",
			answers: f("POST /access-keys", created), out: "wr-aaaa...zzzz",
			want: []string{`POST /access-keys {"name":"old","token":"ng-xxxxx-g1-yyyyy"}`},
		},
		{
			name: "update a key", args: []string{"keys", "update", "ci", "--team", "none", "--network", "10.0.0.0/8", "--expires", "none"},
			answers: f("PATCH /access-keys/"+idKey, "200 "+keyJSON), out: "research",
			want: []string{`PATCH /access-keys/` + idKey + ` {"allowedNetworks":["10.0.0.0/8"],"expiresAt":null,"teamId":null}`},
		},
		{
			name: "disable a key", args: []string{"keys", "disable", "ci"}, answers: f("PATCH /access-keys/"+idKey, "200 "+keyJSON), out: "ci",
			want: []string{`PATCH /access-keys/` + idKey + ` {"disabled":true}`},
		},
		{
			name: "enable a key by id", args: []string{"keys", "enable", idKey}, answers: f("PATCH /access-keys/"+idKey, "200 "+keyJSON), out: "ci",
			want: []string{`PATCH /access-keys/` + idKey + ` {"disabled":false}`},
		},
		{
			name: "rotate a key", args: []string{"keys", "rotate", "ci", "--overlap", "1d"}, answers: f("POST /access-keys/"+idKey+"/rotate", created),
			out: "wr-new-g1-secret\n", errs: "holds until",
			want: []string{`POST /access-keys/` + idKey + `/rotate {"overlapSeconds":86400}`},
		},
		{
			name: "revoke keys", args: []string{"keys", "revoke", "ci", idOld}, errs: "was revoked",
			answers: map[string]string{"DELETE /access-keys/" + idKey: "204", "DELETE /access-keys/" + idOld: "204"},
			want:    []string{"DELETE /access-keys/" + idKey, "DELETE /access-keys/" + idOld},
		},
		{
			name: "create a team", args: []string{"teams", "create", "--name", "ops", "--provider-key", "main"}, answers: f("POST /teams", "201 "+teamJSON), out: "research",
			want: []string{`POST /teams {"name":"ops","provider_key_ids":["` + idSealed + `"]}`},
		},
		{
			name: "disable a team", args: []string{"teams", "update", "research", "--disabled"}, answers: f("PATCH /teams/"+idTeam, "200 "+teamJSON), out: "research",
			want: []string{`PATCH /teams/` + idTeam + ` {"disabled":true}`},
		},
		{
			name: "the budget of one line", args: []string{"budgets", "create", "--team", "research", "--usd", "500", "--window", "week", "--when", "m.id.startsWith('claude-opus')"},
			answers: f("POST /budgets", "201 "+budgetJSON), out: "500 usd",
			want: []string{`POST /budgets {"limit":"500","name":"research 500 usd week","team_id":"` + idTeam + `","unit":"usd","when":"m.id.startsWith('claude-opus')","window":"week"}`},
		},
		{
			name: "all of a budget", args: []string{"budgets", "create", "--key", "ci", "--tokens", "1000000", "--window", "total", "--rolling", "--timezone", "Europe/Berlin", "--per", "model", "--per", "req.headers['a, b']", "--warn-at", "80", "--warn-at", "90%", "--webhook", "https://h.example.com", "--status", "429", "--name", "b"},
			answers: f("POST /budgets", "201 "+budgetJSON), out: "500 usd",
			want: []string{`POST /budgets {"access_key_id":"` + idKey + `","limit":"1000000","name":"b","per":["model","req.headers['a, b']"],"rolling":true,"status":429,"timezone":"Europe/Berlin","unit":"tokens","warn_at":[80,90],"webhook_url":"https://h.example.com","window":"total"}`},
		},
		{
			name: "raise a budget", args: []string{"budgets", "update", idBudget, "--usd", "900", "--warn-at", "none"}, answers: f("PATCH /budgets/"+idBudget, "200 "+budgetJSON), out: "500 usd",
			want: []string{`PATCH /budgets/` + idBudget + ` {"limit":"900","unit":"usd","warn_at":null}`},
		},
		{
			name: "a limit", args: []string{"limits", "create", "--team", "research", "--requests", "100", "--window", "1m", "--per", "access_key"}, answers: f("POST /limits", "201 "+budgetJSON), out: "500 usd",
			want: []string{`POST /limits {"limit":"100","name":"research 100 requests 1m","per":["access_key"],"team_id":"` + idTeam + `","unit":"requests","window":"1m"}`},
		},
		{
			name: "a limit of calls at once", args: []string{"limits", "create", "--concurrent", "4"}, answers: f("POST /limits", "201 "+budgetJSON), out: "500 usd",
			want: []string{`POST /limits {"limit":"4","name":"everybody 4 concurrent","unit":"concurrent"}`},
		},
		{
			name: "store a provider key", args: []string{"provider-keys", "create", "--provider", "openai", "--name", "main"}, stdin: "sk-of-stdin\n", answers: f("POST /provider-keys", "201 "+sealedJSON), out: "sk-a...z",
			want: []string{`POST /provider-keys {"name":"main","providerId":"openai","value":"sk-of-stdin"}`},
		},
		{
			name: "rotate a provider key", args: []string{"provider-keys", "rotate", "main", "--value-env", "OPENAI_KEY"}, answers: f("POST /provider-keys/"+idSealed+"/rotate", "200 "+sealedJSON), out: "sk-a...z",
			want: []string{`POST /provider-keys/` + idSealed + `/rotate {"value":"sk-of-env"}`},
		},
		{
			name: "apply a configuration that is there", args: []string{"key-configs", "apply", config}, answers: f("PATCH /access-key-configurations/"+idConfig, "200 "+configJSON), out: "cheap",
			want: []string{`PATCH /access-key-configurations/` + idConfig + ` {"access":{"models":{"allow":["openai/*"]}},"description":null,"metadata":null,"name":"cheap","router":null}`},
		},
		{
			name: "apply a new configuration", args: []string{"key-configs", "apply", config}, out: "cheap",
			answers: map[string]string{"GET /access-key-configurations": "200 " + page("aiGatewayAccessKeyConfigurations", ""), "POST /access-key-configurations": "201 " + configJSON},
			want:    []string{`POST /access-key-configurations {"access":{"models":{"allow":["openai/*"]}},"name":"cheap"}`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeAdmin(t, tt.answers)
			status, out, errs := f.run(tt.stdin, tt.args...)
			if status != 0 || !strings.Contains(out, tt.out) || !strings.Contains(errs, tt.errs) {
				t.Errorf("got status %d, %q and %q, want %q and %q", status, out, errs, tt.out, tt.errs)
			}
			if strings.Contains(out+errs, "secret") != strings.Contains(tt.out, "secret") || strings.Contains(out+errs, "sk-of") || strings.Contains(out+errs, "yyyyy") {
				t.Errorf("got a secret in %q and %q", out, errs)
			}
			if diff := cmp.Diff(tt.want, f.changes()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}
