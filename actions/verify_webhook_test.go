package actions

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/engine"
)

func hookPolicy(provider, secret, more string) string {
	return `on_request: [{actions: [{type: verify-webhook, config: {provider: ` + provider + `, secret: "` + secret + `"` + more + `}}]}]
on_response: [{actions: [{type: log, config: {metadata: {hook: "${actions.ngrok.verify_webhook}"}}}]}]`
}

// hook is a webhook that came in.
func hook(body string, headers ...string) *engine.Exchange {
	x := engine.NewExchange()
	x.Request.Method, x.Request.Scheme, x.Request.Host, x.Request.Path, x.Request.RawPath = http.MethodPost, "https", "mycompany.com", "/myapp.php", "/myapp.php"
	for i := 0; i < len(headers); i += 2 {
		x.Request.Headers.Add(headers[i], headers[i+1])
	}
	x.Loader = bodyOf(body)
	x.Missing = engine.Errorf(engine.CodeNotFound, "nothing here")
	return x
}

func mac(h func() hash.Hash, key, text string) []byte {
	m := hmac.New(h, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

// received runs a webhook through a plan; 404 means that it was let in and found no path.
func received(plan *engine.Plan, x *engine.Exchange) int {
	if err := plan.Run(x); err != nil {
		return engine.AsError(err).HTTPStatus()
	}
	return x.Reply.Status
}

// TestWebhookVectors checks the examples that the providers publish, at the time they were signed.
func TestWebhookVectors(t *testing.T) {
	slack := "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	twilio := "Digits=1234&From=%2B14158675309&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&To=%2B18005551212"
	tests := []struct {
		name, provider, secret string
		at                     int64
		query                  string
		x                      *engine.Exchange
	}{
		{"github", "github", "It's a Secret to Everybody", 0, "", hook("Hello, World!", "X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")},
		{"slack", "slack", "8f742231b10e8888abcd99yyyzzz85a5", 1531420618, "", hook(slack, "X-Slack-Request-Timestamp", "1531420618", "X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503")},
		{"svix", "svix", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330, "", hook(`{"test": 2432232314}`, "svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "svix-timestamp", "1614265330", "svix-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo= v2,MzJsNDk4MzI0K2VvdSMjMTEhIyMhIUBAIyMlMTM0Cg==")},
		{"twilio", "twilio", "12345", 0, "foo=1&bar=2", hook(twilio, "content-type", "application/x-www-form-urlencoded", "X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway()
			if tt.at != 0 {
				g.now = time.Unix(tt.at, 0)
			}
			tt.x.Request.Query = tt.query
			if got := received(g.plan(t, hookPolicy(tt.provider, tt.secret, "")), tt.x); got != http.StatusNotFound {
				t.Errorf("got %d, want the published example to count: %v", got, resultOf(t, tt.x, "verify_webhook"))
			}
		})
	}
}

// signedHooks are webhooks that count, one for each provider, by what changes them.
func signedHooks(now time.Time) map[string]func(body, at string) *engine.Exchange {
	_ = now
	const secret = "the secret"
	return map[string]func(body, at string) *engine.Exchange{
		"github": func(body, _ string) *engine.Exchange {
			return hook(body, "x-hub-signature-256", "sha256="+hex.EncodeToString(mac(sha256.New, secret, body)))
		},
		"shopify": func(body, _ string) *engine.Exchange {
			return hook(body, "X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac(sha256.New, secret, body)))
		},
		"slack": func(body, at string) *engine.Exchange {
			return hook(body, "x-slack-request-timestamp", at, "x-slack-signature", "v0="+hex.EncodeToString(mac(sha256.New, secret, "v0:"+at+":"+body)))
		},
		"zoom": func(body, at string) *engine.Exchange {
			return hook(body, "x-zm-request-timestamp", at, "x-zm-signature", "v0="+hex.EncodeToString(mac(sha256.New, secret, "v0:"+at+":"+body)))
		},
		"stripe": func(body, at string) *engine.Exchange {
			return hook(body, "stripe-signature", "t="+at+",v1="+strings.Repeat("0", 64)+", v1="+hex.EncodeToString(mac(sha256.New, secret, at+"."+body))+",v0=x")
		},
		"svix": func(body, at string) *engine.Exchange {
			return hook(body, "webhook-id", "msg_1", "webhook-timestamp", at, "webhook-signature", "v1,AAAA v1,"+base64.StdEncoding.EncodeToString(mac(sha256.New, "svix key", "msg_1."+at+"."+body)))
		},
		"twilio": func(body, _ string) *engine.Exchange {
			digest := sha256.Sum256([]byte(body))
			query := "bodySHA256=" + hex.EncodeToString(digest[:])
			x := hook(body, "content-type", "application/json", "x-twilio-signature", base64.StdEncoding.EncodeToString(mac(sha1.New, secret, "https://mycompany.com/myapp.php?"+query)))
			x.Request.Query = query
			return x
		},
		`generic, header: X-Sign, prefix: "hmac ", algorithm: sha512, encoding: base64, timestamp_header: X-Time, timestamp_separator: "|"`: func(body, at string) *engine.Exchange {
			return hook(body, "x-time", at, "x-sign", "hmac "+base64.StdEncoding.EncodeToString(mac(sha512.New, secret, at+"|"+body)))
		},
		`generic, header: X-Sign, algorithm: sha384`: func(body, _ string) *engine.Exchange {
			return hook(body, "x-sign", hex.EncodeToString(mac(sha512.New384, secret, body)))
		},
		`generic, header: X-Sign, algorithm: sha1, prefix: "sha1="`: func(body, _ string) *engine.Exchange {
			return hook(body, "x-sign", "sha1="+hex.EncodeToString(mac(sha1.New, secret, body)))
		},
	}
}

// TestWebhooks changes one thing of a good webhook at a time.
func TestWebhooks(t *testing.T) {
	g := newGateway()
	for provider, sign := range signedHooks(g.now) {
		t.Run(provider, func(t *testing.T) {
			secret := "the secret"
			if provider == "svix" {
				secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("svix key"))
			}
			name, more, _ := strings.Cut(provider, ",")
			if more != "" {
				more = "," + more
			}
			plan := g.plan(t, hookPolicy(name, secret, more))
			shadow := g.plan(t, hookPolicy(name, secret, more+", enforce: false"))
			other := g.plan(t, hookPolicy(name, "whsec_YW5vdGhlcg==", more))
			at := func(d time.Duration) string { return strconv.FormatInt(g.now.Add(d).Unix(), 10) }
			timed := sign("{}", at(0)).Request.Headers
			hasTime := len(timed) > 1 && name != "twilio" || name == "stripe"
			want := func(what string, status int, x *engine.Exchange) {
				t.Helper()
				if got := received(plan, x); got != status {
					t.Errorf("%s: got %d, want %d", what, got, status)
				}
				if verified := resultOf(t, x, "verify_webhook")["verified"]; verified != (status == http.StatusNotFound) {
					t.Errorf("%s: got verified %v with status %d", what, verified, status)
				}
			}
			want("good", 404, sign(`{"a": 1}`, at(0)))
			want("good and empty", 404, sign(``, at(0)))
			changed := sign(`{"a": 1}`, at(0))
			changed.Loader = bodyOf(`{"a": 2}`)
			want("another body", 403, changed)
			for i := range timed {
				without := sign(`{"a": 1}`, at(0))
				if strings.EqualFold(timed[i].Name, "content-type") {
					continue
				}
				without.Request.Headers.Del(timed[i].Name)
				want("without "+timed[i].Name, 403, without)
				twice := sign(`{"a": 1}`, at(0))
				twice.Request.Headers.Add(timed[i].Name, twice.Request.Headers[i].Value)
				want("twice "+timed[i].Name, 403, twice)
				empty := sign(`{"a": 1}`, at(0))
				empty.Request.Headers.Set(timed[i].Name, "")
				want("empty "+timed[i].Name, 403, empty)
				last := sign(`{"a": 1}`, at(0))
				value := last.Request.Headers[i].Value
				last.Request.Headers.Set(timed[i].Name, value[:len(value)/2]+flip(value[len(value)/2])+value[len(value)/2+1:])
				if name != "stripe" { // whose middle is a signature that does not count anyway
					want("changed "+timed[i].Name, 403, last)
				}
			}
			if got := received(other, sign(`{"a": 1}`, at(0))); got != http.StatusForbidden {
				t.Errorf("got %d with another secret, want it refused", got)
			}
			bad := hook(`{"a": 1}`)
			if got := received(shadow, bad); got != http.StatusNotFound || resultOf(t, bad, "verify_webhook")["verified"] != false {
				t.Errorf("got %d and %v, want a shadow to refuse nothing", got, resultOf(t, bad, "verify_webhook"))
			}
			if hasTime {
				want("at the edge", 404, sign(`{"a": 1}`, at(-5*time.Minute)))
				want("too old", 403, sign(`{"a": 1}`, at(-5*time.Minute-time.Second)))
				want("ahead of time", 403, sign(`{"a": 1}`, at(5*time.Minute+time.Second)))
				want("time that is none", 403, sign(`{"a": 1}`, "now"))
				want("time with a sign", 403, sign(`{"a": 1}`, "-1"))
				want("time without end", 403, sign(`{"a": 1}`, "99999999999999999999"))
			}
		})
	}
}

func TestWebhookGitLab(t *testing.T) {
	plan := newGateway().plan(t, hookPolicy("gitlab", "the token", ""))
	for token, want := range map[string]int{"the token": 404, "the Token": 403, "the token2": 403, "the": 403, "": 403} {
		if got := received(plan, hook("{}", "X-Gitlab-Token", token)); got != want {
			t.Errorf("got %d for %q, want %d", got, token, want)
		}
	}
}

func TestWebhookTwilioAddress(t *testing.T) {
	plan := newGateway().plan(t, hookPolicy("twilio", "12345", ""))
	form := "b=2&a=1&b=1&b=2"
	sign := func(address string) *engine.Exchange {
		return hook(form, "content-type", "application/x-www-form-urlencoded", "x-twilio-signature", base64.StdEncoding.EncodeToString(mac(sha1.New, "12345", address+"a1b1b2")))
	}
	tests := []struct {
		name, signed, scheme, host string
		want                       int
	}{
		{"as it is", "https://mycompany.com/myapp.php", "https", "mycompany.com", 404},
		{"signed with the port", "https://mycompany.com:443/myapp.php", "https", "mycompany.com", 404},
		{"signed with the port of http", "http://mycompany.com:80/myapp.php", "http", "mycompany.com", 404},
		{"signed without the port", "https://mycompany.com/myapp.php", "https", "mycompany.com:8443", 404},
		{"another scheme", "http://mycompany.com/myapp.php", "https", "mycompany.com", 403},
		{"another host", "https://evil.example/myapp.php", "https", "mycompany.com", 403},
		{"another path", "https://mycompany.com/other", "https", "mycompany.com", 403},
	}
	for _, tt := range tests {
		x := sign(tt.signed)
		x.Request.Scheme, x.Request.Host = tt.scheme, tt.host
		if got := received(plan, x); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestWebhookZoomChallenge(t *testing.T) {
	g := newGateway()
	plan, shadow := g.plan(t, hookPolicy("zoom", "the secret", "")), g.plan(t, hookPolicy("zoom", "the secret", ", enforce: false"))
	sign := signedHooks(g.now)["zoom"]
	at := strconv.FormatInt(g.now.Unix(), 10)
	challenge := func(token string) string {
		return `{"payload":{"plainToken":"` + token + `"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`
	}
	x := sign(challenge("qgg8vlvZRS6UYooatFL8Aw"), at)
	want := `{"encryptedToken":"` + hex.EncodeToString(mac(sha256.New, "the secret", "qgg8vlvZRS6UYooatFL8Aw")) + `","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}`
	if got := received(plan, x); got != http.StatusOK || string(x.Reply.Body) != want || x.Reply.Headers.First("content-type") != "application/json" {
		t.Errorf("got %d and %s, want %s", got, x.Reply.Body, want)
	}
	if got := received(plan, sign(challenge("v0:"+at+":{}"), at)); got != http.StatusBadRequest {
		t.Errorf("got %d for a challenge that looks like a webhook, want nothing signed", got)
	}
	if got := received(plan, sign(challenge(""), at)); got != http.StatusBadRequest {
		t.Errorf("got %d for an empty challenge, want nothing signed", got)
	}
	for name, p := range map[string]*engine.Plan{"enforced": plan, "shadow": shadow} {
		bad := hook(challenge("qgg8vlvZRS6UYooatFL8Aw"), "x-zm-request-timestamp", at, "x-zm-signature", "v0=00")
		if got := received(p, bad); got == http.StatusOK {
			t.Errorf("%s: got an answer to a challenge that nobody signed", name)
		}
	}
	if got := received(plan, sign(`{"event":"meeting.started"}`, at)); got != http.StatusNotFound {
		t.Errorf("got %d, want other webhooks to go on", got)
	}
}

func TestWebhookFailures(t *testing.T) {
	g := newGateway()
	for name, secret := range map[string]string{"empty": "${req.headers['x-none'][0]}", "failing": "${string(1 / int(req.headers['x-zero'][0]))}"} {
		for _, more := range []string{"", ", enforce: false"} {
			x := hook("{}", "x-gitlab-token", "x", "x-zero", "0")
			if got := received(g.plan(t, hookPolicy("gitlab", secret, more)), x); got != http.StatusInternalServerError {
				t.Errorf("%s%s: got %d, want policy_failed", name, more, got)
			}
		}
	}
	x := hook("{}", "svix-id", "a", "svix-timestamp", strconv.FormatInt(g.now.Unix(), 10), "svix-signature", "v1,AAAA")
	if got := received(g.plan(t, hookPolicy("svix", "${req.host}!", "")), x); got != http.StatusInternalServerError {
		t.Errorf("got %d for a secret of the wrong form, want policy_failed", got)
	}
}

func TestWebhookProblems(t *testing.T) {
	policy := func(config string) string { return "on_request: [{type: verify-webhook, config: {" + config + "}}]" }
	tests := []struct{ name, config, want string }{
		{"nothing", "", "missing_field missing_field"},
		{"unknown", "provider: nobody, secret: a", "bad_value"},
		{"later", "provider: sendgrid, secret: a", "unsupported_provider"},
		{"empty secret", "provider: github, secret: ''", "bad_value"},
		{"secret of svix", "provider: svix, secret: 'whsec_!'", "bad_value"},
		{"generic without header", "provider: generic, secret: a", "missing_field"},
		{"field of another", "provider: github, secret: a, header: x", "bad_value"},
		{"separator without time", "provider: generic, secret: a, header: x, timestamp_separator: ':'", "no_effect"},
		{"no tolerance", "provider: slack, secret: a, tolerance: 0s", "out_of_range"},
		{"much tolerance", "provider: slack, secret: a, tolerance: 2h", "out_of_range"},
		{"algorithm", "provider: generic, secret: a, header: x, algorithm: md5", "bad_value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, policy(tt.config)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWebhookOtherProviders(t *testing.T) {
	if got := len(strings.Fields(laterWebhooks)) + len(webhookNames()); got != 69 {
		t.Errorf("got %d providers, want the 69 of the model this language mirrors", got)
	}
	for _, name := range webhookNames() {
		if webhookChecks(name) == nil {
			t.Errorf("got no check for %s", name)
		}
	}
}
