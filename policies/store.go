package policies

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/opa"
)

// maxPlans is how many plans are kept, the current one among them: enough to go back over a series of bad edits, few
// enough that their catalogs do not count.
const maxPlans = 5

// ErrNoEarlierPlan says that there is nothing to roll back to.
var ErrNoEarlierPlan = errors.New("no earlier plan is kept")

// Store holds the current plan of one policy. Loading it is one atomic read; a new plan is built beside the old one and
// takes its place at once, and a policy that does not load leaves the old plan where it is.
type Store struct {
	in      Input
	opts    Options
	bundles *Bundles

	current atomic.Pointer[engine.Plan]

	loading sync.Mutex // one load at a time; what follows is written by loads, under mu

	mu         sync.Mutex
	plans      []loaded // the last one is current
	generation uint64
	attempted  string // hash of the last attempt; the same bytes are not tried again
	failed     error
	failedAt   time.Time
	diags      diag.List // of the last attempt
	files      []string
	read       *reader     // of the last attempt
	remotes    []remoteUse // of the last attempt
	around     uint64      // how often Rebuild was asked for
	unbuilt    problem     // of the last Rebuild
}

// loaded is one plan with what Status tells about it.
type loaded struct {
	plan       *engine.Plan
	hash       string
	at         time.Time
	diags      diag.List
	exceptions []Exception
	rego       *opa.Policy
	remotes    []remoteUse
	read       *reader // what it was compiled from
	around     uint64  // Rebuild was asked for so often when it was built
}

// Status is what the admin page tells about a policy.
type Status struct {
	Name          string      `json:"name"`
	Path          string      `json:"path,omitempty"`
	Generation    uint64      `json:"generation"`
	Hash          string      `json:"hash,omitempty"`
	LoadedAt      time.Time   `json:"loaded_at,omitzero"`
	LastError     string      `json:"last_error,omitempty"`
	LastErrorAt   time.Time   `json:"last_error_at,omitzero"`
	Diagnostics   diag.List   `json:"diagnostics"`
	Exceptions    []Exception `json:"exceptions"`
	Authenticates bool        `json:"authenticates"`
	Files         []string    `json:"files"`
	// Bundles are those that the plan was compiled with, and those that are waited for.
	Bundles []BundleStatus `json:"bundles"`
	Kept    []Kept         `json:"kept"`
}

// Kept is one plan that Rollback can return to, the newest first.
type Kept struct {
	Hash     string    `json:"hash"`
	LoadedAt time.Time `json:"loaded_at"`
}

// NewStore returns a store without a plan; Reload loads the first one.
func NewStore(in Input, opts Options) *Store {
	s := &Store{in: in, opts: opts, bundles: opts.Bundles, read: newReader()}
	if s.bundles == nil {
		s.bundles = NewBundles()
	}
	return s
}

// Load returns the current plan, nil before the first successful Reload. An exchange loads it once and keeps it.
func (s *Store) Load() *engine.Plan { return s.current.Load() }

// Reload compiles the policy again and puts the new plan in place. Files that did not change make it a no-op; on any
// error the old plan stays and the error is also in Status. It may be called from several goroutines.
func (s *Store) Reload(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("reloading the policy: %w", err)
	}
	if s.attempted != "" && s.hashNow() == s.attempted {
		return s.failed
	}
	c := compile(s.in, s.opts, load{ctx: ctx, bundles: s.bundles}) //nolint:contextcheck // only fetching can be cut short
	err := s.try(c)
	if err != nil && c.waiting() {
		s.fallBack(ctx, c, err)
	}
	s.forget()
	return err
}

// try puts the plan of a compiled policy in place, if there is one.
func (s *Store) try(c *compiled) error {
	s.mu.Lock()
	s.files, s.read, s.remotes = c.files, c.secrets.files, c.remotes
	s.attempted, s.diags = c.cfg.Hash, c.diags
	if len(s.plans) > 0 && s.plans[len(s.plans)-1].hash == c.cfg.Hash && !c.diags.HasErrors() {
		s.failed, s.diags = nil, s.plans[len(s.plans)-1].diags
		s.mu.Unlock()
		s.activate(c.remotes)
		return nil
	}
	s.mu.Unlock()
	plan, err := s.build(c)
	s.mu.Lock()
	s.diags = c.diags
	if err != nil {
		s.failed, s.failedAt = err, time.Now()
		s.mu.Unlock()
		s.opts.Log.Error().Str("policy", s.name()).Uint64("generation", s.generation).Str("hash", c.cfg.Hash).
			RawJSON("diagnostics", c.diagnosticsJSON()).Msg("policy not loaded, the earlier one stays")
		return err
	}
	s.failed = nil
	s.mu.Unlock()
	s.put(c, plan)
	return nil
}

