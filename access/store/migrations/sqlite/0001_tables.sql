-- One row: the revision of the last change, and the last revision whose deletions may be forgotten.
CREATE TABLE weir_meta (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  revision INTEGER NOT NULL,
  pruned   INTEGER NOT NULL
) STRICT;
INSERT INTO weir_meta (one, revision, pruned) VALUES (1, 0, 0);

-- Resources. A deleted one stays for a while so that replicas learn of it. Changed is in Unix seconds.
CREATE TABLE weir_objects (
  kind     TEXT    NOT NULL,
  id       TEXT    NOT NULL,
  revision INTEGER NOT NULL,
  deleted  INTEGER NOT NULL,
  changed  INTEGER NOT NULL,
  body     BLOB,
  PRIMARY KEY (kind, id)
) STRICT;
CREATE INDEX weir_objects_revision ON weir_objects (revision);
CREATE INDEX weir_objects_deleted ON weir_objects (revision) WHERE deleted;

-- Times of entries are Unix nanoseconds.
CREATE TABLE weir_audit (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  at        INTEGER NOT NULL,
  actor     TEXT    NOT NULL,
  role      TEXT    NOT NULL,
  action    TEXT    NOT NULL,
  kind      TEXT    NOT NULL,
  object_id TEXT    NOT NULL,
  remote    TEXT    NOT NULL,
  detail    BLOB
) STRICT;
CREATE TRIGGER weir_audit_update BEFORE UPDATE ON weir_audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER weir_audit_delete BEFORE DELETE ON weir_audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER weir_audit_insert BEFORE INSERT ON weir_audit WHEN EXISTS (SELECT 1 FROM weir_audit WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Answers to requests that must not be done twice. Expires is in Unix seconds.
CREATE TABLE weir_idempotency (
  key     TEXT    PRIMARY KEY,
  request BLOB,
  status  INTEGER NOT NULL,
  body    BLOB,
  expires INTEGER NOT NULL
) STRICT;
CREATE INDEX weir_idempotency_expires ON weir_idempotency (expires);

-- One row an attempt. At is in Unix nanoseconds, cost in 10^-12 USD.
CREATE TABLE weir_usage (
  id              TEXT    PRIMARY KEY,
  at              INTEGER NOT NULL,
  request_id      TEXT    NOT NULL,
  access_key_id   TEXT    NOT NULL,
  caller_id       TEXT    NOT NULL,
  team_id         TEXT    NOT NULL,
  tags            TEXT    NOT NULL,
  api             TEXT    NOT NULL,
  provider        TEXT    NOT NULL,
  model           TEXT    NOT NULL,
  attempt         INTEGER NOT NULL,
  final           INTEGER NOT NULL,
  status          INTEGER NOT NULL,
  code            TEXT    NOT NULL,
  timed_out       INTEGER NOT NULL,
  streaming       INTEGER NOT NULL,
  stop_reason     TEXT    NOT NULL,
  input           INTEGER NOT NULL,
  output          INTEGER NOT NULL,
  cache_read      INTEGER NOT NULL,
  cache_write     INTEGER NOT NULL,
  reasoning       INTEGER NOT NULL,
  usage_known     INTEGER NOT NULL,
  estimated       INTEGER NOT NULL,
  cost            INTEGER NOT NULL,
  cost_known      INTEGER NOT NULL,
  key_source      TEXT    NOT NULL,
  provider_key_id TEXT    NOT NULL,
  latency_ms      INTEGER NOT NULL,
  first_token_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX weir_usage_at ON weir_usage (at, id);
CREATE INDEX weir_usage_key ON weir_usage (access_key_id, at, id);
CREATE INDEX weir_usage_team ON weir_usage (team_id, at, id);

CREATE TABLE weir_usage_tags (
  usage_id TEXT NOT NULL,
  name     TEXT NOT NULL,
  value    TEXT NOT NULL,
  PRIMARY KEY (usage_id, name)
) STRICT, WITHOUT ROWID;

-- When a key was used last, in Unix nanoseconds.
CREATE TABLE weir_key_use (
  id TEXT    PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What durable counters hold, one row a slot. Slot and expires are in Unix seconds, 0 = for ever.
CREATE TABLE weir_spend (
  counter TEXT    NOT NULL,
  slot    INTEGER NOT NULL,
  amount  INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (counter, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX weir_spend_expires ON weir_spend (expires) WHERE expires <> 0;
