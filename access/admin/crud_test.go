package admin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// life is how one resource of a collection is made, changed and cleared.
type life struct {
	path, create, patch string
	want                map[string]any // after the patch
	clear               string
	cleared             map[string]any
	unknown             string // a body with a field that does not exist
}

func lives(h *harness) []life {
	provider := h.want(call{method: "POST", path: "/provider-keys", body: `{"providerId":"openai","name":"main","value":"sk-one-x-canary-0123456789abcdef0123"}`}, 201)
	team := h.want(call{method: "POST", path: "/teams", body: `{"name":"research"}`}, 201)
	configuration := h.want(call{method: "POST", path: "/access-key-configurations", body: `{"name":"all"}`}, 201)
	key, teamID, configurationID := provider.text(h.t, "id"), team.text(h.t, "id"), configuration.text(h.t, "id")
	return []life{
		{
			path: "/access-keys", create: `{"name":"a","metadata":"{}"}`,
			patch: `{"description":"d","teamId":"` + teamID + `","groups":["g"],"expiresAt":"2090-01-02T03:04:05Z","disabled":true,` +
				`"allowedNetworks":["10.0.0.0/8"],"providerKeyIds":["` + key + `"],"accessKeyConfigurationId":"` + configurationID + `"}`,
			want: map[string]any{
				"name": "a", "metadata": "{}", "description": "d", "teamId": teamID, "groups": []any{"g"}, "expiresAt": "2090-01-02T03:04:05Z",
				"disabled": true, "allowedNetworks": []any{"10.0.0.0/8"}, "providerKeyIds": []any{key}, "notBefore": nil, "lastUsed": nil,
				"accessKeyConfiguration": map[string]any{
					"id": configurationID, "name": "all", "uri": "http://weir.test/access-key-configurations/" + configurationID,
				},
			},
			clear: `{"name":null,"description":null,"teamId":null,"groups":null,"expiresAt":null,"disabled":null,"allowedNetworks":null,` +
				`"providerKeyIds":null,"accessKeyConfigurationId":null}`,
			cleared: map[string]any{
				"name": "", "description": "", "teamId": nil, "groups": []any{}, "expiresAt": nil, "disabled": false, "metadata": "{}",
				"allowedNetworks": []any{}, "providerKeyIds": []any{}, "accessKeyConfiguration": nil,
			},
			unknown: `{"labels":"x"}`,
		},
		{
			path:   "/access-key-configurations",
			create: `{"name":"c","access":{"providers":{"allow":[]}}}`,
			patch: `{"access":{"models":{"allow":["openai/*"],"deny":["openai/gpt-4"]}},"router":{"rules":[{"provider":"openai","steps":[` +
				`{"type":"ngrok"},{"type":"gateway"},{"type":"user","keySelectionStrategy":"ordered","keys":[{"id":"` + key + `"}]}]}]}}`,
			want: map[string]any{
				"access": map[string]any{"models": map[string]any{"allow": []any{"openai/*"}, "deny": []any{"openai/gpt-4"}}},
				"router": map[string]any{"rules": []any{map[string]any{"provider": "openai", "steps": []any{
					map[string]any{"type": "ngrok"},
					map[string]any{"type": "gateway"},
					map[string]any{"type": "user", "keySelectionStrategy": "ordered", "keys": []any{map[string]any{
						"id": key, "name": "main", "keyRedacted": provider.text(h.t, "keyRedacted"),
					}}},
				}}}},
			},
			clear:   `{"access":null,"router":null}`,
			cleared: map[string]any{"access": nil, "router": nil, "name": "c"},
			unknown: `{"name":"c","access":{"users":{}}}`,
		},
		{
			path: "/provider-keys", create: `{"providerId":"anthropic","name":"k","value":"sk-two-x-canary-0123456789abcdef0123"}`,
			patch: `{"name":"k2","teamId":"` + teamID + `"}`, want: map[string]any{"name": "k2", "teamId": teamID, "providerId": "anthropic"},
			clear: `{"teamId":null}`, cleared: map[string]any{"teamId": nil, "name": "k2"}, unknown: `{"name":"x","providerId":"openai","value":"v","key":"v"}`,
		},
		{
			path: "/providers", create: `{"providerId":"mine","name":"Mine","baseUrl":"https://mine.example/v1","models":[{"modelId":"m-1","inputPrice":"0.5"}]}`,
			patch: `{"name":"Mine 2","supportedApiSurfaces":[{"format":"openai","surface":"chat-completions","supportedParams":[{"name":"model"}]}]}`,
			want: map[string]any{
				"name": "Mine 2", "providerId": "mine", "baseUrl": "https://mine.example/v1",
				"supportedApiSurfaces": []any{map[string]any{"format": "openai", "surface": "chat-completions", "supportedParams": []any{map[string]any{"name": "model"}}}},
			},
			clear: `{"models":[],"supportedApiSurfaces":null}`, cleared: map[string]any{"models": []any{}, "supportedApiSurfaces": []any{}},
			unknown: `{"providerId":"x","name":"x","baseUrl":"https://x.example","models":[{"modelId":"m","cost":1}]}`,
		},
		{
			path: "/api-keys", create: `{"name":"ci"}`, patch: `{"role":"viewer","description":"d"}`,
			want:  map[string]any{"role": "viewer", "description": "d", "name": "ci"},
			clear: `{"description":null}`, cleared: map[string]any{"description": "", "role": "viewer"}, unknown: `{"token":"0123456789abcdef"}`,
		},
		{
			path: "/teams", create: `{"name":"t"}`, patch: `{"disabled":true,"provider_key_ids":["` + key + `"]}`,
			want:  map[string]any{"disabled": true, "provider_key_ids": []any{key}, "name": "t"},
			clear: `{"disabled":null,"provider_key_ids":null}`, cleared: map[string]any{"disabled": false, "provider_key_ids": []any{}},
			unknown: `{"name":"t","providerKeyIds":[]}`,
		},
		{
			path:   "/budgets",
			create: `{"name":"opus","unit":"usd","limit":"500","window":"week","when":"m.id.startsWith('claude-opus')","team_id":"` + teamID + `"}`,
			patch:  `{"limit":"12.5","warn_at":[80,90],"webhook_url":"https://hooks.example/canary-path","status":429,"rolling":true,"timezone":null}`,
			want: map[string]any{
				"limit": "12.5", "warn_at": []any{80.0, 90.0}, "webhook_url": "https://hooks.example/***", "status": 429.0, "rolling": true,
				"team_id": teamID, "window": "week", "unit": "usd", "used": nil,
			},
			clear:   `{"when":null,"team_id":null,"warn_at":null,"webhook_url":null,"status":null,"rolling":false}`,
			cleared: map[string]any{"when": "", "team_id": "", "warn_at": []any{}, "webhook_url": "", "status": 0.0, "rolling": false},
			unknown: `{"name":"x","unit":"usd","limit":"1","window":"day","teamId":"t"}`,
		},
		{
			path: "/limits", create: `{"name":"rpm","unit":"requests","limit":"60","window":"60s","per":["access_key"]}`,
			patch: `{"limit":"90","per":["team","model"],"disabled":true}`,
			want:  map[string]any{"limit": "90", "per": []any{"team", "model"}, "disabled": true},
			clear: `{"per":null,"disabled":null}`, cleared: map[string]any{"per": []any{}, "disabled": false}, unknown: `{"name":"x","unit":"requests","limit":1,"window":"60s"}`,
		},
	}
}

