package server

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"weir/engine"
	"weir/engine/logline"
	"weir/engine/wire"
)

// visit is the server's side of one exchange: the connection it came on, its framing, its buffers.
type visit struct {
	g    *Gateway
	ctx  *fasthttp.RequestCtx
	conn *conn
	x    *engine.Exchange

	head    head
	place   place
	dialect wire.Dialect
	plan    Runner
	input   io.Reader // the body as it comes
	fields  int       // length of the head as fasthttp counts it, to notice trailers

	consumed  bool // the body was read to its end
	mustClose bool
	entered   bool // holds a place in the gate
	finished  bool
	failure   error     // of writing the answer
	reserved  int64     // bytes of the budget
	received  time.Time // when a body that takes several reads was there

	body, plain []byte       // the body as sent, and decompressed
	path        []byte       // the decoded path
	out         []byte       // an error or a list
	said        []byte       // the begin of a stream as it was sent, where the log tells bodies
	line        logline.Line // of the access log
	id          [idLen]byte
}

// visit starts the server's side of an exchange.
func (g *Gateway) visit(ctx *fasthttp.RequestCtx) *visit {
	v, ok := g.visits.Get().(*visit)
	if !ok {
		v = &visit{g: g}
	}
	v.finished = false
	g.active.Add(1)
	v.ctx = ctx
	v.conn, _ = ctx.Conn().(*conn)
	v.x = g.pool.Exchange()
	v.input = ctx.RequestBodyStream()
	now := ctx.Time()
	r := &v.x.Request
	r.ID = view(appendID(v.id[:0], now))
	r.Received = now
	v.x.Loader, v.x.Budget = v, v
	v.x.Conn = engine.Conn{
		Client: v.conn.client, Server: v.conn.server, ClientIP: v.conn.client.Addr(), ClientText: v.conn.clientText, TLS: v.conn.tlsState(), Start: v.conn.start,
	}
	v.conn.begin(v.x, int64(now.Sub(g.start)))
	g.stats.exchanges.Add(1)
	return v
}

// parse reads the head of the request into the exchange.
func (v *visit) parse() error {
	h := &v.ctx.Request.Header
	r := &v.x.Request
	r.Method, r.Version = view(h.Method()), view(h.Protocol())
	if err := parseHead(h.RawHeaders(), &r.Headers, &v.head); err != nil {
		return v.refuse(err)
	}
	v.dialect = askedBy(r.Headers)
	r.ContentLength, r.Host = v.head.length, v.head.host
	if err := v.checkVersion(); err != nil {
		return v.refuse(err)
	}
	t, path, err := parseTarget(h.RequestURI(), v.head.host, v.path)
	v.path = path
	if err != nil {
		return v.refuse(err)
	}
	r.Path, r.RawPath, r.Query = t.path, t.raw, t.query
	v.forwarded()
	v.fields = 0
	if v.head.chunked {
		v.fields = h.Len()
	}
	return v.find()
}

// refuse closes the connection after the refusal: nobody knows where the next request begins.
func (v *visit) refuse(err *engine.Error) error {
	v.mustClose = true
	return err
}

func (v *visit) checkVersion() *engine.Error {
	switch v.x.Request.Version {
	case "HTTP/1.1":
		if v.head.host == "" {
			return errHead("host is missing")
		}
		v.mustClose = v.head.wantsClose
	case "HTTP/1.0":
		v.mustClose = v.head.wantsClose || !v.head.keepsAlive
	default:
		return errHead("only HTTP/1.1 and HTTP/1.0 are spoken")
	}
	return nil
}

// find tells what is asked of which endpoint, and whether it may be asked this way.
func (v *visit) find() error {
	if err := v.g.checkOrigin(&v.head, v.conn.listener); err != nil {
		return v.refuse(err)
	}
	r := &v.x.Request
	e, path := v.conn.listener.endpoint(r.Host, r.Path)
	if e == nil {
		return engine.Errorf(engine.CodeNotFound, "no endpoint for this host and path")
	}
	v.x.Endpoint = &e.Endpoint
	if r.Method == http.MethodOptions && v.g.allowedOrigin(&v.head) != "" {
		v.preflight()
		return nil
	}
	if strings.HasPrefix(path, "/v1beta/") { // only Gemini's clients know this version
		v.dialect = wire.DialectGemini
	}
	v.place = place{}
	if err := v.ask(path); err != nil {
		return err
	}
	if v.place.root && r.Method == http.MethodHead {
		v.greet()
		return nil
	}
	if err := checkCredentials(r.Headers, r.Query); err != nil {
		return err
	}
	if v.plan = e.policy.Load(); v.plan == nil {
		return engine.Errorf(engine.CodeOverloaded, "no policy is loaded")
	}
	return nil
}

