package policies

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"weir/engine"
	"weir/engine/opa"
)

const (
	// firstFetch bounds the fetch that a load waits for. A server that takes longer is taken for one that is down, since
	// the copy that is kept serves as well.
	firstFetch = 10 * time.Second
	// longPoll is how long a server may hold a question until there is an answer. Proxies on the way give up on silence after
	// a minute, and so does the client.
	longPoll = 45 * time.Second
	// transferTime is what a bundle of the largest size takes on a slow line, and what a poll gets beyond the time it is held.
	transferTime = time.Minute
	// longPollType is the content type by which a server says that it holds questions.
	longPollType = "application/vnd.openpolicyagent.bundles"
)

// Bundles keeps the bundles that were fetched, so that several loads fetch each of them once.
type Bundles struct {
	mu  sync.Mutex
	all map[string]*remote // by the fingerprint of what the policy says
}

// NewBundles returns an empty set.
func NewBundles() *Bundles { return &Bundles{all: map[string]*remote{}} }

// remote is one bundle that is fetched. Its snapshots do not change once they are made.
type remote struct {
	name   string // as it is shown
	client *http.Client

	mu     sync.Mutex
	spec   bundleSpec
	newest *snapshot // that was fetched and verified
	active *snapshot // that the current plan was compiled with
	kept   [sha256.Size]byte
	holds  bool // the server holds questions until there is an answer
	asked  time.Time
	failed problem // of the last fetch
	unused problem // why the newest is not active
	unkept problem // of keeping the active one
}

// problem is an error and when it happened.
type problem struct {
	err error
	at  time.Time
}

// snapshot is one revision of a bundle, verified.
type snapshot struct {
	bundle *opa.Bundle
	data   []byte
	sum    [sha256.Size]byte
	etag   string
	at     time.Time
	stored bool // it was read from the folder
}

// remoteUse is what a load took from a remote bundle; the snapshot is nil where there was none.
type remoteUse struct {
	remote   *remote
	snapshot *snapshot
}

// wanted says which snapshots a load takes.
type wanted uint8

const (
	wantNewest wanted = iota
	wantActive
)

// fingerprint is the same for bundles that are fetched and verified in the same way.
func (s *bundleSpec) fingerprint() string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q %q %q %q %q %q", s.url, s.headers, s.read.Keys, s.read.Scope, s.read.ExcludeFiles, s.folder) // a hash never fails
	return hex.EncodeToString(sum.Sum(nil))
}

// find returns the remote bundle of a policy, a new one where it was not asked for before.
func (b *Bundles) find(spec *bundleSpec, services engine.Services) *remote {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := spec.fingerprint()
	r := b.all[id]
	if r == nil {
		r = &remote{name: spec.read.Name, client: services.HTTP(nil)}
		b.all[id] = r
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spec = *spec // how often to ask may be another
	return r
}

// forget drops the bundles that nothing uses any more.
func (b *Bundles) forget(used []*remote) {
	b.mu.Lock()
	defer b.mu.Unlock()
	keep := map[*remote]bool{}
	for _, r := range used {
		keep[r] = true
	}
	for id, r := range b.all {
		if !keep[r] {
			r.client.CloseIdleConnections()
			delete(b.all, id)
		}
	}
}

// take returns the snapshot that a load compiles. The first time it fetches the bundle; where that fails, it reads the copy
// that is kept. A bundle that is neither served nor kept is an error.
func (r *remote) take(ctx context.Context, want wanted) (*snapshot, error) {
	r.mu.Lock()
	have := r.newest
	if want == wantActive && r.active != nil {
		have = r.active
	}
	spec := r.spec
	r.mu.Unlock()
	if have != nil {
		return have, nil
	}
	ctx, cancel := context.WithTimeout(ctx, firstFetch)
	defer cancel()
	snap, err := r.fetch(ctx, "", 0)
	if err == nil {
		r.found(snap)
		return snap, nil
	}
	r.note(&r.failed, err)
	if spec.folder == "" {
		return nil, err
	}
	snap, problem := spec.load()
	if problem != nil {
		return nil, fmt.Errorf("%w; and the copy that is kept: %w", err, problem)
	}
	r.found(snap)
	return snap, nil
}

// found keeps a snapshot as the newest.
func (r *remote) found(s *snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newest, r.unused = s, problem{}
	if s.stored {
		r.kept = s.sum
	}
}

// activate takes notice of the snapshot that the plan in use was compiled with, and keeps a copy of it where the policy says
// so.
func (r *remote) activate(s *snapshot) error {
	r.mu.Lock()
	r.active = s
	if r.newest != nil && r.newest.sum == s.sum {
		r.unused = problem{}
	}
	spec, kept := r.spec, r.kept == s.sum
	r.mu.Unlock()
	if spec.folder == "" || kept {
		return nil
	}
	err := spec.keep(s.data)
	r.note(&r.unkept, err)
	if err == nil {
		r.mu.Lock()
		r.kept = s.sum
		r.mu.Unlock()
	}
	return err
}

// note remembers a problem and reports whether it is another one than before; nil ends it.
func (r *remote) note(p *problem, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	same := (p.err == nil) == (err == nil) && (err == nil || p.err.Error() == err.Error())
	*p = problem{err: err, at: time.Now()}
	if err == nil {
		*p = problem{}
	}
	return !same
}

// withoutURL takes the URL out of an error, which may hold what is secret.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

var errNotModified = errors.New("the bundle has not changed")

// fetch asks the server for the bundle and verifies what comes. With an etag the answer may be errNotModified, for which
// the server is given a time to wait.
func (r *remote) fetch(ctx context.Context, etag string, hold time.Duration) (*snapshot, error) {
	r.mu.Lock()
	spec := r.spec
	r.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, spec.url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking for the bundle: %w", err)
	}
	for _, h := range spec.headers {
		req.Header.Set(h.name, h.value)
	}
	prefer := "modes=snapshot"
	if hold > 0 {
		prefer += ";wait=" + strconv.Itoa(int(hold.Seconds()))
	}
	req.Header.Set("Prefer", prefer)
	req.Header.Set("Accept", longPollType+", application/gzip, application/octet-stream;q=0.9, */*;q=0.1")
	req.Header.Set("Accept-Encoding", "identity") // what is packed is the bundle itself
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetching the bundle: %w", withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }() // nothing was written
	r.answered(resp)
	switch {
	case resp.StatusCode == http.StatusNotModified && etag != "":
		return nil, errNotModified
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, fmt.Errorf("fetching the bundle: the server redirects (%d), which is not followed", resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("fetching the bundle: the server answered %d", resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBundle+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetching the bundle: %w", err)
	case len(data) > maxBundle:
		return nil, fmt.Errorf("fetching the bundle: it is larger than %d bytes", maxBundle)
	}
	return spec.snapshot(data, resp.Header.Get("ETag"), time.Now())
}

// answered takes notice of an answer: whether the server holds questions, it says with a bundle.
func (r *remote) answered(resp *http.Response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if resp.StatusCode == http.StatusOK {
		r.holds = resp.Header.Get("Content-Type") == longPollType
	}
}

// snapshot verifies a bundle.
func (s *bundleSpec) snapshot(data []byte, etag string, at time.Time) (*snapshot, error) {
	b, diags := opa.ReadBundle(data, s.read)
	if err := diags.Err(); err != nil {
		return nil, err //nolint:wrapcheck // diagnostics stay what they are
	}
	return &snapshot{bundle: b, data: data, sum: sha256.Sum256(data), etag: etag, at: at}, nil
}
