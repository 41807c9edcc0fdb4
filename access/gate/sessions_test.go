package gate

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/access"
	"weir/access/seal"
	"weir/engine"
)

// ended reports whether an exchange was cancelled because its key was revoked.
func ended(x *engine.Exchange) bool {
	err := x.Context().Err()
	return err != nil && strings.Contains(err.Error(), "unauthorized: the access key was revoked")
}

func TestRevocation(t *testing.T) {
	tests := []struct {
		name string
		key  func(k *access.AccessKey) // as it is while the exchange begins
		do   func(f *fixture)
		want bool
	}{
		{"nothing happens", nil, func(f *fixture) { f.apply() }, false},
		{"another key is removed", nil, func(f *fixture) { f.remove(2) }, false},
		{"removed", nil, func(f *fixture) { f.remove(1) }, true},
		{"disabled", nil, func(f *fixture) { f.change(1, func(k *access.AccessKey) { k.Disabled = true }) }, true},
		{"renamed", nil, func(f *fixture) { f.change(1, func(k *access.AccessKey) { k.Name = "other" }) }, false},
		{"expires at once", nil, func(f *fixture) { f.change(1, func(k *access.AccessKey) { k.ExpiresAt = in(-time.Second) }) }, true},
		{"expires later", nil, func(f *fixture) { f.change(1, func(k *access.AccessKey) { k.ExpiresAt = in(time.Hour) }) }, false},
		{"valid from later on", nil, func(f *fixture) { f.change(1, func(k *access.AccessKey) { k.NotBefore = in(time.Hour) }) }, true},
		{"the network is no longer allowed", nil, func(f *fixture) {
			f.change(1, func(k *access.AccessKey) { k.AllowedNetworks = []string{"10.0.0.0/8"} })
		}, true},
		{"the network is still allowed", nil, func(f *fixture) {
			f.change(1, func(k *access.AccessKey) { k.AllowedNetworks = []string{"192.0.2.0/24"} })
		}, false},
		{"rotated, the overlap runs", nil, func(f *fixture) {
			f.change(1, func(k *access.AccessKey) {
				before := k.Tokens[0]
				before.ExpiresAt = in(time.Hour)
				k.Tokens = []access.TokenHash{f.tokenHash("wr-" + id(1) + "-g1-another"), before}
			})
		}, false},
		{"rotated without overlap", nil, func(f *fixture) {
			f.change(1, func(k *access.AccessKey) { k.Tokens = []access.TokenHash{f.tokenHash("wr-" + id(1) + "-g1-another")} })
		}, true},
		{"the team is disabled", nil, func(f *fixture) {
			f.static.Teams = []*access.Team{{Meta: access.Meta{ID: "team_1"}, Disabled: true}}
			f.apply()
		}, true},
		{"the team is gone", nil, func(f *fixture) { f.static.Teams = nil; f.apply() }, true},
		{"the key expires by time", func(k *access.AccessKey) { k.ExpiresAt = in(time.Minute) }, func(f *fixture) {
			f.clock.add(61 * time.Second)
			f.gate.expire()
		}, true},
		{"the key does not expire yet", func(k *access.AccessKey) { k.ExpiresAt = in(time.Minute) }, func(f *fixture) {
			f.clock.add(50 * time.Second)
			f.gate.expire()
		}, false},
		{"the overlap ends by time", func(k *access.AccessKey) { k.Tokens[0].ExpiresAt = in(time.Minute) }, func(f *fixture) {
			f.clock.add(61 * time.Second)
			f.gate.expire()
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.static.Teams = []*access.Team{{Meta: access.Meta{ID: "team_1"}}}
			token := f.add(1, func(k *access.AccessKey) {
				k.TeamID = "team_1"
				if tt.key != nil {
					tt.key(k)
				}
			})
			other := f.add(2, nil)
			f.apply()
			live, over, beside := exchange("192.0.2.1"), exchange("192.0.2.1"), exchange("192.0.2.1")
			for _, x := range []*engine.Exchange{live, over, beside} {
				tk := token
				if x == beside {
					tk = other
				}
				if err := f.gate.Authenticate(x, tk); err != nil {
					t.Fatal(err)
				}
			}
			over.Finish()
			k := f.gate.view.Load().grants["aigk_"+id(1)]
			tt.do(f)
			if got := ended(live); got != tt.want {
				t.Errorf("got ended %t, want %t: %v", got, tt.want, live.Context().Err())
			}
			if over.Context().Err() != nil {
				t.Error("an exchange was cancelled that was over")
			}
			if tt.name != "another key is removed" && beside.Context().Err() != nil {
				t.Error("an exchange of another key was cancelled")
			}
			live.Finish()
			if n := len(k.sessions.live); n != 0 || !k.sessions.none() {
				t.Errorf("got %d exchanges that are kept, want none", n)
			}
		})
	}
}

// TestRunEndsExpired goes by the real clock.
func TestRunEndsExpired(t *testing.T) {
	f := newFixture(t)
	f.gate.o.Now = time.Now
	token := f.add(1, func(k *access.AccessKey) { k.ExpiresAt = in(300 * time.Millisecond) })
	f.apply()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.gate.Run(ctx) })
	defer running.Wait()
	defer cancel()
	x := exchange("192.0.2.1")
	if err := f.gate.Authenticate(x, token); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	select {
	case <-x.Context().Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the exchange goes on although its key is expired")
	}
	if spent := time.Since(began); spent > 1500*time.Millisecond {
		t.Errorf("it took %v, want a second after the expiry at most", spent)
	}
	x.Finish()
}

