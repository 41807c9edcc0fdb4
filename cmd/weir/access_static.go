package main

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"weir/access"
)

// staticEvery is how often the file of static resources is looked at: a look is one call to stat.
const staticEvery = time.Second

// staticFile is the file of static resources, which may be replaced while it is in use.
type staticFile struct {
	mu     sync.Mutex // one load at a time
	seen   fileStamp
	failed atomic.Bool // the last load did
}

// fileStamp tells one content of a file from another.
type fileStamp struct {
	changed time.Time
	size    int64
}

func stampOf(path string) (s fileStamp) {
	if info, err := os.Stat(path); err == nil {
		s.changed, s.size = info.ModTime(), info.Size()
	}
	return s
}

// load reads the file and puts its resources in the place of those before, which stay where it fails.
func (f *staticFile) load(s *accessService) error {
	if s.config.File == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = stampOf(s.config.File)
	resources, err := access.LoadFile(s.config.File, access.FileOptions{
		Secret: s.secret, Box: s.box, BuiltIn: builtInProvider, CheckWhen: s.checkWhen, CheckPer: s.checkPer,
		WebhookHosts: s.config.WebhookHosts,
	})
	f.failed.Store(err != nil)
	if err != nil {
		return err //nolint:wrapcheck // a diag.List, which names the file
	}
	s.directory.SetStatic(resources)
	s.log.Info().Str("file", s.config.File).Int("access_keys", len(resources.AccessKeys)).Msg("static access keys loaded")
	return nil
}

// reload is load for a gateway that serves.
func (f *staticFile) reload(s *accessService) {
	if err := f.load(s); err != nil {
		s.log.Error().Err(err).Str("file", s.config.File).Msg("static access keys not loaded, the earlier ones stay")
	}
}

func (f *staticFile) watch(ctx context.Context, s *accessService) {
	if s.config.File == "" {
		return
	}
	tick := time.NewTicker(staticEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.mu.Lock()
			same := stampOf(s.config.File) == f.seen
			f.mu.Unlock()
			if !same {
				f.reload(s)
			}
		}
	}
}
