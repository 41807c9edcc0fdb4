package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"weir/access/store"
)

const (
	// maxTries is how often a change is decided anew because another gateway changed something first. Gateways of a fleet
	// rarely write at once; one that loses this often is better told.
	maxTries = 8
	// retryPause is the mean wait before the second try; it grows with each. Writes take a few milliseconds.
	retryPause = 10 * time.Millisecond
	// maxAccessKeys bounds the keys of one store. Every gateway holds all of them in memory, about 1 KiB each, and copies
	// the table of them for each change: at this many that is a quarter of a gigabyte and some tens of milliseconds.
	maxAccessKeys = 200_000
	// maxOthers bounds the resources of every other kind, which the meter and each check walk through.
	maxOthers = 20_000
)

// change is what one call of the Manager comes to.
type change struct {
	id          string
	before, now Resource // nil = there was none, there is none any more
	action      string
	token       string // that was made with it
}

// commit decides on a change by the newest state of the store and writes it; where somebody else wrote first, it is decided
// again. A change that is nil is done without writing.
func (m *Manager) commit(ctx context.Context, a Actor, k Kind, o WriteOptions, decide func(s *Snapshot, now time.Time) (*change, error)) error {
	if m.o.Store == nil {
		return ErrNoStore
	}
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for another change: %w", ctx.Err())
	}
	defer func() { <-m.turn }()
	var err error
	for try := range maxTries {
		if err := pause(ctx, try); err != nil {
			return err
		}
		if err := m.o.Directory.Sync(ctx); err != nil {
			return err
		}
		s := m.o.Directory.Load()
		c, decided := decide(s, m.o.Now().UTC().Truncate(time.Microsecond))
		if decided != nil || c == nil {
			return decided
		}
		if err = m.write(ctx, a, k, s.Revision, c, o); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("other gateways keep changing the store: %w", err)
}

func pause(ctx context.Context, try int) error {
	if try == 0 {
		return nil
	}
	wait := time.Duration(float64(retryPause) * float64(try) * (0.5 + rand.Float64())) //nolint:gosec // it spreads load and protects nothing
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to try again: %w", ctx.Err())
	}
}

// write applies a change on top of a revision.
func (m *Manager) write(ctx context.Context, a Actor, k Kind, base int64, c *change, o WriteOptions) error {
	change := &store.Change{Base: base, Writes: []store.Write{{Kind: string(k), ID: c.id}}}
	if c.now != nil {
		c.now.Common().Revision = base + 1
		body, err := json.Marshal(c.now)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", k.words(), err)
		}
		change.Writes[0].Body = body
	}
	entry, err := m.audit(a, k, c)
	if err != nil {
		return err
	}
	change.Audit = []store.AuditEntry{*entry}
	if change.Idempotent, err = m.answer(ctx, c, o); err != nil {
		return err
	}
	revision, err := m.o.Store.Apply(ctx, change)
	if err != nil {
		return fmt.Errorf("writing %s %s: %w", k.words(), c.id, err)
	}
	if c.now != nil {
		c.now.Common().Revision = revision
	}
	w := &change.Writes[0]
	// The change is made: that this gateway could not wait for its turn to see it is no reason to have it made again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), syncTime)
	defer cancel()
	_ = m.o.Directory.absorb(ctx, base, store.Object{Kind: w.Kind, ID: w.ID, Revision: revision, Deleted: w.Body == nil, Body: w.Body})
	return nil
}

// answer makes the answer to keep with a change, or finds that one was given before.
func (m *Manager) answer(ctx context.Context, c *change, o WriteOptions) (*store.Idempotent, error) {
	r := c.now
	if r == nil {
		r = c.before
	}
	var out *store.Idempotent
	var err error
	switch {
	case o.AnswerToken != nil:
		out, err = o.AnswerToken(r, c.token)
	case o.Answer != nil:
		out, err = o.Answer(r)
	}
	if err != nil {
		return nil, fmt.Errorf("making the answer to keep: %w", err)
	}
	if out == nil {
		return nil, nil //nolint:nilnil // nobody asked for one
	}
	before, err := m.o.Store.Idempotent(ctx, out.Key)
	if err != nil {
		return nil, fmt.Errorf("looking for an answer given before: %w", err)
	}
	if before != nil {
		return nil, &Replayed{Answer: before}
	}
	return out, nil
}

// room tells whether there is room for one more of a kind.
func room(s *Snapshot, k Kind) error {
	limit := maxOthers
	if k == KindAccessKey {
		limit = maxAccessKeys
	}
	if s.count(k) < limit {
		return nil
	}
	return fmt.Errorf("a store holds %d of the kind %s at most: %w", limit, k.words(), ErrFull)
}
