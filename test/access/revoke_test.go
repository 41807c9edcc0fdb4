package access

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/providers/sim"
)

// revocation is how long a key may live on after it was revoked, anywhere.
const revocation = 2 * time.Second

// TestRevocationReachesEveryGateway ends a key on one gateway: its streams on both end, and its next calls are refused.
func TestRevocationReachesEveryGateway(t *testing.T) {
	t.Parallel()
	config, _, _ := shared(t)
	f := newFleet(t, config)
	a, b := f.start(""), f.start("")
	ends := []struct {
		name string
		end  func(id string)
	}{
		{"deleted", func(id string) { a.must(http.MethodDelete, "/access-keys/"+id, "", http.StatusNoContent) }},
		{"disabled", func(id string) { a.must(http.MethodPatch, "/access-keys/"+id, `{"disabled": true}`, http.StatusOK) }},
		{"rotated without overlap", func(id string) {
			a.must(http.MethodPost, "/access-keys/"+id+"/rotate", `{"overlapSeconds": 0}`, http.StatusOK)
		}},
		{"expired", func(id string) {
			at := time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)
			a.must(http.MethodPatch, "/access-keys/"+id, `{"expiresAt": "`+at+`"}`, http.StatusOK)
			time.Sleep(time.Second) // that it is valid until then is not looked at here
		}},
	}
	for _, tt := range ends {
		t.Run(tt.name, func(t *testing.T) {
			id, token := a.key("key "+tt.name, "")
			b.knows("/access-keys/" + id)
			streams := make(chan reply, 2)
			for _, g := range []*gateway{a, b} {
				go func() { streams <- g.chat(t.Context(), token, freeStream, "pace=300ms;chunks=200") }()
			}
			time.Sleep(700 * time.Millisecond) // both have begun
			tt.end(id)
			ended := time.Now()
			for range 2 {
				select {
				case r := <-streams:
					if r.status != http.StatusOK || !strings.Contains(r.body, "access key") {
						t.Errorf("got %d, %v: %s; want a stream that was ended and says why", r.status, r.err, r.body)
					}
				case <-time.After(patience):
					t.Fatal("a stream of a revoked key goes on")
				}
			}
			for _, g := range []*gateway{a, b} {
				if r := g.chat(t.Context(), token, freeCall, ""); r.status != http.StatusUnauthorized {
					t.Errorf("got %d: %s; want 401", r.status, r.body)
				}
			}
			if took := time.Since(ended); took > revocation {
				t.Errorf("it took %s, want at most %s", took, revocation)
			}
		})
	}
}

const (
	freeCall   = `{"model": "free", "messages": [{"role": "user", "content": "x"}]}`
	freeStream = `{"model": "free", "stream": true, "messages": [{"role": "user", "content": "x"}]}`
)

// knows waits until the gateway has read a resource that was made on another.
func (g *gateway) knows(path string) {
	g.t.Helper()
	g.await("the gateway knows "+path, func() bool {
		status, _ := g.api(http.MethodGet, path, "", nil)
		return status == http.StatusOK
	})
}

// must asks the Admin API and wants a status.
func (g *gateway) must(method, path, body string, want int) string {
	g.t.Helper()
	status, text := g.api(method, path, body, nil)
	if status != want {
		g.t.Fatalf("%s %s: got %d: %s; want %d", method, path, status, text, want)
	}
	return text
}

// TestNoSecretIsWritten uses every kind of secret in good and bad calls, and looks for them in all that the gateway wrote:
// output, state on disk, metrics, answers of the Admin API and of the API.
func TestNoSecretIsWritten(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	const own = "sk-canary-own-key-123456789"
	ownID := g.create("/provider-keys", `{"providerId": "vendor", "name": "own", "value": "`+own+`"}`)
	_, token := g.key("ada", `, "providerKeyIds": ["`+ownID+`"]`)
	const imported = "ng-canary-imported-0001-g1-abcdefghijkl"
	g.key("old", `, "token": "`+imported+`"`)
	var seen strings.Builder
	for _, call := range []struct{ token, body, fault string }{
		{token, freeCall, ""},
		{token, freeStream, "cut-after=1"},
		{token, `{"model": "paid", "messages": [{"role": "user", "content": "x"}]}`, "status=401;canary=" + own},
		{token, `{"model": "paid", "messages": [{"role": "user", "content": "x"}]}`, ""},
		{imported, freeCall, ""},
		{imported + "x", freeCall, ""},
		{token[:len(token)-1], freeCall, ""},
		{token, `{"model": `, ""},
		{token, `{"model": "none"}`, ""},
	} {
		r := g.chat(t.Context(), call.token, call.body, call.fault)
		seen.WriteString(r.body)
		for name, values := range r.header {
			seen.WriteString(name + ": " + strings.Join(values, ", ") + "\n")
		}
	}
	for _, path := range []string{
		"/access-keys", "/provider-keys", "/access-key-configurations", "/teams", "/budgets", "/limits", "/audit", "/api-keys", "/providers",
		"/usage?startTime=2020-01-01T00:00:00Z", "/-/policy", "/-/metrics", "/gateway-config", "/access-keys/" + token, "/provider-keys?provider=" + own[:9],
	} {
		_, text := g.api(http.MethodGet, path, "", nil)
		if !strings.Contains(path, token) { // the path is quoted in the answer that there is no such thing
			seen.WriteString(text)
		}
	}
	g.stop()
	seen.WriteString(g.out.String())
	files := 0
	err := filepath.WalkDir(g.folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(entry.Name(), "master") {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		seen.Write(text)
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("got %v and %d files of state", err, files)
	}
	for name, secret := range map[string]string{
		"the access key": token[len(token)-40:], "the imported key": imported, "the own provider key": own, "the gateway's provider key": vendorKey,
		"the admin token": adminToken, "the master key": masterKey,
	} {
		if at := strings.Index(seen.String(), secret); at >= 0 {
			t.Errorf("%s was written: ...%s...", name, seen.String()[max(0, at-200):min(seen.Len(), at+60)])
		}
	}
	keys := map[string]bool{}
	for _, call := range f.vendor.Calls() {
		keys[call.Key] = true
		for _, h := range call.Headers {
			for _, secret := range []string{token, imported} {
				if strings.Contains(h.Value, secret) || strings.Contains(h.Value, sim.Mark(secret)) {
					t.Errorf("the vendor was sent an access key in %s", h.Name)
				}
			}
		}
		if strings.Contains(call.Query, token) {
			t.Error("the vendor was sent an access key in the query")
		}
	}
	if len(keys) < 2 {
		t.Errorf("got keys %v at the vendor, want the own one and the gateway's", keys)
	}
}
