package server

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

// fakeAPI serves one path, and knows a token for each role.
type fakeAPI struct{ ready atomic.Bool }

func (a *fakeAPI) Serve(ctx *fasthttp.RequestCtx) bool {
	if string(ctx.Path()) != "/things" {
		return false
	}
	ctx.SetBodyString("things " + itoa(len(ctx.PostBody())))
	return true
}

func (a *fakeAPI) Role(ctx *fasthttp.RequestCtx) (role string, wait time.Duration) {
	token := strings.TrimPrefix(string(ctx.Request.Header.Peek("Authorization")), "Bearer ")
	if token == "t0ken" {
		return roleAdmin, 0
	}
	if token == "one-too-many" {
		return "", 1500 * time.Millisecond
	}
	role, ok := strings.CutPrefix(token, "token-of-")
	if !ok {
		return "", 0
	}
	return role, 0
}

func (a *fakeAPI) Ready() bool { return a.ready.Load() }

func (a *fakeAPI) Metrics(add func(name, help string, value int64)) {
	add("weir_access_keys", "Access keys.", 3)
}

// startWithAPI is startWith with the Admin API.
func startWithAPI(t *testing.T, api *fakeAPI) *running {
	t.Helper()
	g, err := New(Options{
		Config: testConfig(), Pool: &fakePool{}, Token: "t0ken", Access: io.Discard, Log: zerolog.New(zerolog.NewTestWriter(t)),
		Policies: map[string]Policy{"default": &fakePolicy{plan: &fakePlan{run: echo}, open: true}}, API: api, AccessStats: api,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return &running{Gateway: g, addr: g.Addrs()[0]}
}

func TestAdminRoles(t *testing.T) {
	t.Parallel()
	g := startWithAPI(t, &fakeAPI{})
	tests := []struct{ line, token, status string }{
		{"GET /-/policy", "", "401"},
		{"GET /-/policy", "token", "401"},
		{"GET /-/policy", "token-of-", "401"},
		{"GET /-/policy", "one-too-many", "429"},
		{"GET /-/policy", strings.Repeat("x", 16<<10), "401"},
		{"GET /-/policy", "t0ken", "200"},
		{"GET /-/policy", "token-of-admin", "200"},
		{"GET /-/policy", "token-of-editor", "200"},
		{"GET /-/policy", "token-of-viewer", "200"},
		{"GET /-/policy", "token-of-auditor", "200"},
		{"GET /-/policy", "token-of-nobody", "403"},
		{"GET /-/metrics", "token-of-viewer", "200"},
		{"POST /-/reload", "t0ken", "200"},
		{"POST /-/reload", "token-of-admin", "200"},
		{"POST /-/reload", "token-of-editor", "200"},
		{"POST /-/reload", "token-of-viewer", "403"},
		{"POST /-/reload", "token-of-auditor", "403"},
		{"POST /-/rollback", "token-of-viewer", "403"},
		{"GET /-/reload", "token-of-viewer", "405"},
		{"GET /nothing", "token-of-viewer", "404"},
		{"GET /nothing", "", "401"},
		{"GET /healthz", "", "200"},
	}
	for _, tt := range tests {
		fields := ""
		if tt.token != "" {
			fields = "authorization: Bearer " + tt.token + "\r\n"
		}
		got := admin(t, g, tt.line, fields)
		if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status+" ") {
			t.Errorf("%s with %q: got %q, want %s", tt.line, tt.token, got, tt.status)
		}
		if tt.status == "429" && !strings.Contains(got, "\r\nRetry-After: 2\r\n") {
			t.Errorf("got %q, want to be told when to come again", got)
		}
	}
}

// TestAdminAPI: its paths are its own, Host and Origin are looked at before, and its bodies may be larger.
func TestAdminAPI(t *testing.T) {
	t.Parallel()
	g := startWithAPI(t, &fakeAPI{})
	if got := admin(t, g, "GET /things", ""); !strings.HasSuffix(got, "things 0") {
		t.Errorf("got %q, want the API's answer", got)
	}
	if got := admin(t, g, "GET /things", "origin: http://evil.example\r\n"); !strings.HasPrefix(got, "HTTP/1.1 403 ") {
		t.Errorf("got %q for a page of another site, want 403", got)
	}
	post := func(size int) string {
		return talk(t, g.AdminAddr(), "POST /things HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: "+itoa(size)+"\r\n\r\n"+strings.Repeat("x", size))
	}
	if got := post(200 << 10); !strings.HasSuffix(got, "things "+itoa(200<<10)) {
		t.Errorf("got %q for a body of 200 KiB, want it taken", got)
	}
	c := dial(t, g.AdminAddr())
	_, _ = io.WriteString(c, "POST /things HTTP/1.1\r\nhost: localhost\r\ncontent-length: "+itoa(257<<10)+"\r\n\r\n")
	if got := readAll(t, c); !strings.HasPrefix(got, "HTTP/1.1 413 ") {
		t.Errorf("got %q for a body of 257 KiB, want 413", got)
	}
}

func TestReadyKnowsTheStore(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{}
	g := startWithAPI(t, api)
	if got := admin(t, g, "GET /readyz", ""); !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.Contains(got, "access keys cannot be checked") {
		t.Errorf("got %q before the store was read, want 503", got)
	}
	if got := admin(t, g, "GET /livez", ""); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want it alive", got)
	}
	api.ready.Store(true)
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		got := admin(t, g, "GET /readyz", "")
		if strings.HasPrefix(got, "HTTP/1.1 200 ") {
			break
		}
		if time.Since(began) > 5*time.Second {
			t.Fatalf("got %q, want ready", got)
		}
	}
	if got := admin(t, g, "GET /-/metrics", "authorization: Bearer t0ken\r\n"); !strings.Contains(got, "# TYPE weir_access_keys gauge\nweir_access_keys 3\n") {
		t.Errorf("got %q, want the metrics of access keys", got)
	}
}

// TestAdminInTheClear: whoever lets other machines reach the admin listener is told what that means.
func TestAdminInTheClear(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true} {
		c := testConfig()
		c.Admin.Address = address
		var log bytes.Buffer
		g, err := New(Options{
			Config: c, Pool: &fakePool{}, Log: zerolog.New(&log),
			Policies: map[string]Policy{"default": &fakePolicy{plan: &fakePlan{}, open: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		g.closeListeners()
		if got := strings.Contains(log.String(), "in the clear"); got != want {
			t.Errorf("%s: got %q, want a warning: %t", address, log.String(), want)
		}
	}
}
