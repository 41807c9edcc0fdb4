package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// row is a target over all rounds.
type row struct {
	perUnit, perAsk, ratio, rate, core, foreign, calls []float64
	counts
}

// report prints one table for each load, and checks the gate.
func report(w io.Writer, o *options, targets []target, samples []sample) error {
	var gated float64
	for _, load := range []string{loadWhole, loadStream} {
		rows := rowsOf(samples, load)
		unit := "request"
		if load == loadStream {
			unit = "piece"
		}
		text := fmt.Appendf(nil, "%s\tCPU us a %s\trange\tx bare\trange\treads+writes\tCPU us in all\ta second\tcore\tforeign\tnot 200\terrors\t\n",
			load, unit)
		for _, t := range targets {
			r := rows[t.name]
			text = fmt.Appendf(text, "%s\t%.2f\t%s\t%.2f\t%s\t%.2f\t%.1f\t%.0f\t%.2f\t%.2f\t%d\t%d\t\n", t.name,
				median(r.perUnit), spread(r.perUnit), median(r.ratio), spread(r.ratio), median(r.calls), median(r.perAsk),
				median(r.rate), median(r.core), median(r.foreign), r.Bad, r.Errors)
			if load == loadWhole && t.name == nameRules {
				gated = median(r.ratio)
			}
		}
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		if _, err := tw.Write(append(text, '\n')); err != nil {
			return fmt.Errorf("writing the table: %w", err)
		}
		if err := tw.Flush(); err != nil {
			return fmt.Errorf("writing the table: %w", err)
		}
	}
	if o.gate > 0 && gated > o.gate {
		return fmt.Errorf("ten rules cost %.2f times the bare hop, more than %.2f", gated, o.gate)
	}
	return nil
}

// rowsOf gathers the samples of a load by target. A ratio is taken within a round, since rounds differ by what else the
// machine was doing.
func rowsOf(samples []sample, load string) map[string]*row {
	bare := map[int]float64{}
	for i := range samples {
		if s := &samples[i]; s.Load == load && s.Target == nameBare {
			bare[s.Round] = s.PerUnit
		}
	}
	rows := map[string]*row{}
	for i := range samples {
		s := &samples[i]
		if s.Load != load {
			continue
		}
		r := rows[s.Target]
		if r == nil {
			r = &row{}
			rows[s.Target] = r
		}
		r.perUnit, r.perAsk = append(r.perUnit, s.PerUnit), append(r.perAsk, s.PerAsk)
		r.ratio, r.rate = append(r.ratio, s.PerUnit/bare[s.Round]), append(r.rate, s.Rate)
		r.calls = append(r.calls, s.CallsPer)
		r.core, r.foreign = append(r.core, s.Core), append(r.foreign, s.Foreign)
		r.Bad, r.Errors = r.Bad+s.Bad, r.Errors+s.Errors
	}
	return rows
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	mid := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[mid-1] + sorted[mid]) / 2
	}
	return sorted[mid]
}

func spread(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f-%.2f", slices.Min(values), slices.Max(values))
}
