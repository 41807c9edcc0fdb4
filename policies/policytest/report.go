package policytest

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// report is what testscript runs a script on outside go test.
type report struct {
	log     strings.Builder
	failed  bool
	skipped bool
}

// Skip ends the script without a verdict.
func (r *report) Skip(args ...any) {
	r.Log(args...)
	r.skipped = true
	runtime.Goexit()
}

// Fatal ends the script as failed.
func (r *report) Fatal(args ...any) {
	r.Log(args...)
	r.FailNow()
}

// FailNow ends the script as failed.
func (r *report) FailNow() {
	r.failed = true
	runtime.Goexit()
}

// Log keeps a part of the transcript.
func (r *report) Log(args ...any) { fmt.Fprintln(&r.log, args...) }

// Parallel does nothing: scripts run one after the other, so that the report has one order.
func (*report) Parallel() {}

// Verbose says that only the last part of a transcript is wanted.
func (*report) Verbose() bool { return false }

// Run runs a script to its end, on a goroutine of its own because FailNow ends one.
func (r *report) Run(_ string, run func(testscript.T)) {
	part := &report{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(part)
	}()
	<-done
	r.failed = r.failed || part.failed
	r.skipped = r.skipped || part.skipped
	r.log.WriteString(part.log.String())
}

// line is the report on one script: a line, and the transcript of a failure below it.
func (r *report) line(file string, took time.Duration) string {
	var b strings.Builder
	verdict := "ok  "
	switch {
	case r.failed:
		verdict = "FAIL"
	case r.skipped:
		verdict = "skip"
	}
	fmt.Fprintf(&b, "%s  %s  %.2fs\n", verdict, file, took.Seconds())
	if r.failed {
		for line := range strings.Lines(strings.TrimSpace(r.log.String())) {
			b.WriteString("    " + line)
		}
		b.WriteString("\n")
	}
	return b.String()
}
