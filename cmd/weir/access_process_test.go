package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const hello = `{"model":"own:echo","messages":[{"role":"user","content":"Hello"}]}`

// guarded is a gateway that asks for access keys, in front of a simulated provider.
type guarded struct {
	*process

	url, admin string
	env        map[string]string
}

// serveGuarded starts it with its state in a folder.
func serveGuarded(t *testing.T, folder, more string) *guarded {
	t.Helper()
	upstream := newProcess(nil)
	upstream.start(t, "simulated providers on", "sim", "--listen", "127.0.0.1:0")
	policy := file(t, "policy.yaml", "providers: [{id: own, base_url: '"+find(t, upstream.out.String(), `(http://\S+)`)+
		"/v1', api_keys: [{value: sk-of-the-gateway}], models: [{id: echo, pricing: {input: 1, output: 2}}]}]\n")
	config := file(t, "weir.yaml", "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: '127.0.0.1:0'}\n"+
		"endpoints: [{id: default, policy: '"+policy+"'}]\ndrain: {wait: 0s}\naccess: {folder: '"+folder+"'"+more+"}\n")
	g := &guarded{env: map[string]string{tokenEnv: "admin-token-of-mine"}}
	g.process = newProcess(g.env)
	g.start(t, "Try it, with an access key", "serve", "--config", config)
	g.url = find(t, g.out.String(), `curl (\S+)`)
	g.admin = strings.TrimPrefix(find(t, g.out.String(), `admin +(\S+)`), "http://")
	return g
}

// weir runs a command against the gateway.
func (g *guarded) weir(t *testing.T, args ...string) string {
	t.Helper()
	p := newProcess(g.env)
	if status := p.run(append(args, "--admin", g.admin)); status != 0 {
		t.Fatalf("weir %s: got status %d: %s", strings.Join(args, " "), status, p.errs)
	}
	return strings.TrimSpace(p.out.String())
}

func (g *guarded) call(t *testing.T, key string) (status int, text string) {
	t.Helper()
	return request(t, http.MethodPost, g.url, hello, "authorization", "Bearer "+key)
}

func (g *guarded) want(t *testing.T, key string, status int) {
	t.Helper()
	if got, text := g.call(t, key); got != status {
		t.Errorf("got %d and %s, want %d", got, text, status)
	}
}

