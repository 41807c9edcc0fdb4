package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// A server has about a hundred connections for everybody; a dozen replicas with this many leave room. An address may say
	// otherwise with pool_max_conns.
	postgresConnections = 8
	// How long a machine that does not answer is waited for, unless the address says otherwise with connect_timeout.
	postgresConnect = 5 * time.Second
	// How long a statement waits for a row or a table that somebody else holds.
	postgresLockWait = 10 * time.Second
	// How many statements are on their way at once: their answers must fit into the buffers of the connection.
	postgresBatch = 500
	// Names the lock under which tables are made, among the locks of others in the same database: "weir" in ASCII.
	postgresMigrationLock = "2003134834"
)

// SQLSTATE codes, https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	postgresReadOnly     = "25006"
	postgresDiskFull     = "53100"
	postgresTooMany      = "53300"
	postgresIOError      = "58030"
	postgresSerialize    = "40001"
	postgresDeadlock     = "40P01"
	postgresConnection   = "08"  // and three more characters
	postgresIntervention = "57P" // shut down, starting up, crashed
)

// postgresServer is a database on a server.
type postgresServer struct{ pool *pgxpool.Pool }

func openPostgres(ctx context.Context, dsn string, now func() time.Time) (Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The error quotes the address, and not every form of it with the password taken out.
		return nil, errors.New("opening the store: its address is not of the form postgres://user:password@host:port/database?option=value")
	}
	if config.MaxConns > postgresConnections && !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = postgresConnections
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = postgresConnect
	}
	for name, value := range map[string]string{
		"application_name":                    "weir",
		"statement_timeout":                   milliseconds(statementLimit),
		"lock_timeout":                        milliseconds(postgresLockWait),
		"idle_in_transaction_session_timeout": milliseconds(statementLimit),
	} {
		if config.ConnConfig.RuntimeParams[name] == "" {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	server := &postgresServer{pool}
	d, err := newDB(server, now)
	if err != nil {
		return nil, errors.Join(err, server.close())
	}
	if d, err = opened(ctx, d, unreachable); err != nil {
		return nil, fmt.Errorf("opening the store in PostgreSQL: %w", err)
	}
	return d, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// unreachable reports whether a server may answer later although it did not now.
func unreachable(err error) bool {
	if errors.Is(err, ErrNewer) {
		return false
	}
	code := postgresCode(err)
	return code == "" || code == postgresTooMany ||
		strings.HasPrefix(code, postgresConnection) || strings.HasPrefix(code, postgresIntervention)
}

func (p *postgresServer) dialect() dialect {
	return dialect{
		name: "postgres",
		// Who comes second waits for all that the first one does.
		lock: "SET LOCAL statement_timeout = '5min'; SET LOCAL lock_timeout = '5min'; SELECT pg_advisory_xact_lock(" +
			postgresMigrationLock + ")",
		exists: "SELECT COUNT(to_regclass('weir_migrations'))",
	}
}

func (p *postgresServer) read(ctx context.Context, q query, args []any, each func(scan scanner) error) error {
	rows, err := p.pool.Query(ctx, string(q), args...)
	return postgresRows(rows, err, each)
}

func (p *postgresServer) write(ctx context.Context, do func(s session) error) error {
	return pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error { return do(postgresSession{tx}) })
}

func (p *postgresServer) close() error {
	p.pool.Close()
	return nil
}

func (p *postgresServer) again(err error) bool {
	code := postgresCode(err)
	return code == postgresSerialize || code == postgresDeadlock
}

func (p *postgresServer) refused(err error) bool {
	code := postgresCode(err)
	return code == postgresReadOnly || code == postgresDiskFull || code == postgresIOError
}

// The errors of PostgreSQL say all there is.
func (p *postgresServer) explain(err error) error { return err }

// postgresCode is the SQLSTATE of an error, "" where the server did not answer with one.
func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// postgresSession is a transaction.
type postgresSession struct{ tx pgx.Tx }

func (s postgresSession) rows(ctx context.Context, q query, args []any, each func(scan scanner) error) error {
	rows, err := s.tx.Query(ctx, string(q), args...)
	return postgresRows(rows, err, each)
}

func (s postgresSession) exec(ctx context.Context, q query, calls [][]any) ([]int64, error) {
	changed := make([]int64, 0, len(calls))
	for len(calls) > 0 {
		part := calls[:min(len(calls), postgresBatch)]
		calls = calls[len(part):]
		batch := &pgx.Batch{}
		for _, args := range part {
			batch.Queue(string(q), args...)
		}
		results := s.tx.SendBatch(ctx, batch)
		for range part {
			tag, err := results.Exec()
			if err != nil {
				return nil, errors.Join(err, results.Close())
			}
			changed = append(changed, tag.RowsAffected())
		}
		if err := results.Close(); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

func (s postgresSession) script(ctx context.Context, q query) error {
	_, err := s.tx.Exec(ctx, string(q), pgx.QueryExecModeSimpleProtocol)
	return err
}

func postgresRows(rows pgx.Rows, err error, each func(scan scanner) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