// onCancel has f called by whoever cancels the exchange.
func onCancel(t *testing.T, x *engine.Exchange, f func()) {
	t.Helper()
	c, ok := x.Context().(interface{ AfterFunc(f func()) func() bool })
	if !ok {
		t.Fatal("the context of exchanges takes no callbacks")
	}
	_ = c.AfterFunc(f)
}

// TestCallbacksMayAsk: what is called on cancellation may come back to the gate.
func TestCallbacksMayAsk(t *testing.T) {
	f := newFixture(t)
	token, next := f.add(1, nil), seal.NewToken(id(1))
	f.apply()
	x := exchange("192.0.2.1")
	if err := f.gate.Authenticate(x, token); err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	onCancel(t, x, func() {
		asked <- f.gate.Authenticate(exchange("192.0.2.2"), next) // of the same key, whose lock must be free
	})
	go f.change(1, func(k *access.AccessKey) { k.Tokens = []access.TokenHash{f.tokenHash(next)} })
	select {
	case err := <-asked:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the gate waits for itself")
	}
}

// TestViewChangesMeanwhile: a key is removed between the look at it and the entry of its exchange, which no sweep saw.
func TestViewChangesMeanwhile(t *testing.T) {
	f := newFixture(t)
	token := f.add(1, nil)
	f.apply()
	k := f.gate.view.Load().grants["aigk_"+id(1)]
	k.sessions.mu.Lock() // the exchange is found to be valid, and waits here
	x := exchange("192.0.2.1")
	answer := make(chan error, 1)
	go func() { answer <- f.gate.Authenticate(x, token) }()
	time.Sleep(20 * time.Millisecond)
	f.remove(1)
	k.sessions.mu.Unlock()
	if err := <-answer; code(err) != "unauthorized" {
		t.Errorf("got %v, want a refusal", err)
	}
	if len(k.sessions.live) != 0 {
		t.Error("a refused exchange is kept")
	}
}

// TestEndingWaitsForCancelling: an exchange that ends while it is being cancelled is not another one before that is over.
func TestEndingWaitsForCancelling(t *testing.T) {
	f := newFixture(t)
	token := f.add(1, nil)
	f.apply()
	x := exchange("192.0.2.1")
	if err := f.gate.Authenticate(x, token); err != nil {
		t.Fatal(err)
	}
	began, goOn := make(chan struct{}), make(chan struct{})
	onCancel(t, x, func() {
		close(began)
		<-goOn
	})
	var all sync.WaitGroup
	all.Go(func() { f.remove(1) })
	<-began
	var over atomic.Bool
	all.Go(func() {
		x.Finish()
		over.Store(true)
	})
	time.Sleep(20 * time.Millisecond)
	if over.Load() {
		t.Error("the exchange ended while it was being cancelled")
	}
	close(goOn)
	all.Wait()
}

// TestNobodySlipsThrough: keys are revoked while exchanges begin and end, which are used again at once as a server does. Those
// that go on must be valid, and nobody may be cancelled for another's key.
func TestNobodySlipsThrough(t *testing.T) {
	f := newFixture(t)
	f.gate.o.Now = time.Now
	tokens := []string{f.add(1, nil), f.add(2, nil)}
	f.apply()
	var stop atomic.Bool
	var revoked, passed, cut atomic.Int64
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			x := exchange("192.0.2.1")
			for n := w; !stop.Load(); n++ {
				mine := n % 2
				x.Conn.ClientIP = exchange("192.0.2.1").Conn.ClientIP
				before := revoked.Load()
				err := f.gate.Authenticate(x, tokens[mine])
				switch {
				case err == nil:
					passed.Add(1)
					if mine == 1 && n%8 == 1 { // one that lives on until it is ended
						if before%2 == 1 && revoked.Load() == before {
							t.Error("a revoked key passed")
						}
						if revoked.Load() > 0 {
							waitEnd(t, x)
							cut.Add(1)
						}
					}
				case mine == 0:
					t.Errorf("got %v for a key that is always valid", err)
				}
				if mine == 0 && x.Context().Err() != nil {
					t.Error("an exchange was cancelled whose key is valid")
				}
				x.Finish()
				x.Reset()
			}
		})
	}
	kept := *f.static.AccessKeys[1]
	for range 100 { // revoked is odd while the second key is
		f.change(2, func(k *access.AccessKey) { k.Disabled = true })
		revoked.Add(1)
		time.Sleep(time.Millisecond)
		revoked.Add(1)
		f.change(2, func(k *access.AccessKey) { *k = kept })
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	f.remove(2)
	all.Wait()
	if passed.Load() == 0 || cut.Load() == 0 {
		t.Errorf("got %d passed and %d ended, want some of each", passed.Load(), cut.Load())
	}
}

func waitEnd(t *testing.T, x *engine.Exchange) {
	t.Helper()
	select {
	case <-x.Context().Done():
	case <-time.After(10 * time.Second):
		t.Error("an exchange goes on although its key was revoked")
	}
}
