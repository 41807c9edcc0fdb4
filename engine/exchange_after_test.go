package engine

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestDerivedContexts: contexts that actions derive end with the exchange, and do not outlive it in any way that the next
// exchange would notice.
func TestDerivedContexts(t *testing.T) {
	x := NewExchange()
	for i := range 2000 {
		derived, cancel := context.WithTimeout(x.Context(), time.Minute)
		early, stop := context.WithCancel(x.Context())
		if i%2 == 0 {
			stop()
		}
		x.Cancel(errClientGone)
		if err := derived.Err(); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want a context that was cancelled", err)
		}
		after, end := context.WithCancel(x.Context())
		if after.Err() == nil || early.Err() == nil {
			t.Fatal("got a context that goes on, want none of an exchange that is cancelled")
		}
		cancel()
		stop()
		end()
		x.Reset()
		if err := x.Context().Err(); err != nil {
			t.Fatalf("got %v of the next exchange, want nothing of the one before", err)
		}
	}
	called := make(chan struct{})
	x.Cancel(errClientGone)
	if stop := x.ctx.AfterFunc(func() { close(called) }); stop() {
		t.Error("got a call stopped that was due, want it made")
	}
	<-called
	x.Reset()
	if n := len(x.ctx.after); n != 0 {
		t.Errorf("got %d functions left over, want none", n)
	}
}
