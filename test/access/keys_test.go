package access

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/providers/sim"
)

// TestPlacesOfTheToken puts a token wherever the SDKs put their keys: it lets its owner in from there, does so alone, and the
// vendor sees nothing of it.
func TestPlacesOfTheToken(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	_, token := g.key("ada", "")
	_, second := g.key("bob", "")
	const chat = "/v1/chat/completions"
	tests := []struct {
		name, path string
		header     map[string]string
		status     int
	}{
		{"authorization", chat, bearer(token), 200},
		{"authorization in capitals", chat, map[string]string{"Authorization": "BEARER " + token}, 200},
		{"x-api-key", chat, map[string]string{"X-Api-Key": token}, 200},
		{"x-goog-api-key", chat, map[string]string{"X-Goog-Api-Key": token}, 200},
		{"api-key", chat, map[string]string{"Api-Key": token}, 200},
		{"query", chat + "?key=" + token, nil, 200},
		{"query, escaped", chat + "?key=" + strings.ReplaceAll(token, "-", "%2D"), nil, 200},
		{"the same in two places", chat, bearer(token, "X-Api-Key", token), 200},
		{"two in two places", chat, bearer(token, "X-Api-Key", second), 400},
		{"a vendor's key beside it", chat, bearer(token, "X-Goog-Api-Key", "AIzaSyA-canary-client-key"), 400},
		{"another in the query", chat + "?key=" + second, bearer(token), 400},
		{"two in the query", chat + "?key=" + second + "&key=" + token, nil, 400},
		{"two in one header", chat, bearer(token + ", Bearer " + second), 401},
		{"another scheme", chat, map[string]string{"Authorization": "Basic " + token}, 401},
		{"cut off", chat, bearer(token[:len(token)-1]), 401},
		{"longer", chat, bearer(token + "x"), 401},
		{"of another's id", chat, bearer(second[:30] + token[30:]), 401},
		{"empty", chat, bearer(""), 401},
		{"none", chat, nil, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f.vendor.Reset()
			g.send(call{path: tt.path, body: freeCall, header: tt.header}).want(t, tt.status)
			calls := f.vendor.Calls()
			if (len(calls) == 1) != (tt.status == 200) {
				t.Fatalf("the vendor got %d calls", len(calls))
			}
			for _, c := range calls {
				if seen := fmt.Sprintf("%v %s %s", c.Headers, c.Query, c.Body); c.Key != "" || strings.Contains(seen, token) || strings.Contains(seen, sim.Mark(token)) || strings.Contains(c.Query, "key") {
					t.Errorf("the vendor saw a key: %s, %s", c.Key, seen)
				}
			}
		})
	}
	if out := g.out.String(); strings.Contains(out, token[30:]) || strings.Contains(out, second[30:]) {
		t.Error("the log has a token")
	}
}

// TestStatesOfAKey has keys that are refused for every reason there is, all with the same words, and that work again once it
// is gone.
func TestStatesOfAKey(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	team := g.create("/teams", `{"name": "research"}`)
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }
	tests := []struct{ name, fields, mend, reason string }{
		{"expired", `, "expiresAt": "` + at(-time.Minute) + `"`, `{"expiresAt": null}`, "expired"},
		{"not yet", `, "notBefore": "` + at(time.Hour) + `"`, `{"notBefore": "` + at(-time.Hour) + `"}`, "not_yet_valid"},
		{"disabled", `, "disabled": true`, `{"disabled": false}`, "disabled"},
		{"another network", `, "allowedNetworks": ["10.0.0.0/8", "2001:db8::/32"]`, `{"allowedNetworks": ["10.0.0.0/8", "127.0.0.1"]}`, "wrong_network"},
		{"another network of loopback", `, "allowedNetworks": ["127.0.0.2"]`, `{"allowedNetworks": ["127.0.0.0/8"]}`, "wrong_network"},
		{"team disabled", `, "teamId": "` + team + `"`, `{"teamId": null}`, "team_disabled"},
	}
	g.must(http.MethodPatch, "/teams/"+team, `{"disabled": true}`, http.StatusOK)
	unknown := g.send(call{header: bearer("wr-aaaaaaaaaaaaaaaaaaaaaaaaaa-g1-0123456789abcdefghijklmnopqrstuvwxyz")})
	words := withoutID(unknown)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, token := g.key(tt.name, tt.fields)
			r := g.send(call{header: bearer(token)})
			r.want(t, http.StatusUnauthorized)
			if got := withoutID(r); got != words {
				t.Errorf("got %s, want the words for an unknown key: %s", got, words)
			}
			g.await("the log has the reason", func() bool { return strings.Contains(g.out.String(), `"access_refused":"`+tt.reason+`"`) })
			g.must(http.MethodPatch, "/access-keys/"+id, tt.mend, http.StatusOK)
			g.send(call{header: bearer(token)}).want(t, http.StatusOK)
		})
	}
	t.Run("time passes", func(t *testing.T) {
		_, early := g.key("from then", `, "notBefore": "`+at(1500*time.Millisecond)+`"`)
		_, late := g.key("until then", `, "expiresAt": "`+at(1500*time.Millisecond)+`"`)
		g.send(call{header: bearer(early)}).want(t, http.StatusUnauthorized)
		g.send(call{header: bearer(late)}).want(t, http.StatusOK)
		time.Sleep(1600 * time.Millisecond)
		g.send(call{header: bearer(early)}).want(t, http.StatusOK)
		g.send(call{header: bearer(late)}).want(t, http.StatusUnauthorized)
	})
	t.Run("the team works again", func(t *testing.T) {
		_, token := g.key("of the team", `, "teamId": "`+team+`"`)
		g.send(call{header: bearer(token)}).want(t, http.StatusUnauthorized)
		g.must(http.MethodPatch, "/teams/"+team, `{"disabled": false}`, http.StatusOK)
		g.send(call{header: bearer(token)}).want(t, http.StatusOK)
	})
}

