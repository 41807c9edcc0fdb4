-- Names and ids are compared byte by byte, as SQLite does it, whatever the language of the database.
-- One row: the revision of the last change, and the last revision whose deletions may be forgotten.
CREATE TABLE weir_meta (
  one      BIGINT PRIMARY KEY CHECK (one = 1),
  revision BIGINT NOT NULL,
  pruned   BIGINT NOT NULL
);
INSERT INTO weir_meta (one, revision, pruned) VALUES (1, 0, 0);

-- Resources. A deleted one stays for a while so that replicas learn of it. Changed is in Unix seconds.
CREATE TABLE weir_objects (
  kind     TEXT COLLATE "C" NOT NULL,
  id       TEXT COLLATE "C" NOT NULL,
  revision BIGINT NOT NULL,
  deleted  BOOLEAN NOT NULL,
  changed  BIGINT NOT NULL,
  body     BYTEA,
  PRIMARY KEY (kind, id)
);
CREATE INDEX weir_objects_revision ON weir_objects (revision);
CREATE INDEX weir_objects_deleted ON weir_objects (revision) WHERE deleted;

-- Times of entries are Unix nanoseconds.
CREATE TABLE weir_audit (
  id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at        BIGINT NOT NULL,
  actor     TEXT NOT NULL,
  role      TEXT NOT NULL,
  action    TEXT NOT NULL,
  kind      TEXT COLLATE "C" NOT NULL,
  object_id TEXT COLLATE "C" NOT NULL,
  remote    TEXT NOT NULL,
  detail    BYTEA
);
CREATE FUNCTION weir_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log is append-only'; END
$$;
CREATE TRIGGER weir_audit_change BEFORE UPDATE OR DELETE OR TRUNCATE ON weir_audit
FOR EACH STATEMENT EXECUTE FUNCTION weir_audit_refuse();

-- Answers to requests that must not be done twice. Expires is in Unix seconds.
CREATE TABLE weir_idempotency (
  key     TEXT COLLATE "C" PRIMARY KEY,
  request BYTEA,
  status  BIGINT NOT NULL,
  body    BYTEA,
  expires BIGINT NOT NULL
);
CREATE INDEX weir_idempotency_expires ON weir_idempotency (expires);

-- One row an attempt. At is in Unix nanoseconds, cost in 10^-12 USD.
CREATE TABLE weir_usage (
  id              TEXT COLLATE "C" PRIMARY KEY,
  at              BIGINT NOT NULL,
  request_id      TEXT NOT NULL,
  access_key_id   TEXT COLLATE "C" NOT NULL,
  caller_id       TEXT NOT NULL,
  team_id         TEXT COLLATE "C" NOT NULL,
  tags            TEXT NOT NULL,
  api             TEXT NOT NULL,
  provider        TEXT COLLATE "C" NOT NULL,
  model           TEXT COLLATE "C" NOT NULL,
  attempt         BIGINT NOT NULL,
  final           BOOLEAN NOT NULL,
  status          BIGINT NOT NULL,
  code            TEXT NOT NULL,
  timed_out       BOOLEAN NOT NULL,
  streaming       BOOLEAN NOT NULL,
  stop_reason     TEXT NOT NULL,
  input           BIGINT NOT NULL,
  output          BIGINT NOT NULL,
  cache_read      BIGINT NOT NULL,
  cache_write     BIGINT NOT NULL,
  reasoning       BIGINT NOT NULL,
  usage_known     BOOLEAN NOT NULL,
  estimated       BOOLEAN NOT NULL,
  cost            BIGINT NOT NULL,
  cost_known      BOOLEAN NOT NULL,
  key_source      TEXT NOT NULL,
  provider_key_id TEXT NOT NULL,
  latency_ms      BIGINT NOT NULL,
  first_token_ms  BIGINT NOT NULL
);
CREATE INDEX weir_usage_at ON weir_usage (at, id);
CREATE INDEX weir_usage_key ON weir_usage (access_key_id, at, id);
CREATE INDEX weir_usage_team ON weir_usage (team_id, at, id);

CREATE TABLE weir_usage_tags (
  usage_id TEXT COLLATE "C" NOT NULL,
  name     TEXT COLLATE "C" NOT NULL,
  value    TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (usage_id, name)
);

-- When a key was used last, in Unix nanoseconds.
CREATE TABLE weir_key_use (
  id TEXT COLLATE "C" PRIMARY KEY,
  at BIGINT NOT NULL
);

-- What durable counters hold, one row a slot. Slot and expires are in Unix seconds, 0 = for ever.
CREATE TABLE weir_spend (
  counter TEXT COLLATE "C" NOT NULL,
  slot    BIGINT NOT NULL,
  amount  BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  PRIMARY KEY (counter, slot)
);
CREATE INDEX weir_spend_expires ON weir_spend (expires) WHERE expires <> 0;
