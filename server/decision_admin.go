package server

import "strconv"

// decisionView is the decision log on the admin page.
type decisionView struct {
	On bool `json:"on"`
	// Dropped is what was lost before it was encoded: all destinations miss it.
	Dropped    int64      `json:"dropped"`
	MaskFailed int64      `json:"mask_failed"`
	Sinks      []sinkView `json:"destinations,omitempty"`
}

type sinkView struct {
	Name    string `json:"name"`
	Written int64  `json:"written"`
	Dropped int64  `json:"dropped"`
	Waiting int64  `json:"waiting_bytes"`
	Trouble string `json:"trouble,omitempty"`
}

func (d *DecisionLog) view() decisionView {
	if d == nil {
		return decisionView{}
	}
	v := decisionView{On: true, Dropped: d.dropped.Load(), MaskFailed: d.masking.Load()}
	for _, s := range d.sinks {
		s.mu.Lock()
		v.Sinks = append(v.Sinks, sinkView{Name: s.name, Written: s.written.Load(), Dropped: s.dropped.Load(), Waiting: s.size, Trouble: s.trouble})
		s.mu.Unlock()
	}
	return v
}

// appendMetrics appends what tells that decisions are lost.
func (d *DecisionLog) appendMetrics(b []byte) []byte {
	if d == nil {
		return b
	}
	v := d.view()
	line := func(name, sink string, n int64) {
		b = append(b, name+"{destination="...)
		b = strconv.AppendQuote(b, sink)
		b = append(b, "} "+strconv.FormatInt(n, 10)+"\n"...)
	}
	b = appendFamily(b, "weir_decisions_logged_total", "counter", "Decisions written to a destination of the decision log.")
	for _, s := range v.Sinks {
		line("weir_decisions_logged_total", s.Name, s.Written)
	}
	b = appendFamily(b, "weir_decisions_dropped_total", "counter", "Decisions that a destination lost; of all, those that came too fast to be encoded.")
	line("weir_decisions_dropped_total", "all", v.Dropped)
	for _, s := range v.Sinks {
		line("weir_decisions_dropped_total", s.Name, s.Dropped)
	}
	b = appendFamily(b, "weir_decision_masks_failed_total", "counter", "Decisions logged without input and result, as their mask failed.")
	return append(b, "weir_decision_masks_failed_total "+strconv.FormatInt(v.MaskFailed, 10)+"\n"...)
}
