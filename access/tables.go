package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"weir/access/store"
)

// tables are the resources of the store at one revision. They never change once made.
type tables struct {
	revision       int64
	accessKeys     map[string]*AccessKey
	configurations map[string]*Configuration
	providerKeys   map[string]*ProviderKey
	providers      map[string]*Provider
	teams          map[string]*Team
	budgets        map[string]*Quota
	limits         map[string]*Quota
	apiKeys        map[string]*APIKey
	gateway        map[string]*GatewayConfig // one at most
	accessTokens   map[string]*AccessKey
	apiTokens      map[string]*APIKey
	broken         map[string]Broken
	brokenIsOwn    bool // it is not that of tables before, and may be changed until these are done
}

func newTables() *tables { return &tables{} }

// with returns tables with other objects in them. Only the maps of kinds that change are copied.
func (t *tables) with(objects []store.Object, revision int64) *tables {
	next := *t
	next.revision, next.brokenIsOwn = revision, false
	byKind := make(map[Kind][]store.Object, 1)
	for _, o := range objects {
		byKind[Kind(o.Kind)] = append(byKind[Kind(o.Kind)], o)
	}
	for kind, of := range byKind {
		next.change(kind, of)
	}
	return &next
}

func (t *tables) change(kind Kind, of []store.Object) {
	switch kind {
	case KindAccessKey:
		t.accessTokens = grow(t.accessTokens, len(of))
		t.accessKeys = changed(t, t.accessKeys, of, tokenIndex(t.accessTokens, func(k *AccessKey) []TokenHash { return k.Tokens }))
	case KindAPIKey:
		t.apiTokens = grow(t.apiTokens, len(of))
		t.apiKeys = changed(t, t.apiKeys, of, tokenIndex(t.apiTokens, func(k *APIKey) []TokenHash { return k.Tokens }))
	case KindConfiguration:
		t.configurations = changed(t, t.configurations, of, nil)
	case KindProviderKey:
		t.providerKeys = changed(t, t.providerKeys, of, nil)
	case KindProvider:
		t.providers = changed(t, t.providers, of, nil)
	case KindTeam:
		t.teams = changed(t, t.teams, of, nil)
	case KindBudget:
		t.budgets = changed(t, t.budgets, of, nil)
	case KindLimit:
		t.limits = changed(t, t.limits, of, nil)
	case KindGateway:
		t.gateway = changed(t, t.gateway, of, nil)
	default:
		for _, o := range of {
			t.mend(o.ID)
			if !o.Deleted {
				t.refuse(Broken{Kind: kind, ID: o.ID, Reason: "this version of Weir does not know such objects"})
			}
		}
	}
}

// refuse notes that an object cannot be read.
func (t *tables) refuse(b Broken) {
	t.ownBroken()
	t.broken[b.ID] = b
}

// mend forgets that an object could not be read.
func (t *tables) mend(id string) {
	if _, ok := t.broken[id]; ok {
		t.ownBroken()
		delete(t.broken, id)
	}
}

// ownBroken copies the map before its first change, and leaves it be where nothing in it changes: who works something out
// from a map can tell by its being the same that there is nothing to do.
func (t *tables) ownBroken() {
	if !t.brokenIsOwn {
		t.broken, t.brokenIsOwn = grow(t.broken, 1), true
	}
}

// grow copies a map, with room for more.
func grow[V any](m map[string]V, more int) map[string]V {
	if len(m) == 0 {
		return make(map[string]V, more)
	}
	return maps.Clone(m)
}

// index keeps another map in step with one of resources: before is nil for what is new, now for what is gone.
type index[T any] func(before, now *T) error

// changed returns a copy of a map of resources with other objects in it.
func changed[T any, P interface {
	*T
	Resource
}](t *tables, m map[string]*T, of []store.Object, keep index[T]) map[string]*T {
	m = grow(m, len(of))
	for _, o := range of {
		before := m[o.ID]
		delete(m, o.ID)
		t.mend(o.ID)
		var now *T
		var err error
		if !o.Deleted {
			now, err = decode[T, P](o)
		}
		if keep != nil {
			if clash := keep(before, now); clash != nil {
				now, err = nil, clash
			}
		}
		if err != nil {
			t.refuse(Broken{Kind: Kind(o.Kind), ID: o.ID, Reason: err.Error()})
			continue
		}
		if now != nil {
			m[o.ID] = now
		}
	}
	return m
}

var (
	errOtherID  = errors.New("its body is of another id")
	errTrailing = errors.New("there is something behind its end")
	errTaken    = errors.New("another key has the same token")
)

// decode reads the body of an object. A field that is not known is an error: a newer Weir wrote it, and it may be one that
// forbids something.
func decode[T any, P interface {
	*T
	Resource
}](o store.Object) (*T, error) {
	r := P(new(T))
	dec := json.NewDecoder(bytes.NewReader(o.Body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(r); err != nil {
		return nil, fmt.Errorf("reading its body: %w", unquoted(err))
	}
	if len(bytes.TrimSpace(o.Body[dec.InputOffset():])) > 0 {
		return nil, errTrailing
	}
	if r.Common().ID != o.ID {
		return nil, errOtherID
	}
	r.Common().Revision = o.Revision
	r.Common().Static = false // only what a file holds is
	return (*T)(r), nil
}

// unquoted leaves out what a decoder's error quotes of the value, which may be anything.
func unquoted(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("the field %s has another type", e.Field)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is not JSON at byte %d", e.Offset)
	}
	return errors.New("it has fields or values that this version of Weir does not know")
}

// tokenIndex keeps a map of tokens in step with the keys that have them. A token that another key has is left to that one.
func tokenIndex[T any](tokens map[string]*T, of func(*T) []TokenHash) index[T] {
	return func(before, now *T) error {
		if before != nil {
			for _, h := range of(before) {
				if tokens[h.Lookup] == before {
					delete(tokens, h.Lookup)
				}
			}
		}
		if now == nil {
			return nil
		}
		for _, h := range of(now) {
			if other := tokens[h.Lookup]; other != nil {
				return errTaken
			}
		}
		for _, h := range of(now) {
			tokens[h.Lookup] = now
		}
		return nil
	}
}
