package policies

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// run runs a watcher on the store until the test ends.
func (b *bundled) run() {
	b.t.Helper()
	ctx, stop := context.WithCancel(b.t.Context())
	w, done := NewWatcher(zerolog.Nop(), b.store), make(chan error, 1)
	w.poll = time.Hour // events only
	go func() { done <- w.Run(ctx) }()
	b.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.t.Errorf("got %v from Run, want nil", err)
		}
	})
}

func policyOf(s *bundleServer) string { return strings.ReplaceAll(signedPolicy, "%s", s.URL) }

func TestBundleActivation(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	b := openBundled(t, policyOf(s))
	var log bytes.Buffer
	b.opts.Log = zerolog.New(&log)
	b.reopen()
	b.load()
	if got := b.store.Load().Name; got != "r1" {
		t.Errorf("got revision %q, want r1", got)
	}
	st := b.status()
	if st.Name != s.URL+"/bundle.tar.gz" || st.Revision != "r1" || st.ETag == "" || len(st.Hash) != 64 || st.DownloadedAt.IsZero() || st.LastError != "" || st.FromCopy {
		t.Errorf("got status %+v, want the revision with its etag", st)
	}
	head := s.requests()[0]
	if head.Get("Authorization") != "Bearer bearer-of-the-tests" || head.Get("Prefer") != "modes=snapshot" || head.Get("If-None-Match") != "" {
		t.Errorf("got headers %v, want the token and a snapshot asked for", head)
	}
	if !strings.Contains(log.String(), `"bundles":["`+s.URL+`/bundle.tar.gz@r1"]`) {
		t.Errorf("got log %s, want the revision in it", log.String())
	}
	b.load()
	if n := len(s.requests()); n != 1 {
		t.Errorf("got %d requests after a further load, want the one", n)
	}
}

func TestBundleRefused(t *testing.T) {
	tests := []struct {
		name   string
		data   func(t *testing.T) []byte
		status int
		want   string
	}{
		{name: "another key", data: func(t *testing.T) []byte { t.Helper(); return packed(t, access("r1"), strings.Repeat("x", 40)) }, want: "bundle_signature"},
		{name: "unsigned", data: func(t *testing.T) []byte { t.Helper(); return packed(t, access("r1"), "") }, want: "bundle_signature"},
		{name: "no bundle", data: func(*testing.T) []byte { return []byte("<html>") }, want: "bad_bundle"},
		{name: "nothing", data: func(*testing.T) []byte { return nil }, want: "bad_bundle"},
		{name: "redirect", status: http.StatusFound, want: "redirects"},
		{name: "forbidden", status: http.StatusForbidden, want: "answered 403"},
		{name: "not modified without a question", status: http.StatusNotModified, want: "redirects"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serveBundle(t, nil)
			s.status = tt.status
			if tt.data != nil {
				s.data = tt.data(t)
			}
			b := openBundled(t, policyOf(s))
			err := b.store.Reload(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || b.store.Load() != nil {
				t.Errorf("got %v and plan %v, want %q and no plan", err, b.store.Load(), tt.want)
			}
			if st := b.status(); st.LastError == "" || st.Revision != "" {
				t.Errorf("got status %+v, want the error", st)
			}
			if strings.Contains(err.Error(), "bearer-of-the-tests") || strings.Contains(err.Error(), bundleSecret) {
				t.Errorf("got %v, want no secret in it", err)
			}
		})
	}
}

// TestBundleBadSignature: a bundle that somebody else made changes nothing, and the next good one is taken.
func TestBundleBadSignature(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	b := openBundled(t, policyOf(s))
	b.load()
	one := b.store.Load()
	b.run()
	s.publish(packed(t, access("r2"), strings.Repeat("x", 40)))
	b.await("an error", func() bool { return b.status().LastError != "" })
	if st := b.status(); !strings.Contains(st.LastError, "bundle_signature") || st.Revision != "r1" || b.store.Load() != one || b.store.Status().LastError != "" {
		t.Errorf("got %+v, want the old plan with its bundle", st)
	}
	s.publish(packed(t, access("r3"), bundleSecret))
	b.revision("r3")
	b.await("no error", func() bool { return b.status().LastError == "" })
}

func TestBundleNotModified(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	b := openBundled(t, policyOf(s))
	b.load()
	b.run()
	b.await("five answers without a bundle", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.not >= 5 })
	if st := b.status(); b.store.Load().Generation != 1 || st.AskedAt.IsZero() || st.LastError != "" {
		t.Errorf("got generation %d and %+v, want the first plan", b.store.Load().Generation, st)
	}
	last := s.requests()[len(s.requests())-1]
	if last.Get("If-None-Match") != b.status().ETag || strings.Contains(last.Get("Prefer"), "wait") {
		t.Errorf("got headers %v, want the etag and no wait, which the server did not offer", last)
	}
	s.publish(packed(t, access("r2"), bundleSecret))
	b.revision("r2")
}

