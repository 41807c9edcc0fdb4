package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The most tags of a row that can be selected by; all are stored. A request with more is not labelled but stuffed.
const maxTags = 32

const usageColumns query = `u.id, u.at, u.request_id, u.access_key_id, u.caller_id, u.team_id, u.tags, u.api, u.provider, u.model,
	u.attempt, u.final, u.status, u.code, u.timed_out, u.streaming, u.stop_reason, u.input, u.output, u.cache_read, u.cache_write,
	u.reasoning, u.usage_known, u.estimated, u.cost, u.cost_known, u.key_source, u.provider_key_id, u.latency_ms, u.first_token_ms`

// usageArgs are the values of the columns of a row, in their order.
func usageArgs(u *Usage) []any {
	return []any{
		text(u.ID), nanoseconds(u.Time), clean(u.RequestID), text(u.AccessKeyID), clean(u.CallerID), text(u.TeamID), clean(u.Tags),
		clean(u.API), text(u.Provider), text(u.Model), u.Attempt, u.Final, u.Status, clean(u.Code), u.TimedOut, u.Streaming,
		clean(u.StopReason), u.Input, u.Output, u.CacheRead, u.CacheWrite, u.Reasoning, u.UsageKnown, u.Estimated, u.Cost,
		u.CostKnown, clean(u.KeySource), clean(u.ProviderKeyID), u.LatencyMS, u.FirstTokenMS,
	}
}

// scanUsage reads the columns of a row.
func scanUsage(scan scanner) (u Usage, at int64, err error) {
	err = scan(&u.ID, &at, &u.RequestID, &u.AccessKeyID, &u.CallerID, &u.TeamID, &u.Tags, &u.API, &u.Provider, &u.Model,
		&u.Attempt, &u.Final, &u.Status, &u.Code, &u.TimedOut, &u.Streaming, &u.StopReason, &u.Input, &u.Output, &u.CacheRead,
		&u.CacheWrite, &u.Reasoning, &u.UsageKnown, &u.Estimated, &u.Cost, &u.CostKnown, &u.KeySource, &u.ProviderKeyID,
		&u.LatencyMS, &u.FirstTokenMS)
	u.Time = moment(at)
	return u, at, err
}

// AppendUsage adds rows and their Spend, all or nothing.
func (d *db) AppendUsage(ctx context.Context, rows []Usage) error {
	if len(rows) == 0 {
		return nil
	}
	// Rows are locked in one order everywhere, so that batches of several gateways wait for each other and do not block.
	sorted := make([]*Usage, len(rows))
	for i := range rows {
		sorted[i] = &rows[i]
	}
	slices.SortStableFunc(sorted, func(a, b *Usage) int { return cmp.Compare(text(a.ID), text(b.ID)) })
	calls := make([][]any, len(sorted))
	for i, u := range sorted {
		calls[i] = usageArgs(u)
	}
	err := d.change(ctx, func(ctx context.Context, s session) error {
		const q query = `INSERT INTO weir_usage (id, at, request_id, access_key_id, caller_id, team_id, tags, api, provider, model,
			attempt, final, status, code, timed_out, streaming, stop_reason, input, output, cache_read, cache_write, reasoning,
			usage_known, estimated, cost, cost_known, key_source, provider_key_id, latency_ms, first_token_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
			$25, $26, $27, $28, $29, $30) ON CONFLICT (id) DO NOTHING`
		changed, err := s.exec(ctx, q, calls)
		if err != nil {
			return err
		}
		fresh := make([]*Usage, 0, len(sorted))
		for i, n := range changed {
			if n > 0 {
				fresh = append(fresh, sorted[i])
			}
		}
		return appendFresh(ctx, s, fresh)
	})
	if err != nil {
		return fmt.Errorf("storing usage: %w", err)
	}
	d.tidy(ctx)
	return nil
}

// appendFresh stores what belongs to rows that were not there before.
func appendFresh(ctx context.Context, s session, rows []*Usage) error {
	tags := make([][]any, 0, len(rows))
	parsed := map[string]map[string]string{} // by their JSON: rows of one key have the same ones
	used := map[string]int64{}
	for _, u := range rows {
		found, known := parsed[u.Tags]
		if !known {
			found = tagsOf(u.Tags)
			parsed[u.Tags] = found
		}
		for name, value := range found {
			tags = append(tags, []any{text(u.ID), name, value})
		}
		for _, id := range []string{text(u.AccessKeyID), text(u.ProviderKeyID)} {
			if id != "" {
				used[id] = max(used[id], nanoseconds(u.Time))
			}
		}
	}
	const tag query = "INSERT INTO weir_usage_tags (usage_id, name, value) VALUES ($1, $2, $3)"
	if _, err := s.exec(ctx, tag, tags); err != nil {
		return err
	}
	if err := appendSpend(ctx, s, rows); err != nil {
		return err
	}
	uses := make([][]any, 0, len(used))
	for _, id := range slices.Sorted(maps.Keys(used)) {
		uses = append(uses, []any{id, used[id]})
	}
	const use query = `INSERT INTO weir_key_use (id, at) VALUES ($1, $2)
		ON CONFLICT (id) DO UPDATE SET at = excluded.at WHERE excluded.at > weir_key_use.at`
	_, err := s.exec(ctx, use, uses)
	return err
}

