package meter

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestValuesAreBounded: what clients choose makes no more than so many counters; who has one keeps it.
func TestValuesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v values
		for i := range maxValues {
			if !v.admits([]byte(strconv.Itoa(i)), time.Hour) {
				t.Fatalf("value %d has no counter", i)
			}
		}
		if v.admits([]byte("one more"), time.Hour) || !v.admits([]byte("7"), time.Hour) {
			t.Error("want no counter for one more, and that of an early one kept")
		}
		time.Sleep(time.Hour)
		if !v.admits([]byte("one more"), time.Hour) {
			t.Error("want the values to begin anew after a window")
		}
		if v.admits([]byte("another"), 0) != true {
			t.Error("want room for another")
		}
	})
}
