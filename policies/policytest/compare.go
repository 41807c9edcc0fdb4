package policytest

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

// compare fails the script with a diff where a text is not what a file of the archive holds. With Update the file is
// rewritten instead.
func (w *world) compare(ts *testscript.TestScript, what, got, name string) {
	want, err := w.read(name)
	ts.Check(err)
	if got == want {
		return
	}
	if w.update && w.inArchive(name) {
		w.updates[name] = got
		return
	}
	ts.Logf("%s", diff.Diff(what, []byte(got), name, []byte(want)))
	ts.Fatalf("%s and %s differ", what, name)
}

func (w *world) inArchive(name string) bool {
	archive, err := txtar.ParseFile(w.script)
	if err != nil {
		return false
	}
	for _, f := range archive.Files {
		if f.Name == name {
			return true
		}
	}
	return false
}

// rewrite puts the updated files into the archive. It runs after testscript has put in those of cmp.
func (w *world) rewrite() {
	if len(w.updates) == 0 {
		return
	}
	archive, err := txtar.ParseFile(w.script)
	if err != nil {
		return
	}
	for i := range archive.Files {
		f := &archive.Files[i]
		text, ok := w.updates[f.Name]
		if !ok {
			continue
		}
		f.Data = []byte(text)
		if txtar.NeedsQuote(f.Data) {
			if quoted, err := txtar.Quote(f.Data); err == nil {
				f.Data = quoted
			}
		}
	}
	_ = os.WriteFile(w.script, txtar.Format(archive), 0o600) // the next run without Update tells
}

// keep writes a text that the builtin verbs grep and cmp may look at.
func (w *world) keep(name, text string) error {
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		return fmt.Errorf("keeping %s: %w", name, err)
	}
	return nil
}
