package policies

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"weir/engine/opa"
)

// BundleStatus is what the admin page tells about one bundle of a policy.
type BundleStatus struct {
	// Name is the file or URL.
	Name string `json:"name"`
	// Revision is that of the bundle in use; Hash is the SHA-256 of its bytes, where it was fetched.
	Revision string `json:"revision,omitempty"`
	Hash     string `json:"hash,omitempty"`
	ETag     string `json:"etag,omitempty"`
	// DownloadedAt is when the bundle in use was fetched, AskedAt when the server last answered.
	DownloadedAt time.Time `json:"downloaded_at,omitzero"`
	AskedAt      time.Time `json:"asked_at,omitzero"`
	// FromCopy says that the bundle in use is the copy that was kept, and that the server has not confirmed it.
	FromCopy bool `json:"from_copy,omitempty"`
	// Waiting is the revision that was fetched and does not load.
	Waiting     string    `json:"waiting_revision,omitempty"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// waiting reports whether a bundle is not the one that the plan in use was compiled with.
func (c *compiled) waiting() bool {
	return slices.ContainsFunc(c.remotes, func(u remoteUse) bool { return u.remote.other(u.snapshot) })
}

// other reports whether something else than the snapshot is in use.
func (r *remote) other(s *snapshot) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s != nil && r.active != nil && r.active.sum != s.sum
}

// fallBack compiles the policy with the bundles in use, where it does not compile with newer ones: a bundle that does not
// fit keeps nobody from changing the policy.
func (s *Store) fallBack(ctx context.Context, failed *compiled, cause error) {
	for _, u := range failed.remotes {
		if u.remote.other(u.snapshot) {
			u.remote.note(&u.remote.unused, cause)
		}
	}
	c := compile(s.in, s.opts, load{ctx: ctx, bundles: s.bundles, want: wantActive}) //nolint:contextcheck // only fetching can be cut short
	if c.diags.HasErrors() || len(s.plans) > 0 && s.plans[len(s.plans)-1].hash == c.cfg.Hash {
		return
	}
	if plan, err := s.build(c); err == nil {
		s.put(c, plan)
	}
}

// activate tells the bundles of the plan in use that they are.
func (s *Store) activate(used []remoteUse) {
	for _, u := range used {
		if err := u.remote.activate(u.snapshot); err != nil {
			s.opts.Log.Warn().Err(err).Str("policy", s.name()).Str("bundle", u.remote.name).Msg("bundle in use, and no copy of it kept")
		}
	}
}

// polled are the bundles to ask for: those of the plan in use, and those of a load that failed, which may be why it did.
func (s *Store) polled() []*remote {
	s.mu.Lock()
	defer s.mu.Unlock()
	uses := s.remotes
	if len(s.plans) > 0 {
		uses = slices.Concat(s.plans[len(s.plans)-1].remotes, uses)
	}
	out := make([]*remote, 0, len(uses))
	for _, u := range uses {
		if !slices.Contains(out, u.remote) {
			out = append(out, u.remote)
		}
	}
	return out
}

// forget drops what no plan uses and no load asks for.
func (s *Store) forget() {
	if s.opts.Bundles != nil {
		return // others may use it
	}
	used := s.polled()
	s.mu.Lock()
	for i := range s.plans {
		for _, u := range s.plans[i].remotes {
			used = append(used, u.remote)
		}
	}
	s.mu.Unlock()
	s.bundles.forget(used)
}

var errNotFetched = errors.New("it was not fetched yet")

// newest is the newest that was fetched from a URL since the last attempt.
func (s *Store) newest(url string) ([]byte, error) {
	for _, u := range s.remotes {
		if sum, found := u.remote.newestOf(url); found {
			return sum, nil
		}
	}
	return nil, errNotFetched
}

func (r *remote) newestOf(url string) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.spec.url != url || r.newest == nil {
		return nil, false
	}
	return slices.Clone(r.newest.sum[:]), true
}

// bundleStatus tells about the bundles of the plan in use, and about those of a load that failed. It is called under mu.
func (s *Store) bundleStatus() []BundleStatus {
	out := []BundleStatus{}
	uses := s.remotes
	if len(s.plans) > 0 {
		now := s.plans[len(s.plans)-1]
		uses = slices.Concat(now.remotes, uses)
		for _, b := range bundlesOf(now.rego) {
			at := slices.IndexFunc(now.remotes, func(u remoteUse) bool { return u.snapshot != nil && u.snapshot.bundle == b })
			if at < 0 {
				out = append(out, BundleStatus{Name: b.Name, Revision: b.Revision})
			}
		}
	}
	for _, u := range uses {
		one := u.remote.status()
		at := slices.IndexFunc(out, func(b BundleStatus) bool { return b.Name == one.Name })
		switch {
		case at < 0:
			out = append(out, one)
		case out[at].LastError == "": // the same URL, asked for in another way since the policy was edited
			out[at].LastError, out[at].LastErrorAt = one.LastError, one.LastErrorAt
		}
	}
	return out
}

func (r *remote) status() BundleStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := BundleStatus{Name: r.name, AskedAt: r.asked}
	if s := r.active; s != nil {
		out.Revision, out.Hash, out.ETag, out.DownloadedAt = s.bundle.Revision, hex.EncodeToString(s.sum[:]), s.etag, s.at
		out.FromCopy = s.stored
		if r.newest != nil && r.newest.sum != s.sum {
			out.Waiting = cmp.Or(r.newest.bundle.Revision, hex.EncodeToString(r.newest.sum[:]))
		}
	}
	for _, p := range []problem{r.unkept, r.failed, r.unused} { // the last one that there is counts
		if p.err != nil {
			out.LastError, out.LastErrorAt = p.err.Error(), p.at
		}
	}
	return out
}

func bundlesOf(p *opa.Policy) []*opa.Bundle {
	if p == nil {
		return nil
	}
	return p.Bundles()
}

// revisions names bundles with their revisions, for the log.
func revisions(p *opa.Policy) []string {
	bundles := bundlesOf(p)
	out := make([]string, len(bundles))
	for i, b := range bundles {
		out[i] = b.Name
		if b.Revision != "" {
			out[i] += "@" + b.Revision
		}
	}
	return out
}

// shownFiles are the files of a policy without what may be secret in the URLs among them.
func shownFiles(files []string) []string {
	out := make([]string, len(files))
	for i, name := range files {
		out[i] = name
		if isRemote(name) {
			out[i] = shownURL(name)
		}
	}
	return out
}
