//go:build !race

package store

import (
	"strconv"
	"testing"
)

func TestAppendUsageAllocations(t *testing.T) {
	s := fresh(t, t.TempDir()+"/weir.db")
	rows := make([]Usage, 200)
	n := 0
	got := testing.AllocsPerRun(5, func() {
		for i := range rows {
			n++
			rows[i] = Usage{ID: strconv.Itoa(n), Time: day(), AccessKeyID: "k", Tags: `{"app":"search"}`, Spend: []Spend{{"c", 0, 1, 0}}}
		}
		add(t, s, rows...)
	}) / float64(len(rows))
	// 24 when this was written. Names for the arguments cost 33 more, tags that are read row by row 20, and statements that go
	// through database/sql about 6.
	if got > 27 {
		t.Errorf("got %.1f allocations a row, want 27 at most", got)
	}
}
