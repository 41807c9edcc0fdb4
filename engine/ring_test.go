package engine

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// sent is which keys a provider was sent, in order.
func sent(f *fakeProvider) string {
	made := f.made()
	keys := make([]string, len(made))
	for i := range made {
		keys[i] = strings.TrimSuffix(strings.TrimPrefix(made[i].Auth, "Bearer sk-"), "-0123456789")
	}
	return strings.Join(keys, " ")
}

// TestStoredKeysRest: what one caller's call found out of a stored key holds for the next, and for every caller who has it.
func TestStoredKeysRest(t *testing.T) {
	limited := func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "poor") {
			answer(429, `{"error":{"message":"slow down"}}`, "Retry-After", "30")(w, r)
			return
		}
		refusing("dead")(w, r)
	}
	tests := []struct {
		name  string
		first string // the key that does not work
		rest  time.Duration
	}{
		{"refused", "dead", keyRefusedRest},
		{"rate limited", "poor", 30 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha := newFakeProvider(t, limited)
			f := newFixture(t, alpha, nil)
			f.rt.SetMeter(&fakeMeter{})
			now := time.Now()
			f.rt.now, f.rt.realTime = func() time.Time { return now }, false
			p := f.route(t, RouteConfig{})
			own := func(name string) RingKey { return NewRingKey("aigpk_"+name, name, "sk-"+name+"-0123456789") }
			bad, good := own(tt.first), own("good")
			mine, theirs := ring{"alpha": {bad, good}}, ring{"alpha": {bad.Renamed("other"), {Gateway: true}}}
			ask := func(r ring, want string) {
				t.Helper()
				before := len(alpha.made())
				x := chat(`{"model":"small","messages":[]}`)
				x.UseKeyring(r)
				if _, err := run(t, p, x); err != nil {
					t.Fatal(err)
				}
				x.Finish()
				got := strings.Fields(sent(alpha))[before:]
				if strings.Join(got, " ") != want {
					t.Errorf("got %q sent, want %q", got, want)
				}
			}
			ask(mine, tt.first+" good")
			ask(mine, "good")
			ask(theirs, "alpha_key")
			p = f.route(t, RouteConfig{}) // another plan
			ask(mine, "good")
			now = now.Add(tt.rest + time.Second)
			ask(theirs, tt.first+" alpha_key")
			ask(mine, "good")
		})
	}
}

// TestStoredKeysAreNotKept: the runtime holds nothing of keys that come and go.
func TestStoredKeysAreNotKept(t *testing.T) {
	alpha := newFakeProvider(t, refusing("none"))
	f := newFixture(t, alpha, nil)
	p := f.route(t, RouteConfig{})
	before := len(f.rt.keys)
	for _, value := range []string{"sk-first-0123456789", "sk-second-0123456789", "sk-third-0123456789"} {
		x := chat(`{"model":"small","messages":[]}`)
		x.UseKeyring(ring{"alpha": {NewRingKey("aigpk_1", "one", value)}})
		if _, err := run(t, p, x); err != nil {
			t.Fatal(err)
		}
	}
	if got := sent(alpha); got != "first second third" {
		t.Errorf("got %s, want each value once", got)
	}
	if got := len(f.rt.keys); got != before {
		t.Errorf("got %d keys kept, want %d", got, before)
	}
}

// TestKeysMadeElsewhere: an entry that is no stored key is not sent to anybody.
func TestKeysMadeElsewhere(t *testing.T) {
	alpha := newFakeProvider(t, answer(200, chatReply))
	f := newFixture(t, alpha, nil)
	x := chat(`{"model":"small","messages":[]}`)
	x.UseKeyring(ring{"alpha": {{ID: "aigpk_1"}}})
	_, err := run(t, f.route(t, RouteConfig{}), x)
	wantCode(t, err, CodeModelNotAllowed)
	if n := len(alpha.made()); n != 0 {
		t.Errorf("got %d calls, want none", n)
	}
}
