package policytest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"weir/providers/sim"
)

// answered is the answer that the checks are about.
func (w *world) answered(ts *testscript.TestScript) *answer {
	if w.last == nil {
		ts.Check(errNothingSent)
	}
	return w.last
}

func checkStatus(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, 1, "status N")
	w := worldOf(ts)
	got := w.answered(ts).status
	if (got == number(ts, args[0])) != neg {
		return
	}
	if line, err := w.logLine(); err == nil {
		ts.Logf("[log] %s", line)
	}
	ts.Fatalf("got status %d", got)
}

func checkHeader(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, 2, "header NAME [PATTERN]")
	got := worldOf(ts).answered(ts).headers.Values(args[0])
	pattern := ""
	if len(args) == 2 {
		pattern = args[1]
	}
	re, err := regexp.Compile(pattern)
	ts.Check(err)
	if slices.ContainsFunc(got, re.MatchString) == neg {
		ts.Fatalf("got %s: %q", args[0], got)
	}
}

func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, 2, "json PATH VALUE, or ! json PATH [VALUE]")
	matchValue(ts, neg, string(worldOf(ts).answered(ts).body), args)
}

func checkLog(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, 2, "log FIELD VALUE, or ! log FIELD [VALUE]")
	line, err := worldOf(ts).logLine()
	ts.Check(err)
	matchValue(ts, neg, line, args)
}

// matchValue compares a value of a JSON text with what the script wants: present, absent, equal or not equal.
func matchValue(ts *testscript.TestScript, neg bool, text string, args []string) {
	got, found, err := lookup(text, args[0])
	ts.Check(err)
	switch {
	case len(args) == 1 && neg && found:
		ts.Fatalf("got %s = %s", args[0], got)
	case len(args) == 1 && !neg && !found, len(args) == 2 && !neg && !found:
		ts.Fatalf("there is no %s in %s", args[0], text)
	case len(args) == 2 && found && (got == args[1]) == neg:
		ts.Fatalf("got %s = %s", args[0], got)
	}
}

// logLine is the access log's line of the last request. It is written after the answer.
func (w *world) logLine() (string, error) {
	if w.last == nil {
		return "", errNothingSent
	}
	id := w.last.headers.Get("x-request-id")
	line := ""
	err := await("the log line of "+id, func() bool {
		line = w.lines.find(id)
		return line != ""
	})
	return line, err
}

func checkCalls(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 2, 2, "calls NAME N")
	w := worldOf(ts)
	calls := w.upstream(ts, args[0]).calls()
	if (len(calls) == number(ts, args[1])) == neg {
		for i := range calls {
			ts.Logf("%d: %s %s -> %d", i+1, calls[i].Method, calls[i].Path, calls[i].Status)
		}
		ts.Fatalf("got %d calls of %s", len(calls), args[0])
	}
}

func checkOrder(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	want := make([]string, len(args))
	for i, name := range args {
		want[i] = w.upstream(ts, name).name
	}
	if got := w.sequence(); slices.Equal(got, want) == neg {
		ts.Fatalf("got calls of %s", strings.Join(got, " "))
	}
}

// checkCall compares one call with a file: the request line, the header fields that the file names, and the body where the
// file has one. The whole call is then in the file call.
func checkCall(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 2, 3, "call NAME N [FILE]")
	if neg {
		ts.Fatalf("! call is not there: call NAME N, then ! grep PATTERN call")
	}
	w := worldOf(ts)
	calls := w.upstream(ts, args[0]).calls()
	n := number(ts, args[1])
	if n < 1 || n > len(calls) {
		ts.Fatalf("got %d calls of %s", len(calls), args[0])
	}
	call := &calls[n-1]
	ts.Check(w.keep("call", w.unmask(showCall(call, nil))))
	if len(args) == 3 {
		file, err := w.read(args[2])
		ts.Check(err)
		w.compare(ts, fmt.Sprintf("call %s %d", args[0], n), w.unmask(showCall(call, &file)), args[2])
	}
}

// upstream finds a simulated provider by any of its names.
func (w *world) upstream(ts *testscript.TestScript, name string) *upstream {
	u := w.upstreams[w.canonical(name)]
	if u == nil {
		ts.Fatalf("the script simulates no %s: add provider %s", name, name)
	}
	return u
}

// showCall writes a call as a request file. Where it is to be compared with one, only what that file holds is shown, with
// the names of header fields in its order and spelling.
func showCall(call *sim.Call, like *string) string {
	var b strings.Builder
	b.WriteString(call.Method + " " + call.Path)
	if call.Query != "" {
		b.WriteString("?" + call.Query)
	}
	b.WriteByte('\n')
	hasBody := true
	if like == nil || *like == "" {
		for _, h := range call.Headers {
			// the simulator's address is another in each run, and the length is the body's
			if !strings.EqualFold(h.Name, "host") && !strings.EqualFold(h.Name, "content-length") {
				b.WriteString(h.Name + ": " + h.Value + "\n")
			}
		}
	} else {
		head, _, found := strings.Cut(*like, "\n\n")
		hasBody = found
		showFields(&b, call, head)
	}
	if hasBody {
		b.WriteString("\n" + string(call.Body))
		if len(call.Body) == 0 || call.Body[len(call.Body)-1] != '\n' {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func showFields(b *strings.Builder, call *sim.Call, head string) {
	var shown []string
	for i, line := range strings.Split(strings.TrimRight(head, "\n"), "\n") {
		name, _, _ := strings.Cut(line, ":")
		if i == 0 || slices.Contains(shown, strings.ToLower(name)) {
			continue // the request line, or a field whose values stand with the first of them
		}
		shown = append(shown, strings.ToLower(name))
		for _, h := range call.Headers {
			if strings.EqualFold(h.Name, name) {
				b.WriteString(name + ": " + h.Value + "\n")
			}
		}
	}
}
