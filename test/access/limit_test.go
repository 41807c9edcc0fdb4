package access

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// limit makes a limit whose window ends once a year.
func (g *gateway) limit(name, unit string, most int, fields string) string {
	g.t.Helper()
	window := `, "window": "8000h"`
	if unit == "concurrent" {
		window = ""
	}
	return g.create("/limits", fmt.Sprintf(`{"name": %q, "unit": %q, "limit": "%d"%s%s}`, name, unit, most, window, fields))
}

// until sends calls until one is refused, and gives their number and the refusal.
func (g *gateway) until(c call) (passed int, refusal reply) {
	g.t.Helper()
	for range 50 {
		r := g.send(c)
		if r.status != http.StatusOK {
			return passed, r
		}
		passed++
	}
	g.t.Fatal("nothing is refused")
	return 0, reply{}
}

// TestLimitHeaders counts requests and tokens down in the fields that SDKs and proxies read.
func TestLimitHeaders(t *testing.T) {
	t.Parallel()
	_, g := metered(t, "")
	id, token := g.key("ada", "")
	g.limit("calls", "requests", 4, `, "access_key_id": "`+id+`"`)
	g.limit("words", "tokens", 1000, `, "access_key_id": "`+id+`"`)
	for i := range 4 {
		r := g.send(call{body: short("paid"), header: bearer(token)})
		r.want(t, http.StatusOK)
		for name, want := range map[string]string{
			"X-Ratelimit-Limit-Requests": "4", "X-Ratelimit-Remaining-Requests": strconv.Itoa(3 - i), "X-Ratelimit-Limit-Tokens": "1000",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("call %d: got %s %q, want %q", i, name, got, want)
			}
		}
		left, err := strconv.Atoi(r.header.Get("X-Ratelimit-Remaining-Tokens"))
		if err != nil || left > 1000-5*i-5 || left < 1000-5*i-30 { // this call is reserved: what it may use, not what it did
			t.Errorf("call %d: got %q tokens left", i, r.header.Get("X-Ratelimit-Remaining-Tokens"))
		}
		if got := r.header.Get("Ratelimit-Policy"); !strings.Contains(got, `"calls";q=4;w=28800000`) || !strings.Contains(got, `"words";q=1000;w=28800000;qu="tokens"`) {
			t.Errorf("got ratelimit-policy %q", got)
		}
		if got := r.header.Get("Ratelimit"); !strings.Contains(got, fmt.Sprintf(`"calls";r=%d;t=`, 3-i)) || !strings.Contains(got, `"words";r=`) {
			t.Errorf("call %d: got ratelimit %q", i, got)
		}
		if got, err := time.ParseDuration(r.header.Get("X-Ratelimit-Reset-Requests")); err != nil || got <= 0 || got > 8000*time.Hour {
			t.Errorf("got reset %q", r.header.Get("X-Ratelimit-Reset-Requests"))
		}
	}
	r := g.send(call{body: short("paid"), header: bearer(token)})
	r.want(t, http.StatusTooManyRequests, "calls", "rate_limited")
	wait, err := strconv.Atoi(r.header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 8000*3600 || r.header.Get("X-Ratelimit-Remaining-Requests") != "0" || !strings.Contains(r.header.Get("Ratelimit"), `"calls";r=0;t=`) {
		t.Errorf("got headers %v of the refusal", r.header)
	}
	_, other := g.key("bob", "")
	if r := g.send(call{body: short("paid"), header: bearer(other)}); r.status != http.StatusOK || r.header.Get("Ratelimit") != "" {
		t.Errorf("another key: got %d and ratelimit %q, want no limit", r.status, r.header.Get("Ratelimit"))
	}
}