// withoutID is what a client is told but for the number of its request.
func withoutID(r reply) string {
	body, id := r.body, r.header.Get("X-Request-Id")
	if id != "" {
		body = strings.ReplaceAll(body, id, "ID")
	}
	return fmt.Sprintf("%d %s", r.status, body)
}

const callerPolicy = `
rego: [caller.rego]
on_request:
  - name: interns
    expressions: ["'interns' in caller.groups && caller.metadata.cost_center == 42 && caller.name == 'ivy'"]
    actions: [{type: deny, config: {status_code: 418, message: "CEL knows ${caller.name} of ${caller.team}: ${caller.id}"}}]
  - name: rego
    actions: [{type: rego, config: {query: data.caller.decision}}]
`

const callerModule = `package caller

default decision := {"allow": true}

decision := {"allow": false, "status": 403, "message": sprintf("Rego knows %s of %s: %s, %v", [input.caller.name, input.caller.team, input.caller.id, input.caller.metadata.floor])} if {
	"guests" in input.caller.groups
}
`

// TestPoliciesKnowTheCaller reads in CEL and in Rego what a key has.
func TestPoliciesKnowTheCaller(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	write(t, f.policy, fmt.Sprintf(vendorPolicy, f.vendor.url)+callerPolicy)
	write(t, filepath.Join(filepath.Dir(f.policy), "caller.rego"), callerModule)
	g := f.start("")
	team := g.create("/teams", `{"name": "lab"}`)
	ivy, first := g.key("ivy", `, "teamId": "`+team+`", "groups": ["staff", "interns"], "metadata": "{\"cost_center\": 42}"`)
	gus, second := g.key("gus", `, "teamId": "`+team+`", "groups": ["guests"], "metadata": "{\"floor\": 3}"`)
	_, third := g.key("max", `, "groups": ["interns"], "metadata": "no object"`)
	g.send(call{header: bearer(first)}).want(t, http.StatusTeapot, "CEL knows ivy of lab: "+ivy)
	g.send(call{header: bearer(second)}).want(t, http.StatusForbidden, "Rego knows gus of lab: "+gus+", 3")
	g.send(call{header: bearer(third)}).want(t, http.StatusOK)
	g.must(http.MethodPatch, "/access-keys/"+ivy, `{"groups": []}`, http.StatusOK)
	g.send(call{header: bearer(first)}).want(t, http.StatusOK)
}

// TestRotationOverlaps lets a token work beside the one that replaces it until its time is over.
func TestRotationOverlaps(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	id, before := g.key("ada", "")
	var after struct{ Token, KeyRedacted string }
	status, text := g.api(http.MethodPost, "/access-keys/"+id+"/rotate", `{"overlapSeconds": 2}`, &after)
	if status != http.StatusOK || after.Token == "" || after.Token == before {
		t.Fatalf("rotating: got %d: %s", status, text)
	}
	began := time.Now()
	g.send(call{header: bearer(after.Token)}).want(t, http.StatusOK)
	g.send(call{header: bearer(before)}).want(t, http.StatusOK)
	g.await("the token before has ended", func() bool { return g.send(call{header: bearer(before)}).status == http.StatusUnauthorized })
	if took := time.Since(began); took < 1500*time.Millisecond || took > 10*time.Second {
		t.Errorf("it ended after %s, want two seconds", took)
	}
	g.send(call{header: bearer(after.Token)}).want(t, http.StatusOK)
	if text := g.must(http.MethodGet, "/access-keys/"+id, "", http.StatusOK); strings.Contains(text, after.Token) || !strings.Contains(text, `"lastUsed":"20`) {
		t.Errorf("got %s, want when it was used last and no token", text)
	}
}

