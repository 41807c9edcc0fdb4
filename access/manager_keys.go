package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/access/seal"
)

const (
	// minToken is the shortest token that can be imported. Those of 16 random characters are beyond guessing over a network.
	minToken = 16
	// maxToken is far longer than any vendor's, and short enough for a header.
	maxToken = 512
	// maxOverlaps is how many tokens before the current one may hold at a time: one for clients that change now, one for
	// those that were told the last time.
	maxOverlaps = 2
	// maxOverlap is a quarter of a year, the longest period in which keys usually are rotated: a longer overlap is none.
	maxOverlap = 92 * 24 * time.Hour
)

// CreateKey adds an access key or an API key with a new token, or with the given one, which is imported, and returns the
// token; nothing keeps it.
func (m *Manager) CreateKey(ctx context.Context, a Actor, r Resource, token string, o WriteOptions) (string, error) {
	k, err := keyKind(r)
	if err != nil {
		return "", err
	}
	given := token
	err = m.create(ctx, a, k, r, o, func(s *Snapshot) (string, error) {
		if token = given; token == "" {
			token = seal.NewToken(idPart(r.Common().ID))
		} else if err := checkToken(token); err != nil {
			return "", err
		}
		hash, err := m.newToken(s, r.Common().ID, token)
		if err != nil {
			return "", err
		}
		setTokens(r, []TokenHash{hash})
		return token, nil
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// Rotate gives an access key or an API key another token; the one before holds for the overlap. Without an overlap every
// earlier token ends at once.
func (m *Manager) Rotate(ctx context.Context, a Actor, k Kind, id string, overlap time.Duration, o WriteOptions) (Resource, string, error) {
	if k != KindAccessKey && k != KindAPIKey {
		return nil, "", errNotFor(k, nil)
	}
	if overlap < 0 || overlap > maxOverlap {
		return nil, "", &FieldError{Field: "overlap", Message: "an overlap is between nothing and 92 days"}
	}
	var out Resource
	token := ""
	err := m.commit(ctx, a, k, o, func(s *Snapshot, now time.Time) (*change, error) {
		before, next, err := m.editable(s, k, id, o)
		if err != nil {
			return nil, err
		}
		token = seal.NewToken(idPart(id))
		hash, err := m.newToken(s, id, token)
		if err != nil {
			return nil, err
		}
		earlier, err := overlapping(tokensOf(next), now, overlap)
		if err != nil {
			return nil, err
		}
		setTokens(next, append([]TokenHash{hash}, earlier...))
		meta := next.Common()
		meta.UpdatedAt, meta.UpdatedBy = now, a.Name
		out = next
		return &change{id: id, before: before, now: next, action: "rotate", token: token}, nil
	})
	if err != nil {
		return nil, "", err
	}
	return out, token, nil
}

// overlapping are the tokens that go on to hold beside a new one.
func overlapping(tokens []TokenHash, now time.Time, overlap time.Duration) ([]TokenHash, error) {
	if overlap == 0 {
		return nil, nil
	}
	end := now.Add(overlap)
	out := make([]TokenHash, 0, len(tokens))
	for i, t := range tokens {
		if t.ExpiresAt != nil && !now.Before(*t.ExpiresAt) {
			continue
		}
		if i == 0 && (t.ExpiresAt == nil || end.Before(*t.ExpiresAt)) {
			t.ExpiresAt = &end
		}
		out = append(out, t)
	}
	if len(out) > maxOverlaps {
		return nil, &FieldError{Field: "overlap", Message: fmt.Sprintf(
			"%d earlier tokens still hold, the next until %s: rotate then, or without an overlap, which ends them now",
			len(out)-1, soonest(out[1:]).Format(time.RFC3339))}
	}
	return out, nil
}

func soonest(tokens []TokenHash) time.Time {
	var out time.Time
	for _, t := range tokens {
		if t.ExpiresAt != nil && (out.IsZero() || t.ExpiresAt.Before(out)) {
			out = *t.ExpiresAt
		}
	}
	return out
}

// newToken is what is stored of a token, which no key but the one with the id has.
func (m *Manager) newToken(s *Snapshot, id, token string) (TokenHash, error) {
	lookups := m.o.Box.Lookup(nil, token)
	for _, l := range lookups {
		if k := s.AccessTokens[l]; k != nil && k.ID != id {
			return TokenHash{}, errTokenTaken()
		}
		if k := s.APITokens[l]; k != nil && k.ID != id {
			return TokenHash{}, errTokenTaken()
		}
	}
	return TokenHash{Lookup: strings.Clone(lookups[0]), Hash: m.o.Box.Hash(token), Hint: seal.Hint(token)}, nil
}

func errTokenTaken() error { return fmt.Errorf("another key has this token: %w", ErrExists) }

// keyKind is the kind of a resource that has tokens.
func keyKind(r Resource) (Kind, error) {
	switch r := r.(type) {
	case *AccessKey:
		if r != nil {
			return KindAccessKey, nil
		}
	case *APIKey:
		if r != nil {
			return KindAPIKey, nil
		}
	}
	return "", errNotFor(KindAccessKey, r)
}

// idPart is what is random in an id, which tokens name.
func idPart(id string) string {
	_, part, _ := strings.Cut(id, "_")
	return part
}

// checkToken tells why a token cannot be imported, without showing it.
func checkToken(token string) error {
	if len(token) < minToken || len(token) > maxToken {
		return &FieldError{Field: "token", Message: fmt.Sprintf("a token has %d to %d characters, got %d", minToken, maxToken, len(token))}
	}
	if strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return &FieldError{Field: "token", Message: "a token is of printable ASCII characters without spaces"}
	}
	distinct := []byte(token)
	slices.Sort(distinct)
	if len(slices.Compact(distinct)) < minToken/3 {
		return &FieldError{Field: "token", Message: "a token that repeats a few characters can be guessed"}
	}
	return nil
}

// SealKey puts a value into a provider key that has its id, or gets it here.
func (m *Manager) SealKey(k *ProviderKey, value string) {
	if k.ID == "" {
		of, _ := kindOf(KindProviderKey)
		k.ID = newID(of.prefix, m.o.Now())
	}
	k.Sealed, k.Hint = m.o.Box.Seal([]byte(value), k.ID), seal.Hint(value)
}

// keyValue opens the value of a provider key.
func keyValue(b *seal.Box, k *ProviderKey) (string, error) {
	plain, err := b.Open(k.Sealed, k.ID)
	if err != nil {
		return "", fmt.Errorf("provider key %s: %w", k.ID, err)
	}
	return string(plain), nil
}

// CheckKeys tells whether what a snapshot holds was made with the keys of a box, and how much was not: a master key that was
// lost, or made anew by accident, locks everybody out and is better told of at the start.
func CheckKeys(s *Snapshot, b *seal.Box) error {
	tokens, values := 0, 0
	for _, k := range s.AccessKeys {
		tokens += unknownTokens(b, k.Tokens)
	}
	for _, k := range s.APIKeys {
		tokens += unknownTokens(b, k.Tokens)
	}
	for _, k := range s.ProviderKeys {
		if !b.KnowsSealed(k.Sealed) {
			values++
		}
	}
	if tokens+values == 0 {
		return nil
	}
	return fmt.Errorf("%d tokens and %d provider keys were stored under another master key, which must be among those at hand: %w",
		tokens, values, seal.ErrOpen)
}

func unknownTokens(b *seal.Box, tokens []TokenHash) int {
	n := 0
	for i := range tokens {
		if !b.KnowsHash(tokens[i].Hash) {
			n++
		}
	}
	return n
}