// TestAccessKeys: a key is made, used, disabled, rotated and revoked by the command line, and a start later it is as it was.
func TestAccessKeys(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "state")
	var kept, poor string
	t.Run("first start", func(t *testing.T) {
		g := serveGuarded(t, folder, "")
		if text := g.out.String(); !strings.Contains(text, "keys are asked for: 0 access keys; state in "+folder) || !strings.Contains(text, "weir keys create --name me") {
			t.Errorf("got %q, want that access keys are on, where the state is, and how to make one", text)
		}
		if status, text := request(t, http.MethodGet, "http://"+g.admin+"/readyz", ""); status != http.StatusOK {
			t.Errorf("got %d and %s, want ready", status, text)
		}
		if status, text := request(t, http.MethodPost, g.url, hello); status != http.StatusUnauthorized {
			t.Errorf("got %d and %s without a key, want 401", status, text)
		}
		g.want(t, "wr-aaaaaaaaaaaaaaaaaaaaaaaaaa-g1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", http.StatusUnauthorized)

		key := g.weir(t, "keys", "create", "--name", "me")
		g.want(t, key, http.StatusOK)
		g.weir(t, "keys", "disable", "me")
		g.want(t, key, http.StatusUnauthorized)
		g.weir(t, "keys", "enable", "me")
		g.want(t, key, http.StatusOK)
		next := g.weir(t, "keys", "rotate", "me", "--overlap", "1h")
		g.want(t, key, http.StatusOK)
		g.want(t, next, http.StatusOK)
		if last := g.weir(t, "keys", "rotate", "me", "--overlap", "0s"); last == next {
			t.Error("got the same token again")
		}
		g.want(t, next, http.StatusUnauthorized)
		g.weir(t, "keys", "revoke", "me")
		g.want(t, key, http.StatusUnauthorized)

		kept = g.weir(t, "keys", "create", "--name", "kept")
		g.weir(t, "budgets", "create", "--key", "kept", "--usd", "100", "--window", "total")
		g.want(t, kept, http.StatusOK)
		poor = g.weir(t, "keys", "create", "--name", "poor")
		g.weir(t, "budgets", "create", "--key", "poor", "--usd", "0.00001", "--window", "total")
		await(t, "the end of the budget", func() bool {
			status, text := g.call(t, poor)
			if status != http.StatusOK && !strings.Contains(text, "budget") {
				t.Fatalf("got %d and %s", status, text)
			}
			return status == http.StatusPaymentRequired
		})
		if text := g.weir(t, "budgets", "list"); !regexp.MustCompile(`poor +0\.00001 usd +total +0\.0000\d+`).MatchString(text) {
			t.Errorf("got %s, want what was spent", text)
		}
		second := newProcess(g.env)
		config := file(t, "weir.yaml", "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\naccess: {folder: '"+folder+"'}\n")
		if status := second.run([]string{"serve", "--config", config}); status != 1 || !strings.Contains(second.errs.String(), "an access.folder of its own") {
			t.Errorf("got status %d and %s from a second gateway with the same folder, want a refusal", status, second.errs)
		}
		if text := g.weir(t, "usage", "list"); !strings.Contains(text, "kept") || !strings.Contains(text, "echo") {
			t.Errorf("got %s, want the calls", text)
		}
		if text := g.weir(t, "usage", "overview", "--by", "key"); !strings.Contains(text, "kept") {
			t.Errorf("got %s, want the key", text)
		}
		_, metrics := request(t, http.MethodGet, "http://"+g.admin+"/-/metrics", "", "authorization", "Bearer admin-token-of-mine")
		for _, line := range []string{"weir_access_keys 2\n", "weir_store_up 1\n", "weir_counters_up 1\n", "weir_usage_pending ", "weir_access_snapshot_age_seconds "} {
			if !strings.Contains(metrics, line) {
				t.Errorf("got %s, want %s", metrics, line)
			}
		}
		for _, secret := range []string{key, next, kept, poor, "sk-of-the-gateway", "admin-token-of-mine"} {
			if strings.Contains(g.out.String()+g.errs.String(), secret) {
				t.Errorf("the output of the gateway holds %q", secret)
			}
		}
	})
	if kept == "" {
		return
	}
	t.Run("second start", func(t *testing.T) {
		g := serveGuarded(t, folder, "")
		if text := g.out.String(); !strings.Contains(text, "keys are asked for: 2 access keys;") || strings.Contains(text, "keys create") {
			t.Errorf("got %q, want two keys known", text)
		}
		g.want(t, kept, http.StatusOK)
		g.want(t, poor, http.StatusPaymentRequired)
	})
	for _, name := range []string{"master.key", "weir.db"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got %v and %v, want a file that only its owner reads", name, info, err)
		}
	}
}

// TestTwoGateways: what one gateway changes in the shared store holds at the other within two seconds.
func TestTwoGateways(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shared := ", store: 'sqlite:" + filepath.Join(dir, "shared.db") + "', master_key: {file: '" + file(t, "key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n") + "'}"
	one := serveGuarded(t, filepath.Join(dir, "one"), shared)
	other := serveGuarded(t, filepath.Join(dir, "other"), shared)
	within := func(what, key string, status int) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
			got, text := other.call(t, key)
			if got == status {
				return
			}
			if time.Since(began) > 2*time.Second {
				t.Fatalf("%s: got %d and %s after 2 s, want %d", what, got, text, status)
			}
		}
	}
	key := one.weir(t, "keys", "create", "--name", "me")
	one.want(t, key, http.StatusOK)
	within("a new key", key, http.StatusOK)
	one.weir(t, "keys", "revoke", "me")
	within("a revoked key", key, http.StatusUnauthorized)
	if _, err := os.Stat(filepath.Join(dir, "one", "master.key")); err == nil {
		t.Error("got a master key made, although one was given")
	}
}

