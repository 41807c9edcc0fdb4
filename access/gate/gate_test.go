package gate

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/access"
	"weir/access/seal"
	"weir/engine"
)

func TestAuthenticate(t *testing.T) {
	f := newFixture(t)
	f.static.Teams = []*access.Team{
		{Meta: access.Meta{ID: "team_a", Name: "research"}}, {Meta: access.Meta{ID: "team_b", Name: "closed"}, Disabled: true},
	}
	good := f.add(1, func(k *access.AccessKey) {
		k.TeamID, k.Groups, k.Metadata = "team_a", []string{"beta"}, `{"tier":"gold","seats":3}`
	})
	text := f.add(2, func(k *access.AccessKey) { k.Metadata = "not JSON" })
	imported := "ng-abcde-g1-old-token-of-another"
	f.add(3, func(k *access.AccessKey) { k.Tokens = append(k.Tokens, f.tokenHash(imported)) })
	rotated := f.add(4, func(k *access.AccessKey) {
		older := seal.NewToken(id(4))
		k.Tokens = append([]access.TokenHash{f.tokenHash(older)}, k.Tokens...)
		k.Tokens[1].ExpiresAt = in(time.Hour)
	})
	overlapped := f.add(5, func(k *access.AccessKey) {
		k.Tokens[0].ExpiresAt = in(-time.Second)
		k.Tokens = append([]access.TokenHash{f.tokenHash(seal.NewToken(id(5)))}, k.Tokens...)
	})
	disabled := f.add(6, func(k *access.AccessKey) { k.Disabled = true })
	expired := f.add(7, func(k *access.AccessKey) { k.ExpiresAt = in(-time.Second) })
	early := f.add(8, func(k *access.AccessKey) { k.NotBefore = in(time.Hour) })
	closedTeam := f.add(9, func(k *access.AccessKey) { k.TeamID = "team_b" })
	lostTeam := f.add(10, func(k *access.AccessKey) { k.TeamID = "team_gone" })
	network := f.add(11, func(k *access.AccessKey) {
		k.AllowedNetworks = []string{"10.0.0.0/8", "2001:db8::/32", "192.0.2.7", "::ffff:198.51.100.0/120"}
	})
	unreadable := f.add(12, func(k *access.AccessKey) { k.AllowedNetworks = []string{"everywhere"} })
	f.apply()
	tests := []struct {
		name, token, from string
		want              string // id of the key, or why not
	}{
		{"valid", good, "203.0.113.1", "aigk_" + id(1)},
		{"metadata that is text", text, "203.0.113.1", "aigk_" + id(2)},
		{"imported", imported, "203.0.113.1", "aigk_" + id(3)},
		{"rotated, the overlap runs", rotated, "203.0.113.1", "aigk_" + id(4)},
		{"rotated, the overlap is over", overlapped, "203.0.113.1", whyTokenExpired.String()},
		{"disabled", disabled, "203.0.113.1", whyDisabled.String()},
		{"expired", expired, "203.0.113.1", whyExpired.String()},
		{"not yet valid", early, "203.0.113.1", whyEarly.String()},
		{"its team is disabled", closedTeam, "203.0.113.1", whyTeam.String()},
		{"its team is gone", lostTeam, "203.0.113.1", whyTeam.String()},
		{"from elsewhere", network, "203.0.113.1", whyNetwork.String()},
		{"from an allowed network", network, "10.255.0.1", "aigk_" + id(11)},
		{"from one of IPv6", network, "2001:db8:ffff::1", "aigk_" + id(11)},
		{"from an address", network, "192.0.2.7", "aigk_" + id(11)},
		{"from the address beside it", network, "192.0.2.8", whyNetwork.String()},
		{"from a mapped address", network, "::ffff:10.1.2.3", "aigk_" + id(11)},
		{"from a network written as mapped", network, "198.51.100.200", "aigk_" + id(11)},
		{"a network that cannot be read", unreadable, "203.0.113.1", whyNetwork.String()},
		{"another secret", seal.NewToken(id(1)), "203.0.113.1", whyWrong.String()},
		{"another secret of a disabled key", seal.NewToken(id(6)), "203.0.113.1", whyWrong.String()},
		{"nobody's", seal.NewToken(id(99)), "203.0.113.1", whyUnknown.String()},
		{"another form", "sk-0123456789abcdef", "203.0.113.1", whyUnknown.String()},
		{"none", "", "203.0.113.1", whyNone.String()},
		{"the stand-in for none", "none", "203.0.113.1", whyUnknown.String()},
		{"one character less", good[:len(good)-1], "203.0.113.1", whyWrong.String()},
		{"one character more", good + "0", "203.0.113.1", whyWrong.String()},
		{"in capitals", strings.ToUpper(good), "203.0.113.1", whyUnknown.String()},
		{"with a line end", good + "\r\nx-admin: 1", "203.0.113.1", whyWrong.String()},
		{"with a NUL", good + "\x00", "203.0.113.1", whyWrong.String()},
		{"SQL", "' OR 1=1; DROP TABLE objects; --", "203.0.113.1", whyUnknown.String()},
		{"an id with a path in it", "wr-../../../../etc/passwd0000-g1-x", "203.0.113.1", whyUnknown.String()},
		{"huge", strings.Repeat("wr-", 10<<20), "203.0.113.1", whyUnknown.String()},
		{"huge with a good beginning", good + strings.Repeat("x", 1<<20), "203.0.113.1", whyUnknown.String()},
	}
	var said string
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := exchange(tt.from)
			err := f.gate.Authenticate(x, tt.token)
			f.clock.add(10 * time.Second) // far from the limit of failures
			defer f.clock.add(-10 * time.Second)
			f.gate.failures = newFailures(f.clock.Now())
			if strings.HasPrefix(tt.want, "aigk_") {
				if err != nil || x.Caller.ID != tt.want || x.Caller.Kind != "access_key" {
					t.Errorf("got %v, %+v, want %s", err, x.Caller, tt.want)
				}
				return
			}
			if code(err) != string(engine.CodeUnauthorized) || x.Caller.ID != "" {
				t.Fatalf("got %v, caller %+v, want a refusal", err, x.Caller)
			}
			if said == "" {
				said = err.Error()
			}
			if err.Error() != said {
				t.Errorf("row %d: got %q, want %q as for all others", i, err, said)
			}
			if want := `"access_refused":"` + tt.want + `"`; !strings.Contains(line(x), want) {
				t.Errorf("got %s, want %s", line(x), want)
			}
		})
	}
	x := exchange("203.0.113.1")
	if err := f.gate.Authenticate(x, good); err != nil {
		t.Fatal(err)
	}
	want := engine.Caller{
		ID: "aigk_" + id(1), Name: "key 1", Kind: "access_key", Groups: []string{"beta"},
		Metadata: map[string]any{"tier": "gold", "seats": 3.0}, TeamID: "team_a", Team: "research",
	}
	if diff := cmp.Diff(want, x.Caller); diff != "" {
		t.Error(diff)
	}
}