func (h *harness) has(what string, a *answer, want map[string]any) {
	h.t.Helper()
	for name, v := range want {
		if diff := cmp.Diff(v, a.body[name]); diff != "" {
			h.t.Errorf("%s: %s differs (-want +got):\n%s", what, name, diff)
		}
	}
}

func TestResources(t *testing.T) {
	h := newHarness(t)
	for _, l := range lives(h) {
		t.Run(strings.TrimPrefix(l.path, "/"), func(t *testing.T) {
			h := h.in(t)
			made := h.want(call{method: "POST", path: l.path, body: l.create, secret: true}, http.StatusCreated)
			id := made.text(t, "id")
			one := l.path + "/" + id
			if token, ok := made.body["token"].(string); ok {
				h.secrets = append(h.secrets, token)
			}
			if got, want := made.header.Get("Location"), "http://weir.test"+one; got != want {
				t.Errorf("location: got %q, want %q", got, want)
			}
			first := h.want(call{method: "GET", path: one}, http.StatusOK)
			delete(made.body, "token")
			if diff := cmp.Diff(made.body, first.body); diff != "" {
				t.Errorf("what creation showed differs from what is there (-created +there):\n%s", diff)
			}
			changed := h.want(call{method: "PATCH", path: one, body: l.patch}, http.StatusOK)
			h.has("patch", changed, l.want)
			again := h.want(call{method: "GET", path: one}, http.StatusOK)
			if diff := cmp.Diff(changed.body, again.body); diff != "" {
				t.Errorf("what the change showed differs from what is there (-changed +there):\n%s", diff)
			}
			h.has("null", h.want(call{method: "PATCH", path: one, body: l.clear}, http.StatusOK), l.cleared)
			kept := h.want(call{method: "PATCH", path: one, body: `{}`}, http.StatusOK)
			h.has("nothing named", kept, l.cleared)

			page := h.want(call{method: "GET", path: l.path}, http.StatusOK)
			if !strings.Contains(page.raw, `"`+id+`"`) {
				t.Errorf("the list %s lacks %s", page.raw, id)
			}
			h.refused(call{method: "POST", path: l.path, body: l.unknown}, http.StatusBadRequest, "bad_request", "")
			h.want(call{method: "DELETE", path: one}, http.StatusNoContent)
			h.refused(call{method: "GET", path: one}, http.StatusNotFound, "not_found", "")
			h.refused(call{method: "PATCH", path: one, body: `{}`}, http.StatusNotFound, "not_found", "")
			h.refused(call{method: "DELETE", path: one}, http.StatusNotFound, "not_found", "")
		})
	}
	if s := h.logged.String(); strings.Contains(s, canary) {
		t.Errorf("got a secret in the log: %s", s)
	}
}

