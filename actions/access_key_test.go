package actions

import (
	"testing"

	"weir/engine"
)

// doorman knows one token.
type doorman struct{}

func (doorman) Authenticate(x *engine.Exchange, token string) error {
	if token != "wr-a-g1-s" {
		return engine.Errorf(engine.CodeUnauthorized, "the access key is not valid")
	}
	x.Caller = engine.Caller{ID: "aigk_a", Name: "alice", Kind: "access_key", Groups: []string{"staff"}}
	x.NarrowModels(engine.ModelLists{Deny: []string{"denied"}})
	return nil
}

func TestAccessKey(t *testing.T) {
	const (
		asks  = "on_request: [{type: access-key}, {expressions: [\"'staff' in caller.groups\"], actions: [{type: custom-response, config: {status_code: 201, body: in}}]}]"
		looks = "on_request: [{type: access-key, config: {enforce: false}}, {expressions: [\"!actions.access_key.authorized\"], actions: [{type: custom-response, config: {status_code: 202, body: out}}]}]"
	)
	tests := []struct {
		name, policy, header, value, query string
		status                             int
		code                               engine.Code
	}{
		{"bearer", asks, "authorization", "Bearer wr-a-g1-s", "", 201, ""},
		{"bearer in capitals", asks, "Authorization", "BEARER wr-a-g1-s", "", 201, ""},
		{"anthropic's header", asks, "x-api-key", "wr-a-g1-s", "", 201, ""},
		{"google's header", asks, "x-goog-api-key", "wr-a-g1-s", "", 201, ""},
		{"azure's header", asks, "api-key", "wr-a-g1-s", "", 201, ""},
		{"the query", asks, "", "", "alt=sse&key=wr-a-g1-s", 201, ""},
		{"none", asks, "", "", "", 0, engine.CodeUnauthorized},
		{"a wrong one", asks, "authorization", "Bearer wr-a-g1-t", "", 0, engine.CodeUnauthorized},
		{"basic is no key", asks, "authorization", "Basic wr-a-g1-s", "", 0, engine.CodeUnauthorized},
		{"two", asks, "authorization", "Bearer wr-a-g1-s", "key=other", 0, engine.CodeBadRequest},
		{"the same twice", asks, "authorization", "Bearer wr-a-g1-s", "key=wr-a-g1-s", 201, ""},
		{"watching, wrong", looks, "authorization", "Bearer x", "", 202, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway()
			g.SetAccess(doorman{})
			plan, x := g.plan(t, tt.policy), exchange()
			if tt.header != "" {
				x.Request.Headers.Add(tt.header, tt.value)
			}
			x.Request.Query = tt.query
			e := limited(t, plan, x)
			if tt.code != "" {
				if e == nil || e.Code != tt.code {
					t.Fatalf("got %v, want %s", e, tt.code)
				}
				return
			}
			if e != nil || x.Reply.Status != tt.status {
				t.Fatalf("got %v and status %d, want %d", e, x.Reply.Status, tt.status)
			}
			if tt.status == 201 && (x.Request.Headers.Has(tt.header) && tt.header != "" || x.Request.Query != "" && x.Request.Query != "alt=sse") {
				t.Errorf("got %v and %q, want no key left in the request", x.Request.Headers, x.Request.Query)
			}
		})
	}
}

// TestAccessKeyWithoutStore refuses: a gateway that was given no keys is not an open one.
func TestAccessKeyWithoutStore(t *testing.T) {
	x := exchange()
	x.Request.Headers.Add("authorization", "Bearer wr-a-g1-s")
	if e := limited(t, newGateway().plan(t, "on_request: [{type: access-key}]"), x); e == nil || e.Code != engine.CodeStoreUnavailable {
		t.Errorf("got %v, want store_unavailable", e)
	}
}
