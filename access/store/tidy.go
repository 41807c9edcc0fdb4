package store

import (
	"context"
	"time"
)

const (
	// Old rows are looked for this often at most, after a write.
	tidyInterval = time.Minute
	// So many of each kind are deleted at once, so that no call waits long for it; more than come in a minute on any but the
	// busiest gateways, and those catch up.
	tidyRows = 5000
)

// tidy deletes what has expired, now and then. It is part of no change: where it fails, the next one does it.
func (d *db) tidy(ctx context.Context) {
	now, last := d.now().Unix(), d.tidied.Load()
	if now-last < int64(tidyInterval/time.Second) || !d.tidied.CompareAndSwap(last, now) {
		return
	}
	_ = d.change(ctx, func(ctx context.Context, s session) error { return tidyTombstones(ctx, s, now) })
	for _, q := range []query{
		"DELETE FROM weir_idempotency WHERE key IN (SELECT key FROM weir_idempotency WHERE expires <= $1 LIMIT $2)",
		`DELETE FROM weir_spend WHERE (counter, slot) IN
			(SELECT counter, slot FROM weir_spend WHERE expires <> 0 AND expires <= $1 ORDER BY expires LIMIT $2)`,
	} {
		_ = d.change(ctx, func(ctx context.Context, s session) error {
			_, err := s.exec(ctx, q, [][]any{{now, tidyRows}})
			return err
		})
	}
}

// tidyTombstones forgets old deletions, and notes up to which revision it did.
func tidyTombstones(ctx context.Context, s session, now int64) error {
	const oldest query = `SELECT COALESCE(MAX(revision), 0) FROM
		(SELECT revision FROM weir_objects WHERE deleted AND changed < $1 ORDER BY revision LIMIT $2) AS old`
	before := now - int64(tombstoneLife/time.Second)
	var revision int64
	err := s.rows(ctx, oldest, []any{before, tidyRows}, func(scan scanner) error { return scan(&revision) })
	if err != nil || revision == 0 {
		return err
	}
	if _, err = s.exec(ctx, "UPDATE weir_meta SET pruned = $1 WHERE pruned < $1", [][]any{{revision}}); err != nil {
		return err
	}
	const forget query = "DELETE FROM weir_objects WHERE deleted AND revision <= $1 AND changed < $2"
	_, err = s.exec(ctx, forget, [][]any{{revision, before}})
	return err
}
