package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fasthttp"

	"weir/access"
	"weir/access/store"
)

func TestStaticResourcesAreReadOnly(t *testing.T) {
	h := newHarness(t)
	h.directory.SetStatic(&access.Static{Teams: []*access.Team{{Meta: access.Meta{ID: "team_file", Name: "of a file", Static: true, CreatedBy: "file"}}}})
	a := h.want(call{method: "GET", path: "/teams/team_file"}, 200)
	h.has("static", a, map[string]any{"static": true, "name": "of a file", "created_by": "file"})
	h.refused(call{method: "PATCH", path: "/teams/team_file", body: `{"name":"x"}`}, 409, "static_resource", "")
	h.refused(call{method: "DELETE", path: "/teams/team_file"}, 409, "static_resource", "")
}

func TestWhatCannotBeReadCanBeRemoved(t *testing.T) {
	h := newHarness(t)
	h.store.set(func() {
		h.store.revision++
		h.store.objects["team/team_bad"] = store.Object{Kind: "team", ID: "team_bad", Revision: h.store.revision, Body: []byte(`{"id":7}`)}
	})
	if err := h.directory.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.refused(call{method: "GET", path: "/teams/team_bad"}, 404, "not_found", "")
	h.refused(call{method: "DELETE", path: "/budgets/team_bad"}, 404, "not_found", "")
	h.want(call{method: "DELETE", path: "/teams/team_bad"}, 204)
	if !h.store.objects["team/team_bad"].Deleted {
		t.Error("it is still there")
	}
}

func TestStoreThatWasNeverRead(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.Directory = access.NewDirectory(access.DirectoryOptions{Store: newMemory()}) })
	h.refused(call{method: "GET", path: "/teams"}, 503, "store_unavailable", "")
	h.want(call{method: "GET", path: "/openapi.json"}, 200)
}

func TestWithoutStore(t *testing.T) {
	h := newHarness(t, func(o *Options) {
		o.Store = nil
		o.Directory = access.NewDirectory(access.DirectoryOptions{})
		o.Manager = access.NewManager(access.ManagerOptions{Directory: o.Directory, Box: o.Box})
	})
	h.want(call{method: "GET", path: "/access-keys"}, 200)
	for _, c := range []call{
		{method: "GET", path: "/audit"},
		{method: "POST", path: "/teams", body: `{"name":"t"}`},
		{method: "POST", path: "/teams", body: `{"name":"t"}`, header: map[string]string{"Idempotency-Key": "k"}},
	} {
		h.refused(c, 503, "store_unavailable", "")
	}
}

// TestIdempotencyAcrossGateways sends one request through two gateways at once.
func TestIdempotencyAcrossGateways(t *testing.T) {
	h := newHarness(t)
	other := access.NewDirectory(access.DirectoryOptions{Store: h.store})
	if err := other.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := h.api.Options
	o.Directory, o.Manager = other, access.NewManager(access.ManagerOptions{Store: h.store, Directory: other, Box: h.box})
	second, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	h.store.set(func() { h.store.applying = gate })
	bodies := make([]string, 2)
	var wait sync.WaitGroup
	for i, api := range []*API{h.api, second} {
		wait.Go(func() {
			var ctx fasthttp.RequestCtx
			ctx.Init(&fasthttp.Request{}, nil, nil)
			ctx.Request.Header.SetMethod(http.MethodPost)
			ctx.Request.SetRequestURI("/access-keys")
			ctx.Request.Header.Set("Authorization", "Bearer "+adminToken)
			ctx.Request.Header.Set("Idempotency-Key", "both")
			ctx.Request.Header.SetContentType("application/json")
			ctx.Request.SetBodyString(`{"name":"k"}`)
			if !api.Serve(&ctx) || ctx.Response.StatusCode() != http.StatusCreated {
				t.Errorf("got %d %s", ctx.Response.StatusCode(), ctx.Response.Body())
			}
			bodies[i] = string(ctx.Response.Body())
		})
	}
	close(gate)
	wait.Wait()
	if diff := cmp.Diff(bodies[0], bodies[1]); diff != "" || !strings.Contains(bodies[0], `"token":"wr-`) {
		t.Errorf("the answers differ: %s", diff)
	}
	live := 0
	for _, o := range h.store.objects {
		if o.Kind == string(access.KindAccessKey) && !o.Deleted {
			live++
		}
	}
	if live != 1 {
		t.Errorf("got %d keys, want 1", live)
	}
}

// TestRedirectsOfIssuersAreNotFollowed keeps an issuer from naming another in its place.
func TestRedirectsOfIssuersAreNotFollowed(t *testing.T) {
	i := newIssuer(t)
	redirect := httptest.NewServer(http.RedirectHandler(i.url+"/.well-known/openid-configuration", http.StatusFound))
	defer redirect.Close()
	h := newHarness(t, func(o *Options) { o.OIDC = &OIDCOptions{Issuer: redirect.URL, Audience: "weir-admin"} })
	h.refused(call{method: "GET", path: "/teams", token: i.token(`"sub":"u","roles":"admin"`)}, 503, "identity_provider_unavailable", "")
	if i.hits.Load() != 0 {
		t.Error("the redirect was followed")
	}
}
