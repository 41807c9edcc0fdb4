package store

import (
	"context"
	"fmt"
	"math"
	"time"
)

const (
	// The most entries or rows in one answer.
	maxPage = 1000
	// How long deletions are remembered for replicas that were away.
	tombstoneLife = 24 * time.Hour
)

// Changes lists the objects changed since a revision and the newest revision.
func (d *db) Changes(ctx context.Context, since int64) ([]Object, int64, error) {
	// One statement sees one state: an object is never newer than the revision that comes with it.
	const q query = `SELECT m.revision, m.pruned, o.kind, o.id, o.revision, o.deleted, o.body FROM weir_meta m
		LEFT JOIN weir_objects o ON o.revision > $1 AND NOT (o.deleted AND $2) ORDER BY o.revision, o.kind, o.id`
	var (
		objects        []Object
		newest, pruned int64
	)
	err := d.query(ctx, q, []any{since, since == 0}, func(scan scanner) error {
		var (
			kind, id *string // without any change there is one row without an object
			revision *int64
			deleted  *bool
			body     []byte
		)
		if err := scan(&newest, &pruned, &kind, &id, &revision, &deleted, &body); err != nil {
			return err
		}
		if kind != nil && id != nil && revision != nil && deleted != nil {
			objects = append(objects, Object{*kind, *id, *revision, *deleted, body})
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("reading what changed in the store: %w", err)
	case since != 0 && (since < pruned || since > newest):
		return nil, 0, fmt.Errorf("reading what changed in the store since revision %d: %w", since, ErrBehind)
	}
	return objects, newest, nil
}

// Apply does a change as a whole or not at all and returns the revision that it made.
func (d *db) Apply(ctx context.Context, c *Change) (int64, error) {
	objects, audit, err := changeRows(c, c.Base+1, d.now())
	if err != nil {
		return 0, fmt.Errorf("changing the store: %w", err)
	}
	err = d.change(ctx, func(ctx context.Context, s session) error {
		const revision query = "UPDATE weir_meta SET revision = revision + 1 WHERE revision = $1"
		if n, err := s.exec(ctx, revision, [][]any{{c.Base}}); err != nil {
			return err
		} else if n[0] == 0 {
			return ErrConflict
		}
		if err := d.applyIdempotent(ctx, s, c.Idempotent); err != nil {
			return err
		}
		const write query = `INSERT INTO weir_objects (kind, id, revision, deleted, changed, body) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (kind, id) DO UPDATE SET revision = excluded.revision, deleted = excluded.deleted,
			changed = excluded.changed, body = excluded.body`
		if _, err := s.exec(ctx, write, objects); err != nil {
			return err
		}
		const entry query = `INSERT INTO weir_audit (at, actor, role, action, kind, object_id, remote, detail)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
		_, err := s.exec(ctx, entry, audit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("changing the store: %w", err)
	}
	d.tidy(ctx)
	return c.Base + 1, nil
}

// changeRows makes the rows of objects and of the audit log.
func changeRows(c *Change, revision int64, now time.Time) (objects, audit [][]any, err error) {
	objects, audit = make([][]any, 0, len(c.Writes)), make([][]any, 0, len(c.Audit))
	for i := range c.Writes {
		w := &c.Writes[i]
		// An object that came back under another name would be a different one.
		if w.Kind == "" || w.ID == "" || text(w.Kind) != w.Kind || text(w.ID) != w.ID {
			return nil, nil, fmt.Errorf("%q %q is not a name that can be stored", w.Kind, w.ID)
		}
		objects = append(objects, []any{w.Kind, w.ID, revision, w.Body == nil, now.Unix(), w.Body})
	}
	for i := range c.Audit {
		a := &c.Audit[i]
		audit = append(audit, []any{
			nanoseconds(a.Time), clean(a.Actor), clean(a.Role), clean(a.Action), text(a.Kind), text(a.ObjectID), clean(a.Remote), a.Detail,
		})
	}
	return objects, audit, nil
}

// applyIdempotent keeps an answer, unless there is one that has not expired.
func (d *db) applyIdempotent(ctx context.Context, s session, i *Idempotent) error {
	if i == nil {
		return nil
	}
	const q query = `INSERT INTO weir_idempotency (key, request, status, body, expires) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (key) DO UPDATE SET request = excluded.request, status = excluded.status, body = excluded.body,
		expires = excluded.expires WHERE weir_idempotency.expires <= $6`
	n, err := s.exec(ctx, q, [][]any{{text(i.Key), i.Request, i.Status, i.Body, i.Expires.Unix(), d.now().Unix()}})
	if err != nil {
		return err
	}
	if n[0] == 0 {
		return fmt.Errorf("%w: %w", ErrConflict, ErrAnswered)
	}
	return nil
}

// Idempotent finds the answer that was given under a key.
func (d *db) Idempotent(ctx context.Context, key string) (*Idempotent, error) {
	const q query = "SELECT request, status, body, expires FROM weir_idempotency WHERE key = $1 AND expires > $2"
	var found *Idempotent
	err := d.query(ctx, q, []any{text(key), d.now().Unix()}, func(scan scanner) error {
		i, expires := &Idempotent{Key: key}, int64(0)
		if err := scan(&i.Request, &i.Status, &i.Body, &expires); err != nil {
			return err
		}
		i.Expires = time.Unix(expires, 0).UTC()
		found = i
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for an earlier answer: %w", err)
	}
	return found, nil
}

// Audit lists entries, newest first.
func (d *db) Audit(ctx context.Context, before int64, limit int) ([]AuditEntry, error) {
	const q query = `SELECT id, at, actor, role, action, kind, object_id, remote, detail FROM weir_audit
		WHERE id < $1 ORDER BY id DESC LIMIT $2`
	if before <= 0 {
		before = math.MaxInt64
	}
	var entries []AuditEntry
	err := d.query(ctx, q, []any{before, page(limit)}, func(scan scanner) error {
		var (
			e  AuditEntry
			at int64
		)
		if err := scan(&e.ID, &at, &e.Actor, &e.Role, &e.Action, &e.Kind, &e.ObjectID, &e.Remote, &e.Detail); err != nil {
			return err
		}
		e.Time = moment(at)
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return entries, nil
}

// page is a limit as it holds.
func page(limit int) int {
	if limit <= 0 {
		return maxPage
	}
	return min(limit, maxPage)
}

// nanoseconds is how times are stored; the zero time is 0.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// moment is a time that was stored.
func moment(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}