// TestStaticKeys: keys of a file are hashed by the command line, and follow the file.
func TestStaticKeys(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "state")
	const old = "ng-abcde-g1-0123456789abcdefghij"
	config := file(t, "weir.yaml", "access: {folder: '"+folder+"'}\n")
	p := newProcess(nil)
	p.in = strings.NewReader(old + "\n")
	if status := p.run([]string{"keys", "hash", "--config", config}); status != 0 || strings.Contains(p.out.String(), old) {
		t.Fatalf("got status %d, %s and %s", status, p.out, p.errs)
	}
	text := "access_keys: [{name: old, token_hash: '" + strings.TrimSpace(p.out.String()) + "'}]\n"
	static := file(t, "keys.yaml", text)
	g := serveGuarded(t, folder, ", file: '"+static+"'")
	g.want(t, old, http.StatusOK)
	if list := g.weir(t, "keys", "list"); !strings.Contains(list, "from file") {
		t.Errorf("got %s, want the key of the file", list)
	}
	replace := func(text string) {
		t.Helper()
		if err := os.WriteFile(static, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		g.signals <- syscall.SIGHUP
	}
	replace("access_keys: [")
	await(t, "the complaint", func() bool { return strings.Contains(g.errs.String(), "static access keys not loaded") })
	g.want(t, old, http.StatusOK)
	replace("access_keys: []\n")
	await(t, "the end of the key", func() bool {
		status, _ := g.call(t, old)
		return status == http.StatusUnauthorized
	})
}

// TestCustomProviders: what is added at run time is in plans a moment later.
func TestCustomProviders(t *testing.T) {
	t.Parallel()
	g := serveGuarded(t, filepath.Join(t.TempDir(), "state"), "")
	upstream := newProcess(nil)
	upstream.start(t, "simulated providers on", "sim", "--listen", "127.0.0.1:0")
	base := find(t, upstream.out.String(), `(http://\S+)`) + "/v1"
	key := g.weir(t, "keys", "create", "--name", "me")
	add := func(id, base string) {
		t.Helper()
		body := `{"providerId":"` + id + `","name":"Another","baseUrl":"` + base + `","models":[{"modelId":"small"}]}`
		if status, text := request(t, http.MethodPost, "http://"+g.admin+"/providers", body, "authorization", "Bearer admin-token-of-mine"); status != http.StatusCreated {
			t.Fatalf("got %d and %s, want the provider made", status, text)
		}
	}
	add("another", base)
	p := newProcess(nil)
	p.in = strings.NewReader("sk-of-another")
	p.getenv = g.getenv
	if status := p.run([]string{"provider-keys", "create", "--provider", "another", "--name", "theirs", "--admin", g.admin}); status != 0 {
		t.Fatalf("got status %d: %s", status, p.errs)
	}
	g.weir(t, "keys", "update", "me", "--provider-key", "theirs")
	ask := strings.Replace(hello, "own:echo", "another:small", 1)
	answered := func() bool {
		status, _ := request(t, http.MethodPost, g.url, ask, "authorization", "Bearer "+key)
		return status == http.StatusOK
	}
	await(t, "the provider", answered)
	g.want(t, key, http.StatusOK) // what was there before
	list := g.weir(t, "usage", "list", "--output", "json")
	if !strings.Contains(list, `"keySource": "user"`) || !strings.Contains(list, `"keySource": "gateway"`) {
		t.Errorf("got %s, want a call by each key", list)
	}
	g.weir(t, "keys", "update", "me", "--provider-key", "none")
	id := find(t, g.weir(t, "provider-keys", "list"), `(aigpk_\w+)`)
	g.weir(t, "provider-keys", "delete", id)
	_, providers := request(t, http.MethodGet, "http://"+g.admin+"/providers", "", "authorization", "Bearer admin-token-of-mine")
	if status, text := request(t, http.MethodDelete, "http://"+g.admin+"/providers/"+find(t, providers, `"id":"(aigp_\w+)"`), "", "authorization", "Bearer admin-token-of-mine"); status != http.StatusNoContent {
		t.Fatalf("got %d and %s, want the provider deleted", status, text)
	}
	await(t, "the end of the provider", func() bool {
		status, _ := request(t, http.MethodPost, g.url, ask, "authorization", "Bearer "+key)
		return status == http.StatusNotFound || status == http.StatusUnprocessableEntity
	})
	g.want(t, key, http.StatusOK)
}

