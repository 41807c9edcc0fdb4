package access

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"weir/access/seal"
)

// gatewayID is the id of the one GatewayConfig.
const gatewayID = "gateway"

// idSize is the size of what is random in an id and in its time: 48 bits of milliseconds and 80 random ones.
const idSize = 16

// kind is what differs between kinds of resources beside their fields.
type kind struct {
	prefix string // of ids
	fresh  func() Resource
	fits   func(Resource) bool
}

func kindWith[T any, P interface {
	*T
	Resource
}](prefix string) kind {
	return kind{
		prefix: prefix,
		fresh:  func() Resource { return P(new(T)) },
		fits:   func(r Resource) bool { p, ok := r.(P); return ok && p != nil },
	}
}

func kindOf(k Kind) (kind, bool) {
	switch k {
	case KindAccessKey:
		return kindWith[AccessKey]("aigk_"), true
	case KindConfiguration:
		return kindWith[Configuration]("aigac_"), true
	case KindProviderKey:
		return kindWith[ProviderKey]("aigpk_"), true
	case KindProvider:
		return kindWith[Provider]("aigp_"), true
	case KindTeam:
		return kindWith[Team]("team_"), true
	case KindBudget:
		return kindWith[Quota]("bud_"), true
	case KindLimit:
		return kindWith[Quota]("lim_"), true
	case KindAPIKey:
		return kindWith[APIKey]("aigak_"), true
	case KindGateway:
		return kindWith[GatewayConfig](""), true
	default:
		return kind{}, false
	}
}

// words are the kind's name for people.
func (k Kind) words() string { return strings.ReplaceAll(string(k), "_", " ") }

func errNotFor(k Kind, r Resource) error { return fmt.Errorf("the kind %q does not fit %T", k, r) }

// newID makes an id: its first characters grow with time, so that lists in the order of ids are in that of time.
func newID(prefix string, now time.Time) string {
	var b [idSize]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(now.UnixMilli(), 0)))
	copy(b[:6], ms[2:])
	_, _ = rand.Read(b[6:]) // it never fails
	return prefix + seal.Encode(b[:])
}

// isID reports whether an id has the form of those that newID makes.
func isID(prefix, id string) bool {
	rest, ok := strings.CutPrefix(id, prefix)
	if !ok || len(rest) != len(seal.Encode(make([]byte, idSize))) {
		return false
	}
	return strings.Trim(rest, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

// identify gives a new resource its id, or checks the one that it has.
func (k *kind) identify(s *Snapshot, meta *Meta, now time.Time) error {
	if k.prefix == "" {
		if s.Gateway != nil {
			return fmt.Errorf("the gateway's configuration: %w", ErrExists)
		}
		meta.ID = gatewayID
		return nil
	}
	if meta.ID == "" {
		meta.ID = newID(k.prefix, now)
		return nil
	}
	if !isID(k.prefix, meta.ID) {
		return &FieldError{Field: "id", Message: fmt.Sprintf("an id is %s and 26 characters", k.prefix)}
	}
	if s.has(meta.ID) {
		return fmt.Errorf("the id %s: %w", meta.ID, ErrExists)
	}
	return nil
}

// clone copies a resource with everything in it.
func clone(of kind, r Resource) (Resource, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("copying %s: %w", r.Common().ID, err)
	}
	out := of.fresh()
	if err := json.Unmarshal(text, out); err != nil {
		return nil, fmt.Errorf("copying %s: %w", r.Common().ID, err)
	}
	return out, nil
}

// protect puts back what edits cannot change.
func protect(r Resource, was *Meta) {
	m := r.Common()
	m.ID, m.CreatedAt, m.CreatedBy, m.Revision, m.Static = was.ID, was.CreatedAt, was.CreatedBy, was.Revision, was.Static
	m.UpdatedAt, m.UpdatedBy = was.UpdatedAt, was.UpdatedBy
}

// tokensOf are the tokens of a resource that has any.
func tokensOf(r Resource) []TokenHash {
	switch r := r.(type) {
	case *AccessKey:
		return r.Tokens
	case *APIKey:
		return r.Tokens
	default:
		return nil
	}
}

func setTokens(r Resource, tokens []TokenHash) {
	switch r := r.(type) {
	case *AccessKey:
		r.Tokens = tokens
	case *APIKey:
		r.Tokens = tokens
	}
}

// find returns the resource of a kind with an id, nil where there is none.
func (s *Snapshot) find(k Kind, id string) Resource {
	switch k {
	case KindAccessKey:
		return found(s.AccessKeys[id])
	case KindConfiguration:
		return found(s.Configurations[id])
	case KindProviderKey:
		return found(s.ProviderKeys[id])
	case KindProvider:
		return found(s.Providers[id])
	case KindTeam:
		return found(s.Teams[id])
	case KindBudget:
		return found(s.Budgets[id])
	case KindLimit:
		return found(s.Limits[id])
	case KindAPIKey:
		return found(s.APIKeys[id])
	case KindGateway:
		if s.Gateway != nil && s.Gateway.ID == id {
			return s.Gateway
		}
	}
	return nil
}

func found[T any, P interface {
	*T
	Resource
}](r *T) Resource {
	if r == nil {
		return nil
	}
	return P(r)
}

// has reports whether an id is taken by any resource, one that cannot be read included.
func (s *Snapshot) has(id string) bool {
	if _, ok := s.Broken[id]; ok {
		return true
	}
	for _, k := range []Kind{
		KindAccessKey, KindConfiguration, KindProviderKey, KindProvider, KindTeam, KindBudget, KindLimit, KindAPIKey, KindGateway,
	} {
		if s.find(k, id) != nil {
			return true
		}
	}
	return false
}

func (s *Snapshot) count(k Kind) int {
	switch k {
	case KindAccessKey:
		return len(s.AccessKeys)
	case KindConfiguration:
		return len(s.Configurations)
	case KindProviderKey:
		return len(s.ProviderKeys)
	case KindProvider:
		return len(s.Providers)
	case KindTeam:
		return len(s.Teams)
	case KindBudget:
		return len(s.Budgets)
	case KindLimit:
		return len(s.Limits)
	case KindAPIKey:
		return len(s.APIKeys)
	case KindGateway:
		return 0
	}
	return 0
}
