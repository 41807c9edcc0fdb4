package policies

import (
	"context"
	"fmt"
	"slices"

	"github.com/rs/zerolog"
)

// CheckAgain is Check, again and again: whenever one of the files changed that the last report depends on, until the
// context ends. Each report that differs from the one before is shown.
func CheckAgain(ctx context.Context, paths []string, opts Options, show func(*Report) error) error {
	if opts.Bundles == nil {
		opts.Bundles = NewBundles()
	}
	report, err := Check(paths, opts) //nolint:contextcheck // a check that began is finished
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = show(report)
	again := func(context.Context) {
		next, problem := Check(paths, opts) //nolint:contextcheck // a check that began is finished
		if problem != nil || err != nil || next.same(report) {
			return // a path that is gone for a moment is looked at again with the next event
		}
		report = next
		if err = show(report); err != nil {
			stop()
		}
	}
	if err != nil {
		return err
	}
	w := newWatcher(zerolog.Nop(), func() []string { return append(report.watched(), folders(paths)...) }, again)
	if problem := w.Run(ctx); problem != nil {
		return fmt.Errorf("waiting for changes: %w", problem)
	}
	return err
}

// same reports whether two reports are of the same files with the same content.
func (r *Report) same(as *Report) bool {
	return slices.EqualFunc(r.Files, as.Files, func(a, b FileReport) bool {
		return a.Path == b.Path && a.Hash == b.Hash && slices.Equal(a.Diagnostics, b.Diagnostics)
	})
}

// watched lists every file that the report depends on.
func (r *Report) watched() []string {
	var out []string
	for i := range r.Files {
		out = append(append(out, r.Files[i].Path), slices.DeleteFunc(slices.Clone(r.Files[i].files), isRemote)...)
	}
	return out
}
