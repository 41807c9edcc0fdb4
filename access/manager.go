package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"weir/access/seal"
	"weir/access/store"
)

// Errors of changes that callers tell apart; all are wrapped with words for people.
var (
	ErrNotFound = errors.New("there is no such resource")
	ErrStale    = errors.New("the resource was changed meanwhile") // the revision that the caller saw is not the newest
	ErrInUse    = errors.New("the resource is in use")             // deleting what others refer to
	ErrExists   = errors.New("the resource exists already")        // a provider id or a token that is taken
	ErrStatic   = errors.New("the resource comes from a file")     // and is changed there
	ErrReplayed = errors.New("the request was answered before")    // a *Replayed is in the chain
	ErrFull     = errors.New("the store holds as many as it may")
	ErrNoStore  = errors.New("the gateway runs without a store")
	// ErrForbidden is what takes a wider role than the actor's.
	ErrForbidden = errors.New("only an admin may do this")
)

// Replayed carries the answer that was given before to the same request.
type Replayed struct {
	Answer *store.Idempotent
}

// Error implements error.
func (r *Replayed) Error() string { return ErrReplayed.Error() }

// Is makes it an ErrReplayed.
func (r *Replayed) Is(target error) bool { return target == ErrReplayed }

// FieldError is a value that a resource cannot have.
type FieldError struct {
	Field   string // as in the resource's JSON in package access
	Message string
}

// Error names the field and what is wrong.
func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Message) }

// Actor is who changes something.
type Actor struct {
	Name, Role, Remote string
}

// Resource is any resource of this package: *AccessKey, *Configuration, *ProviderKey, *Provider, *Team, *Quota, *APIKey,
// *GatewayConfig.
type Resource interface {
	Common() *Meta
}

// Common returns what every resource has.
func (m *Meta) Common() *Meta { return m }

// ManagerOptions is what a Manager needs.
type ManagerOptions struct {
	Store     store.Store // nil = every change is refused with ErrNoStore
	Directory *Directory
	Box       *seal.Box
	// BuiltIn reports whether a provider id is one of Weir's own.
	BuiltIn func(id string) bool
	// KnownProvider reports whether a policy or Weir knows a provider id; nil = any may be, since policies name their own.
	KnownProvider func(id string) bool
	// CheckWhen and CheckPer compile the expressions of quotas; their errors are shown with the field. Without them
	// expressions are refused.
	CheckWhen, CheckPer func(text string) error
	// WebhookHosts are those that webhooks may go to without TLS.
	WebhookHosts []string
	Now          func() time.Time
}

// Manager changes resources: it checks them, their references and revisions, writes the audit log, and syncs the directory
// so that the change holds when the call returns.
type Manager struct {
	o    ManagerOptions
	turn chan struct{} // held by one change: changes of one gateway need not conflict with each other
}

// NewManager makes a manager.
func NewManager(o ManagerOptions) *Manager {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BuiltIn == nil {
		o.BuiltIn = func(string) bool { return false }
	}
	return &Manager{o: o, turn: make(chan struct{}, 1)}
}

// WriteOptions go with one change.
type WriteOptions struct {
	IfRevision int64 // 0 = whatever it is; otherwise ErrStale where the resource has another
	// Answer makes the answer that is kept for a request that must not be done twice, once the resource has its id and
	// revision; nil = none. It may be called several times, once for each try to write.
	Answer func(r Resource) (*store.Idempotent, error)
	// AnswerToken is Answer for changes that make a token, which is given to it; it goes before Answer.
	AnswerToken func(r Resource, token string) (*store.Idempotent, error)
}

// Create adds a resource of a kind (Quotas are of two), which gets its id and times. One that has an id of its kind keeps it.
func (m *Manager) Create(ctx context.Context, a Actor, k Kind, r Resource, o WriteOptions) error {
	if k == KindAccessKey || k == KindAPIKey {
		return fmt.Errorf("a key is made with its token: %w", errNotFor(k, r))
	}
	return m.create(ctx, a, k, r, o, nil)
}

func (m *Manager) create(ctx context.Context, a Actor, k Kind, r Resource, o WriteOptions, prepare func(s *Snapshot) (string, error)) error {
	of, ok := kindOf(k)
	if !ok || !of.fits(r) {
		return errNotFor(k, r)
	}
	return m.commit(ctx, a, k, o, func(s *Snapshot, now time.Time) (*change, error) {
		meta := r.Common()
		if err := of.identify(s, meta, now); err != nil {
			return nil, err
		}
		if err := room(s, k); err != nil {
			return nil, err
		}
		token := ""
		if prepare != nil {
			var err error
			if token, err = prepare(s); err != nil {
				return nil, err
			}
		}
		meta.CreatedAt, meta.UpdatedAt, meta.CreatedBy, meta.UpdatedBy, meta.Static = now, now, a.Name, a.Name, false
		if err := m.check(s, k, r); err != nil {
			return nil, err
		}
		if err := redirected(s, a, nil, r); err != nil {
			return nil, err
		}
		return &change{id: meta.ID, now: r, action: "create", token: token}, nil
	})
}