// TestLimitsPer has limits by key, team, model, provider and expressions, alone and together, and counts what passes.
func TestLimitsPer(t *testing.T) {
	t.Parallel()
	_, g := metered(t, "")
	team := g.create("/teams", `{"name": "lab"}`)
	tests := []struct {
		name, fields string
		calls        []string // key/model/header, each till it is refused
		want         []int
	}{
		{"everybody", ``, []string{"a/cheap/", "b/cheap/"}, []int{3, 0}},
		{"each key", `"per": ["access_key"]`, []string{"a/cheap/", "a/paid/", "b/cheap/"}, []int{3, 0, 3}},
		{"each model", `"per": ["model"]`, []string{"a/cheap/", "b/cheap/", "a/paid/"}, []int{3, 0, 3}},
		{"each provider", `"per": ["provider"]`, []string{"a/cheap/", "a/paid/", "a/elsewhere/"}, []int{3, 0, 3}},
		{"each team", `"per": ["team"]`, []string{"c/cheap/", "d/cheap/", "a/cheap/"}, []int{3, 0, 3}},
		{"key and model", `"per": ["access_key", "model"]`, []string{"a/cheap/", "a/paid/", "b/cheap/"}, []int{3, 3, 3}},
		{"an expression", `"per": ["req.headers['x-user'][0]"]`, []string{"a/cheap/u1", "b/cheap/u1", "a/cheap/u2"}, []int{3, 0, 3}},
		{"a tuple", `"per": ["provider", "caller.team", "ai.request.model.startsWith('p') ? 'p' : 'other'"]`, []string{"a/cheap/", "b/twin/", "a/paid/", "c/paid/", "d/paid/"}, []int{3, 0, 3, 3, 0}},
		{"where it applies", `"when": "m.id == 'paid'", "per": ["access_key"]`, []string{"a/paid/", "b/paid/"}, []int{3, 3}},
		{"a team", `"team_id": "` + team + `"`, []string{"c/cheap/", "d/paid/"}, []int{3, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tokens := map[string]string{}
			for _, name := range []string{"a", "b", "c", "d"} {
				fields := ""
				if name > "b" {
					fields = `, "teamId": "` + team + `"`
				}
				_, tokens[name] = g.key(name, fields)
			}
			fields := ""
			if tt.fields != "" {
				fields = ", " + tt.fields
			}
			id := g.limit(tt.name, "requests", 3, fields)
			for i, c := range tt.calls {
				parts := strings.SplitN(c, "/", 3)
				got, refusal := g.until(call{body: short(parts[1]), header: bearer(tokens[parts[0]], "X-User", parts[2])})
				if got != tt.want[i] || refusal.status != http.StatusTooManyRequests || !strings.Contains(refusal.body, tt.name) {
					t.Errorf("%s: %d passed, then %d: %s; want %d", c, got, refusal.status, refusal.body, tt.want[i])
				}
			}
			g.must(http.MethodDelete, "/limits/"+id, "", http.StatusNoContent)
		})
	}
}

// TestLimitUnits has limits of tokens, of dollars that begin anew after seconds, and of calls at a time.
func TestLimitUnits(t *testing.T) {
	t.Parallel()
	_, g := metered(t, "")
	t.Run("tokens", func(t *testing.T) {
		id, token := g.key("tokens", "")
		g.limit("words", "tokens", 40, `, "access_key_id": "`+id+`"`)
		passed, refusal := g.until(call{body: short("paid"), header: bearer(token)})
		refusal.want(t, http.StatusTooManyRequests, "words", "tokens left")
		if passed < 4 || passed > 8 {
			t.Errorf("%d calls of 5 tokens passed, want most of 8", passed)
		}
	})
	t.Run("a window of seconds", func(t *testing.T) {
		id, token := g.key("window", "")
		g.create("/limits", `{"name": "short", "access_key_id": "`+id+`", "unit": "usd", "limit": "0.03", "window": "2s"}`)
		ask := call{body: short("paid"), header: bearer(token)}
		passed, refusal := g.until(ask)
		refusal.want(t, http.StatusTooManyRequests, "short")
		if wait := refusal.header.Get("Retry-After"); wait != "1" && wait != "2" || passed == 0 {
			t.Errorf("%d passed, then retry-after %q, want a second or two", passed, wait)
		}
		began := time.Now()
		g.await("it begins anew", func() bool { return g.send(ask).status == http.StatusOK })
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
	})
	t.Run("at a time", func(t *testing.T) {
		id, token := g.key("at a time", "")
		limit := g.limit("lines", "concurrent", 3, `, "access_key_id": "`+id+`"`)
		var tasks sync.WaitGroup
		for range 3 {
			tasks.Go(func() {
				g.send(call{body: `{"model": "free", "stream": true, "messages": [{"role": "user", "content": "a b c d"}]}`, header: bearer(token, "X-Sim-Fault", "pace=400ms")}).want(t, http.StatusOK)
			})
		}
		g.await("three are under way", func() bool { return limitUsed(g, limit) == "3" })
		r := g.send(call{header: bearer(token)})
		r.want(t, http.StatusTooManyRequests, "lines", "3 calls at a time")
		if r.header.Get("Retry-After") != "1" || !strings.Contains(r.header.Get("Ratelimit-Policy"), `"lines";q=3;qu="concurrent-requests"`) {
			t.Errorf("got headers %v", r.header)
		}
		tasks.Wait()
		g.await("they are over", func() bool { return limitUsed(g, limit) == "0" })
		g.send(call{header: bearer(token)}).want(t, http.StatusOK)
	})
	t.Run("failed calls stay requests", func(t *testing.T) {
		id, token := g.key("failed", "")
		g.limit("tries", "requests", 2, `, "access_key_id": "`+id+`"`)
		for range 2 {
			g.send(call{header: bearer(token, "X-Sim-Fault", "status=400")}).want(t, http.StatusBadRequest)
		}
		g.send(call{header: bearer(token)}).want(t, http.StatusTooManyRequests)
	})
	t.Run("retries are one request", func(t *testing.T) {
		id, token := g.key("retries", "")
		g.limit("once", "requests", 2, `, "access_key_id": "`+id+`"`)
		for range 2 {
			g.send(call{body: `{"models": ["free", "cheap"], "messages": []}`, header: bearer(token, "X-Sim-Fault", "status=429")}).want(t, http.StatusTooManyRequests, "simulated")
		}
		g.send(call{body: `{"models": ["twin", "paid"], "messages": []}`, header: bearer(token)}).want(t, http.StatusTooManyRequests, "once")
	})
}
