package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// slot is what Spend is added up by.
type slot struct {
	counter string
	begin   int64
}

// appendSpend adds what the rows have spent to their counters. An amount stops at the largest number.
func appendSpend(ctx context.Context, s session, rows []*Usage) error {
	total := map[slot]Spend{}
	for _, u := range rows {
		for _, add := range u.Spend {
			at := slot{text(add.Counter), add.Slot}
			sum, there := total[at]
			if !there {
				sum.Expires = add.Expires
			}
			sum.Amount = saturated(sum.Amount, add.Amount)
			sum.Expires = later(sum.Expires, add.Expires)
			total[at] = sum
		}
	}
	slots := make([]slot, 0, len(total))
	for at := range total {
		slots = append(slots, at)
	}
	slices.SortFunc(slots, func(a, b slot) int { return cmp.Or(cmp.Compare(a.counter, b.counter), cmp.Compare(a.begin, b.begin)) })
	calls := make([][]any, 0, len(slots))
	for _, at := range slots {
		calls = append(calls, []any{at.counter, at.begin, total[at].Amount, total[at].Expires})
	}
	// The comparisons are written so that neither side overflows.
	const q query = `INSERT INTO weir_spend (counter, slot, amount, expires) VALUES ($1, $2, $3, $4)
		ON CONFLICT (counter, slot) DO UPDATE SET
		amount = CASE
			WHEN excluded.amount > 0 AND weir_spend.amount > 9223372036854775807 - excluded.amount THEN 9223372036854775807
			WHEN excluded.amount < 0 AND weir_spend.amount < -9223372036854775807 - excluded.amount THEN -9223372036854775807
			ELSE weir_spend.amount + excluded.amount END,
		expires = CASE
			WHEN excluded.expires = 0 OR weir_spend.expires = 0 THEN 0
			WHEN excluded.expires > weir_spend.expires THEN excluded.expires
			ELSE weir_spend.expires END`
	_, err := s.exec(ctx, q, calls)
	return err
}

// saturated adds and stops at the largest and the smallest number.
func saturated(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < -math.MaxInt64-b:
		return -math.MaxInt64
	}
	return a + b
}

// later is the later of two expiries, of which 0 is never.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// Spent returns the slots of one counter, or with "" of all, that begin at or after a time or are for ever.
func (d *db) Spent(ctx context.Context, counter string, since int64) ([]Spend, error) {
	c := &conditions{}
	c.and("(slot = 0 OR slot >= " + c.bind(since) + ")")
	if counter != "" {
		c.and("counter = " + c.bind(text(counter)))
	}
	var spent []Spend
	err := d.query(ctx, "SELECT counter, slot, amount, expires FROM weir_spend"+c.text+" ORDER BY counter, slot", c.args,
		func(scan scanner) error {
			var s Spend
			err := scan(&s.Counter, &s.Slot, &s.Amount, &s.Expires)
			if counter != "" {
				s.Counter = counter
			}
			spent = append(spent, s)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("reading what was spent: %w", err)
	}
	return spent, nil
}
