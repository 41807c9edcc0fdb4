package engine

// Budget is the part that one exchange has in what the gateway may hold in memory. The server gives it, and takes back
// what was reserved when the exchange is over.
type Budget interface {
	// Take reserves n bytes more, or returns what the client is to be told.
	Take(n int64) error
}

// meter counts the bytes that one kind of buffer of an exchange holds. Buffers are reused over attempts and do not
// shrink before the exchange ends, so what was reserved for one attempt serves the next.
type meter struct {
	x    *Exchange
	held int
}

// Reach reserves what a buffer of so many bytes needs beyond what is reserved. It reserves twice what is held where
// less is asked, as buffers grow so too, and the shared counter is touched rarely.
func (m *meter) Reach(size int) error {
	if size <= m.held || m.x == nil || m.x.Budget == nil {
		return nil
	}
	size = max(size, 2*m.held)
	if err := m.x.Budget.Take(int64(size - m.held)); err != nil {
		return err
	}
	m.held = size
	return nil
}
