package gate

import (
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"weir/access"
	"weir/engine"
)

// grant is an access key with everything that follows from it, made once for each version of what it is made of.
type grant struct {
	key      *access.AccessKey
	conf     *access.Configuration // nil = none, or one that cannot be found
	team     *access.Team          // the same
	caller   engine.Caller
	refused  reason // why nobody is let in, whatever the time
	from     int64  // microseconds since 1970
	until    int64
	networks []netip.Prefix
	anywhere bool
	scope    *engine.ModelScope // nil = every model
	ring     engine.Keyring     // nil = the gateway's keys alone
	sessions *sessions
}

// holder is whom a token's name leads to.
type holder struct {
	grant  *grant
	tokens []access.TokenHash // of that name, one at least
}

// state is why the key lets nobody in from an address at a time. It asks everything whatever it finds: which question was
// answered by no shows in no clock.
func (k *grant) state(from netip.Addr, now time.Time) reason {
	at, why := now.UnixMicro(), whyNot
	if !k.contains(from) {
		why = whyNetwork
	}
	if at < k.from {
		why = whyEarly
	}
	if at >= k.until {
		why = whyExpired
	}
	if k.refused != whyNot {
		why = k.refused
	}
	return why
}

func (k *grant) contains(from netip.Addr) bool {
	in := k.anywhere
	for i := range k.networks {
		in = k.networks[i].Contains(from) || in
	}
	return in
}

// admit tells the exchange who calls and what may be used. A ring of a key before is gone even where this one has none.
func (k *grant) admit(x *engine.Exchange) {
	x.OnEnd(k.sessions.over)
	x.Caller = k.caller
	x.NarrowTo(k.scope)
	x.UseKeyring(k.ring)
}

// timed reports whether the key, or a token of it, ends by time alone.
func (k *grant) timed() bool {
	return k.key.ExpiresAt != nil || slices.ContainsFunc(k.key.Tokens, func(t access.TokenHash) bool { return t.ExpiresAt != nil })
}

// newGrant reads what the key says of itself.
func newGrant(key *access.AccessKey, team *access.Team) *grant {
	k := &grant{
		key: key, team: team, anywhere: len(key.AllowedNetworks) == 0, from: math.MinInt64, until: math.MaxInt64,
		caller: engine.Caller{
			ID: key.ID, Name: key.Name, Kind: "access_key", Groups: key.Groups, Metadata: object(key.Metadata), TeamID: key.TeamID,
		},
	}
	if key.ExpiresAt != nil {
		k.until = key.ExpiresAt.UnixMicro()
	}
	if key.NotBefore != nil {
		k.from = key.NotBefore.UnixMicro()
	}
	for _, text := range key.AllowedNetworks {
		if p, ok := network(text); ok { // what cannot be read allows nothing
			k.networks = append(k.networks, p)
		}
	}
	switch {
	case key.Disabled:
		k.refused = whyDisabled
	case key.TeamID == "":
	case team == nil || team.Disabled: // one that cannot be found may have been disabled
		k.refused = whyTeam
	default:
		k.caller.Team = team.Name
	}
	return k
}

// network reads an address or a prefix.
func network(text string) (netip.Prefix, bool) {
	text = strings.TrimSpace(text)
	if p, err := netip.ParsePrefix(text); err == nil {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			return netip.PrefixFrom(a.Unmap(), p.Bits()-96).Masked(), true
		}
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), true
}

// object reads metadata; what is no JSON object is text for people only.
func object(text string) map[string]any {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil
	}
	var m map[string]any
	if json.Unmarshal([]byte(text), &m) != nil {
		return nil
	}
	return m
}