// Update changes a resource by a function that edits a copy of it. The function may be called several times, each time with
// another copy. What it does to the id, times and tokens does not count.
func (m *Manager) Update(ctx context.Context, a Actor, k Kind, id string, o WriteOptions, edit func(r Resource) error) (Resource, error) {
	var out Resource
	err := m.commit(ctx, a, k, o, func(s *Snapshot, now time.Time) (*change, error) {
		before, next, err := m.editable(s, k, id, o)
		if err != nil {
			return nil, err
		}
		protected := *next.Common()
		tokens := slices.Clone(tokensOf(next))
		if err := edit(next); err != nil {
			return nil, err
		}
		protect(next, &protected)
		setTokens(next, tokens)
		out = next
		return m.changed(s, a, k, before, next, now, o)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// changed is the change from one state of a resource to another; nothing is written where they are the same.
func (m *Manager) changed(s *Snapshot, a Actor, k Kind, before, next Resource, now time.Time, o WriteOptions) (*change, error) {
	if err := immutable(before, next); err != nil {
		return nil, err
	}
	if err := m.check(s, k, next); err != nil {
		return nil, err
	}
	if err := redirected(s, a, before, next); err != nil {
		return nil, err
	}
	fields, err := differences(before, next)
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 && before != nil && o.Answer == nil && o.AnswerToken == nil {
		return nil, nil //nolint:nilnil // there is nothing to write
	}
	meta := next.Common()
	meta.UpdatedAt, meta.UpdatedBy = now, a.Name
	c := &change{id: meta.ID, before: before, now: next, action: "update"}
	switch _, rotated := fields["sealed"]; {
	case before == nil:
		meta.CreatedAt, meta.CreatedBy = now, a.Name
		c.action = "create"
	case rotated:
		c.action = "rotate"
	}
	return c, nil
}

// editable finds a resource that may be changed, and a copy of it to change.
func (m *Manager) editable(s *Snapshot, k Kind, id string, o WriteOptions) (before, next Resource, err error) {
	of, ok := kindOf(k)
	if !ok {
		return nil, nil, errNotFor(k, nil)
	}
	before = s.find(k, id)
	if before == nil && k == KindGateway && id == gatewayID && o.IfRevision == 0 {
		next = of.fresh()
		next.Common().ID = id
		return nil, next, nil
	}
	if err := writable(s, k, id, before, o); err != nil {
		return nil, nil, err
	}
	next, err = clone(of, before)
	return before, next, err
}

// writable tells why a resource cannot be changed.
func writable(s *Snapshot, k Kind, id string, r Resource, o WriteOptions) error {
	switch {
	case r == nil && s.Broken[id].Kind == k:
		return fmt.Errorf("%s %s cannot be read (%s), only deleted: %w", k.words(), id, s.Broken[id].Reason, ErrNotFound)
	case r == nil:
		return fmt.Errorf("%s %s: %w", k.words(), id, ErrNotFound)
	case r.Common().Static:
		return fmt.Errorf("%s %s: %w", k.words(), id, ErrStatic)
	case o.IfRevision != 0 && o.IfRevision != r.Common().Revision:
		return fmt.Errorf("%s %s is at revision %d, not %d: %w", k.words(), id, r.Common().Revision, o.IfRevision, ErrStale)
	default:
		return nil
	}
}

// Delete removes a resource that nothing refers to. One that cannot be read can be removed too.
func (m *Manager) Delete(ctx context.Context, a Actor, k Kind, id string, o WriteOptions) error {
	if _, ok := kindOf(k); !ok {
		return errNotFor(k, nil)
	}
	return m.commit(ctx, a, k, o, func(s *Snapshot, _ time.Time) (*change, error) {
		before := s.find(k, id)
		if b, broken := s.Broken[id]; !broken || b.Kind != k {
			if err := writable(s, k, id, before, o); err != nil {
				return nil, err
			}
		}
		if err := s.inUse(k, id); err != nil {
			return nil, err
		}
		return &change{id: id, before: before, action: "delete"}, nil
	})
}
