package access

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"weir/access/store"
)

// Snapshot is every resource at one moment. It never changes once made.
type Snapshot struct {
	Revision int64
	Synced   time.Time // when the store last confirmed it; zero = never

	AccessKeys     map[string]*AccessKey     // by id
	Configurations map[string]*Configuration // by id
	ProviderKeys   map[string]*ProviderKey   // by id
	Providers      map[string]*Provider      // by id
	Teams          map[string]*Team          // by id
	Budgets        map[string]*Quota         // by id
	Limits         map[string]*Quota         // by id
	APIKeys        map[string]*APIKey        // by id
	Gateway        *GatewayConfig            // nil = nothing set

	AccessTokens map[string]*AccessKey // by TokenHash.Lookup
	APITokens    map[string]*APIKey    // by TokenHash.Lookup

	// Broken are the objects of the store that cannot be read, by id. They are not among those above, so what refers to them
	// finds nothing. A budget or limit among them is for nobody knows whom: whoever counts must let nothing through.
	Broken map[string]Broken

	noStore bool
}

// Broken is an object of the store that cannot be read.
type Broken struct {
	Kind   Kind
	ID     string
	Reason string
}

// Reasons why a snapshot cannot be trusted.
var (
	ErrNeverSynced = errors.New("the store could not be read since the gateway began")
	ErrNotSynced   = errors.New("the store could not be read for too long")
)

// Stale tells why nobody may be let in by the snapshot: it was never read from the store, or not within the limit. Nil where
// it holds. Without a store it always does.
func (s *Snapshot) Stale(now time.Time, limit time.Duration) error {
	switch {
	case s.noStore:
		return nil
	case s.Synced.IsZero():
		return ErrNeverSynced
	case now.Sub(s.Synced) > limit:
		return ErrNotSynced
	default:
		return nil
	}
}

// Static are the resources that come from a file, each with Meta.Static set. They go before those of the store.
type Static struct {
	AccessKeys     []*AccessKey
	Configurations []*Configuration
	ProviderKeys   []*ProviderKey
	Teams          []*Team
	Budgets        []*Quota
	Limits         []*Quota
}

// DirectoryOptions is what a Directory needs.
type DirectoryOptions struct {
	Store store.Store   // nil = only static resources
	Poll  time.Duration // 0 = 500ms
	Log   zerolog.Logger
}

const (
	// defaultPoll tells a gateway of a revoked key in well under two seconds.
	defaultPoll = 500 * time.Millisecond
	// syncTime ends a read of a store that hangs, so that the next may find a connection that does not. The first read of
	// 200,000 keys takes some seconds on a slow machine.
	syncTime = 30 * time.Second
	// maxLogged bounds what one sync says about objects that cannot be read.
	maxLogged = 20
)

// Directory is a Snapshot that follows the store.
type Directory struct {
	o        DirectoryOptions
	newest   atomic.Pointer[Snapshot]
	failures atomic.Int64

	turn    chan struct{} // held by who changes what follows; a channel, so that waiting for it ends with a context
	tables  *tables       // what the store holds
	static  *Static
	last    *merged // what the newest snapshot was made of
	changed []func(before, now *Snapshot)
	failing bool
}

// NewDirectory makes a directory that holds nothing until it is synced.
func NewDirectory(o DirectoryOptions) *Directory {
	if o.Poll <= 0 {
		o.Poll = defaultPoll
	}
	d := &Directory{o: o, turn: make(chan struct{}, 1), tables: newTables(), static: &Static{}}
	d.last = merge(d.tables, d.static, &merged{tables: d.tables, out: &Snapshot{}})
	d.last.out.noStore = o.Store == nil
	d.newest.Store(d.last.out)
	return d
}

// Load returns the newest snapshot; it is never nil.
func (d *Directory) Load() *Snapshot { return d.newest.Load() }

// Failures is how many reads of the store have failed.
func (d *Directory) Failures() int64 { return d.failures.Load() }

// SetStatic puts other static resources in the place of those before. The directory keeps them: they change no more.
func (d *Directory) SetStatic(s *Static) {
	d.turn <- struct{}{}
	defer d.done()
	if s == nil {
		s = &Static{}
	}
	d.static = s
	d.publish(d.Load().Synced)
}

