package engine

import "slices"

// AfterFunc has f called when the exchange is cancelled, as package context wants it of contexts that are not its own.
// Without it every context that an action derives would have a goroutine that may look at the exchange when it is over,
// and is another one already.
func (c *exchangeContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		c.late.Go(f) // not here: the caller holds what f needs
		return func() bool { return false }
	}
	entry := &f
	c.after = append(c.after, entry)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.after, entry)
		if i < 0 {
			return false
		}
		c.after = slices.Delete(c.after, i, i+1)
		return true
	}
}