// TestMasterKeysRotate: hashes of the key before still hold, and are found, when another key goes first.
func TestMasterKeysRotate(t *testing.T) {
	f := newFixture(t)
	token, imported := f.add(1, nil), "an imported token of old"
	f.add(2, func(k *access.AccessKey) { k.Tokens = []access.TokenHash{f.tokenHash(imported)} })
	f.gate.o.Box = newBox(t, 2, 1)
	f.apply()
	for _, tk := range []string{token, imported} {
		if err := f.gate.Authenticate(exchange("192.0.2.1"), tk); err != nil {
			t.Error(err)
		}
	}
	f.gate.o.Box = newBox(t, 2)
	f.box = f.gate.o.Box
	fresh := f.add(3, nil)
	f.apply()
	if err := f.gate.Authenticate(exchange("192.0.2.1"), fresh); err != nil {
		t.Error(err)
	}
	for _, tk := range []string{token, imported} {
		if err := f.gate.Authenticate(exchange("192.0.2.1"), tk); code(err) != "unauthorized" {
			t.Errorf("got %v, want a refusal", err)
		}
	}
}

func TestStoreDown(t *testing.T) {
	s := &flaky{err: errors.New("connection refused")}
	dir := access.NewDirectory(access.DirectoryOptions{Store: s})
	c := &clock{now: time.Now()}
	f := &fixture{t: t, box: newBox(t, 1), dir: dir, clock: c}
	f.gate = New(Options{Directory: dir, Box: f.box, StaleFor: time.Hour, Now: c.Now, Log: zerolog.New(&f.log)})
	token := f.add(1, nil)
	f.apply()
	try := func(want string) {
		t.Helper()
		for _, tk := range []string{token, "wrong", ""} {
			x := exchange("192.0.2.1")
			err := f.gate.Authenticate(x, tk)
			expect := want
			if want == "" && tk != token {
				expect = "unauthorized"
			}
			if code(err) != expect {
				t.Errorf("got %v for %q, want %q", err, tk, expect)
			}
			if want == "store_unavailable" && engine.AsError(err).HTTPStatus() != 503 {
				t.Errorf("got status %d, want 503", engine.AsError(err).HTTPStatus())
			}
			x.Finish()
		}
	}
	_ = dir.Sync(t.Context())
	try("store_unavailable") // keys of files too: what the store says of budgets is not known
	s.err = nil
	if err := dir.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	try("")
	s.err = errors.New("connection refused")
	_ = dir.Sync(t.Context())
	c.add(59 * time.Minute)
	try("")
	c.add(2 * time.Minute)
	try("store_unavailable")
}