// TestBundleLongPoll: a server that holds questions is heard within a second, and not asked all the time.
func TestBundleLongPoll(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	s.holds = true
	b := openBundled(t, strings.ReplaceAll(policyOf(s), "20ms", "1h"))
	b.load()
	b.run()
	held := func(n int) func() bool {
		return func() bool {
			all := s.requests()
			return len(all) >= n && strings.HasSuffix(all[len(all)-1].Get("Prefer"), "wait="+strconv.Itoa(int(longPoll.Seconds())))
		}
	}
	b.await("a question that waits", held(2))
	began := time.Now()
	s.publish(packed(t, access("r2"), bundleSecret))
	b.revision("r2")
	if took := time.Since(began); took > time.Second {
		t.Errorf("got the new revision after %s, want it within a second", took)
	}
	b.await("the next question", held(3))
	time.Sleep(2 * quickest)
	if n := len(s.requests()); n != 3 {
		t.Errorf("got %d requests, want the first, and one for each revision", n)
	}
	s.publish(packed(t, access("r3"), bundleSecret))
	b.revision("r3")
}

func TestBundleColdStart(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	policy := policyOf(s) + "    persist: kept\n"
	b := openBundled(t, policy)
	b.load()
	files, err := filepath.Glob(filepath.Join(b.dir, "kept", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v and %v, want one copy", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v and %v, want a file for its owner", info.Mode(), err)
	}
	s.set(func() { s.status = http.StatusServiceUnavailable })
	b.reopen()
	b.load()
	if st := b.status(); b.store.Load().Name != "r1" || !st.FromCopy || !strings.Contains(st.LastError, "503") {
		t.Errorf("got %+v, want the copy and why it is used", st)
	}
	b.run()
	s.publish(packed(t, access("r2"), bundleSecret))
	b.revision("r2")
	if st := b.status(); st.FromCopy {
		t.Errorf("got %+v, want what was fetched", st)
	}
	b.await("a copy of it", func() bool {
		data, _ := os.ReadFile(files[0])
		return bytes.Equal(data, packed(t, access("r2"), bundleSecret))
	})
}

// TestBundleColdStartRefused: without a good copy a start fails while the server is down.
func TestBundleColdStartRefused(t *testing.T) {
	good := packed(t, access("r1"), bundleSecret)
	tests := []struct {
		name   string
		policy string // what follows the signed policy
		spoil  func(t *testing.T, file string)
		want   string
	}{
		{name: "nowhere kept", want: "with a folder in persist"},
		{name: "no copy", policy: "    persist: kept\n", spoil: func(t *testing.T, file string) { t.Helper(); _ = os.Remove(file) }, want: "there is none"},
		{name: "cut off", policy: "    persist: kept\n", spoil: func(t *testing.T, file string) { t.Helper(); write(t, file, string(good[:len(good)/2])) }, want: "bad_bundle"},
		{name: "one bit", policy: "    persist: kept\n", spoil: func(t *testing.T, file string) {
			t.Helper()
			data := bytes.Clone(good)
			data[len(data)-7] ^= 1
			write(t, file, string(data))
		}, want: "bad_bundle"},
		{name: "another's", policy: "    persist: kept\n", spoil: func(t *testing.T, file string) {
			t.Helper()
			write(t, file, string(packed(t, access("r1"), strings.Repeat("x", 40))))
		}, want: "bundle_signature"},
		{name: "a folder", policy: "    persist: kept\n", spoil: func(t *testing.T, file string) {
			t.Helper()
			_ = os.Remove(file)
			if err := os.Mkdir(file, 0o700); err != nil {
				t.Fatal(err)
			}
		}, want: "not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serveBundle(t, good)
			b := openBundled(t, policyOf(s)+tt.policy)
			b.load()
			if tt.spoil != nil {
				files, err := filepath.Glob(filepath.Join(b.dir, "kept", "*"))
				if err != nil || len(files) != 1 {
					t.Fatalf("got %v and %v, want one copy", files, err)
				}
				tt.spoil(t, files[0])
			}
			s.set(func() { s.status = http.StatusBadGateway })
			b.reopen()
			err := b.store.Reload(t.Context())
			if err == nil || b.store.Load() != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v and plan %v, want %q and no plan", err, b.store.Load(), tt.want)
			}
			b.run() // and is found when it is back
			s.publish(good)
			b.await("a plan", func() bool { return b.store.Load() != nil })
		})
	}
}

// TestUnsignedCopy: what is not signed is not read from where others write.
func TestUnsignedCopy(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), ""))
	b := openBundled(t, "rego: [{bundle: "+s.URL+"/b.tar.gz, persist: kept}]\n")
	b.load()
	files, err := filepath.Glob(filepath.Join(b.dir, "kept", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v and %v, want one copy", files, err)
	}
	s.set(func() { s.status = http.StatusBadGateway })
	b.reopen()
	b.load()
	if err := os.Chmod(files[0], 0o666); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	if err := b.store.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "others may write") {
		t.Errorf("got %v, want the copy refused", err)
	}
}
