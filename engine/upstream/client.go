package upstream

import (
	"context"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"
)

const (
	// maxEndpoints bounds how many endpoints are remembered by their settings. A policy names tens; the bound is for hosts
	// that come with requests. A forgotten endpoint still works for whoever holds it.
	maxEndpoints = 1024
	// reapEvery is how far idle connections may outlive their limit: short beside the default of 30 s, rare enough to
	// cost an idle process nothing.
	reapEvery = 5 * time.Second

	// defaultMaxDecoded is twice the largest answer seen in practice (images in base64), with room.
	defaultMaxDecoded = 128 << 20
	// defaultMaxRatio lies above what gzip reaches on repetitive event streams (30 to 60) and below what bombs need.
	defaultMaxRatio = 200
)

// Options bound what compressed answers may expand to.
type Options struct {
	MaxDecoded int64 // bytes of one decompressed body; 128 MiB where 0
	MaxRatio   int64 // decompressed to compressed bytes, looked at from 1 MiB on; 200 where 0
}

// Client holds endpoints and their connections. One serves the whole process and outlives policies.
type Client struct {
	opts     Options
	proxyFor func(*url.URL) (*url.URL, error)
	decoders decoders
	drain    *drainer
	stop     context.CancelFunc
	tasks    sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	endpoints map[string]*Endpoint
	idling    []*Endpoint // those that may hold idle connections
}

// New starts a client. The proxy settings of the environment are read here, once.
func New(opts Options) *Client {
	if opts.MaxDecoded <= 0 {
		opts.MaxDecoded = defaultMaxDecoded
	}
	if opts.MaxRatio <= 0 {
		opts.MaxRatio = defaultMaxRatio
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Client{
		opts:      opts,
		proxyFor:  httpproxy.FromEnvironment().ProxyFunc(),
		drain:     newDrainer(),
		stop:      stop,
		endpoints: map[string]*Endpoint{},
	}
	c.tasks.Go(func() { c.reapLoop(ctx) })
	c.tasks.Go(func() { c.drain.run(ctx) })
	return c
}

// Close ends the idle connections and the client's two goroutines. Calls in flight go on; their connections close with them.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.tasks.Wait()
	c.mu.Lock()
	idling := c.idling
	c.idling = nil
	c.mu.Unlock()
	for _, ep := range idling {
		ep.pool.shut()
	}
}

// Endpoint prepares an origin, or returns the one already prepared from the same settings, with its connections.
func (c *Client) Endpoint(cfg EndpointConfig) (*Endpoint, error) {
	key := cfg.key()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, refuse(ErrClosed, "client is closed")
	}
	if ep := c.endpoints[key]; ep != nil {
		return ep, nil
	}
	ep, err := newEndpoint(c, &cfg)
	if err != nil {
		return nil, err
	}
	if len(c.endpoints) >= maxEndpoints {
		c.forgetOne()
	}
	c.endpoints[key] = ep
	return ep, nil
}

// forgetOne makes room for an endpoint: at the cost of one without connections if there is any.
func (c *Client) forgetOne() {
	victim := ""
	for key, ep := range c.endpoints {
		victim = key
		if ep.pool.unused() {
			break
		}
	}
	delete(c.endpoints, victim)
}

// watchIdle puts an endpoint on the reaper's list; false once the client is closed.
func (c *Client) watchIdle(ep *Endpoint) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.idling = append(c.idling, ep)
	return true
}

func (c *Client) reapLoop(ctx context.Context) {
	tick := time.NewTicker(reapEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			c.reap(now)
		}
	}
}

// reap closes what was idle for too long and takes endpoints without idle connections off the list.
func (c *Client) reap(now time.Time) {
	c.mu.Lock()
	idling := c.idling
	c.idling = nil
	c.mu.Unlock()
	kept := idling[:0]
	for _, ep := range idling {
		if ep.pool.reap(now) {
			kept = append(kept, ep)
		}
	}
	c.mu.Lock()
	c.idling = append(c.idling, kept...)
	c.mu.Unlock()
}