func TestNoKeyAtAll(t *testing.T) {
	f := newFixture(t)
	f.apply()
	if err := f.gate.Authenticate(exchange("127.0.0.1"), "anything"); code(err) != "unauthorized" {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestBruteForce(t *testing.T) {
	f := newFixture(t)
	token := f.add(1, nil)
	f.apply()
	send := func(from, token string) *engine.Error {
		x := exchange(from)
		defer x.Finish()
		if err := f.gate.Authenticate(x, token); err != nil {
			return engine.AsError(err)
		}
		return nil
	}
	for i := range maxFailures {
		if e := send("2001:db8::1", seal.NewToken(id(1))); e == nil || e.Code != engine.CodeUnauthorized {
			t.Fatalf("attempt %d: got %v, want it refused", i, e)
		}
	}
	f.clock.add(20 * time.Second)
	for _, from := range []string{"2001:db8::1", "2001:db8::ffff:1"} { // one network is one client
		if e := send(from, "wrong"); e == nil || e.Code != engine.CodeRateLimited || e.HTTPStatus() != 429 || e.RetryAfter != 40*time.Second {
			t.Errorf("got %+v from %s, want 429 and 40 seconds", e, from)
		}
	}
	if e := send("2001:db8::1", token); e != nil {
		t.Errorf("got %v, want a valid key to pass from the same address", e)
	}
	for _, from := range []string{"2001:db8:0:1::1", "192.0.2.1"} {
		if e := send(from, "wrong"); e == nil || e.Code != engine.CodeUnauthorized {
			t.Errorf("got %v from %s, want that address not to be limited", e, from)
		}
	}
	for range 3 * maxFailures {
		if e := send("192.0.2.9", ""); e == nil || e.Code != engine.CodeUnauthorized {
			t.Fatalf("got %v, want requests without a key not to count", e)
		}
	}
	f.clock.add(41 * time.Second)
	if e := send("2001:db8::1", "wrong"); e == nil || e.Code != engine.CodeUnauthorized {
		t.Errorf("got %v, want another minute to begin", e)
	}
}

// TestTokensAreNotLogged sends canaries through every way out.
func TestTokensAreNotLogged(t *testing.T) {
	f := newFixture(t)
	const canary = "canary"
	good := f.add(1, func(k *access.AccessKey) { k.Disabled = true })
	secret := good[len(good)-20:]
	f.static.ProviderKeys = []*access.ProviderKey{
		{Meta: access.Meta{ID: "aigpk_1"}, ProviderID: "openai", Sealed: newBox(t, 9).Seal([]byte("sk-"+canary), "aigpk_1")},
		{Meta: access.Meta{ID: "aigpk_2"}, ProviderID: "openai", Sealed: f.box.Seal([]byte("sk-"+canary), "aigpk_2")},
	}
	f.static.Configurations = []*access.Configuration{{Meta: access.Meta{ID: "aigac_1"}}}
	f.apply()
	var out strings.Builder
	for range 2 * maxFailures {
		for _, token := range []string{good, canary + "-0123456789abcdef", seal.NewToken(id(1)) + canary, strings.Repeat(canary, 1000)} {
			x := exchange("192.0.2.1")
			err := f.gate.Authenticate(x, token)
			fmt.Fprintln(&out, line(x), err)
			fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
		}
	}
	f.change(1, func(k *access.AccessKey) { k.Disabled = false })
	x := exchange("192.0.2.1")
	if err := f.gate.Authenticate(x, good); err != nil {
		t.Fatal(err)
	}
	f.remove(1)
	fmt.Fprintln(&out, line(x), x.Context().Err())
	all := out.String() + f.log.String()
	if strings.Contains(all, canary) || strings.Contains(all, secret) {
		t.Errorf("a token is in what was said: %.2000s", all)
	}
	if !strings.Contains(all, "cannot be opened") || !strings.Contains(all, "was revoked") || !strings.Contains(all, "rate_limited") {
		t.Errorf("the test did not go the ways that it means: %.2000s", all)
	}
}
