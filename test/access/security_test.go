package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// from is a client that calls from an address of this machine's own network.
func from(t *testing.T, addr string) *http.Client {
	t.Helper()
	tr := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}).DialContext}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (g *gateway) sendFrom(c *http.Client, token string) (status int, header http.Header) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.url+"/v1/chat/completions", strings.NewReader(freeCall))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header
}

// TestBruteForce tries keys from one address until it has to wait. Valid keys pass from there, and wrong ones of other
// addresses are looked at as ever.
func TestBruteForce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	_, token := g.key("ada", "")
	bad, good := from(t, "127.0.0.1"), from(t, "127.0.0.2")
	wrong := 0
	for status := http.StatusUnauthorized; status == http.StatusUnauthorized; wrong++ {
		var header http.Header
		status, header = g.sendFrom(bad, fmt.Sprintf("wr-aaaaaaaaaaaaaaaaaaaaaaaaaa-g1-wrong-secret-%06d", wrong))
		if wait, err := strconv.Atoi(header.Get("Retry-After")); status == http.StatusTooManyRequests && (err != nil || wait < 1 || wait > 60) {
			t.Errorf("got retry-after %q", header.Get("Retry-After"))
		}
		if wrong > 100 {
			t.Fatal("a hundred wrong keys are let try")
		}
	}
	if wrong != 21 {
		t.Errorf("got %d tries, want 20 and the one that is told to wait", wrong)
	}
	for range 5 {
		if status, _ := g.sendFrom(bad, token); status != http.StatusOK {
			t.Errorf("a valid key from there: got %d", status)
		}
		if status, _ := g.sendFrom(bad, token+"x"); status != http.StatusTooManyRequests {
			t.Errorf("a wrong key after a valid one: got %d", status)
		}
	}
	if status, _ := g.sendFrom(good, token+"x"); status != http.StatusUnauthorized {
		t.Errorf("a wrong key from elsewhere: got %d", status)
	}
	// Headers do not make another address of it.
	r := g.send(call{header: bearer(token+"x", "X-Forwarded-For", "192.0.2.7", "Forwarded", "for=192.0.2.7", "X-Real-Ip", "192.0.2.7")})
	r.want(t, http.StatusTooManyRequests)
}