// tagsOf reads the JSON of tags. What is not an object has none.
func tagsOf(tags string) map[string]string {
	var fields map[string]json.RawMessage
	if tags == "" || json.Unmarshal([]byte(tags), &fields) != nil {
		return nil
	}
	found := make(map[string]string, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if len(found) == maxTags {
			break
		}
		value := string(fields[name])
		if s := ""; json.Unmarshal(fields[name], &s) == nil {
			value = s
		}
		found[text(name)] = text(value)
	}
	return found
}

// conditions puts the WHERE of a query together: texts are constants, and values are bound.
type conditions struct {
	text query
	args []any
}

// bind adds a value and returns where it goes.
func (c *conditions) bind(value any) query {
	c.args = append(c.args, value)
	return placeholder(len(c.args))
}

// and adds a condition.
func (c *conditions) and(condition query) {
	if c.text == "" {
		c.text = " WHERE " + condition
	} else {
		c.text += " AND " + condition
	}
}

// selected is what a query of usage selects, without its cursor.
func (c *conditions) selected(q *UsageQuery) {
	if !q.Start.IsZero() {
		c.and("u.at >= " + c.bind(nanoseconds(q.Start)))
	}
	if !q.End.IsZero() {
		c.and("u.at < " + c.bind(nanoseconds(q.End)))
	}
	for _, equal := range []struct {
		column query
		value  string
	}{{"u.access_key_id", q.AccessKeyID}, {"u.team_id", q.TeamID}, {"u.provider", q.Provider}, {"u.model", q.Model}} {
		if equal.value != "" {
			c.and(equal.column + " = " + c.bind(text(equal.value)))
		}
	}
	if q.Tag != "" && q.TagValue != "" {
		c.and("EXISTS (SELECT 1 FROM weir_usage_tags t WHERE t.usage_id = u.id AND t.name = " + c.bind(text(q.Tag)) +
			" AND t.value = " + c.bind(text(q.TagValue)) + ")")
	}
	if q.FinalOnly {
		c.and("u.final")
	}
}

// Usage lists rows, newest first, and a cursor for those after them.
func (d *db) Usage(ctx context.Context, q *UsageQuery) ([]Usage, string, error) {
	c := &conditions{}
	c.selected(q)
	if q.Tag != "" && q.TagValue == "" {
		c.and("EXISTS (SELECT 1 FROM weir_usage_tags t WHERE t.usage_id = u.id AND t.name = " + c.bind(text(q.Tag)) + ")")
	}
	if q.Cursor != "" {
		at, id, err := parseCursor(q.Cursor)
		if err != nil {
			return nil, "", fmt.Errorf("reading usage: %w", err)
		}
		c.and("(u.at, u.id) < (" + c.bind(at) + ", " + c.bind(id) + ")")
	}
	limit := page(q.Limit)
	// One more tells whether there are more.
	statement := "SELECT " + usageColumns + " FROM weir_usage u" + c.text + " ORDER BY u.at DESC, u.id DESC LIMIT " + c.bind(limit+1)
	var (
		rows   []Usage
		at     int64
		cursor string
	)
	err := d.query(ctx, statement, c.args, func(scan scanner) error {
		if len(rows) == limit {
			cursor = formatCursor(at, rows[limit-1].ID)
			return nil
		}
		u, nanos, err := scanUsage(scan)
		rows, at = append(rows, u), nanos
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("reading usage: %w", err)
	}
	return rows, cursor, nil
}

// A cursor is the time and the id of the last row that was seen: rows that are added meanwhile do not move it.
func formatCursor(at int64, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at, 10) + "." + id))
}

func parseCursor(cursor string) (at int64, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, "", ErrCursor
	}
	number, id, ok := strings.Cut(string(b), ".")
	at, err = strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || text(id) != id {
		return 0, "", ErrCursor
	}
	return at, id, nil
}

// LastUsed tells when each of the keys was used last.
func (d *db) LastUsed(ctx context.Context, ids []string) (map[string]time.Time, error) {
	found := make(map[string]time.Time, len(ids))
	asked := make(map[string]string, len(ids)) // as stored to as asked
	for part := range slices.Chunk(ids, maxPage) {
		c := &conditions{}
		var list query
		for _, id := range part {
			stored := text(id)
			asked[stored] = id
			if list != "" {
				list += ", "
			}
			list += c.bind(stored)
		}
		err := d.query(ctx, "SELECT id, at FROM weir_key_use WHERE id IN ("+list+")", c.args, func(scan scanner) error {
			var (
				id string
				at int64
			)
			if err := scan(&id, &at); err != nil {
				return err
			}
			found[asked[id]] = moment(at)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading when keys were used: %w", err)
		}
	}
	return found, nil
}
