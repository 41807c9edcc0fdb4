package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"weir/engine"
	"weir/engine/ipinfo"
	"weir/engine/wire"
)

// Runner takes an exchange through a plan; *engine.Plan is the one there is outside tests.
type Runner interface {
	// Run sets the exchange's reply, or says what the client must be told.
	Run(x *engine.Exchange) error
	// Models lists what the caller of the exchange may use.
	Models(x *engine.Exchange, d wire.Dialect) ([]wire.ModelEntry, error)
	// Model finds one entry of that list by any name that a request may use.
	Model(x *engine.Exchange, d wire.Dialect, name string) (wire.ModelEntry, error)
}

// Policy gives the current plan of an endpoint, and what the admin listener shows and does.
type Policy interface {
	Load() Runner
	Reload(ctx context.Context) error
	Rollback() error
	Status() Status
}

// Pool lends exchanges; *engine.Runtime is the one there is outside tests.
type Pool interface {
	Exchange() *engine.Exchange
	Release(x *engine.Exchange)
}

// Options is what a Gateway is made of.
type Options struct {
	Config   *Config
	Policies map[string]Policy // by endpoint id
	Pool     Pool
	Token    string // of the admin listener; empty = one is made
	// Access receives the access log, nil = none; Log receives everything else.
	Access io.Writer
	Log    zerolog.Logger
	// Decisions is shown on the admin listener; who made it closes it. Nil = no decisions are logged.
	Decisions *DecisionLog
	// API is the Admin API, and AccessStats tells about its state; nil = access keys are off.
	API         AccessAPI
	AccessStats AccessStats
}

// Gateway is the listener of Weir: the data port, the admin port, and what keeps both in good order.
type Gateway struct {
	config  *Config
	limits  *Limits
	pool    Pool
	log     zerolog.Logger
	access  *accessLog
	decided *DecisionLog
	policy  map[string]Policy
	origins origins
	trusted []netip.Prefix
	token   string
	ips     *ipinfo.Source // nil = nothing is known of addresses

	api         AccessAPI   // nil = access keys are off
	accessStats AccessStats // nil = as above

	start     time.Time
	gate      *gate
	budget    *budget
	stats     stats
	inflaters inflaters
	visits    sync.Pool
	buffers   sync.Pool

	listeners []*listener
	admin     net.Listener
	certs     []*certificate
	http      *fasthttp.Server
	adminHTTP *fasthttp.Server
	ready     atomic.Bool
	closing   atomic.Bool
	active    atomic.Int64
	finished  chan struct{}
	stopOnce  sync.Once
}

const (
	// workerIdle is how long an idle worker's stack is kept for the next connection.
	workerIdle = 10 * time.Second
	// prefetch makes fasthttp call the handler once the first byte of a body is there; the rest is read by LoadBody,
	// after the rules on headers.
	prefetch = 1
)

// New makes a gateway and opens its listeners, so that a port in use is known before anything runs.
func New(o Options) (*Gateway, error) {
	g := &Gateway{
		config: o.Config, limits: &o.Config.Limits, pool: o.Pool, log: o.Log, policy: o.Policies, token: o.Token, decided: o.Decisions,
		origins: newOrigins(o.Config), trusted: o.Config.TrustedProxies,
		start: time.Now(), finished: make(chan struct{}), api: o.API, accessStats: o.AccessStats,
	}
	g.gate = newGate(g.limits)
	g.budget = newBudget(g.limits.Memory)
	g.access = newAccessLog(o.Access, &g.stats, &o.Config.Log)
	if g.token == "" {
		g.token = newToken()
	}
	var err error
	if g.ips, err = openIPs(o.Config); err != nil {
		g.access.close()
		return nil, err
	}
	g.http = g.dataServer()
	g.adminHTTP = g.adminServer()
	if err := g.listen(); err != nil {
		g.closeListeners()
		g.access.close()
		return nil, err
	}
	return g, nil
}

