package gate

import (
	"maps"

	"github.com/rs/zerolog"

	"weir/access"
	"weir/access/seal"
	"weir/engine"
)

// view is a snapshot made ready for requests. It never changes once made.
type view struct {
	holders map[string]*holder // by the names that tokens are found by
	grants  map[string]*grant  // by the ids of keys
	timed   []*grant           // that end by time alone
	rounds  int                // comparisons for each token: as many as one name has hashes
	nobody  *holder            // whom a name leads to that is nobody's
	noHash  []byte             // that of a token that nobody has, for comparisons with nothing
	foreign bool               // nothing of what the store keeps can be used with the master keys at hand

	providerKeys map[string]*access.ProviderKey
	providers    map[string]*access.Provider
	values       map[string]engine.RingKey // provider keys that could be opened, by id
	scopes       map[*access.Configuration]*engine.ModelScope
}

// The names under which nobody stands, and nothing: no token is found by one of them, for their capitals. They are as long as
// those of our own tokens.
const (
	nobodyName  = "NOBODY-NOBODY-NOBODY-NOBOD"
	nothingName = "NOTHING-NOTHING-NOTHING-NO"
)

// holder finds whom a name leads to, with one hit and one miss whoever it is.
func (v *view) holder(name string) *holder {
	h := v.holders[name]
	other := nobodyName
	if h != nil {
		other = nothingName
	}
	if instead := v.holders[other]; instead != nil {
		h = instead
	}
	return h
}

// compiler makes a view of a snapshot. What did not change is taken from the view before.
type compiler struct {
	snapshot *access.Snapshot
	before   *view
	box      *seal.Box
	log      zerolog.Logger

	values map[string]engine.RingKey
	same   bool // provider keys and providers are those of before
	scopes map[*access.Configuration]*engine.ModelScope
	rings  map[ringOf]engine.Keyring
}

// ringOf is what keys without provider keys of their own share a ring by.
type ringOf struct {
	conf *access.Configuration
	team string // its id: a team that cannot be found is another than none
}

func (c *compiler) view() *view {
	s := c.snapshot
	v := &view{
		holders: make(map[string]*holder, len(s.AccessTokens)), grants: make(map[string]*grant, len(s.AccessKeys)),
		rounds: 1, noHash: c.box.Hash(seal.NewToken(nobodyName)),
		providerKeys: s.ProviderKeys, providers: s.Providers, foreign: foreign(s, c.box),
	}
	v.nobody = &holder{grant: stranger(), tokens: []access.TokenHash{{Hash: v.noHash}}}
	v.holders[nobodyName] = v.nobody
	c.rings = map[ringOf]engine.Keyring{}
	named := maps.Equal(s.Providers, c.before.providers)
	c.same = named && maps.Equal(s.ProviderKeys, c.before.providerKeys)
	c.scopes = make(map[*access.Configuration]*engine.ModelScope, len(s.Configurations))
	for _, conf := range s.Configurations {
		c.scopes[conf] = c.scopeOf(conf, named)
	}
	v.scopes = c.scopes
	c.open()
	v.values = c.values
	for id, key := range s.AccessKeys {
		k := c.grant(key)
		v.grants[id] = k
		if k.timed() {
			v.timed = append(v.timed, k)
		}
	}
	for name, key := range s.AccessTokens {
		k := v.grants[key.ID]
		if k == nil || k.key != key {
			continue // a key that is not among the keys lets nobody in
		}
		h := &holder{grant: k}
		for i := range key.Tokens {
			if key.Tokens[i].Lookup == name {
				h.tokens = append(h.tokens, key.Tokens[i])
			}
		}
		if len(h.tokens) == 0 {
			continue
		}
		v.holders[name] = h
		v.rounds = max(v.rounds, len(h.tokens))
	}
	return v
}

// foreign reports whether the store keeps something and all of it was stored under master keys that are not in the box. It ends
// at the first that was not, which is nearly always the first of all.
func foreign(s *access.Snapshot, box *seal.Box) bool {
	some := false
	for _, k := range s.AccessKeys {
		for i := range k.Tokens {
			if k.Static {
				break // they are hashed for the keys of now
			}
			if box.KnowsHash(k.Tokens[i].Hash) {
				return false
			}
			some = true
		}
	}
	for _, k := range s.APIKeys {
		for i := range k.Tokens {
			if box.KnowsHash(k.Tokens[i].Hash) {
				return false
			}
			some = true
		}
	}
	for _, k := range s.ProviderKeys {
		if k.Static {
			continue
		}
		if box.KnowsSealed(k.Sealed) {
			return false
		}
		some = true
	}
	return some
}

// stranger is what nobody has, with an id so that the log takes as long.
func stranger() *grant {
	return &grant{key: &access.AccessKey{Meta: access.Meta{ID: "unknown"}}, anywhere: true}
}

// grant makes what follows from a key, or finds it in the view before.
func (c *compiler) grant(key *access.AccessKey) *grant {
	conf, team := c.snapshot.Configurations[key.ConfigurationID], c.snapshot.Teams[key.TeamID]
	old := c.before.grants[key.ID]
	if old != nil && c.same && old.key == key && old.conf == conf && old.team == team {
		return old
	}
	k := newGrant(key, team)
	k.conf = conf
	if old != nil {
		k.sessions = old.sessions
	} else {
		k.sessions = newSessions()
	}
	if key.ConfigurationID != "" && conf == nil {
		c.log.Error().Str("access_key", key.ID).Str("configuration", key.ConfigurationID).
			Msg("the configuration of the access key cannot be found: the key may use nothing")
		k.scope, k.ring = engine.NewModelScope(engine.ModelLists{HasAllow: true}), noKeys{}
		return k
	}
	k.scope, k.ring = c.scopes[conf], c.ring(key, conf, team)
	return k
}

// open reads the provider keys. One that cannot be opened is told of once and serves nobody.
func (c *compiler) open() {
	if c.same {
		c.values = c.before.values
		return
	}
	c.values = make(map[string]engine.RingKey, len(c.snapshot.ProviderKeys))
	for id, key := range c.snapshot.ProviderKeys {
		before, known := c.before.values[id]
		if c.before.providerKeys[id] == key {
			if known {
				c.values[id] = before
			}
			continue
		}
		value, err := c.box.Open(key.Sealed, key.ID)
		if err != nil || len(value) == 0 {
			c.log.Error().Err(err).Str("provider_key", id).Msg("a provider key cannot be opened and is not used")
			continue
		}
		if known && before.Value == string(value) { // it rests where it did
			c.values[id] = before.Renamed(key.Name)
			continue
		}
		c.values[id] = engine.NewRingKey(key.ID, key.Name, string(value))
	}
}

// scopeOf is the scope of a configuration, the one of the view before where it is the same: what the engine worked out for it
// then still holds.
func (c *compiler) scopeOf(conf *access.Configuration, named bool) *engine.ModelScope {
	if conf.Access == nil {
		return nil
	}
	if before, ok := c.before.scopes[conf]; ok && named {
		return before
	}
	return engine.NewModelScope(scopeOf(conf.Access, c.snapshot.Providers)...)
}

func (c *compiler) ring(key *access.AccessKey, conf *access.Configuration, team *access.Team) engine.Keyring {
	shared := ringOf{conf: conf, team: key.TeamID}
	if len(key.ProviderKeyIDs) == 0 {
		if r, ok := c.rings[shared]; ok {
			return r
		}
	}
	r := c.newRing(key, conf, team)
	if len(key.ProviderKeyIDs) == 0 {
		c.rings[shared] = r
	}
	return r
}