// hashNow is the hash of the files of the last attempt as they are now.
func (s *Store) hashNow() string {
	files := newReader()
	files.remote = s.newest
	if s.in.Text != nil {
		files.put(s.in.Path, s.in.Text, nil)
	} else if s.in.Path == "" {
		files.put("", []byte(builtinPolicy), nil)
	}
	for _, path := range s.files {
		files.again(path, s.read)
	}
	return files.hash()
}

// build makes the plan; what Build finds is added to the diagnostics of the compilation.
func (s *Store) build(c *compiled) (*engine.Plan, error) {
	if err := c.diags.Err(); err != nil {
		return nil, fmt.Errorf("compiling the policy: %w", err)
	}
	if s.opts.Build == nil {
		return nil, errors.New("no builder of plans was given")
	}
	plan, diags := s.opts.Build(c.cfg)
	c.add(diags)
	if err := c.diags.Err(); err != nil {
		return nil, fmt.Errorf("building the plan: %w", err)
	}
	if plan == nil {
		return nil, errors.New("building the plan: no plan was made")
	}
	return plan, nil
}

// put makes a plan the current one.
func (s *Store) put(c *compiled, plan *engine.Plan) {
	l := loaded{
		plan: plan, hash: c.cfg.Hash, at: time.Now(), diags: c.diags, exceptions: c.exceptions,
		rego: c.cfg.Rego, remotes: c.remotes, read: c.secrets.files,
	}
	s.mu.Lock()
	l.around = s.around
	s.generation++
	plan.Generation = s.generation
	if len(s.plans) == maxPlans {
		s.plans = append(s.plans[:0], s.plans[1:]...)
	}
	s.plans = append(s.plans, l)
	s.current.Store(plan)
	s.mu.Unlock()
	s.activate(c.remotes)
	s.opts.Log.Info().Str("policy", s.name()).Uint64("generation", plan.Generation).Str("hash", c.cfg.Hash).
		Func(func(e *zerolog.Event) {
			if names := revisions(l.rego); len(names) > 0 {
				e.Strs("bundles", names)
			}
		}).
		Dur("took", time.Since(c.began)).Int("warnings", len(c.diags)).Int("exceptions", len(c.exceptions)).Msg("policy loaded")
}

// Rollback puts the plan before the current one back. The policy that it replaced is not loaded again until one of its
// files changes.
func (s *Store) Rollback() error {
	s.loading.Lock()
	defer s.loading.Unlock()
	now, err := s.previous()
	if err != nil {
		return err
	}
	s.activate(now.remotes)
	s.freshen(context.Background())
	s.opts.Log.Warn().Str("policy", s.name()).Uint64("generation", now.plan.Generation).Str("hash", now.hash).
		Msg("policy rolled back")
	return nil
}

// previous makes the plan before the current one current again.
func (s *Store) previous() (loaded, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.plans) < 2 {
		return loaded{}, ErrNoEarlierPlan
	}
	last := len(s.plans) - 1
	s.plans[last] = loaded{}
	s.plans = s.plans[:last]
	now := s.plans[last-1]
	s.diags, s.failed = now.diags, nil
	s.current.Store(now.plan)
	return now, nil
}

// Status returns what the admin page tells.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Status{
		Name: s.name(), Path: s.in.Path, Diagnostics: append(diag.List{}, s.diags...),
		Exceptions: []Exception{}, Files: shownFiles(s.files), Bundles: s.bundleStatus(), Kept: []Kept{},
	}
	switch {
	case s.failed != nil:
		out.LastError, out.LastErrorAt = s.failed.Error(), s.failedAt
	case s.unbuilt.err != nil:
		out.LastError, out.LastErrorAt = s.unbuilt.err.Error(), s.unbuilt.at
	}
	if len(s.plans) == 0 {
		return out
	}
	now := s.plans[len(s.plans)-1]
	out.Generation, out.Hash, out.LoadedAt = now.plan.Generation, now.hash, now.at
	out.Exceptions, out.Authenticates = append(out.Exceptions, now.exceptions...), now.plan.Authenticates()
	for i := len(s.plans) - 2; i >= 0; i-- {
		out.Kept = append(out.Kept, Kept{Hash: s.plans[i].hash, LoadedAt: s.plans[i].at})
	}
	return out
}

// watched lists the files whose changes matter.
func (s *Store) watched() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) == 0 && s.in.Path != "" {
		return []string{s.in.Path}
	}
	return slices.DeleteFunc(slices.Clone(s.files), isRemote)
}

func (s *Store) name() string {
	if s.opts.Name != "" {
		return s.opts.Name
	}
	if s.in.Path == "" {
		return "built-in"
	}
	return s.in.Path
}
