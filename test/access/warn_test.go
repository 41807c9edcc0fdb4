package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// hooks is a receiver of webhooks in this machine's own network.
type hooks struct {
	*httptest.Server

	mu     sync.Mutex
	bodies []map[string]any
}

// newHooks starts a receiver that checks the signatures of what comes.
func newHooks(t *testing.T, key string) *hooks {
	t.Helper()
	h := &hooks{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body map[string]any
		raw, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(raw, &body) != nil {
			t.Errorf("a webhook reads %s, %v", raw, err)
		}
		mac := hmac.New(sha256.New, []byte(key))
		fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), raw)
		if got := r.Header.Get("Webhook-Signature"); got != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Errorf("got signature %q, which is not that of the body", got)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bodies = append(h.bodies, body)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hooks) got() []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bodies
}

// TestWarnings crosses the thresholds of a budget: the header says so from then on, and the webhook once for each.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const key = "a-key-for-signatures"
	h := newHooks(t, key)
	f := newFleet(t, "folder: FOLDER\nwebhook_hosts: ['127.0.0.1']\nwebhook_secret: HOOK_KEY")
	f.env = append(f.env, "HOOK_KEY="+key)
	write(t, f.policy, fmt.Sprintf(quotaPolicy, f.vendor.url))
	g := f.start("")
	id, token := g.key("ada", "")
	budget := g.create("/budgets", fmt.Sprintf(`{"name": "soft", "access_key_id": %q, "unit": "usd", "limit": "0.1", "window": "total", "warn_at": [20, 60], "webhook_url": %q}`, id, h.URL+"/secret-path"))
	for i := range 14 {
		r := g.send(call{body: short("paid"), header: bearer(token)})
		r.want(t, http.StatusOK)
		percent, warning := 5*i, r.header.Get("X-Weir-Budget-Warning") // at half a cent a call
		if (warning != "") != (percent >= 20) {
			t.Errorf("after %d%%: got warning %q", percent, warning)
		}
		if warning != "" && (!strings.HasPrefix(warning, `"soft";used=`) || !strings.Contains(warning, `;limit="0.1";unit=usd`)) {
			t.Errorf("got warning %q", warning)
		}
		g.await("it is settled", func() bool { return g.budget(budget).Used == strings.TrimSuffix(fmt.Sprintf("0.%03d", 5*(i+1)), "0") })
	}
	g.await("two webhooks came", func() bool { return len(h.got()) >= 2 })
	time.Sleep(100 * time.Millisecond) // and no third
	got := h.got()
	if len(got) != 2 || got[0]["threshold"] != 20.0 || got[1]["threshold"] != 60.0 || got[0]["quota_id"] != budget || got[0]["type"] != "budget.warning" || got[0]["id"] == got[1]["id"] {
		t.Errorf("got webhooks %v", got)
	}
	if text := g.must(http.MethodGet, "/budgets/"+budget, "", http.StatusOK); strings.Contains(text, "secret-path") || strings.Contains(g.out.String(), "secret-path") {
		t.Errorf("the path of the webhook is shown or logged: %s", text)
	}
}

// TestWebhooksStayOutside has budgets whose webhooks are in the network behind the gateway: they are no way into it.
func TestWebhooksStayOutside(t *testing.T) {
	t.Parallel()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() }) // which ends the loop below
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			t.Error("a webhook reached this machine's own network")
			_ = conn.Close() // nobody is meant to be there
		}
	}()
	_, g := metered(t, "")
	id, token := g.key("ada", "")
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	budget := func(url string) (status int, text string) {
		return g.api(http.MethodPost, "/budgets", fmt.Sprintf(`{"name": %q, "access_key_id": %q, "unit": "usd", "limit": "1", "window": "total", "warn_at": [1], "webhook_url": %q}`, "to "+url, id, url), nil)
	}
	for _, url := range []string{"http://127.0.0.1:" + port, "http://example.com/", "file:///etc/passwd", "gopher://127.0.0.1/", "https://"} {
		if status, text := budget(url); status != http.StatusBadRequest {
			t.Errorf("%s: got %d: %s; want 400", url, status, text)
		}
	}
	made := 0
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		if status, _ := budget("https://" + host + ":" + port + "/"); status == http.StatusCreated {
			made++
		}
	}
	for range 4 {
		g.send(call{body: short("paid"), header: bearer(token)}).want(t, http.StatusOK)
	}
	g.await("the log tells of each webhook", func() bool {
		return strings.Count(g.out.String(), "the warning of a budget could not be sent") >= made
	})
	t.Logf("%d addresses were taken and not reached", made)
}
