package admin

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"weir/access"
)

// rolesWanted is who may do what, written down apart from the routes: a route that is not here fails the test.
var rolesWanted = map[string]string{
	"GET /access-keys": "admin editor viewer auditor", "POST /access-keys": "admin editor",
	"GET /access-keys/{id}": "admin editor viewer auditor", "PATCH /access-keys/{id}": "admin editor", "DELETE /access-keys/{id}": "admin editor",
	"POST /access-keys/{id}/rotate":  "admin editor",
	"GET /access-key-configurations": "admin editor viewer auditor", "POST /access-key-configurations": "admin editor",
	"GET /access-key-configurations/{id}": "admin editor viewer auditor", "PATCH /access-key-configurations/{id}": "admin editor",
	"DELETE /access-key-configurations/{id}": "admin editor",
	"GET /provider-keys":                     "admin editor viewer auditor", "POST /provider-keys": "admin editor",
	"GET /provider-keys/{id}": "admin editor viewer auditor", "PATCH /provider-keys/{id}": "admin editor", "DELETE /provider-keys/{id}": "admin editor",
	"POST /provider-keys/{id}/rotate": "admin editor",
	"GET /providers":                  "admin editor viewer auditor", "POST /providers": "admin editor",
	"GET /providers/{id}": "admin editor viewer auditor", "PATCH /providers/{id}": "admin editor", "DELETE /providers/{id}": "admin editor",
	"GET /gateway-config": "admin editor viewer auditor", "PATCH /gateway-config": "admin editor",
	"GET /usage": "admin editor viewer auditor", "GET /usage/overview": "admin editor viewer auditor",
	"GET /api-keys": "admin", "POST /api-keys": "admin", "GET /api-keys/{id}": "admin", "PATCH /api-keys/{id}": "admin", "DELETE /api-keys/{id}": "admin",
	"POST /api-keys/{id}/rotate": "admin",
	"GET /teams":                 "admin editor viewer auditor", "POST /teams": "admin editor",
	"GET /teams/{id}": "admin editor viewer auditor", "PATCH /teams/{id}": "admin editor", "DELETE /teams/{id}": "admin editor",
	"GET /budgets": "admin editor viewer auditor", "POST /budgets": "admin editor",
	"GET /budgets/{id}": "admin editor viewer auditor", "PATCH /budgets/{id}": "admin editor", "DELETE /budgets/{id}": "admin editor",
	"GET /limits": "admin editor viewer auditor", "POST /limits": "admin editor",
	"GET /limits/{id}": "admin editor viewer auditor", "PATCH /limits/{id}": "admin editor", "DELETE /limits/{id}": "admin editor",
	"GET /audit": "admin auditor", "GET /openapi.json": "admin editor viewer auditor",
}

// expected is what a request to a route gets that has nothing but its path: allowed, it fails for another reason or works.
func expected(r *route) int {
	switch {
	case r.in != nil && !strings.Contains(r.pattern, "{id}") && r.method == methodPost:
		return http.StatusUnsupportedMediaType
	case r.in != nil:
		return http.StatusUnsupportedMediaType
	case len(r.params) > 0 && r.params[0].required:
		return http.StatusBadRequest
	case strings.Contains(r.pattern, "{id}"):
		return http.StatusNotFound
	default:
		return http.StatusOK
	}
}

func TestRolesOverAllRoutes(t *testing.T) {
	h := newHarness(t)
	tokens := map[string]string{"the listener": adminToken}
	for _, role := range []string{access.RoleAdmin, access.RoleEditor, access.RoleViewer, access.RoleAuditor} {
		_, tokens[role] = h.keyFor(role)
	}
	routed := map[string]bool{}
	for _, r := range h.api.routes.all {
		name := r.method + " " + r.pattern
		routed[name] = true
		may, ok := rolesWanted[name]
		if !ok {
			t.Errorf("%s: nobody said who may do this", name)
			continue
		}
		target := strings.ReplaceAll(r.pattern, "{id}", "nobody")
		for role, token := range tokens {
			want := http.StatusForbidden
			if role == "the listener" || strings.Contains(" "+may+" ", " "+role+" ") {
				want = expected(r)
			}
			h.want(call{method: r.method, path: target, token: token}, want)
			if r.method == methodGet {
				h.want(call{method: methodHead, path: target, token: token}, want)
			}
		}
		h.comeFrom("203.0.113." + "9:1")
		h.api.guard = guard{}
		for _, token := range []string{"-", "wrong", adminToken + "x", adminToken[:len(adminToken)-1]} {
			h.refused(call{method: r.method, path: target, token: token}, 401, "unauthorized", "")
		}
		h.comeFrom("192.0.2.7:1234")
	}
	for name := range rolesWanted {
		if !routed[name] {
			t.Errorf("%s: there is no such route", name)
		}
	}
}

