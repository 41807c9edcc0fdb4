package main

import (
	"time"

	"weir/server"
)

// upWithin is how old the snapshot may be while the store counts as up: several reads, of which one may be slow.
const upWithin = 5 * time.Second

// Ready reports whether keys can be checked and usage recorded: where they cannot, another gateway may be able to.
func (s *accessService) Ready() bool { return s.gate.Err() == nil && s.journal.Err() == nil }

// Metrics tells how the store, the counters and the usage queue are.
func (s *accessService) Metrics(add func(name, help string, value int64)) {
	now := s.directory.Load()
	age := int64(-1)
	up := false
	if !now.Synced.IsZero() {
		since := time.Since(now.Synced)
		age, up = int64(since.Seconds()), since < upWithin
	}
	add("weir_access_keys", "Access keys that the gateway knows.", int64(len(now.AccessKeys)))
	add("weir_access_snapshot_age_seconds", "Time since access keys were last confirmed by the store; -1 = never.", age)
	add("weir_store_up", "1 if the store was read within the last seconds.", one(up))
	add("weir_counters_up", "1 if the counters of budgets and limits can be reached.", one(s.countersUp()))
	add("weir_usage_pending", "Usage rows that the store does not have yet.", s.journal.Pending())
	if s.config.File != "" {
		add("weir_access_file_ok", "1 if the file of static access keys was loaded as it is now; otherwise its earlier state is in force.", one(!s.static.failed.Load()))
	}
	add("weir_usage_journal_ok", "1 if usage can be written to disk; otherwise calls are refused.", one(s.journal.Err() == nil))
}

// countersUp asks counters that can be away.
func (s *accessService) countersUp() bool {
	c, ok := s.counters.(interface{ Up() bool })
	return !ok || c.Up()
}

func one(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

var _ server.AccessStats = (*accessService)(nil)
