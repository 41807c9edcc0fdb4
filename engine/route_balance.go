package engine

import (
	"math/rand/v2"
	"slices"
	"sort"

	"weir/engine/catalog"
)

// balance orders models that are equal to the client: those of one name, or all of them where it named none.
func (r *route) balance(c *choice) {
	if r.cfg.Balance == BalanceOrdered || len(c.models) < 2 {
		return
	}
	if c.shared {
		c.models, c.shared = slices.Clone(c.models), false
	}
	group := func(i int) int {
		if c.named && i < len(c.groups) {
			return c.groups[i]
		}
		return 0
	}
	for start := 0; start < len(c.models); {
		end := start + 1
		for end < len(c.models) && group(end) == group(start) {
			end++
		}
		r.balanceGroup(c.models[start:end])
		start = end
	}
}

func (r *route) balanceGroup(models []*model) {
	var weight func(*model) float64
	switch r.cfg.Balance {
	case BalanceOrdered:
		return
	case BalanceWeighted:
		weightedShuffle(models)
		return
	case BalanceLeastBusy:
		weight = func(m *model) float64 { return float64(m.stats.busy.Load()) / float64(m.weight) }
		shuffle(models)
	case BalanceFastest:
		weight = func(m *model) float64 {
			s := m.Metrics(catalog.ScopeGateway, "")
			if s == nil {
				return 0
			}
			return float64(max(s.Latency.TimeToFirstTokenAvg, s.Latency.UpstreamAvg))
		}
	case BalanceCheapest:
		weight = priceOf
	}
	sort.SliceStable(models, func(i, j int) bool { return weight(models[i]) < weight(models[j]) })
}

func weightedShuffle(models []*model) {
	for i := range models {
		total := 0
		for _, m := range models[i:] {
			total += m.weight
		}
		pick := rand.IntN(max(total, 1)) //nolint:gosec // spreads load; nothing secret depends on it
		for j := i; j < len(models); j++ {
			pick -= models[j].weight
			if pick < 0 {
				models[i], models[j] = models[j], models[i]
				break
			}
		}
	}
}
