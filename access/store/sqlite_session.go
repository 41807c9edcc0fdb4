package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// sqliteSession is a transaction and its connection.
type sqliteSession struct {
	conn *sql.Conn
	tx   *sql.Tx
}

func (s sqliteSession) rows(ctx context.Context, q query, args []any, each func(scan scanner) error) error {
	return sqliteRows(ctx, s.tx, q, args, each)
}

// exec goes to the driver itself: what database/sql does for each statement costs as much as a short one.
func (s sqliteSession) exec(ctx context.Context, q query, calls [][]any) (changed []int64, err error) {
	if len(calls) == 0 {
		return nil, nil
	}
	err = s.conn.Raw(func(conn any) error {
		c, ok := conn.(driver.ConnPrepareContext)
		if !ok {
			return fmt.Errorf("the driver prepares no statements: %T", conn)
		}
		changed, err = sqliteExec(ctx, c, unnamed(q), calls)
		return err
	})
	return changed, err
}

// sqliteExec runs a statement once for each list of arguments.
func sqliteExec(ctx context.Context, c driver.ConnPrepareContext, q query, calls [][]any) (changed []int64, err error) {
	// Each statement is short, and one that can be cancelled costs a goroutine: the context is asked in between.
	whole := context.WithoutCancel(ctx)
	prepared, err := c.PrepareContext(whole, string(q))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, prepared.Close()) }()
	st, ok := prepared.(driver.StmtExecContext)
	if !ok {
		return nil, fmt.Errorf("the driver runs no statements: %T", prepared)
	}
	changed = make([]int64, len(calls))
	var values []driver.NamedValue
	for i, args := range calls {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if values, err = sqliteValues(values[:0], args); err != nil {
			return nil, err
		}
		result, err := st.ExecContext(whole, values)
		if err != nil {
			return nil, err
		}
		if changed[i], err = result.RowsAffected(); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

// sqliteValues makes arguments into what drivers take, and adds them to values.
func sqliteValues(values []driver.NamedValue, args []any) ([]driver.NamedValue, error) {
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		values = append(values, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	return values, nil
}

// unnamed writes $1, $2, $3 as question marks where they come in this order, each once. To SQLite $1 is a name, which it looks
// up each time that the argument is bound: for a row of usage that takes as long as to store it.
func unnamed(q query) query {
	before, rest, found := strings.Cut(string(q), "$")
	if !found {
		return q
	}
	var b strings.Builder
	for n := 1; found; n++ {
		b.WriteString(before)
		b.WriteByte('?')
		end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(rest)
		}
		if "$"+rest[:end] != string(placeholder(n)) {
			return q
		}
		before, rest, found = strings.Cut(rest[end:], "$")
	}
	b.WriteString(before)
	return query(b.String())
}

func (s sqliteSession) script(ctx context.Context, q query) error {
	_, err := s.tx.ExecContext(ctx, string(q))
	return err
}

// sqliteRows runs a query in a transaction or on its own.
func sqliteRows(ctx context.Context, on interface {
	QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
}, q query, args []any, each func(scan scanner) error,
) error {
	rows, err := on.QueryContext(ctx, string(q), args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // what it would say, Err says
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
