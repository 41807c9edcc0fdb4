package engine

import "time"

// rest notes a target that is not tried, and until when.
func (d *dispatch) rest(until time.Time, who string) {
	if d.rested.IsZero() || until.Before(d.rested) {
		d.rested, d.restedBy = until, who
	}
}

// resters is the error where every target rests, or is kept back by a guard.
func (d *dispatch) resters() *Error {
	wait := max(d.rested.Sub(d.r.plan.rt.clock(time.Now())), time.Second)
	e := &Error{Code: CodeNoTarget, RetryAfter: wait, Retryable: true, Message: "every target is resting after failures"}
	if d.guarded > 0 && d.resting == 0 {
		e.Code, e.Message = CodeCircuitOpen, "the circuit of every target is open"
	}
	e.Message += "; the first is back in " + wait.Round(time.Second).String()
	return e
}
