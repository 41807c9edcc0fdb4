package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// order writes a body as the value of a fault's clause.
func order(status, body string) string {
	return "status=" + status + ";body=" + strings.NewReplacer("%", "%25", ";", "%3B", "#", "%23", "\n", "%0A").Replace(body)
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("reading %s: %v", text, err)
	}
	return v
}

// TestARefusalOfTheRequestComesBackAsItWas: what a vendor says about the client's own mistake is the client's, with every
// field that its SDK shows.
func TestARefusalOfTheRequestComesBackAsItWas(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"chat":         `{"error":{"message":"bad temperature","type":"vendor_error","param":"temperature","code":"bad_range","hint":{"max":2}}}`,
		"responses":    `{"error":{"message":"bad temperature","type":"vendor_error","param":"temperature","code":"bad_range"}}`,
		"messages":     `{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: too large","details":{"limit":9}},"request_id":"req_vendor"}`,
		"gemini":       `{"error":{"code":400,"message":"bad temperature","status":"FAILED_PRECONDITION","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","field":"temperature"}]}}`,
		"gemini array": `{"error":{"code":400,"message":"bad temperature","status":"FAILED_PRECONDITION","details":[]}}`,
	}
	for _, m := range manners() {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			body := bodies[m.name]
			f := fault{}
			w := f.world(t, well)
			w.sims["alpha"].SetScript(script(t, "-> "+order("400", body)+";header=x-ratelimit-remaining-requests:12"))
			a := w.send(t, m.request("m", "hello"))
			if a.status != http.StatusBadRequest {
				t.Errorf("got status %d, want 400", a.status)
			}
			if got, want := decode(t, a.body), decode(t, []byte(body)); !reflect.DeepEqual(got, want) {
				t.Errorf("got %s, want the provider's own words %s", a.body, body)
			}
			if got := a.header.Get("X-Ratelimit-Remaining-Requests"); got != "12" {
				t.Errorf("got x-ratelimit-remaining-requests %q, want the provider's", got)
			}
		})
	}
}

// TestKeysInErrorsAreScrubbed: some vendors repeat the key that they refuse.
func TestKeysInErrorsAreScrubbed(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"400", "401", "403", "429", "500"} {
		for _, m := range manners() {
			t.Run(status+" "+m.String(), func(t *testing.T) {
				t.Parallel()
				f := fault{}
				w := f.world(t, well)
				told := func(key string) string {
					body := `{"error":{"message":"Incorrect API key provided: ` + key + `. Bearer ` + key + `","type":"x","code":"c"}}`
					return "key=" + key + " -> " + order(status, body) + ";header=x-told:" + url.PathEscape(key) + "\n"
				}
				w.sims["alpha"].SetScript(script(t, told(keyOne)+told(keyTwo)))
				w.sims["beta"].SetScript(script(t, told(keyBeta)))
				a := w.send(t, m.request("m", "hello"))
				for _, key := range []string{keyOne, keyTwo, keyBeta} {
					if strings.Contains(string(a.body), key) {
						t.Errorf("the body tells a key: %s", a)
					}
				}
				if strings.Contains(w.log.String(), keyOne) || strings.Contains(w.log.String(), keyBeta) {
					t.Errorf("the log tells a key: %s", w.log)
				}
			})
		}
	}
}

// TestOneAttemptsHeadersDoNotGoWithAnothersFailure: the first target refused with an answer, the last one with none.
func TestOneAttemptsHeadersDoNotGoWithAnothersFailure(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"reset", "status=401", "cut-after=start", "wrong-length", "status=302;header=location:http://elsewhere.invalid/"} {
		for _, m := range manners() {
			if last == "wrong-length" && m.stream {
				continue
			}
			t.Run(last+" "+m.String(), func(t *testing.T) {
				t.Parallel()
				f := fault{order: "status=429;retry-after=9"}
				w := f.world(t, last)
				a := w.send(t, m.request("m", "hello"))
				if got, want := sequence(w.ended(t), keyNames()), allKeys; got != want {
					t.Errorf("got calls %s, want %s", got, want)
				}
				for _, field := range []string{"X-Vendor", "X-Sim-Canary"} {
					for _, v := range a.header.Values(field) {
						if v != "canarybeta" {
							t.Errorf("%s is of an earlier attempt: %s", field, a)
						}
					}
				}
				if got := a.header.Get("Location"); got != "" {
					t.Errorf("got location %q", got)
				}
			})
		}
	}
}

// TestErrorsUnder200 are the shapes in which vendors report a failure with a status of success.
func TestErrorsUnder200(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, dialect, body string
	}{
		{"as OpenAI writes it", "chat", `{"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}`},
		{"with spaces", "chat", "{\n  \"error\": {\"message\": \"overloaded\", \"code\": 502}\n}"},
		{"with an id in front", "chat", `{"id":"gen-1","error":{"message":"overloaded","code":502},"user_id":"u"}`},
		{"responses that failed", "responses", `{"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}`},
		{"as Anthropic writes it", "messages", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}`},
		{"as Google writes it", "gemini", "{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"overloaded\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, m := range manners() {
				if m.name != tt.dialect || m.stream {
					continue
				}
				f := fault{}
				w := f.world(t, "canary=canarybeta")
				w.sims["alpha"].SetScript(script(t, "-> "+strings.TrimPrefix(order("200", tt.body), "status=200;")))
				a := w.send(t, m.request("m", "hello"))
				if got := a.header.Get("X-Weir-Provider"); a.status != http.StatusOK || got != "beta" {
					t.Errorf("got the answer of %q, want beta's: %s", got, a)
				}
			}
		})
	}
}

// TestHeadersOfAnswers checks what of a provider's head reaches the client.
func TestHeadersOfAnswers(t *testing.T) {
	t.Parallel()
	const head = ";header=set-cookie:a=b;header=location:http://elsewhere.invalid/;header=openai-organization:org-1;header=openai-project:p-1" +
		";header=anthropic-organization-id:org-2;header=x-weir-provider:forged;header=x-should-retry:true;header=alt-svc:h3=%22:443%22" +
		";header=x-ratelimit-remaining-tokens:900;header=connection:x-hop;header=x-hop:1"
	for _, m := range manners() {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			f := fault{}
			w := f.world(t, well)
			w.sims["alpha"].SetScript(script(t, "-> chunks=3"+head))
			a := w.send(t, m.request("m", "hello"))
			m.wantWhole(t, a)
			for _, field := range []string{
				"Set-Cookie", "Location", "Openai-Organization", "Openai-Project", "Anthropic-Organization-Id", "X-Should-Retry", "Alt-Svc", "X-Hop",
			} {
				if got := a.header.Values(field); len(got) > 0 {
					t.Errorf("got %s %q, want none", field, got)
				}
			}
			want := map[string]string{"X-Weir-Provider": "alpha", "X-Ratelimit-Remaining-Tokens": "900"}
			if m.family() != "gemini" {
				want["X-Weir-Upstream-Request-Id"] = "req_sim1"
			}
			for field, value := range want {
				if got := a.header.Values(field); len(got) != 1 || got[0] != value {
					t.Errorf("got %s %q, want %q once", field, got, value)
				}
			}
			for _, field := range []string{"X-Request-Id", "Request-Id", "Content-Type"} {
				if got := a.header.Values(field); len(got) > 1 {
					t.Errorf("got %s %q, want it once at most", field, got)
				}
			}
		})
	}
}