// Sync reads what changed in the store.
func (d *Directory) Sync(ctx context.Context) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.done()
	if d.o.Store == nil {
		return nil
	}
	began := time.Now()
	next, err := d.read(ctx)
	d.tell(err)
	if err != nil {
		return err
	}
	if next == nil && !d.Load().Synced.IsZero() {
		same := *d.Load()
		same.Synced = began
		d.newest.Store(&same)
		return nil
	}
	if next != nil {
		d.replace(next)
	}
	d.publish(began)
	return nil
}

// read returns the tables with what changed in the store, or nil where nothing did.
func (d *Directory) read(ctx context.Context) (*tables, error) {
	since := d.tables.revision
	objects, revision, err := d.o.Store.Changes(ctx, since)
	if errors.Is(err, store.ErrBehind) || err == nil && revision < since {
		// The store is an older copy of itself, or forgot what was deleted: what was read before says nothing about it.
		since = 0
		objects, revision, err = d.o.Store.Changes(ctx, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the store: %w", err)
	}
	if revision == d.tables.revision && len(objects) == 0 {
		return nil, nil //nolint:nilnil // nothing changed
	}
	if since == 0 {
		return newTables().with(objects, revision), nil
	}
	return d.tables.with(objects, revision), nil
}

// absorb takes in a change that was just made to the store, which saves reading it back and holds even where the store fails
// right after. Where others changed something since the directory was synced, it is synced instead.
func (d *Directory) absorb(ctx context.Context, base int64, o store.Object) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	if d.tables.revision == base && !d.Load().Synced.IsZero() {
		defer d.done()
		d.replace(d.tables.with([]store.Object{o}, o.Revision))
		d.publish(d.Load().Synced)
		return nil
	}
	d.done()
	return d.Sync(ctx)
}

func (d *Directory) take(ctx context.Context) error {
	select {
	case d.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for another read of the store: %w", ctx.Err())
	}
}

func (d *Directory) done() { <-d.turn }

// replace puts other tables in place and logs the objects in them that are newly broken.
func (d *Directory) replace(next *tables) {
	logged := 0
	for id, b := range next.broken {
		if old, ok := d.tables.broken[id]; ok && old == b {
			continue
		}
		logged++
		if logged > maxLogged {
			break
		}
		d.o.Log.Error().Str("kind", string(b.Kind)).Str("id", id).Str("reason", b.Reason).
			Msg("an object of the store cannot be read and is refused")
	}
	d.tables = next
}

// publish makes the snapshot of what is there and tells who waits for it.
func (d *Directory) publish(synced time.Time) {
	d.last = merge(d.tables, d.static, d.last)
	now := d.last.out
	now.Synced, now.noStore = synced, d.o.Store == nil
	before := d.newest.Swap(now)
	for _, f := range d.changed {
		f(before, now)
	}
}

// tell counts failures and logs the first of a row, and the end of the row.
func (d *Directory) tell(err error) {
	if err != nil {
		d.failures.Add(1)
		if errors.Is(err, context.Canceled) {
			return // whoever asked gave up, or the gateway ends: that says nothing about the store
		}
		if !d.failing {
			d.failing = true
			d.o.Log.Error().Err(err).Msg("the store of access keys cannot be read; what was read before stays in force for a while")
		}
		return
	}
	if d.failing {
		d.failing = false
		d.o.Log.Info().Msg("the store of access keys can be read again")
	}
}

// OnChange has f called with each snapshot that holds something else than the one before, one call at a time, before Sync
// returns. It is set before Run. It must not call Sync or SetStatic.
func (d *Directory) OnChange(f func(before, now *Snapshot)) { d.changed = append(d.changed, f) }

// Run syncs every Poll until the context ends.
func (d *Directory) Run(ctx context.Context) {
	if d.o.Store == nil {
		return
	}
	timer := time.NewTimer(d.pause())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		d.syncOnce(ctx)
		timer.Reset(d.pause())
	}
}

func (d *Directory) syncOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	_ = d.Sync(ctx) // it is logged and counted where it happens
}

// pause is the time to the next read, spread so that the gateways of a fleet do not ask the store in step.
func (d *Directory) pause() time.Duration {
	return time.Duration(float64(d.o.Poll) * (0.9 + 0.2*rand.Float64())) //nolint:gosec // it spreads load and protects nothing
}
