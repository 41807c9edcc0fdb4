package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/access"
)

const (
	// maxToken bounds what is looked at as a token: tokens of identity providers with many groups are about 8 KiB.
	maxToken = 16 << 10
	// wrongTokens is how many wrong tokens an address may send at once: people mistype and scripts retry, some.
	wrongTokens = 20
	// wrongEvery is how long it takes until one more is allowed.
	wrongEvery = 3 * time.Second
	// guarded bounds how many addresses are remembered; each takes about a hundred bytes.
	guarded = 4096
	// mostTokens is how many tokens a key has at a time: the current one and two that overlap.
	mostTokens = 3
	// listenerActor is who acts with the listener's token.
	listenerActor = "admin token"
)

// right is what a route asks of a role.
type right string

const (
	rightAny    right = "any"    // any role
	rightRead   right = "read"   // resources and usage
	rightWrite  right = "write"  // changing resources
	rightAudit  right = "audit"  // reading the audit log
	rightTokens right = "tokens" // tokens of this API
)

// roles lists those that have a right.
func (r right) roles() []string {
	switch r {
	case rightAny, rightRead:
		return []string{access.RoleAdmin, access.RoleEditor, access.RoleViewer, access.RoleAuditor}
	case rightWrite:
		return []string{access.RoleAdmin, access.RoleEditor}
	case rightAudit:
		return []string{access.RoleAdmin, access.RoleAuditor}
	default:
		return []string{access.RoleAdmin}
	}
}

// identity is who asks.
type identity struct {
	name, role string
}

// errWho is the one answer to tokens that are wrong, unknown, expired or missing.
var errWho = failf(codeUnauthorized, "the Admin API wants a bearer token that is valid")

// authenticate finds out who sent the request. Addresses that sent many wrong tokens wait.
func (q *request) authenticate() (identity, error) {
	now := q.Now()
	if wait := q.guard.wait(q.remote, now); wait > 0 {
		f := failf(codeRateLimited, "too many wrong tokens came from this address")
		f.retry = wait
		return identity{}, f
	}
	who, err := identity{}, error(errWho)
	if token, ok := bearer(q); ok {
		who, err = q.identify(q.ctx, token)
	}
	if errors.Is(err, errWho) && q.guard.wrong(q.remote, now) {
		q.Log.Warn().Stringer("remote", q.remote).Msg("an address sent too many wrong tokens to the Admin API and has to wait")
	}
	return who, err
}

// bearer reads the one Authorization header.
func bearer(q *request) (string, bool) {
	all := q.http.Request.Header.PeekAll("Authorization")
	if len(all) != 1 || len(all[0]) > maxToken {
		return "", false
	}
	scheme, token, ok := strings.Cut(string(all[0]), " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "bearer") && token != ""
}

// identify tries a token against everything that gives a role. Each comparison is of hashes and takes constant time.
func (a *API) identify(ctx context.Context, token string) (identity, error) {
	if token == "" || len(token) > maxToken {
		return identity{}, errWho
	}
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(a.Token))
	if subtle.ConstantTimeCompare(got[:], want[:]) == 1 && a.Token != "" {
		return identity{name: listenerActor, role: access.RoleAdmin}, nil
	}
	snapshot := a.load()
	if k := a.apiKey(snapshot, token); k != nil {
		if err := snapshot.Stale(a.Now(), a.StaleFor); err != nil {
			return identity{}, &failure{code: codeNoStore, message: "API keys do not hold now: " + err.Error(), retry: time.Second}
		}
		return identity{name: k.ID, role: k.Role}, nil
	}
	if a.oidc != nil && strings.Count(token, ".") == 2 {
		return a.oidc.identify(ctx, token)
	}
	return identity{}, errWho
}

// apiKey finds the API key of a token. Every token is compared equally often, with nothing where there is none.
func (a *API) apiKey(snapshot *access.Snapshot, token string) *access.APIKey {
	now := a.Now()
	var found *access.APIKey
	compared := 0
	for _, lookup := range a.Box.Lookup(nil, token) {
		k := snapshot.APITokens[lookup]
		if k == nil {
			continue
		}
		for _, t := range k.Tokens {
			if t.Lookup != lookup {
				continue
			}
			compared++
			live := t.ExpiresAt == nil || now.Before(*t.ExpiresAt)
			if a.Box.Matches(t.Hash, token) && live {
				found = k
			}
		}
	}
	for ; compared < mostTokens; compared++ {
		a.Box.Matches(nil, token)
	}
	return found
}

// guard slows down who tries tokens. The zero value is ready.
type guard struct {
	mu   sync.Mutex
	from map[netip.Prefix]tries
}

// tries is how many wrong tokens count against an address at a time; they wear off one by one.
type tries struct {
	count int
	at    time.Time
}

func (t tries) left(now time.Time) int {
	return max(0, t.count-int(now.Sub(t.at)/wrongEvery))
}

// origin is what is counted as one address: who has an IPv6 address has 2^64 of them.
func origin(a netip.Addr) netip.Prefix {
	const network = 64
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(network)
		return p
	}
	return netip.PrefixFrom(a, a.BitLen())
}

// wait is how long an address has to, 0 where it may try now.
func (g *guard) wait(a netip.Addr, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	over := g.from[origin(a)].left(now) - wrongTokens
	if over < 0 {
		return 0
	}
	return time.Duration(over+1) * wrongEvery
}

// wrong counts a wrong token, and reports whether it is the one after which the address has to wait.
func (g *guard) wrong(a netip.Addr, now time.Time) (waits bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.from == nil {
		g.from = make(map[netip.Prefix]tries)
	}
	if len(g.from) >= guarded {
		g.forget(now)
	}
	p := origin(a)
	t := tries{count: g.from[p].left(now) + 1, at: now}
	g.from[p] = t
	return t.count == wrongTokens
}

// forget makes room: what has worn off goes, and where that is not enough, a quarter of the rest, whichever comes first, so
// that the next many find room.
func (g *guard) forget(now time.Time) {
	const enough = guarded / 4 * 3
	for p, t := range g.from {
		if t.left(now) == 0 {
			delete(g.from, p)
		}
	}
	for p := range g.from {
		if len(g.from) <= enough {
			return
		}
		delete(g.from, p)
	}
}

// may reports whether a role has a right.
func (i identity) may(r right) bool { return slices.Contains(r.roles(), i.role) }
