package policies

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rs/zerolog"
)

const (
	// watchQuiet lets an editor finish its several writes and renames before a file is read.
	watchQuiet = 200 * time.Millisecond
	// watchLongest bounds the wait where something keeps writing, so that edits still take effect.
	watchLongest = 2 * time.Second
	// watchPoll finds what no event tells: network file systems, and folders whose parents were moved away.
	watchPoll = 10 * time.Second
	// maxLinks is what Linux allows in the resolution of one path.
	maxLinks = 40
)

// Watcher reloads stores when one of their files changes. It watches folders and every link on the way, not files: editors
// put a new file in place of the old one, and mounted configuration swaps a link.
type Watcher struct {
	files   func() []string
	remotes func() []*remote
	changed func(context.Context)
	log     zerolog.Logger

	quiet, longest, poll time.Duration

	notify  *fsnotify.Watcher
	folders map[string]map[string]bool // folder -> names in it that matter
	warned  map[string]bool            // folders that cannot be watched

	fresh chan struct{} // a bundle was fetched
	polls map[*remote]context.CancelFunc
	tasks sync.WaitGroup
}

// NewWatcher makes a watcher of the stores' files.
func NewWatcher(log zerolog.Logger, stores ...*Store) *Watcher {
	files := func() []string {
		var out []string
		for _, s := range stores {
			out = append(out, s.watched()...)
		}
		return out
	}
	w := newWatcher(log, files, func(ctx context.Context) {
		for _, s := range stores {
			_ = s.Reload(ctx) // the store logs it and keeps it for its status
		}
	})
	w.remotes = func() []*remote {
		var out []*remote
		for _, s := range stores {
			out = append(out, s.polled()...)
		}
		return out
	}
	return w
}

// newWatcher makes a watcher that calls changed for changes of the files, which are asked for again behind every call.
func newWatcher(log zerolog.Logger, files func() []string, changed func(context.Context)) *Watcher {
	return &Watcher{
		files: files, remotes: func() []*remote { return nil }, changed: changed, log: log,
		quiet: watchQuiet, longest: watchLongest, poll: watchPoll,
		fresh: make(chan struct{}, 1), polls: map[*remote]context.CancelFunc{},
	}
}

// Run watches, and asks for new revisions of bundles, until the context ends. Reloads that fail are logged by their store
// and change nothing.
func (w *Watcher) Run(ctx context.Context) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer w.tasks.Wait()
	defer stop()
	w.notify, err = fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching policy files: %w", err)
	}
	defer func() { _ = w.notify.Close() }() // nothing depends on the end of watching
	w.folders, w.warned = map[string]map[string]bool{}, map[string]bool{}
	w.follow(ctx)
	w.reload(ctx) // what changed between the first load and now
	w.loop(ctx)
	return nil
}

func (w *Watcher) loop(ctx context.Context) {
	poll := time.NewTicker(w.poll)
	defer poll.Stop()
	due := time.NewTimer(time.Hour)
	due.Stop()
	defer due.Stop()
	var first time.Time // of the events that wait; zero = none do
	changed := func() {
		if first.IsZero() {
			first = time.Now()
		}
		due.Reset(min(w.quiet, max(w.longest-time.Since(first), 0)))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if w.matters(e) {
				changed()
			}
		case err, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			w.log.Warn().Err(err).Msg("events of policy files were lost; looking at all of them")
			changed()
		case <-due.C:
			first = time.Time{}
			w.reload(ctx)
		case <-poll.C:
			w.reload(ctx)
		case <-w.fresh:
			w.reload(ctx)
		}
	}
}

// matters reports whether an event is about a file or link that a policy depends on, or a folder itself.
func (w *Watcher) matters(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod {
		return false
	}
	name := filepath.Clean(e.Name)
	if _, ok := w.folders[name]; ok {
		return true
	}
	names := w.folders[filepath.Dir(name)]
	return names[filepath.Base(name)] || names[allNames] || names[allRego]
}

func (w *Watcher) reload(ctx context.Context) {
	w.changed(ctx)
	if w.follow(ctx) {
		w.changed(ctx) // what changed in a new folder before it was watched
		w.follow(ctx)
	}
}

// ask starts and stops asking for bundles, so that those are asked for that the stores need now.
func (w *Watcher) ask(ctx context.Context) {
	want := map[*remote]bool{}
	for _, r := range w.remotes() {
		want[r] = true
		if w.polls[r] != nil {
			continue
		}
		asking, stop := context.WithCancel(ctx)
		w.polls[r] = stop
		w.tasks.Go(func() {
			r.poll(asking, w.log, func() {
				select {
				case w.fresh <- struct{}{}:
				default: // the reload that waits will see this one too
				}
			})
		})
	}
	for r, stop := range w.polls {
		if !want[r] {
			stop()
			delete(w.polls, r)
		}
	}
}

// follow makes the set of watched folders what the files need now. Folders that went away and came back are watched
// again. It reports whether there are new ones.
func (w *Watcher) follow(ctx context.Context) (grown bool) {
	w.ask(ctx)
	want := map[string]map[string]bool{}
	for _, file := range w.files() {
		addPlaces(file, want)
	}
	watched := w.notify.WatchList()
	for _, folder := range watched {
		if want[folder] == nil {
			_ = w.notify.Remove(folder) // it may be gone already
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(want)) {
		err := w.notify.Add(folder)
		grown = grown || err == nil && !slices.Contains(watched, folder)
		if err != nil && !w.warned[folder] {
			w.warned[folder] = true
			w.log.Warn().Err(err).Str("folder", folder).Msg("a folder of policy files cannot be watched; looking at it from time to time")
		}
	}
	w.folders = want
	return grown
}

// addPlaces adds each folder that has to be watched for a file, with the names that matter in it: the file itself, every link
// on the way, and where something is missing, the name that has to appear.
func addPlaces(file string, into map[string]map[string]bool) {
	path, err := filepath.Abs(file)
	if err != nil {
		return
	}
	add := func(folder, name string) {
		if into[folder] == nil {
			into[folder] = map[string]bool{}
		}
		into[folder][name] = true
	}
	root := filepath.VolumeName(path) + string(filepath.Separator)
	folder, rest := root, strings.TrimPrefix(path, root)
	for links := 0; rest != ""; {
		name, next, _ := strings.Cut(rest, string(filepath.Separator))
		if name == "" {
			rest = next
			continue
		}
		at := filepath.Join(folder, name)
		info, err := os.Lstat(at)
		switch {
		case err != nil:
			add(folder, name)
			return
		case info.Mode()&os.ModeSymlink != 0:
			add(folder, name)
			target, err := os.Readlink(at)
			links++
			if err != nil || links > maxLinks {
				return
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(folder, target)
			}
			target = filepath.Clean(target)
			folder, rest = root, filepath.Join(strings.TrimPrefix(target, root), next)
			continue
		case next == "":
			add(folder, name)
			return
		case filepath.Dir(path) == at:
			add(folder, name) // the folder of the file: it may be moved away and made again
		}
		folder, rest = at, next
	}
}