// evil is text that means something to SQL, headers, logs, globs, templates, JSON and terminals.
func evil() []string {
	return []string{
		`'; DROP TABLE objects; --`, `" OR ""="`, `1 UNION SELECT * FROM idempotency`, `Robert'); DELETE FROM usage;--`, `%' OR '1'='1`, `\'; VACUUM; --`,
		"a\r\nX-Injected: yes", "a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "nul\x00behind", "tab\tand\vfeed", "\x1b[31mred\x1b[0m", "\u202Egnp.exe", "\u2028line", "\uFEFFbom",
		`${secrets.get('VENDOR_KEY')}`, `{{.Env}}`, `../../../etc/passwd`, `*`, `a|b|c`, `<script>alert(1)</script>`, `"}],"x":[{"`, `%s%n%x`, strings.Repeat("long ", 50), "名前", "🔑",
	}
}

// TestHostileText uses such text wherever callers and admins may write: it is kept as it is or refused, and does nothing.
func TestHostileText(t *testing.T) {
	t.Parallel()
	f, g := metered(t, "")
	_, token := g.key("the first", "")
	g.create("/limits", `{"name": "per tag", "unit": "requests", "limit": "100000", "window": "1h", "per": ["caller.tags.project", "req.headers['x-plan'][0]"]}`)
	g.create("/budgets", `{"name": "per tag, too", "unit": "usd", "limit": "10000", "window": "month", "per": ["caller.tags.project"]}`)
	quote := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	kept := 0
	for _, text := range evil() {
		for _, c := range []struct{ path, body string }{
			{"/teams", `{"name": TEXT, "description": TEXT, "metadata": TEXT}`},
			{"/access-keys", `{"name": TEXT, "description": TEXT, "metadata": TEXT, "groups": [TEXT]}`},
			{"/provider-keys", `{"providerId": "vendor", "name": TEXT, "value": "sk-own-hostile-0123"}`},
			{"/provider-keys", `{"providerId": TEXT, "name": "x", "value": "sk-own-hostile-0123"}`},
			{"/provider-keys", `{"providerId": "vendor", "name": "x", "value": TEXT}`},
			{"/access-key-configurations", `{"name": "x", "access": {"models": {"allow": [TEXT]}}}`},
			{"/budgets", `{"name": TEXT, "unit": "usd", "limit": "1", "window": "day", "access_key_id": "aigk_00000000000000000000000000"}`},
			{"/budgets", `{"name": "x", "unit": "usd", "limit": TEXT, "window": "day"}`},
			{"/budgets", `{"name": "x", "unit": "usd", "limit": "1", "window": TEXT}`},
			{"/budgets", `{"name": "x", "unit": "usd", "limit": "1", "window": "day", "timezone": TEXT}`},
			{"/budgets", `{"name": "x", "unit": "usd", "limit": "1", "window": "day", "webhook_url": TEXT}`},
			{"/access-keys", `{"name": "x", "token": TEXT}`},
			{"/access-keys", `{"name": "x", "teamId": TEXT}`},
			{"/access-keys", `{"name": "x", "allowedNetworks": [TEXT]}`},
		} {
			r := g.asks(asking{method: http.MethodPost, path: c.path, body: strings.ReplaceAll(c.body, "TEXT", quote(text)), token: adminToken})
			switch {
			case r.status == http.StatusCreated:
				var back struct{ ID, Name string }
				g.harmless(text, r)
				if err := json.Unmarshal([]byte(r.body), &back); err != nil {
					t.Fatal(err)
				}
				if strings.Contains(c.body, `"name": TEXT`) && back.Name != text {
					t.Errorf("%s: got name %q, want %q", c.path, back.Name, text)
				}
				kept++
				g.must(http.MethodDelete, c.path+"/"+back.ID, "", http.StatusNoContent)
			case r.status < 400 || r.status >= 500:
				t.Errorf("%s with %q: got %d: %s", c.path, text, r.status, r.body)
			default:
				g.harmless(text, r)
			}
		}
		g.hostileCall(text, token)
	}
	if kept < 20 {
		t.Errorf("only %d texts were kept", kept)
	}
	g.send(call{header: bearer(token)}).want(t, http.StatusOK)
	if len(g.rows("")) == 0 || len(f.vendor.Calls()) == 0 {
		t.Error("the record is gone")
	}
	for line := range strings.SplitSeq(g.out.String(), "\n") {
		if strings.HasPrefix(line, "{") && !json.Valid([]byte(line)) {
			t.Errorf("got a broken line of log: %q", line)
		}
		if strings.ContainsAny(line, "\x1b\x00\u202e") {
			t.Errorf("got control characters in the log: %q", line)
		}
	}
}

// hostileCall sends the text in ids, queries and tags.
func (g *gateway) hostileCall(text, token string) {
	g.t.Helper()
	escaped := strings.NewReplacer("+", "%20").Replace(urlEscape(text))
	for _, path := range []string{"/access-keys/", "/budgets/", "/usage?startTime=2020-01-01T00:00:00Z&tag=", "/usage?startTime=2020-01-01T00:00:00Z&model=", "/usage?startTime=", "/usage/overview?startTime=2020-01-01T00:00:00Z&groupBy=tag:", "/access-keys?beforeId=", "/access-keys?teamId=", "/usage?startTime=2020-01-01T00:00:00Z&cursor="} {
		r := g.asks(asking{path: path + escaped, token: adminToken})
		if r.status >= 500 {
			g.t.Errorf("%s%q: got %d: %s", path, text, r.status, r.body)
		}
		g.harmless(text, r)
	}
	body, err := json.Marshal(map[string]any{"model": "free", "messages": []any{}, "metadata": map[string]string{"project": text, text: "x"}})
	if err != nil {
		g.t.Fatal(err)
	}
	r := g.send(call{body: string(body), header: bearer(token)})
	if r.status != http.StatusOK && r.status != http.StatusBadRequest {
		g.t.Errorf("metadata %q: got %d: %s", text, r.status, r.body)
	}
	g.harmless(text, r)
	if strings.ContainsAny(text, "\r\n\x00\v\x1b") { // no client of Go's sends these
		return
	}
	for _, header := range []map[string]string{bearer(token, "X-Weir-Tags", "project="+text), bearer(token, "X-Plan", text), bearer(text), {"X-Api-Key": text}, bearer(token, "Idempotency-Key", text)} {
		if r := g.send(call{header: header}); r.status >= 500 {
			g.t.Errorf("header %q: got %d, %v: %s", header, r.status, r.err, r.body)
		} else {
			g.harmless(text, r)
		}
	}
}

// harmless checks that an answer was not made into another.
func (g *gateway) harmless(text string, r reply) {
	g.t.Helper()
	if r.err != nil || r.header.Get("X-Injected") != "" || strings.Contains(r.body, vendorKey) || strings.Contains(strings.ToLower(r.body), "sqlite") || strings.Contains(r.body, "syntax error") {
		g.t.Errorf("%q: got %v, %v, %s", text, r.err, r.header, r.body)
	}
	if r.body != "" && !json.Valid([]byte(r.body)) {
		g.t.Errorf("%q: got %s, which is no JSON", text, r.body)
	}
}

func urlEscape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, "%%%02X", text[i])
	}
	return b.String()
}

