package actions

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// cacheFresh is how long keys are used without looking for newer ones: what the model this language mirrors does.
	cacheFresh = 15 * time.Minute
	// cacheStale is how long keys are used while newer ones cannot be had: longer than most outages of an identity provider,
	// and short enough that a key that was taken back is gone on the same day.
	cacheStale = 4 * time.Hour
	// cacheRetry is the least time between two attempts after a failure, so that a provider that is down is not asked by
	// every request.
	cacheRetry = 10 * time.Second
	// cacheUnknown is the least time between two attempts because of a key id that nobody knows: callers choose those.
	cacheUnknown = 30 * time.Second
	// cacheTimeout bounds one attempt, with discovery: requests wait for the first one.
	cacheTimeout = 5 * time.Second
)

// cached is a document of an identity provider. It is asked for when a request needs it, and again behind the scenes once it
// has become old.
type cached[T any] struct {
	fetch func(context.Context) (T, error)

	mu     sync.Mutex
	value  T
	loaded time.Time // when the value came; zero = never
	tried  time.Time // when it was last asked for
	err    error     // of the last attempt
	flight chan struct{}
}

// get returns the document. It waits only where there is none that may be used.
func (c *cached[T]) get(ctx context.Context, now time.Time) (T, error) {
	c.mu.Lock()
	age := now.Sub(c.loaded)
	usable := c.usable(now)
	if (!usable || age >= cacheFresh) && c.flight == nil && (c.tried.IsZero() || now.Sub(c.tried) >= cacheRetry) {
		c.start(now) //nolint:contextcheck // others wait for the same answer
	}
	value, flight, err := c.value, c.flight, c.err
	c.mu.Unlock()
	switch {
	case usable:
		return value, nil
	case flight == nil:
		var none T
		return none, err
	default:
		return c.wait(ctx, now, flight)
	}
}

func (c *cached[T]) usable(now time.Time) bool {
	return !c.loaded.IsZero() && now.Sub(c.loaded) < cacheStale
}

// refresh asks for a newer document because the one at hand lacks something; where that was done a moment ago the one at
// hand is all there is.
func (c *cached[T]) refresh(ctx context.Context, now time.Time) (T, error) {
	c.mu.Lock()
	if c.flight == nil && now.Sub(c.tried) >= cacheUnknown {
		c.start(now) //nolint:contextcheck // others wait for the same answer
	}
	flight := c.flight
	c.mu.Unlock()
	if flight == nil {
		return c.get(ctx, now)
	}
	return c.wait(ctx, now, flight)
}

// wait waits for the attempt under way. Where it fails, a document that may still be used is better than none.
func (c *cached[T]) wait(ctx context.Context, now time.Time, flight chan struct{}) (T, error) {
	var none T
	select {
	case <-flight:
	case <-ctx.Done():
		return none, fmt.Errorf("waiting for an identity provider: %w", ctx.Err())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil && !c.usable(now) {
		return none, c.err
	}
	return c.value, nil
}

// start asks for the document. The exchange that made it necessary may end before: others wait for the same answer.
func (c *cached[T]) start(now time.Time) {
	done := make(chan struct{})
	c.tried, c.flight = now, done
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), cacheTimeout)
		defer cancel()
		value, err := c.ask(ctx)
		c.mu.Lock()
		if c.err = err; err == nil {
			c.value, c.loaded = value, now
		}
		c.flight = nil
		c.mu.Unlock()
		close(done)
	}()
}

// ask turns a panic into an error: it runs outside of every exchange, where nothing else would catch it.
func (c *cached[T]) ask(ctx context.Context) (value T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading a document: panic: %v", r)
		}
	}()
	return c.fetch(ctx)
}
