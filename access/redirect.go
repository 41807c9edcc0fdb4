package access

import "fmt"

// redirected tells of a change that would lead stored provider keys to another address. Nobody can read them, and who may
// say where they are sent could: that takes an admin.
func redirected(s *Snapshot, a Actor, before, next Resource) error {
	now, ok := next.(*Provider)
	if !ok || a.Role == RoleAdmin {
		return nil
	}
	if was, ok := before.(*Provider); ok && was != nil && was.BaseURL == now.BaseURL {
		return nil
	}
	for _, k := range s.ProviderKeys {
		if k.ProviderID == now.ProviderID {
			return fmt.Errorf("provider keys are stored for %s, and the role %s may not say where they are sent: %w", shown(now.ProviderID), a.Role, ErrForbidden)
		}
	}
	return nil
}
