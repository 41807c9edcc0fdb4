package policytest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"weir/policies"
	"weir/providers/sim"
)

// verb is a command of scripts; neg says that it stands behind an exclamation mark.
type verb = func(ts *testscript.TestScript, neg bool, args []string)

// verbs are the commands of scripts beside those of testscript itself.
func verbs() map[string]verb {
	return map[string]verb{
		"secret":      doSecret,
		"access-key":  doAccessKey,
		"budget":      doBudget,
		"provider":    doProvider,
		"advance":     doAdvance,
		"policy":      doPolicy,
		"edit":        doEdit,
		"diagnostics": doDiagnostics,
		"send":        doSend,
		"status":      checkStatus,
		"header":      checkHeader,
		"json":        checkJSON,
		"log":         checkLog,
		"calls":       checkCalls,
		"order":       checkOrder,
		"call":        checkCall,
	}
}

// usage fails the script where a verb has another number of arguments than it takes.
func usage(ts *testscript.TestScript, args []string, least, most int, text string) {
	if len(args) < least || len(args) > most {
		ts.Fatalf("usage: %s", text)
	}
}

func doSecret(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	if neg {
		usage(ts, args, 1, 1, "! secret NAME")
		w.secrets[args[0]] = secret{missing: true}
		return
	}
	usage(ts, args, 2, 2, "secret NAME VALUE")
	w.secrets[args[0]] = secret{text: args[1]}
}

func doProvider(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, 2, "provider NAME [FAULTS]")
	if neg {
		ts.Fatalf("! provider means nothing: a provider that is not simulated is left out")
	}
	w := worldOf(ts)
	var faults *sim.Script
	if len(args) == 2 {
		text, err := w.read(args[1])
		ts.Check(err)
		if faults, err = sim.ParseScript(text); err != nil {
			ts.Fatalf("%s: %v", args[1], err)
		}
	}
	ts.Check(w.simulate(args[0], faults))
}

func doAdvance(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, 1, "advance DURATION")
	if neg {
		ts.Fatalf("time does not run backwards")
	}
	d, err := time.ParseDuration(args[0])
	if err != nil || d <= 0 {
		ts.Fatalf("%q is not a duration such as 30s", args[0])
	}
	worldOf(ts).clock.advance(d)
}

func doPolicy(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, 1, "policy FILE")
	w := worldOf(ts)
	if w.gateway != nil {
		ts.Fatalf("a policy is loaded; edit changes it")
	}
	path, err := w.file(args[0])
	ts.Check(err)
	err = w.load(path)
	switch {
	case err != nil && !neg:
		ts.Fatalf("%s does not load:\n%s", args[0], w.diagnostics(err))
	case err == nil && neg:
		ts.Fatalf("%s loads", args[0])
	}
}

// diagnostics is what the last load found, with paths as the script writes them; the error itself where it found nothing.
func (w *world) diagnostics(err error) string {
	text := ""
	if w.store != nil {
		if list := w.store.Status().Diagnostics; len(list) > 0 {
			text = list.Error() + "\n"
		}
	}
	if text == "" && err != nil {
		text = err.Error() + "\n"
	}
	return strings.ReplaceAll(text, w.dir+string(os.PathSeparator), "")
}

func doDiagnostics(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	if w.store == nil {
		ts.Check(errNoPolicy)
	}
	got := w.diagnostics(nil)
	if neg {
		usage(ts, args, 0, 0, "! diagnostics")
		if got != "" {
			ts.Fatalf("there are diagnostics:\n%s", got)
		}
		return
	}
	usage(ts, args, 1, 1, "diagnostics FILE")
	w.compare(ts, "diagnostics", got, args[0])
}

// doEdit puts a file in the place of another, the way editors do, and waits until the watcher has seen it.
func doEdit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 2, 2, "edit FILE NEW")
	w := worldOf(ts)
	if w.gateway == nil {
		ts.Check(errNoPolicy)
	}
	path, err := w.file(args[0])
	ts.Check(err)
	before, err := w.read(args[0])
	ts.Check(err)
	text, err := w.read(args[1])
	ts.Check(err)
	if text == before {
		ts.Fatalf("%s already holds what %s holds", args[0], args[1])
	}
	old := w.store.Status()
	ts.Check(replace(path, text))
	var now policies.Status
	err = await("a reload", func() bool {
		now = w.store.Status()
		return now.Generation != old.Generation || now.LastErrorAt.After(old.LastErrorAt) || (old.LastError != "" && now.LastError == "")
	})
	ts.Check(err)
	switch {
	case now.LastError != "" && !neg:
		ts.Fatalf("%s does not load:\n%s", args[1], w.diagnostics(errors.New(now.LastError)))
	case now.LastError == "" && neg:
		ts.Fatalf("%s loads", args[1])
	}
}

// replace writes beside the file and renames, so that nobody reads half of it.
func replace(path, text string) error {
	part := path + ".new"
	if err := os.WriteFile(part, []byte(text), 0o600); err != nil {
		return fmt.Errorf("editing: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("editing: %w", err)
	}
	return nil
}

func doSend(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, 1, "send FILE")
	w := worldOf(ts)
	text, err := w.read(args[0])
	ts.Check(err)
	err = w.send(text)
	if w.last != nil {
		ts.Logf("%s", w.last)
	}
	switch {
	case err != nil && (!neg || w.last == nil || w.last.broken == nil):
		ts.Fatalf("%v", err)
	case err == nil && neg:
		ts.Fatalf("the answer came to its end")
	}
}

// number reads a count.
func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		ts.Fatalf("%q is not a number", text)
	}
	return n
}
