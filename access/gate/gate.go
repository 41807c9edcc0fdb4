// Package gate proves callers by access keys, from a snapshot in memory that follows the store, and ends what revoked keys
// have under way.
package gate

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"weir/access"
	"weir/access/seal"
	"weir/engine"
)

const (
	// maxToken is far beyond any token that can be made or imported; longer ones are not hashed.
	maxToken = 1024
	// maxLookups is the number of names that a token may be found by without another allocation: one for each master key.
	maxLookups = 8
	// sweepEvery ends what expired keys have under way within half of the second that is promised.
	sweepEvery = 500 * time.Millisecond
	// storeRetry is when a client may try again where keys cannot be checked: soon after the store is back.
	storeRetry = time.Second
)

// Options is what a Gate needs.
type Options struct {
	Directory *access.Directory
	Box       *seal.Box
	// StaleFor is how long a snapshot serves that the store does not confirm.
	StaleFor time.Duration
	Now      func() time.Time // nil = time.Now
	Log      zerolog.Logger
}

// Gate is the engine's AccessControl. Keys are read from the directory's snapshot as it changes; a request does no I/O.
type Gate struct {
	o        Options
	view     atomic.Pointer[view]
	failures *failures

	changing sync.Mutex // held by who makes another view, and while what lost its key is ended
}

var _ engine.AccessControl = (*Gate)(nil)

// New makes a gate that follows the directory. It is called before the directory runs.
func New(o Options) *Gate {
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Gate{o: o, failures: newFailures(o.Now())}
	g.view.Store(&view{}) // refresh compares with it
	o.Directory.OnChange(func(_, _ *access.Snapshot) { g.refresh() })
	g.refresh()
	return g
}

// Run ends exchanges whose keys expire, until the context does. What is revoked ends without it.
func (g *Gate) Run(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			g.expire()
		}
	}
}

// refresh reads the directory's newest snapshot, and ends what is under way by keys that it refuses.
func (g *Gate) refresh() {
	g.changing.Lock()
	defer g.changing.Unlock()
	before := g.view.Load()
	c := compiler{snapshot: g.o.Directory.Load(), before: before, box: g.o.Box, log: g.o.Log}
	now := c.view()
	g.view.Store(now) // first, so that who begins under the view before notices it
	if now.foreign && !before.foreign {
		g.o.Log.Error().Err(ErrForeign).Msg("access keys cannot be checked: everybody is refused until the gateway has their master key")
	}
	at := g.o.Now()
	for id, was := range before.grants {
		if was.sessions.none() {
			continue
		}
		is := now.grants[id]
		if ended := was.sessions.end(is, at); ended > 0 {
			g.o.Log.Info().Str("access_key", id).Int("exchanges", ended).Msg("the access key was revoked: what it had under way was ended")
		}
	}
}

// expire ends what is under way by keys whose time is over.
func (g *Gate) expire() {
	g.changing.Lock()
	defer g.changing.Unlock()
	at := g.o.Now()
	for _, k := range g.view.Load().timed {
		if k.sessions.none() {
			continue
		}
		if ended := k.sessions.end(k, at); ended > 0 {
			g.o.Log.Info().Str("access_key", k.key.ID).Int("exchanges", ended).Msg("the access key expired: what it had under way was ended")
		}
	}
}

// ErrForeign means that all of what the store keeps was stored under master keys that are not at hand.
var ErrForeign = errors.New("they were stored under another master key")

// Err is why nobody can be let in now: the store was never read or not for too long, or the master key is not that of what it
// keeps. Nil where keys can be checked.
func (g *Gate) Err() error { return g.err(g.o.Now()) }

func (g *Gate) err(now time.Time) error {
	if g.view.Load().foreign {
		return ErrForeign
	}
	return g.o.Directory.Load().Stale(now, g.o.StaleFor) //nolint:wrapcheck // it says what is wrong
}

// Authenticate implements engine.AccessControl. A valid key passes from any address, however many wrong ones came from there
// before: people share addresses. So a token is always checked, at the price of a bounded number of hashes of a bounded
// text, and only refusals are limited.
func (g *Gate) Authenticate(x *engine.Exchange, token string) error {
	now := g.o.Now()
	if err := g.err(now); err != nil {
		return &engine.Error{
			Code: engine.CodeStoreUnavailable, Message: "access keys cannot be checked: " + err.Error(), Cause: err, Retryable: true,
			RetryAfter: storeRetry,
		}
	}
	s := session{from: x.Conn.ClientIP.Unmap().WithZone("")}
	for {
		v := g.view.Load()
		k, why := g.prove(v, &s, token, now)
		if why != whyNot {
			return g.refuse(x, k, why, s.from, now)
		}
		k.sessions.begin(x, s)
		if g.view.Load() == v {
			k.admit(x)
			return nil
		}
		k.sessions.forget(x) // whoever made the other view may have looked before this exchange began
	}
}

// reason is why somebody is refused, for the log: clients are told none of it.
type reason uint8

const (
	whyNot reason = iota // let in
	whyNone
	whyUnknown
	whyWrong
	whyTokenExpired
	whyDisabled
	whyTeam
	whyExpired
	whyEarly
	whyNetwork
)

// String is the reason as the log has it.
func (r reason) String() string {
	return [...]string{
		"", "no_token", "unknown", "wrong_secret", "token_expired", "disabled", "team_disabled", "expired", "not_yet_valid", "wrong_network",
	}[r]
}

// prove finds whose token it is, and why it does not hold. It does the same work for every token: what is not there is
// compared with nothing, states count after that, and the reason is chosen by assignments that need no jumps.
func (g *Gate) prove(v *view, s *session, token string, now time.Time) (*grant, reason) {
	empty := token == ""
	if empty || len(token) > maxToken {
		token = "none"
	}
	var room [maxLookups]string
	h := v.nobody
	for _, name := range g.o.Box.Lookup(room[:0], token) {
		if found := v.holder(name); found != v.nobody {
			h = found
		}
	}
	wrong, matched := whyWrong, 0
	for i := range v.rounds {
		hash, own := v.noHash, whyWrong
		if i < len(h.tokens) {
			hash, own = h.tokens[i].Hash, whyNot
		}
		if g.o.Box.Matches(hash, token) {
			wrong, matched = own, i
		}
	}
	t := &h.tokens[min(matched, len(h.tokens)-1)]
	why := h.grant.state(s.from, now)
	if t.ExpiresAt != nil && !now.Before(*t.ExpiresAt) {
		why = whyTokenExpired
	}
	if wrong != whyNot {
		why = wrong
	}
	if h == v.nobody {
		why = whyUnknown
	}
	if empty {
		why = whyNone
	}
	s.hash = t.Hash
	return h.grant, why
}

// refuse says the same of every token, and the reason to the log.
func (g *Gate) refuse(x *engine.Exchange, k *grant, why reason, from netip.Addr, now time.Time) error {
	x.AddLog("access_refused", why.String())
	x.AddLog("access_key", k.key.ID)
	if why != whyNone {
		if wait, over := g.failures.add(from, now); over {
			return &engine.Error{
				Code: engine.CodeRateLimited, Message: "too many access keys that are not valid", RetryAfter: wait,
			}
		}
	}
	return &engine.Error{Code: engine.CodeUnauthorized, Message: "the access key is missing or not valid"}
}