func TestWrongTokensAreAnsweredAlike(t *testing.T) {
	now := time.Now()
	h := newHarness(t, func(o *Options) { o.Now = func() time.Time { return now } })
	id, live := h.keyFor(access.RoleAdmin)
	rotated := h.want(call{method: "POST", path: "/api-keys/" + id + "/rotate", body: `{"overlapSeconds":60}`, secret: true}, 200).text(t, "token")
	h.want(call{method: "GET", path: "/teams", token: live}, 200)
	h.want(call{method: "GET", path: "/teams", token: rotated}, 200)
	now = now.Add(time.Hour) // the overlap ends
	forged := live[:len(live)-1] + "0"
	if forged == live {
		forged = live[:len(live)-1] + "1"
	}
	var first string
	for name, c := range map[string]call{
		"expired": {token: live}, "forged": {token: forged}, "unknown": {token: "wr-01234567890123456789012345-g1-abcdefgh"}, "none": {token: "-"},
		"foreign": {token: "ng-some-g1-token"}, "jwt": {token: "e30.e30.e30"}, "long": {token: strings.Repeat("x", maxToken)},
		"basic": {token: "-", header: map[string]string{"Authorization": "Basic " + adminToken}},
		"bare":  {token: "-", header: map[string]string{"Authorization": adminToken}},
		"x-api": {token: "-", header: map[string]string{"X-Api-Key": adminToken}},
	} {
		c.method, c.path = "GET", "/teams"
		a := h.refused(c, 401, "unauthorized", "")
		if first == "" {
			first = a.raw
		}
		if a.raw != first || a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: got %s, want what the others got: %s", name, a.raw, first)
		}
	}
	a := h.refused(call{method: "GET", path: "/teams?token=" + adminToken, token: "-"}, 401, "unauthorized", "")
	if a.raw != first {
		t.Errorf("in the query: got %s", a.raw)
	}
	h.want(call{method: "DELETE", path: "/api-keys/" + id}, 204)
	h.want(call{method: "GET", path: "/teams", token: rotated}, 401)
}

func TestBruteForceIsSlowed(t *testing.T) {
	now := time.Now()
	h := newHarness(t, func(o *Options) { o.Now = func() time.Time { return now } })
	h.comeFrom("[2001:db8::1]:1")
	for range wrongTokens {
		h.want(call{method: "GET", path: "/teams", token: "wrong"}, 401)
	}
	a := h.refused(call{method: "GET", path: "/teams", token: "wrong"}, 429, "rate_limited", "")
	if n := strings.Count(h.logged.String(), "2001:db8::1"); n != 1 {
		t.Errorf("got %d lines in the log about the address, want 1: %s", n, h.logged)
	}
	if a.header.Get("Retry-After") != "3" {
		t.Errorf("retry-after: got %q, want 3", a.header.Get("Retry-After"))
	}
	h.comeFrom("[2001:db8::2]:1") // the same network
	h.want(call{method: "GET", path: "/teams"}, 429)
	h.comeFrom("[2001:db8:0:1::1]:1") // another
	h.want(call{method: "GET", path: "/teams"}, 200)
	h.comeFrom("[2001:db8::1]:1")
	now = now.Add(wrongEvery)
	h.want(call{method: "GET", path: "/teams"}, 200)
	h.want(call{method: "GET", path: "/teams", token: "wrong"}, 401)
	h.want(call{method: "GET", path: "/teams", token: "wrong"}, 429)
}

func TestGuardIsBounded(t *testing.T) {
	var g guard
	now := time.Now()
	for i := range guarded * 2 {
		g.wrong(addrOfTest(i), now)
	}
	if len(g.from) > guarded {
		t.Errorf("got %d addresses, want at most %d", len(g.from), guarded)
	}
	g.wrong(addrOfTest(0), now.Add(time.Hour))
	if len(g.from) > 2 {
		t.Errorf("got %d addresses after all but one wore off", len(g.from))
	}
}

// role asks what a request to a path beside those of the API may do.
func (h *harness) role(token string) (string, time.Duration) {
	h.t.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 1234}, nil)
	if token != "" {
		ctx.Request.Header.Set("Authorization", "Bearer "+token)
	}
	return h.api.Role(&ctx)
}

func TestRole(t *testing.T) {
	h := newHarness(t)
	_, token := h.keyFor(access.RoleAuditor)
	for _, tt := range []struct{ token, role string }{{adminToken, "admin"}, {token, "auditor"}, {"", ""}, {"wrong", ""}, {token + "x", ""}} {
		if role, wait := h.role(tt.token); role != tt.role || wait != 0 {
			t.Errorf("got %q and %s, want %q", role, wait, tt.role)
		}
	}
	none := newHarness(t, func(o *Options) { o.Token = "" })
	if role, _ := none.role(""); role != "" {
		t.Errorf("no token, none configured: got %q", role)
	}
}

