package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/access/seal"
	"weir/access/store"
)

// memory is a store without a disk. Fail makes every call fail; before each Apply it calls meanwhile.
type memory struct {
	store.Store // the methods for usage, which nothing here calls

	mu        sync.Mutex
	revision  int64
	objects   map[string]store.Object
	log       []store.AuditEntry
	answers   map[string]*store.Idempotent
	fail      error
	meanwhile func()
	reads     int
	full      int // reads of everything
	behind    bool
}

func newMemory() *memory {
	return &memory{objects: map[string]store.Object{}, answers: map[string]*store.Idempotent{}}
}

func (m *memory) Changes(_ context.Context, since int64) ([]store.Object, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.fail != nil {
		return nil, 0, m.fail
	}
	if since == 0 {
		m.full++
	} else if m.behind {
		m.behind = false
		return nil, 0, store.ErrBehind
	}
	var out []store.Object
	for _, o := range m.objects {
		if o.Revision > since && (since > 0 || !o.Deleted) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b store.Object) int { return int(a.Revision - b.Revision) })
	return out, m.revision, nil
}

func (m *memory) Apply(_ context.Context, c *store.Change) (int64, error) {
	if m.meanwhile != nil {
		m.meanwhile()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return 0, m.fail
	}
	if c.Base != m.revision {
		return 0, store.ErrConflict
	}
	m.revision++
	for _, w := range c.Writes {
		m.objects[w.ID] = store.Object{Kind: w.Kind, ID: w.ID, Revision: m.revision, Deleted: w.Body == nil, Body: bytes.Clone(w.Body)}
	}
	m.log = append(m.log, c.Audit...)
	if c.Idempotent != nil {
		m.answers[c.Idempotent.Key] = c.Idempotent
	}
	return m.revision, nil
}

func (m *memory) Idempotent(_ context.Context, key string) (*store.Idempotent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answers[key], m.fail
}

// put writes an object past any check.
func (m *memory) put(kind Kind, id, body string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision++
	m.objects[id] = store.Object{Kind: string(kind), ID: id, Revision: m.revision, Body: []byte(body)}
}

func (m *memory) set(f func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a gateway's part of this package: a manager over a directory over a store.
type world struct {
	*Manager

	t     testing.TB
	store *memory
	dir   *Directory
	box   *seal.Box
	clock *clock
	log   *bytes.Buffer
}

var admin = Actor{Name: "root", Role: RoleAdmin, Remote: "127.0.0.1"}

func newBox(tb testing.TB) *seal.Box {
	tb.Helper()
	key := bytes.Repeat([]byte{1, 2, 3, 4}, seal.KeySize/4)
	b, err := seal.New(key)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	return joinWorld(tb, newMemory())
}

// joinWorld is another gateway on the same store.
func joinWorld(tb testing.TB, s *memory) *world {
	tb.Helper()
	w := &world{
		t: tb, store: s, box: newBox(tb), log: &bytes.Buffer{},
		clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
	}
	w.dir = NewDirectory(DirectoryOptions{Store: s, Log: zerolog.New(w.log)})
	check := func(text string) error {
		if text == "bad" {
			return errors.New("it does not compile")
		}
		return nil
	}
	w.Manager = NewManager(ManagerOptions{
		Store: s, Directory: w.dir, Box: w.box, Now: w.clock.Now, CheckWhen: check, CheckPer: check, WebhookHosts: []string{"hooks.internal"},
		BuiltIn:       func(id string) bool { return id == "openai" || id == "anthropic" },
		KnownProvider: func(id string) bool { return id == "from-policy" },
	})
	return w
}

func (w *world) create(k Kind, r Resource) {
	w.t.Helper()
	if err := w.Create(w.t.Context(), admin, k, r, WriteOptions{}); err != nil {
		w.t.Fatalf("creating %s: %v", k, err)
	}
}

func (w *world) team(name string) *Team {
	w.t.Helper()
	r := &Team{Meta: Meta{Name: name}}
	w.create(KindTeam, r)
	return r
}

func (w *world) providerKey(name, provider, value string) *ProviderKey {
	w.t.Helper()
	r := &ProviderKey{Meta: Meta{Name: name}, ProviderID: provider}
	w.SealKey(r, value)
	w.create(KindProviderKey, r)
	return r
}

func (w *world) key(r *AccessKey, token string) (*AccessKey, string) {
	w.t.Helper()
	token, err := w.CreateKey(w.t.Context(), admin, r, token, WriteOptions{})
	if err != nil {
		w.t.Fatalf("creating a key: %v", err)
	}
	return r, token
}

// byToken finds the access key that a token is for, the way a gate does.
func (w *world) byToken(token string) *AccessKey {
	for _, l := range w.box.Lookup(nil, token) {
		k := w.dir.Load().AccessTokens[l]
		if k == nil {
			continue
		}
		for _, h := range k.Tokens {
			if w.box.Matches(h.Hash, token) && (h.ExpiresAt == nil || w.clock.Now().Before(*h.ExpiresAt)) {
				return k
			}
		}
	}
	return nil
}

func (w *world) bodies() string {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	var b bytes.Buffer
	for _, id := range slices.Sorted(maps.Keys(w.store.objects)) {
		b.Write(w.store.objects[id].Body)
	}
	for i := range w.store.log {
		b.Write(w.store.log[i].Detail)
	}
	return b.String()
}

func otherBox(tb testing.TB) *seal.Box {
	tb.Helper()
	b, err := seal.New(bytes.Repeat([]byte{9, 8}, seal.KeySize/2))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// edit is an edit of a resource of one type.
func edit[T any, P interface {
	*T
	Resource
}](f func(*T)) func(Resource) error {
	return func(r Resource) error {
		p, ok := r.(P)
		if !ok {
			return fmt.Errorf("got %T", r)
		}
		f(p)
		return nil
	}
}
