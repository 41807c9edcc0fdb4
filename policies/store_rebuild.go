package policies

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weir/engine/diag"
)

// Rebuild makes the plan in use anew from the bytes that it was compiled from, since what Build puts into plans beside the
// policy has changed. Exchanges end on the plan that they began with. Where it fails, the plan stays.
func (s *Store) Rebuild(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.mu.Lock()
	s.around++
	s.mu.Unlock()
	return s.rebuild(ctx)
}

// freshen rebuilds a plan of before that Rebuild did not see. It is better served as it is than not at all.
func (s *Store) freshen(ctx context.Context) {
	s.mu.Lock()
	stale := s.plans[len(s.plans)-1].around != s.around
	s.mu.Unlock()
	if stale {
		_ = s.rebuild(ctx) // logged, and told in the status
	}
}

func (s *Store) rebuild(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("rebuilding the plan: %w", err)
	}
	s.mu.Lock()
	if len(s.plans) == 0 {
		s.mu.Unlock()
		return nil // the first load will see what changed
	}
	now := s.plans[len(s.plans)-1]
	s.mu.Unlock()
	c := compile(s.in, s.opts, load{ctx: ctx, bundles: s.bundles, want: wantActive, files: now.read.files}) //nolint:contextcheck // only fetching can be cut short
	plan, err := s.build(c)
	if err == nil && c.cfg.Hash != now.hash {
		err = errors.New("a bundle of the policy is another by now") // which is loaded in its turn
	}
	if err != nil {
		err = fmt.Errorf("rebuilding the plan: %w", err)
		s.mu.Lock()
		s.unbuilt = problem{err: err, at: time.Now()}
		s.mu.Unlock()
		s.opts.Log.Error().Str("policy", s.name()).Uint64("generation", now.plan.Generation).
			RawJSON("diagnostics", c.diagnosticsJSON()).Msg("plan not rebuilt, the earlier one stays")
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	plan.Generation = s.generation
	now.plan, now.at, now.around, now.diags = plan, time.Now(), s.around, append(diag.List{}, c.diags...)
	s.plans[len(s.plans)-1] = now
	s.unbuilt = problem{}
	s.current.Store(plan)
	s.opts.Log.Info().Str("policy", s.name()).Uint64("generation", plan.Generation).Str("hash", now.hash).Msg("plan rebuilt")
	return nil
}