// TestRoleIsNotGuessed: tokens that were tried on other paths of the listener count as those on paths of the API do.
func TestRoleIsNotGuessed(t *testing.T) {
	now := time.Now()
	h := newHarness(t, func(o *Options) { o.Now = func() time.Time { return now } })
	for range wrongTokens {
		if role, wait := h.role("wrong"); role != "" || wait != 0 {
			t.Fatalf("got %q and %s, want neither", role, wait)
		}
	}
	if role, wait := h.role(adminToken); role != "" || wait != wrongEvery {
		t.Errorf("got %q and %s after many wrong tokens, want to wait %s", role, wait, wrongEvery)
	}
	h.comeFrom("192.0.2.9:99")
	h.want(call{method: "GET", path: "/teams"}, 429)
	now = now.Add(wrongEvery)
	if role, _ := h.role(adminToken); role != "admin" {
		t.Errorf("got %q after the wait, want admin", role)
	}
}

// TestEditorsDoNotReadProviderKeys: neither by looking nor by having them sent to themselves.
func TestEditorsDoNotReadProviderKeys(t *testing.T) {
	h := newHarness(t)
	_, editor := h.keyFor(access.RoleEditor)
	p := h.want(call{method: "POST", path: "/providers", token: editor, body: `{"name":"p","providerId":"ours","baseUrl":"https://llm.example/v1"}`}, 201)
	h.want(call{method: "POST", path: "/provider-keys", body: `{"name":"k","providerId":"ours","value":"sk-0123456789abcdef"}`}, 201)
	move := call{method: "PATCH", path: "/providers/" + p.text(t, "id"), token: editor, body: `{"baseUrl":"https://eve.example/v1"}`}
	h.refused(move, 403, "forbidden", "")
	move.token = ""
	h.want(move, 200)
}

func TestWhoActsIsWrittenDown(t *testing.T) {
	h := newHarness(t)
	id, token := h.keyFor(access.RoleEditor)
	team := h.want(call{method: "POST", path: "/teams", body: `{"name":"t"}`, token: token}, 201)
	key := h.want(call{method: "POST", path: "/access-keys", body: `{"name":"k"}`, token: token, secret: true}, 201)
	if by, _ := key.body["createdBy"].(map[string]any); by["id"] != id || by["uri"] != "http://weir.test/api-keys/"+id {
		t.Errorf("createdBy: got %v", key.body["createdBy"])
	}
	if team.body["created_by"] != id {
		t.Errorf("created_by: got %v, want %s", team.body["created_by"], id)
	}
	_, auditor := h.keyFor(access.RoleAuditor)
	entries := h.want(call{method: "GET", path: "/audit", token: auditor}, 200).list(t, "audit")
	actors := make([]string, 0, len(entries))
	for _, e := range entries {
		actors = append(actors, fmt.Sprint(e["actor"], " ", e["role"], " ", e["kind"], " ", e["action"], " ", e["remote"]))
	}
	want := []string{
		"admin token admin api_key create 192.0.2.7", id + " editor access_key create 192.0.2.7", id + " editor team create 192.0.2.7",
		"admin token admin api_key create 192.0.2.7",
	}
	if strings.Join(actors, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", actors, want)
	}
}

func TestStoreThatIsDown(t *testing.T) {
	now := time.Now()
	h := newHarness(t, func(o *Options) { o.Now = func() time.Time { return now } })
	_, token := h.keyFor(access.RoleAdmin)
	key := h.want(call{method: "POST", path: "/access-keys", body: `{}`, secret: true}, 201)
	h.store.set(func() { h.store.fail = errDown })
	h.want(call{method: "GET", path: "/teams", token: token}, 200) // from memory
	a := h.want(call{method: "GET", path: "/access-keys/" + key.text(t, "id")}, 200)
	if _, there := a.body["lastUsed"]; there {
		t.Errorf("lastUsed: got %v, want nothing where the store cannot tell", a.body["lastUsed"])
	}
	for _, c := range []call{
		{method: "POST", path: "/teams", body: `{"name":"t"}`},
		{method: "DELETE", path: "/access-keys/" + key.text(t, "id")},
		{method: "GET", path: "/audit"},
		{method: "GET", path: "/usage?startTime=2026-01-01T00:00:00Z"},
		{method: "GET", path: "/usage/overview?startTime=2026-01-01T00:00:00Z"},
	} {
		a := h.refused(c, 503, "store_unavailable", "")
		if strings.Contains(a.raw, "fell over") {
			t.Errorf("%s %s: got the store's own words: %s", c.method, c.path, a.raw)
		}
	}
	now = now.Add(2 * time.Hour) // one that is revoked meanwhile must not hold for ever
	h.refused(call{method: "GET", path: "/teams", token: token}, 503, "store_unavailable", "")
	h.want(call{method: "GET", path: "/teams"}, 200)
	h.want(call{method: "GET", path: "/teams", token: "wrong"}, 401)
}