func (g *Gateway) dataServer() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                       g.handle,
		ErrorHandler:                  g.handleError,
		HeaderReceived:                hideExpected,
		Logger:                        quiet{g.log},
		Concurrency:                   g.limits.Connections + 1, // our own count refuses first, in a shape clients read
		ReadBufferSize:                g.limits.Headers,
		WriteBufferSize:               writeBuffer,
		ReadTimeout:                   g.limits.HeaderTimeout,
		IdleTimeout:                   g.limits.IdleTimeout,
		MaxRequestBodySize:            prefetch,
		MaxIdleWorkerDuration:         workerIdle,
		StreamRequestBody:             true,
		DisablePreParseMultipartForm:  true,
		DisableHeaderNamesNormalizing: true,
		SecureErrorLogMessage:         true,
		NoDefaultServerHeader:         true,
		NoDefaultContentType:          true,
		NoDefaultDate:                 true,
		CloseOnShutdown:               true,
	}
}

// writeBuffer holds most whole answers with their head, so that they leave in one write.
const writeBuffer = 4 << 10

// handle is the way of a request through the gateway.
func (g *Gateway) handle(ctx *fasthttp.RequestCtx) {
	v := g.visit(ctx) // socket
	err := v.parse()  // parse
	if v.head.expects {
		v.serveExpected(err)
		return
	}
	v.serve(err, nil) // plan, on_request, route, provider call, on_response, client
}

// hideExpected hides a body that waits for 100-continue from fasthttp, which would answer it before any rule has run.
func hideExpected(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
	if expectsContinue(h.RawHeaders()) {
		h.Del("Expect")
		h.SetContentLength(0)
	}
	return c
}

// handleError answers what fasthttp could not read. The head is gone by then, so the shape is OpenAI's.
func (g *Gateway) handleError(ctx *fasthttp.RequestCtx, err error) {
	e := errHead("the request head cannot be read")
	var small *fasthttp.ErrSmallBuffer
	var netErr net.Error
	switch {
	case errors.As(err, &small):
		e = engine.Errorf(engine.CodeHeadersTooLarge, "the request head is over the limit of the gateway")
	case errors.Is(err, fasthttp.ErrBodyTooLarge): // of the admin listener: others read bodies themselves
		e = engine.Errorf(engine.CodeBodyTooLarge, "the body is over the limit of the admin listener")
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		e.Status, e.Message = http.StatusRequestTimeout, "the request did not come in time"
	}
	id := string(appendID(nil, time.Now()))
	ctx.Response.Header.DisableNormalizing()
	ctx.SetStatusCode(e.HTTPStatus())
	ctx.Response.Header.Set("content-type", "application/json")
	ctx.Response.Header.Set("x-request-id", id)
	ctx.SetBody(wire.AppendError(nil, wire.DialectOpenAI, e.Body(id)))
	if c, ok := ctx.Conn().(*conn); ok {
		c.linger = true
	}
	g.log.Debug().Str("id", id).Str("code", string(e.Code)).Msg("a request head was refused")
}

// Run serves until the context ends, then drains. It returns when the last exchange has ended or was ended.
func (g *Gateway) Run(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var tasks sync.WaitGroup
	sweep := &sweeper{listeners: g.listeners, clock: g.clock, stats: &g.stats}
	tasks.Go(func() { sweep.run(background) })
	for _, c := range g.certs {
		tasks.Go(func() { c.watch(background, g.log) })
	}
	if g.ips != nil {
		tasks.Go(func() { g.ips.Watch(background, ipEvery, g.reportIPs) })
	}
	failed := make(chan error, len(g.listeners)+1)
	g.ready.Store(true) // connections wait at the listeners already, and may ask
	for _, l := range g.listeners {
		tasks.Go(func() { failed <- g.http.Serve(l) })
	}
	if g.admin != nil {
		tasks.Go(func() { failed <- g.adminHTTP.Serve(g.admin) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		if err != nil {
			err = fmt.Errorf("serving: %w", err)
		}
	case <-g.finished:
	}
	g.Shutdown() //nolint:contextcheck // the drain begins where the context has ended
	stop()
	tasks.Wait()
	return err
}

// clock is the time since the gateway was made, on the monotonic clock.
func (g *Gateway) clock() int64 { return int64(time.Since(g.start)) }

// quiet takes fasthttp's own complaints, which may quote requests: only that there was one is told.
type quiet struct{ log zerolog.Logger }

// Printf says that fasthttp complained.
func (q quiet) Printf(string, ...any) {
	q.log.Debug().Msg("a connection ended with an error")
}