// ask tells which API and operation stand at a path of the endpoint. Where none does, rules may still answer.
func (v *visit) ask(path string) error {
	r := &v.x.Request
	v.x.Missing = nil
	p, ok := locate(r.Method, path)
	v.place = p
	r.API, r.Operation, r.StoredID, r.PathModel = p.api, p.op, p.id, p.model
	r.PathStream, r.Framing = p.stream, framing(&p, r.Query)
	if p.api != wire.APIUnknown && p.api != wire.Models {
		v.dialect = p.api.Dialect()
	}
	switch {
	case !ok:
		v.x.Missing = engine.Errorf(engine.CodeNotFound, "there is no %s; there is %s", path, exists)
	case p.root && p.allow != "":
		v.x.Reply.Headers.Set("allow", p.allow)
		v.x.Missing = engine.Errorf(engine.CodeMethodNotAllowed, "%s takes %s", path, p.allow)
	case p.allow != "":
		v.x.Reply.Headers.Set("allow", p.allow)
		return engine.Errorf(engine.CodeMethodNotAllowed, "%s takes %s", path, p.allow)
	}
	return nil
}

// Scan reads a body again that an action changed.
func (v *visit) Scan(x *engine.Exchange) error { return v.scan(x) }

// Locate reads the target that an action wrote in place of the client's.
func (v *visit) Locate(x *engine.Exchange, uri string) error {
	r := &x.Request
	t, _, err := parseTarget([]byte(uri), r.Host, nil)
	if err != nil {
		return err
	}
	e, path := v.conn.listener.endpoint(r.Host, t.path)
	if e == nil || x.Endpoint == nil || e.ID != x.Endpoint.ID {
		path = t.path // another endpoint is reached by forwarding only
	}
	r.Path, r.RawPath, r.Query = t.path, t.raw, t.query
	return v.ask(path)
}

// rootBody is what GET / says; it names no version.
const rootBody = `{"name":"weir","object":"gateway"}`

// greet answers for the root path, which some clients probe.
func (v *visit) greet() {
	r := &v.x.Reply
	r.Status, r.Body, r.Synthetic = http.StatusOK, []byte(rootBody), true
	r.Headers.Set("content-type", "application/json")
}

// preflight answers a browser that asks what a page of an allowed origin may send.
func (v *visit) preflight() {
	r := &v.x.Reply
	r.Status, r.Synthetic = http.StatusNoContent, true
	r.Headers.Set("access-control-allow-methods", "GET, POST, DELETE")
	r.Headers.Set("access-control-max-age", "600")
	if asked := v.x.Request.Headers.First("access-control-request-headers"); asked != "" {
		r.Headers.Set("access-control-allow-headers", asked)
	}
}

// serve runs the exchange and answers, to w where fasthttp no longer writes for it.
func (v *visit) serve(err error, w *bufio.Writer) {
	if err == nil && v.plan != nil {
		err = v.run()
	}
	v.write(err, w)
}

// run takes the exchange through its plan.
func (v *visit) run() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if err := v.g.gate.enter(); err != nil {
		return err
	}
	v.entered = true
	if err := v.plan.Run(v.x); err != nil {
		return err //nolint:wrapcheck // an *engine.Error goes to the client as it is
	}
	switch {
	case v.x.Reply.Status != 0:
	case v.place.api == wire.Models:
		return v.listModels()
	case v.place.root:
		v.greet()
	}
	return nil
}

// finish ends the exchange once its last byte was written or could not be.
func (v *visit) finish(failure error) {
	if v.finished {
		return
	}
	v.finished = true
	x, g := v.x, v.g
	if failure != nil {
		x.Cancel(engine.ClientGone())
	}
	v.conn.end()
	x.Finish()
	g.access.write(v)
	if v.entered {
		g.gate.leave()
	}
	g.budget.give(v.reserved)
	g.pool.Release(x)
	*v = visit{g: g, body: keep(v.body), plain: keep(v.plain), path: v.path[:0], out: keep(v.out), said: v.said[:0], line: v.line, finished: true}
	g.visits.Put(v)
	g.active.Add(-1)
}

func keep(b []byte) []byte {
	if cap(b) > bodyKeep {
		return nil
	}
	return b[:0]
}
