package server

import (
	"context"
	"fmt"

	"weir/policies"
)

// Status is what the admin listener tells about one policy.
type Status = policies.Status

// FromStore serves the plans of a policy store.
func FromStore(s *policies.Store) Policy { return storePolicy{s} }

type storePolicy struct{ store *policies.Store }

// Load returns the current plan, nil before the first.
func (p storePolicy) Load() Runner {
	if plan := p.store.Load(); plan != nil {
		return plan
	}
	return nil
}

// Reload compiles the policy again.
func (p storePolicy) Reload(ctx context.Context) error {
	if err := p.store.Reload(ctx); err != nil {
		return fmt.Errorf("reloading: %w", err)
	}
	return nil
}

// Rollback goes back to the plan before.
func (p storePolicy) Rollback() error {
	if err := p.store.Rollback(); err != nil {
		return fmt.Errorf("rolling back: %w", err)
	}
	return nil
}

// Status tells about the policy.
func (p storePolicy) Status() Status { return p.store.Status() }
