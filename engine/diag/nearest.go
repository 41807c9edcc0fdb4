package diag

import "strings"

// Nearest returns the known name that name most likely was meant to be. Case does not count; a name further away than a
// third of its length is no suggestion at all, since a wild guess is worse than none.
func Nearest(name string, known []string) (string, bool) {
	lower := strings.ToLower(name)
	best, found := "", false
	limit := max(len([]rune(lower))/3, 1) + 1
	for _, k := range known {
		if d := distance(lower, strings.ToLower(k), limit); d < limit {
			best, limit, found = k, d, true
			if d == 0 {
				break
			}
		}
	}
	return best, found
}

// distance is the number of characters to insert, delete, change or swap with their neighbour; it stops at limit.
func distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		least := row[0]
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least >= limit {
			return limit
		}
		before, last, row = last, row, before
	}
	return min(last[len(y)], limit)
}