// TestTokensFromElsewhere takes over tokens of another gateway, by the API and by the command.
func TestTokensFromElsewhere(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	const byAPI, byCommand = "ng-4kk2p-g1-s8fjq7ab2mzx9", "ng-9zz1q-g1-t5hnv3cd6wly2"
	g.key("by the API", `, "token": "`+byAPI+`"`)
	if status, text := g.api(http.MethodPost, "/access-keys", `{"name": "again", "token": "`+byAPI+`"}`, nil); status != http.StatusConflict && status != http.StatusBadRequest || strings.Contains(text, byAPI) {
		t.Errorf("the same token a second time: got %d: %s", status, text)
	}
	cmd := exec.CommandContext(t.Context(), binary(t), "keys", "import", "--name", "by-the-command", "--admin", g.admin)
	cmd.Env, cmd.Stdin = append(cmd.Environ(), f.env...), strings.NewReader(byCommand+"\n")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), byCommand) {
		t.Fatalf("keys import: %v\n%s", err, out)
	}
	for _, token := range []string{byAPI, byCommand} {
		g.send(call{header: bearer(token)}).want(t, http.StatusOK)
		g.send(call{header: map[string]string{"X-Api-Key": token}}).want(t, http.StatusOK)
		g.send(call{header: bearer(token + "0")}).want(t, http.StatusUnauthorized)
		g.send(call{header: bearer(strings.ToUpper(token))}).want(t, http.StatusUnauthorized)
	}
}

const staticKeys = `teams: [{name: lab}]
access_keys:
  - {name: hashed, team: lab, groups: [staff], token_hash: %q}
  - {name: secret, token: "${secrets.get('STATIC_TOKEN')}"}
`

// TestKeysFromAFile has keys as hashes and from secrets in a file, which is edited under way; plain tokens are refused.
func TestKeysFromAFile(t *testing.T) {
	t.Parallel()
	const hashed, secret = "ng-canary-hashed-token-000001", "ng-canary-secret-token-000002"
	f := newFleet(t, "")
	file := filepath.Join(t.TempDir(), "keys.yaml")
	f.config = "folder: FOLDER\nfile: " + file
	f.env = append(f.env, "STATIC_TOKEN="+secret)
	cmd := exec.CommandContext(t.Context(), binary(t), "keys", "hash")
	cmd.Env, cmd.Stdin = append(cmd.Environ(), f.env...), strings.NewReader(hashed)
	hash, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, fmt.Sprintf(staticKeys, strings.TrimSpace(string(hash))))
	g := f.start("")
	g.send(call{header: bearer(hashed)}).want(t, http.StatusOK)
	g.send(call{header: bearer(secret)}).want(t, http.StatusOK)
	g.send(call{header: bearer(strings.TrimSpace(string(hash)))}).want(t, http.StatusUnauthorized)
	var list struct {
		AIGatewayAccessKeys []struct{ ID, Name string }
	}
	if _, text := g.api(http.MethodGet, "/access-keys", "", &list); len(list.AIGatewayAccessKeys) != 2 {
		t.Fatalf("got %s, want both keys", text)
	}
	for _, k := range list.AIGatewayAccessKeys {
		g.must(http.MethodPatch, "/access-keys/"+k.ID, `{"disabled": true}`, http.StatusConflict)
		g.must(http.MethodDelete, "/access-keys/"+k.ID, "", http.StatusConflict)
	}
	write(t, file, "access_keys:\n  - {name: secret, token: \"${secrets.get('STATIC_TOKEN')}\"}\n")
	g.await("the edit holds", func() bool { return g.send(call{header: bearer(hashed)}).status == http.StatusUnauthorized })
	g.send(call{header: bearer(secret)}).want(t, http.StatusOK)
	write(t, file, "access_keys:\n  - {name: secret, token: "+hashed+"}\n") // plain: refused, and the file of before holds
	g.await("the log says why", func() bool {
		return strings.Contains(g.out.String(), "keys.yaml") && strings.Contains(g.out.String(), "secret")
	})
	g.send(call{header: bearer(secret)}).want(t, http.StatusOK)
	g.send(call{header: bearer(hashed)}).want(t, http.StatusUnauthorized)
	if out := g.out.String(); strings.Contains(out, hashed) || strings.Contains(out, secret) {
		t.Error("the log has a token of the file")
	}
}

// TestNetworksBehindProxies has a key for a network, and a proxy that is believed: the last address that no proxy of ours has
// counts, whatever the client wrote before it.
func TestNetworksBehindProxies(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	f.shell = `printf 'trusted_proxies: [127.0.0.1]\n' >> "$4"; exec "$0" "$@"` // the fourth argument is weir.yaml
	g := f.start("")
	_, token := g.key("office", `, "allowedNetworks": ["192.0.2.0/24"]`)
	for forwarded, want := range map[string]int{
		"": 401, "192.0.2.7": 200, "10.0.0.1, 192.0.2.7": 200, "192.0.2.7, 10.0.0.1": 401, "10.0.0.1, 192.0.2.7, 127.0.0.1": 200, "nonsense": 401,
	} {
		header := bearer(token)
		if forwarded != "" {
			header["X-Forwarded-For"] = forwarded
		}
		if r := g.send(call{header: header}); r.status != want {
			t.Errorf("forwarded for %q: got %d, want %d", forwarded, r.status, want)
		}
	}
	for i := range 30 { // each address has its own count of wrong keys
		g.send(call{header: bearer(token+"x", "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))}).want(t, http.StatusUnauthorized)
	}
}
