package catalog

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// liteTiers reads the prices whose names end in their tier: input_cost_per_token_flex, or
// input_cost_per_token_above_200k_tokens. Of several steps for long prompts the first one counts: Weir knows one.
func (p *Pricing) liteTiers(raw json.RawMessage) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return fmt.Errorf("reading tiers: %w", err)
	}
	rates := func(suffix string) (*Rates, error) {
		var r Rates
		for name, to := range map[string]**float64{
			"input_cost_per_token": &r.Input, "output_cost_per_token": &r.Output,
			"cache_read_input_token_cost": &r.CacheRead, "cache_creation_input_token_cost": &r.CacheWrite,
		} {
			var n liteNum
			if text, ok := all[name+suffix]; ok {
				if err := json.Unmarshal(text, &n); err != nil {
					return nil, fmt.Errorf("reading %s: %w", name+suffix, err)
				}
				*to = n.million()
			}
		}
		if r == (Rates{}) {
			return nil, nil //nolint:nilnil // most models have no such tier
		}
		return &r, nil
	}
	var err error
	if p.Flex, err = rates("_flex"); err != nil {
		return err
	}
	if p.Priority, err = rates("_priority"); err != nil {
		return err
	}
	step := int64(0)
	for name := range all {
		if n := liteStep(name); n > 0 && (step == 0 || n < step) {
			step = n
		}
	}
	if step == 0 {
		return nil
	}
	long, err := rates("_above_" + strconv.FormatInt(step, 10) + "k_tokens")
	if err == nil && long != nil {
		p.LongContext = &LongContext{Above: step * 1000, Rates: *long}
	}
	return err
}

// liteStep is after how many thousand tokens the price of that name holds; 0 for other names.
func liteStep(name string) int64 {
	rest, ok := strings.CutPrefix(name, "input_cost_per_token_above_")
	if !ok {
		return 0
	}
	digits, ok := strings.CutSuffix(rest, "k_tokens")
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return 0
	}
	return n
}