// TestStoreIsDown: a gateway whose store cannot be reached starts, is not ready, and lets nobody in.
func TestStoreIsDown(t *testing.T) {
	t.Parallel()
	config := file(t, "weir.yaml", "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: '127.0.0.1:0'}\ndrain: {wait: 0s}\n"+
		"access: {folder: '"+t.TempDir()+"', store: 'postgres://weir:s3cret-of-the-store@127.0.0.1:1/weir'}\n")
	env := map[string]string{tokenEnv: "admin-token-of-mine", "OPENAI_API_KEY": "sk-test"}
	p := newProcess(env)
	if status := p.run([]string{"serve", "--config", config}); status != 1 || !strings.Contains(p.errs.String(), "need the same master key") {
		t.Fatalf("got status %d and %s without a master key, want a refusal", status, p.errs)
	}
	env["WEIR_MASTER_KEY"] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	p = newProcess(env)
	p.start(t, "Try it, with an access key", "serve", "--config", config)
	admin := find(t, p.out.String(), `admin +(\S+)`)
	if status, text := request(t, http.MethodGet, admin+"/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "cannot be checked") {
		t.Errorf("got %d and %s, want not ready", status, text)
	}
	if status, text := request(t, http.MethodGet, admin+"/livez", ""); status != http.StatusOK {
		t.Errorf("got %d and %s, want it alive", status, text)
	}
	status, text := request(t, http.MethodPost, find(t, p.out.String(), `curl (\S+)`), hello, "authorization", "Bearer wr-aaaaaaaaaaaaaaaaaaaaaaaaaa-g1-aaaa")
	if status != http.StatusServiceUnavailable || !strings.Contains(text, "could not be read") {
		t.Errorf("got %d and %s, want 503 and why", status, text)
	}
	_, metrics := request(t, http.MethodGet, admin+"/-/metrics", "", "authorization", "Bearer admin-token-of-mine")
	if !strings.Contains(metrics, "weir_store_up 0\n") || !strings.Contains(metrics, "weir_access_snapshot_age_seconds -1\n") {
		t.Errorf("got %s, want the store down", metrics)
	}
	if all := p.out.String() + p.errs.String(); strings.Contains(all, "s3cret-of-the-store") || strings.Contains(all, "AAECAwQ") {
		t.Errorf("got %s, which holds a secret", all)
	}
}

// TestAccessCannotStart: what is wrong for good ends the start, with words and without secrets.
func TestAccessCannotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, access, want string }{
		{"folder is a file", "folder: '" + dir + "/file'", "access.folder"},
		{"no such secret", "folder: '" + dir + "', store_secret: NOPE", "access.store: there is no secret \"NOPE\""},
		{"no master key", "folder: '" + dir + "', master_key: {file: '" + dir + "/file'}", "access.master_key"},
		{"no old key", "folder: '" + dir + "', old_master_keys: 'env:NOPE'", "access.old_master_keys: env:NOPE is not set"},
		{"broken file", "folder: '" + dir + "', file: '" + dir + "/nope.yaml'", "cannot be read"},
		{"bad webhook secret", "folder: '" + dir + "', webhook_secret: HOOK", "is not whsec_ and base64"},
		{"bad counters", "folder: '" + dir + "', counters_secret: HOOK", "access.counters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := file(t, "weir.yaml", "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\naccess: {"+tt.access+"}\n")
			p := newProcess(map[string]string{"HOOK": "whsec_!hunter22!"})
			if status := p.run([]string{"serve", "--config", config}); status != 1 || !strings.Contains(p.errs.String(), tt.want) || strings.Contains(p.errs.String(), "hunter22") {
				t.Errorf("got status %d and %s, want %q", status, p.errs, tt.want)
			}
		})
	}
}
