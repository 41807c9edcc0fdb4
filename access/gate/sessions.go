package gate

import (
	"bytes"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"weir/engine"
)

// session is what an exchange was let in by.
type session struct {
	hash  []byte // of the token
	from  netip.Addr
	ended bool // it was told to end
}

// sessions are the exchanges that one key has under way.
type sessions struct {
	count atomic.Int64
	over  func(*engine.Exchange) // forget, as a value that is made once

	mu   sync.Mutex
	wake sync.Cond
	live map[*engine.Exchange]session
	held *engine.Exchange // that is being cancelled
}

func newSessions() *sessions {
	s := &sessions{live: map[*engine.Exchange]session{}}
	s.wake.L = &s.mu
	s.over = s.forget
	return s
}

func (s *sessions) none() bool { return s.count.Load() == 0 }

func (s *sessions) begin(x *engine.Exchange, as session) {
	s.mu.Lock()
	s.live[x] = as
	s.count.Store(int64(len(s.live)))
	s.mu.Unlock()
}

// forget lets go of an exchange. When it returns nobody will cancel that exchange any more, which may then be another one.
func (s *sessions) forget(x *engine.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, x)
	s.count.Store(int64(len(s.live)))
	for s.held == x {
		s.wake.Wait() // for the callbacks of one cancellation
	}
}

// end cancels the exchanges that the grant no longer lets in, and returns how many; nil lets nobody in. It is called by one
// goroutine at a time. Cancelling runs callbacks of others, so it is done without the lock.
func (s *sessions) end(k *grant, now time.Time) (ended int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var leaving []*engine.Exchange
	for x, as := range s.live {
		if !as.ended && !k.keeps(as, now) {
			leaving = append(leaving, x)
		}
	}
	for _, x := range leaving {
		as, still := s.live[x]
		if !still || as.ended || k.keeps(as, now) { // it ended meanwhile, and may be another one
			continue
		}
		as.ended = true
		s.live[x] = as
		s.held = x
		s.cancel(x)
		ended++
	}
	return ended
}

// cancel ends one exchange. The caller holds the lock, which is free meanwhile.
func (s *sessions) cancel(x *engine.Exchange) {
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.held = nil
		s.wake.Broadcast()
	}()
	x.Cancel(&engine.Error{Code: engine.CodeUnauthorized, Message: "the access key was revoked"})
}

// keeps reports whether an exchange may go on. It asks what was asked when it began, but by the grant as it is now.
func (k *grant) keeps(as session, now time.Time) bool {
	if k == nil || k.state(as.from, now) != whyNot {
		return false
	}
	for i := range k.key.Tokens {
		t := &k.key.Tokens[i]
		if bytes.Equal(t.Hash, as.hash) { // both are stored hashes: neither is what a client sent
			return t.ExpiresAt == nil || now.Before(*t.ExpiresAt)
		}
	}
	return false
}
