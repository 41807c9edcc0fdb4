package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// A year of fifty groups fits; more is a list and no overview.
const maxBuckets = 20_000

// Overview adds usage up by UTC day and group. A row without the tag that is grouped by is in the group "".
func (d *db) Overview(ctx context.Context, q *OverviewQuery) ([]Bucket, error) {
	c := &conditions{}
	group, join, err := c.dimension(q)
	if err != nil {
		return nil, fmt.Errorf("adding usage up: %w", err)
	}
	c.selected(&q.UsageQuery)
	statement := "SELECT u.at / 86400000000000, " + group + `, COUNT(*), SUM(CASE WHEN u.cost_known THEN 0 ELSE 1 END),
		SUM(CASE WHEN u.final THEN 1 ELSE 0 END), SUM(CASE WHEN u.final AND u.code <> '' THEN 1 ELSE 0 END), ` +
		sum("CASE WHEN u.cost_known THEN u.cost ELSE 0 END") + ", " + sum("u.input") + ", " + sum("u.output") + ", " + sum("u.cache_read") +
		" FROM weir_usage u" + join + c.text + " GROUP BY 1, 2 LIMIT " + c.bind(maxBuckets+1)
	var buckets []Bucket
	err = d.query(ctx, statement, c.args, func(scan scanner) error {
		if len(buckets) == maxBuckets {
			return ErrTooMany
		}
		var (
			b                           Bucket
			day                         int64
			cost, input, output, cached halves
		)
		err := scan(&day, &b.Group, &b.Attempts, &b.CostUnknown, &b.Requests, &b.Errors, &cost.high, &cost.low,
			&input.high, &input.low, &output.high, &output.low, &cached.high, &cached.low)
		b.Day = time.Unix(day*int64(24*time.Hour/time.Second), 0).UTC()
		b.Cost, b.Input, b.Output, b.Cached = cost.total(), input.total(), output.total(), cached.total()
		buckets = append(buckets, b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("adding usage up: %w", err)
	}
	slices.SortFunc(buckets, func(a, b Bucket) int { return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Group, b.Group)) })
	return buckets, nil
}

// dimension is what to group by, and what has to be joined for it.
func (c *conditions) dimension(q *OverviewQuery) (group, join query, err error) {
	switch q.GroupBy {
	case "provider":
		return "u.provider", "", nil
	case "model":
		return "u.model", "", nil
	case "access_key":
		return "u.access_key_id", "", nil
	case "team":
		return "u.team_id", "", nil
	case "tag":
		if q.Tag != "" {
			join = " LEFT JOIN weir_usage_tags g ON g.usage_id = u.id AND g.name = " + c.bind(text(q.Tag))
			return "COALESCE(g.value, '')", join, nil
		}
		return "", "", errors.New("grouping by tag needs the name of a tag")
	}
	return "", "", fmt.Errorf("there is no dimension %q", q.GroupBy)
}

// sum adds a column up in two halves, of which neither overflows with fewer than two billion rows: databases fail, or go
// over to floating point, where the total does.
func sum(column query) query {
	return "CAST(SUM((" + column + ") >> 32) AS BIGINT), CAST(SUM((" + column + ") & 4294967295) AS BIGINT)"
}

// halves are the sums of the upper and the lower 32 bits of numbers.
type halves struct{ high, low int64 }

// total puts the halves together and stops at the largest number.
func (h halves) total() int64 {
	high := h.high + h.low>>32
	switch {
	case high > math.MaxInt32:
		return math.MaxInt64
	case high < math.MinInt32:
		return math.MinInt64
	}
	return high<<32 | h.low&math.MaxUint32
}