// in is the harness within a subtest.
func (h *harness) in(t *testing.T) *harness {
	t.Helper()
	other := *h
	other.t = t
	return &other
}

func TestListsAreUnderTheReferencesNames(t *testing.T) {
	h := newHarness(t)
	for path, list := range map[string]string{
		"/access-keys": "aiGatewayAccessKeys", "/access-key-configurations": "aiGatewayAccessKeyConfigurations",
		"/provider-keys": "aiGatewayProviderKeys", "/providers": "aiGatewayProviders", "/api-keys": "aiGatewayApiKeys",
		"/teams": "teams", "/budgets": "budgets", "/limits": "limits", "/audit": "audit", "/usage?startTime=2026-01-01T00:00:00Z": "aiGatewayUsage",
	} {
		a := h.want(call{method: "GET", path: path}, 200)
		if diff := cmp.Diff(sorted([]string{list, "nextPageUri", "uri"}), keysOf(a.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		if a.body["nextPageUri"] != nil {
			t.Errorf("%s: got a next page %v of nothing", path, a.body["nextPageUri"])
		}
	}
}

func sorted(in []string) []string { slices.Sort(in); return in }

func TestInlineKeys(t *testing.T) {
	h := newHarness(t)
	a := h.want(call{method: "POST", path: "/access-key-configurations", body: `{"name":"c","router":{"rules":[{"model":"openai:openai/gpt-5",` +
		`"steps":[{"type":"user","keys":[{"name":"inline","value":"sk-inl-x-canary-0123456789abcdef0123"}]}]}]}}`}, 201)
	keys := h.want(call{method: "GET", path: "/provider-keys?provider=openai"}, 200).list(t, "aiGatewayProviderKeys")
	if len(keys) != 1 {
		t.Fatalf("got %d provider keys, want 1", len(keys))
	}
	key := answer{body: keys[0]}
	for _, want := range []string{key.text(t, "id"), key.text(t, "keyRedacted"), `"inline"`} {
		if !strings.Contains(a.raw, want) {
			t.Errorf("the configuration %s lacks %s", a.raw, want)
		}
	}
	h.refused(call{method: "DELETE", path: "/provider-keys/" + key.text(t, "id")}, 409, "in_use", "")

	// Those of a configuration that is refused do not stay.
	h.refused(call{method: "POST", path: "/access-key-configurations", body: `{"name":"c","access":{"models":{"allow":["a b\u00e4"],"deny":[" "]}},` +
		`"router":{"rules":[{"provider":"openai","steps":[{"type":"user","keys":[{"name":"x","value":"sk-lft-x-canary-0123456789abcdef0123"}]}]},` +
		`{"provider":"openai","steps":[{"type":"user","keys":[{"id":"aigpk_nobody"}]}]}]}}`}, 400, "bad_request", "")
	if n := len(h.want(call{method: "GET", path: "/provider-keys"}, 200).list(t, "aiGatewayProviderKeys")); n != 1 {
		t.Errorf("got %d provider keys after a refused configuration, want 1", n)
	}
	for name, keys := range map[string]string{"both": `{"id":"x","name":"n"}`, "value alone": `{"value":"v"}`, "nothing": `{}`} {
		body := `{"name":"c","router":{"rules":[{"provider":"openai","steps":[{"type":"user","keys":[` + keys + `]}]}]}}`
		t.Run(name, func(t *testing.T) {
			h.in(t).refused(call{method: "POST", path: "/access-key-configurations", body: body}, 400, "bad_request", "router.rules[0].steps[0].keys[0]")
		})
	}
}

func TestRotation(t *testing.T) {
	h := newHarness(t)
	key := h.want(call{method: "POST", path: "/access-keys", body: `{"token":"ng-abcdefgh-canary-g1-0123456789abcdefghij"}`, secret: true}, 201)
	if got := key.text(t, "token"); got != "ng-abcdefgh-canary-g1-0123456789abcdefghij" {
		t.Errorf("imported: got %q", got)
	}
	one := "/access-keys/" + key.text(t, "id")
	h.refused(call{method: "POST", path: "/access-keys", body: `{"token":"ng-abcdefgh-canary-g1-0123456789abcdefghij"}`}, 409, "already_exists", "")
	h.refused(call{method: "POST", path: one + "/rotate", body: `{"overlapSeconds":-1}`}, 400, "bad_request", "overlapSeconds")
	h.refused(call{method: "POST", path: one + "/rotate", body: `{"overlapSeconds":1.5}`}, 400, "bad_request", "overlapSeconds")
	h.refused(call{method: "POST", path: "/access-keys/aigk_nobody/rotate", body: `{}`}, 404, "not_found", "")
	next := h.want(call{method: "POST", path: one + "/rotate", body: `{"overlapSeconds":60}`, secret: true}, 200)
	token := next.text(t, "token")
	k := h.directory.Load().AccessKeys[key.text(t, "id")]
	if len(k.Tokens) != 2 || !h.box.Matches(k.Tokens[0].Hash, token) || k.Tokens[1].ExpiresAt == nil {
		t.Errorf("got %d tokens, want the new one and the one before", len(k.Tokens))
	}
	h.secrets = append(h.secrets, token)
	h.want(call{method: "GET", path: one}, 200)

	p := h.want(call{method: "POST", path: "/provider-keys", body: `{"providerId":"openai","name":"k","value":"sk-old-x-canary-0123456789abcdef0123"}`}, 201)
	rotated := h.want(call{method: "POST", path: "/provider-keys/" + p.text(t, "id") + "/rotate", body: `{"name":"k2","value":"sk-new-x-canary-0123456789abcdef0wxyz"}`}, 200)
	if rotated.text(t, "id") != p.text(t, "id") || rotated.text(t, "name") != "k2" || !strings.HasSuffix(rotated.text(t, "keyRedacted"), "wxyz") {
		t.Errorf("rotated: got %s", rotated.raw)
	}
	value, err := h.box.Open(h.directory.Load().ProviderKeys[p.text(t, "id")].Sealed, p.text(t, "id"))
	if err != nil || string(value) != "sk-new-x-canary-0123456789abcdef0wxyz" {
		t.Errorf("sealed: got %q and %v", value, err)
	}
	entry := h.want(call{method: "GET", path: "/audit?limit=1"}, 200).list(t, "audit")[0]
	if entry["action"] != "rotate" || entry["actor"] != "admin token" || entry["role"] != "admin" || entry["object_id"] != p.text(t, "id") {
		t.Errorf("audit: got %v", entry)
	}
}

func TestGatewayConfig(t *testing.T) {
	h := newHarness(t)
	a := h.want(call{method: "GET", path: "/gateway-config"}, 200)
	h.has("nothing set", a, map[string]any{"totalTimeout": nil, "maxInputTokens": nil, "accountId": "weir"})
	a = h.want(call{method: "PATCH", path: "/gateway-config", body: `{"totalTimeout":"120s","maxInputTokens":1000}`}, 200)
	h.has("set", a, map[string]any{"totalTimeout": "120s", "maxInputTokens": 1000.0, "perRequestTimeout": nil})
	a = h.want(call{method: "PATCH", path: "/gateway-config", body: `{"totalTimeout":null,"perRequestTimeout":"5s"}`}, 200)
	h.has("cleared", a, map[string]any{"totalTimeout": nil, "maxInputTokens": 1000.0, "perRequestTimeout": "5s"})
	h.refused(call{method: "PATCH", path: "/gateway-config", body: `{"totalTimeout":"soon"}`}, 400, "bad_request", "totalTimeout")
	h.refused(call{method: "PATCH", path: "/gateway-config", body: `{}`, header: map[string]string{"If-Match": `"999"`}}, 412, "precondition_failed", "")
	h.want(call{method: "GET", path: "/gateway-config", header: map[string]string{"If-None-Match": a.header.Get("ETag")}}, 304)
}

func TestFieldsAreNamedAsTheClientKnowsThem(t *testing.T) {
	h := newHarness(t)
	for _, tt := range []struct{ path, body, field string }{
		{"/access-keys", `{"accessKeyConfigurationId":"aigac_none"}`, "accessKeyConfigurationId"},
		{"/access-keys", `{"allowedNetworks":["10.0.0.1/8"]}`, "allowedNetworks[0]"},
		{"/access-keys", `{"teamId":"team_none"}`, "teamId"},
		{"/providers", `{"providerId":"p","name":"p","baseUrl":"ftp://x"}`, "baseUrl"},
		{"/providers", `{"providerId":"p","name":"p","baseUrl":"https://x.example","supportedApiSurfaces":[{"format":"odd"}]}`, "supportedApiSurfaces[0].format"},
		{"/providers", `{"providerId":"p","name":"p","baseUrl":"https://x.example","models":[{"modelId":"m","inputPrice":"x"}]}`, "models[0].inputPrice"},
		{"/provider-keys", `{"providerId":"No Provider","name":"p","value":"sk-val-x-canary-0123456789abcdef0123"}`, "providerId"},
		{"/budgets", `{"name":"b","unit":"usd","limit":"1","window":"day","when":"nonsense"}`, "when"},
		{"/budgets", `{"name":"b","unit":"usd","limit":"1","window":"day","team_id":"team_none"}`, "team_id"},
	} {
		h.refused(call{method: "POST", path: tt.path, body: tt.body}, 400, "bad_request", tt.field)
	}
}

func TestBudgetState(t *testing.T) {
	h := newHarness(t, func(o *Options) {
		o.CounterState = stateOfTest
	})
	for _, tt := range []struct{ unit, limit, used, reserved, remaining string }{
		{"usd", "1.5", "1.25", "0.000000001", "0.249999999"},
		{"tokens", "1000", "1250000000", "1", "0"},
	} {
		a := h.want(call{method: "POST", path: "/budgets", body: `{"name":"b","unit":"` + tt.unit + `","limit":"` + tt.limit + `","window":"day"}`}, 201)
		a = h.want(call{method: "GET", path: "/budgets/" + a.text(t, "id")}, 200)
		h.has(tt.unit, a, map[string]any{"used": tt.used, "reserved": tt.reserved, "remaining": tt.remaining, "resets_at": "2030-01-01T00:00:00Z"})
	}
	a := h.want(call{method: "POST", path: "/budgets", body: `{"name":"b","unit":"usd","limit":"1","window":"day","per":["team"]}`}, 201)
	h.has("several", a, map[string]any{"used": nil, "remaining": nil, "resets_at": nil})
}

func TestWebhookAddressesAreMasked(t *testing.T) {
	h := newHarness(t)
	a := h.want(call{method: "POST", path: "/budgets", body: `{"name":"b","unit":"usd","limit":"1","window":"day","webhook_url":"https://hooks.example/canary-secret"}`}, 201)
	one := "/budgets/" + a.text(t, "id")
	round, _ := json.Marshal(map[string]any{"name": "b2", "webhook_url": a.body["webhook_url"]})
	h.want(call{method: "PATCH", path: one, body: string(round)}, 200)
	if got := h.directory.Load().Budgets[a.text(t, "id")]; got.WebhookURL != "https://hooks.example/canary-secret" || got.Name != "b2" {
		t.Errorf("sent back: got %q", got.WebhookURL)
	}
	h.refused(call{method: "PATCH", path: one, body: `{"webhook_url":"https://other.example/***"}`}, 400, "bad_request", "webhook_url")
}
