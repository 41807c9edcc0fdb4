package main

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestAccessRefusals(t *testing.T) {
	t.Parallel()
	f := newFakeAdmin(t, map[string]string{
		"POST /budgets":                `400 {"errorCode":"bad_request","statusCode":400,"msg":"the body is not what this path takes","details":{"limit":"is not a number","window":"is not one"}}`,
		"DELETE /teams/" + idTeam:      `409 {"errorCode":"in_use","statusCode":409,"msg":"access keys refer to it","details":{}}`,
		"GET /usage":                   `404 {"error":{"code":"not_found","message":"there is no /usage; there is /healthz, /readyz"}}`,
		"GET /usage/overview":          "302 ",
		"GET /access-keys":             "200 " + page("aiGatewayAccessKeys", "", keyJSON, strings.Replace(keyJSON, idKey, idOld, 1)),
		"DELETE /access-keys/" + idOld: "204",
	})
	tests := []struct{ name, args, want string }{
		{"every field", "budgets create --usd x --window year", "refused (400): the body is not what this path takes\n  limit: is not a number\n  window: is not one"},
		{"in use", "teams delete research", "research: the gateway refused (409): access keys refer to it"},
		{"off", "usage list", "set access.enabled: on"},
		{"a redirect", "usage overview", "refused (302)"},
		{"near name", "teams delete reserch", `did you mean "research"?`},
		{"ambiguous", "keys disable ci", idKey + ", " + idOld},
		{"two amounts", "limits create --usd 1 --tokens 1 --window 1h", "one of --usd and --tokens"},
		{"no amount", "limits create --window 1h", "one of --requests, --concurrent, --usd, --tokens"},
		{"nothing to change", "keys update " + idKey, "nothing to change"},
		{"no value", "provider-keys create --provider a --name b", "nothing came"},
		{"no variable", "provider-keys create --provider a --name b --value-env NOPE", "NOPE is not set"},
		{"bad span", "keys rotate ci --overlap soon", "--overlap: must be a span"},
		{"bad time", "usage list --since yesterday", "--since: must be a time"},
		{"bad grouping", "usage overview --by day", "--by: must be provider"},
		{"bad output", "keys list --output xml", "--output must be one of"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, out, errs := f.run("", strings.Fields(tt.args)...)
			if status != 1 || !strings.Contains(errs, tt.want) || out != "" && !strings.Contains(out, "Usage:") {
				t.Errorf("got status %d, %q and %q, want 1 and %q", status, out, errs, tt.want)
			}
		})
	}
}

// TestAdminAddress: where the token is sent, and where it comes from.
func TestAdminAddress(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	f := newFakeAdmin(t, nil)
	s := &http.Server{Handler: f}
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(func() { _ = s.Close() })
	tokens := file(t, "token", "t0ken\n")
	empty := file(t, "token", "\n")
	tests := []struct {
		name   string
		env    string
		args   []string
		status int
		want   string
	}{
		{"by socket", "t0ken", []string{"--admin", "unix:" + socket}, 0, "research"},
		{"by URL", "t0ken", []string{"--admin", "http://" + f.url}, 0, "research"},
		{"token from a file", "", []string{"--admin", f.url, "--token-file", tokens}, 0, "research"},
		{"the file before the environment", "wrong", []string{"--admin", f.url, "--token-file", tokens}, 0, "research"},
		{"wrong token", "wrong", []string{"--admin", f.url}, 1, "refused (401)"},
		{"no token", "", []string{"--admin", f.url}, 1, "set WEIR_ADMIN_TOKEN"},
		{"empty file", "t0ken", []string{"--admin", f.url, "--token-file", empty}, 1, "is empty"},
		{"in the clear to another machine", "t0ken", []string{"--admin", "10.0.0.1:9080"}, 1, "say https://"},
		{"no address", "t0ken", []string{"--admin", "nowhere"}, 1, "--admin: must be"},
		{"another scheme", "t0ken", []string{"--admin", "ftp://x"}, 1, "--admin: must be"},
		{"nobody there", "t0ken", []string{"--admin", "unix:" + socket + "x"}, 1, "is it running"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(map[string]string{tokenEnv: tt.env})
			status := p.run(append([]string{"teams", "list"}, tt.args...))
			if got := p.out.String() + p.errs.String(); status != tt.status || !strings.Contains(got, tt.want) || strings.Contains(got, "t0ken") {
				t.Errorf("got status %d and %q, want %d and %q", status, got, tt.status, tt.want)
			}
		})
	}
}

// TestPages: lists go on to the last page, by the id that each one ends with; usage by its cursor.
func TestPages(t *testing.T) {
	t.Parallel()
	second := strings.ReplaceAll(teamJSON, idTeam, "team_00000000000000000000000000")
	f := newFakeAdmin(t, map[string]string{
		"GET /teams":                    "200 " + page("teams", "http://elsewhere/teams?beforeId="+idTeam, teamJSON),
		"GET /teams?beforeId=" + idTeam: "200 " + page("teams", "", second),
		"GET /usage":                    "200 " + page("aiGatewayUsage", "http://elsewhere/usage?cursor=c1", usageJSON),
	})
	if status, out, errs := f.run("", "teams", "list"); status != 0 || !strings.Contains(out, idTeam) || !strings.Contains(out, "team_0000") {
		t.Errorf("got status %d, %q and %q, want both pages", status, out, errs)
	}
	status, out, errs := f.run("", "usage", "list", "--limit", "3", "--output", "json")
	if status != 0 || strings.Count(out, "eventTime") != 3 {
		t.Errorf("got status %d, %q and %q, want three rows", status, out, errs)
	}
	last := f.asked[len(f.asked)-1]
	if !strings.Contains(last, "cursor=c1") {
		t.Errorf("got %q, want the cursor of the page before", last)
	}
}