// TestStoreWithoutItsKey looks for provider keys and tokens in the files of the state, and opens a copy of them with another
// master key: nothing of it can be used.
func TestStoreWithoutItsKey(t *testing.T) {
	t.Parallel()
	f, g, ids := owned(t, "one")
	_, token := g.key("ada", `, "providerKeyIds": ["`+ids["one"]+`"]`)
	const imported = "ng-4kk2p-g1-s8fjq7ab2mzx9"
	g.key("old", `, "token": "`+imported+`"`)
	if got := f.used(g, token, "paid", map[string]string{value("one"): "one"}); got != "one 200" {
		t.Fatalf("got %s, want the call made with the key", got)
	}
	g.await("the call is recorded", func() bool { return len(g.rows("")) == 1 })
	g.stop()
	copied, files := t.TempDir(), 0
	err := filepath.WalkDir(g.folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for name, secret := range map[string]string{"the provider key": value("one"), "the token": token[30:], "the imported token": imported, "the master key": masterKey} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s has %s", filepath.Base(path), name)
			}
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v: others can read it", filepath.Base(path), info.Mode(), err)
		}
		if filepath.Ext(path) != ".db" {
			return nil
		}
		return os.WriteFile(filepath.Join(copied, filepath.Base(path)), raw, 0o600)
	})
	if err != nil || files == 0 {
		t.Fatalf("got %v and %d files of state", err, files)
	}

	const another = "YW5vdGhlci1tYXN0ZXIta2V5LTAxMjM0NTY3ODlhYmM="
	f.env = append(f.env, "WEIR_MASTER_KEY="+another)
	config := filepath.Join(t.TempDir(), "weir.yaml")
	write(t, config, "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: '127.0.0.1:0'}\naccess: {folder: '"+copied+"'}\n")
	cmd := exec.CommandContext(t.Context(), binary(t), "serve", f.policy, "--config", config)
	cmd.Env = append(cmd.Environ(), f.env...)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "another master key") || strings.Contains(string(out), another) {
		t.Errorf("another master key: got %v: %s", err, out)
	}
	// Who has both goes on, and what is stored from now on needs the new one alone.
	f.env, f.config = append(f.env, "OLD_MASTER_KEY="+masterKey), "folder: FOLDER\nold_master_keys: ['env:OLD_MASTER_KEY']"
	both := f.start(copied)
	both.send(call{header: bearer(imported)}).want(t, http.StatusNotFound) // a key that holds; this policy has no free model
	if got := f.used(both, token, "paid", map[string]string{value("one"): "one"}); got != "one 200" {
		t.Errorf("with both master keys: got %s", got)
	}
}
