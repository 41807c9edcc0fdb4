// Package store keeps the resources of access, usage and the audit log: in SQLite by default, in PostgreSQL for fleets.
package store

import (
	"context"
	"errors"
	"time"
)

// Errors that callers tell apart. Others mean that the store cannot be used now.
var (
	// ErrConflict is returned by Apply where somebody else changed something first.
	ErrConflict = errors.New("the store was changed meanwhile")
	// ErrReadOnly is returned for writes where the disk or the server takes none.
	ErrReadOnly = errors.New("the store takes no writes")
	// ErrBehind is returned by Changes where what happened since a revision is not known any more: deletions are remembered
	// for a day, and a store that was put back from a copy is older than its readers. They list everything, from 0.
	ErrBehind = errors.New("the revision is not one that changes are known since")
	// ErrAnswered is returned by Apply, together with ErrConflict, where another request with the key of Change.Idempotent
	// came first: its answer can be read.
	ErrAnswered = errors.New("a request with this idempotency key was answered meanwhile")
	// ErrCursor is returned for a cursor that did not come from an earlier answer.
	ErrCursor = errors.New("the cursor is not from an earlier answer")
	// ErrTooMany is returned by Overview where the answer would not fit: a shorter time or fewer groups will.
	ErrTooMany = errors.New("there are too many groups")
	// ErrNewer is returned on opening a store that a newer version of the program has changed.
	ErrNewer = errors.New("the store was made by a newer version of weir")
)

// Object is one resource as it is stored. Body is JSON that the store does not look into.
type Object struct {
	Kind, ID string
	Revision int64
	Deleted  bool // a tombstone: Body is nil
	Body     []byte
}

// Write is one change of Apply: a new or changed object, or its deletion.
type Write struct {
	Kind, ID string
	Body     []byte // nil = delete
}

// AuditEntry is one line of the append-only audit log.
type AuditEntry struct {
	ID       int64 // given by the store, ascending
	Time     time.Time
	Actor    string // name of the admin token or user
	Role     string
	Action   string // create, update, delete, rotate
	Kind     string
	ObjectID string
	Remote   string // address it came from
	Detail   []byte // JSON: the fields that changed, without secrets
}

// Idempotent is the answer to a request that must not be done twice.
type Idempotent struct {
	Key     string // hash over the caller, the path and the key that the client gave
	Request []byte // hash of the request's body
	Status  int
	Body    []byte
	Expires time.Time
}

// Change is everything that Apply does at once.
type Change struct {
	Base       int64 // the revision that it was decided on; ErrConflict where it is no longer the newest
	Writes     []Write
	Audit      []AuditEntry
	Idempotent *Idempotent // nil = none
}

// Usage is one attempt of one exchange.
type Usage struct {
	ID            string    `json:"id"` // request id and attempt number: a second one with the same id is dropped
	Time          time.Time `json:"time"`
	RequestID     string    `json:"request_id"`
	AccessKeyID   string    `json:"access_key_id,omitempty"`
	CallerID      string    `json:"caller_id,omitempty"` // with its kind in front for others than access keys
	TeamID        string    `json:"team_id,omitempty"`
	Tags          string    `json:"tags,omitempty"` // JSON object, "" = none
	API           string    `json:"api"`
	Provider      string    `json:"provider"`
	Model         string    `json:"model"`
	Attempt       int       `json:"attempt"` // from 1
	Final         bool      `json:"final"`
	Status        int       `json:"status"`         // of the provider; 0 = no response
	Code          string    `json:"code,omitempty"` // Weir's, "" = success
	TimedOut      bool      `json:"timed_out,omitempty"`
	Streaming     bool      `json:"streaming,omitempty"`
	StopReason    string    `json:"stop_reason,omitempty"`
	Input         int64     `json:"input"`
	Output        int64     `json:"output"`
	CacheRead     int64     `json:"cache_read"`
	CacheWrite    int64     `json:"cache_write"`
	Reasoning     int64     `json:"reasoning"`
	UsageKnown    bool      `json:"usage_known"`
	Estimated     bool      `json:"estimated,omitempty"` // counted by Weir: the provider did not tell
	Cost          int64     `json:"cost"`                // 10^-12 USD
	CostKnown     bool      `json:"cost_known"`
	KeySource     string    `json:"key_source"` // none, gateway, user, client
	ProviderKeyID string    `json:"provider_key_id,omitempty"`
	LatencyMS     int64     `json:"latency_ms"`
	FirstTokenMS  int64     `json:"first_token_ms,omitempty"` // 0 = not a stream
	// Spend is what the attempt adds to durable counters.
	Spend []Spend `json:"spend,omitempty"`
}

// Spend is an amount in one slot of one counter.
type Spend struct {
	Counter string `json:"counter"`
	Slot    int64  `json:"slot"`              // when the slot began, Unix seconds; 0 = for ever
	Amount  int64  `json:"amount"`            // in the counter's unit; USD in billionths
	Expires int64  `json:"expires,omitempty"` // Unix seconds when the slot may be forgotten; 0 = never
}

// UsageQuery selects rows of usage, newest first. Zero fields do not select.
type UsageQuery struct {
	Start, End                           time.Time // Start is inclusive, End exclusive
	AccessKeyID, TeamID, Provider, Model string
	Tag, TagValue                        string
	FinalOnly                            bool
	Cursor                               string // of an earlier answer
	Limit                                int    // 1 to 1000
}

// OverviewQuery groups usage by UTC day and by one dimension.
type OverviewQuery struct {
	UsageQuery

	GroupBy string // provider, model, access_key, team, or tag (with Tag set)
}

// Bucket is one day of one group.
type Bucket struct {
	Day                   time.Time
	Group                 string
	Cost                  int64 // 10^-12 USD of all attempts whose cost is known, stopped at the largest int64
	CostUnknown           int64 // attempts whose cost is not known
	Requests, Errors      int64 // final attempts
	Attempts              int64
	Input, Output, Cached int64
}

// Store keeps everything. Methods may run at the same time; each ends when its context does.
type Store interface {
	// Changes lists the objects changed since a revision, deleted ones too, and the newest revision; 0 lists all live ones.
	// ErrBehind asks for that.
	Changes(ctx context.Context, since int64) ([]Object, int64, error)
	// Apply does a change as a whole or not at all and returns the revision that it made.
	Apply(ctx context.Context, c *Change) (int64, error)
	// Idempotent finds the answer that was given under a key, nil where none was or it expired.
	Idempotent(ctx context.Context, key string) (*Idempotent, error)
	// Audit lists entries, newest first, older than an id (0 = from the newest).
	Audit(ctx context.Context, before int64, limit int) ([]AuditEntry, error)

	// AppendUsage adds rows and their Spend, all or nothing; rows that are there already are dropped with their Spend. It
	// notes the last use of access keys and provider keys.
	AppendUsage(ctx context.Context, rows []Usage) error
	// Usage lists rows and a cursor for those after them, "" at the end.
	Usage(ctx context.Context, q *UsageQuery) ([]Usage, string, error)
	// Overview adds usage up.
	Overview(ctx context.Context, q *OverviewQuery) ([]Bucket, error)
	// LastUsed tells when each of the keys was used last; keys that never were are left out.
	LastUsed(ctx context.Context, ids []string) (map[string]time.Time, error)
	// Spent returns the slots of one counter, or with "" of all, that begin at or after a time in Unix seconds or are for ever.
	Spent(ctx context.Context, counter string, since int64) ([]Spend, error)

	// Ping reports whether the store can be read now.
	Ping(ctx context.Context) error
	// Close lets go of it.
	Close() error
}
