package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"weir/engine"
	"weir/engine/wire"
)

const (
	// adminTimeout bounds reading and writing on the admin listener, whose messages are small.
	adminTimeout = 10 * time.Second
	// adminConns bounds its connections: a few probes and a person.
	adminConns = 64
	// adminBody is what a request to it may carry: nothing it takes has a body.
	adminBody = 4 << 10
	// adminAPIBody is what a request to the Admin API may carry: a custom provider with a thousand models, and a byte more, so
	// that the API itself can tell of a body that is too large.
	adminAPIBody = 256<<10 + 1
	// adminHead is what the head of a request to it may be: tokens of identity providers are up to 16 KiB.
	adminHead = 24 << 10
	// reloadTimeout bounds a reload that was asked for: compiling the largest policies takes a few seconds.
	reloadTimeout = 30 * time.Second
	// tokenBytes makes a token that cannot be guessed.
	tokenBytes = 24
)

func newToken() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // it never fails: the program would have stopped
	return base64.RawURLEncoding.EncodeToString(b)
}

// Token is the bearer token of the admin listener.
func (g *Gateway) Token() string { return g.token }

// AdminAddr is the address of the admin listener, "" where there is none.
func (g *Gateway) AdminAddr() string {
	if g.admin == nil {
		return ""
	}
	return g.admin.Addr().String()
}

// Addrs lists the addresses that are listened on.
func (g *Gateway) Addrs() []string {
	out := make([]string, 0, len(g.listeners))
	for _, l := range g.listeners {
		out = append(out, l.Addr().String())
	}
	return out
}

func (g *Gateway) adminServer() *fasthttp.Server {
	body := adminBody
	if g.api != nil {
		body = adminAPIBody
	}
	return &fasthttp.Server{
		Handler:               g.handleAdmin,
		ErrorHandler:          g.handleError,
		Logger:                quiet{g.log},
		Concurrency:           adminConns,
		MaxIdleWorkerDuration: workerIdle,
		MaxRequestBodySize:    body,
		ReadBufferSize:        adminHead,
		ReadTimeout:           adminTimeout,
		WriteTimeout:          adminTimeout,
		SecureErrorLogMessage: true,
		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		NoDefaultDate:         true,
		CloseOnShutdown:       true,
	}
}

// adminRoute is one path of the admin listener.
type adminRoute struct {
	method, path string
	may          func(role string) bool
	serve        func(g *Gateway, ctx *fasthttp.RequestCtx) error
}

// adminRoutes ask for the token; health does not.
func adminRoutes() []adminRoute {
	return []adminRoute{
		{fasthttp.MethodGet, "/-/policy", mayRead, (*Gateway).showPolicy},
		{fasthttp.MethodGet, "/-/metrics", mayRead, (*Gateway).showMetrics},
		{fasthttp.MethodPost, "/-/reload", mayWrite, (*Gateway).reload},
		{fasthttp.MethodPost, "/-/rollback", mayWrite, (*Gateway).rollback},
	}
}

func (g *Gateway) handleAdmin(ctx *fasthttp.RequestCtx) {
	if err := g.admit(ctx); err != nil {
		g.adminError(ctx, err)
		return
	}
	switch path := string(ctx.Path()); path {
	case "/healthz", "/livez":
		g.text(ctx, "ok\n")
	case "/readyz":
		g.showReady(ctx)
	default:
		if err := g.serveAdmin(ctx, path); err != nil {
			g.adminError(ctx, err)
		}
	}
}

// admit checks Host and Origin: a page in a browser can reach a loopback port.
func (g *Gateway) admit(ctx *fasthttp.RequestCtx) error {
	h := head{host: string(ctx.Host()), hasHost: true, origin: string(ctx.Request.Header.Peek("Origin"))}
	o := origins{hosts: g.config.Admin.Hosts}
	if err := o.check(&h, isLoopback(g.admin.Addr()) && g.admin.Addr().Network() != "unix"); err != nil {
		return err
	}
	return nil
}

func (g *Gateway) serveAdmin(ctx *fasthttp.RequestCtx, path string) error {
	if !strings.HasPrefix(path, "/-/") && g.api != nil && g.api.Serve(ctx) {
		return nil
	}
	role, wait := g.role(ctx)
	if role == "" {
		return whoMayNot(ctx, wait)
	}
	var known, allow []string
	for _, r := range adminRoutes() {
		known = append(known, r.path)
		if r.path != path {
			continue
		}
		if r.method == string(ctx.Method()) {
			if !r.may(role) {
				return &engine.Error{Code: engine.CodePolicyDenied, Status: fasthttp.StatusForbidden, Message: "the role " + role + " may not do this"}
			}
			return r.serve(g, ctx)
		}
		allow = append(allow, r.method)
	}
	if allow != nil {
		ctx.Response.Header.Set("Allow", strings.Join(allow, ", "))
		return engine.Errorf(engine.CodeMethodNotAllowed, "%s takes %s", path, strings.Join(allow, ", "))
	}
	return engine.Errorf(engine.CodeNotFound, "there is no %s; there is /healthz, /readyz, %s", path, strings.Join(known, ", "))
}

func (g *Gateway) adminError(ctx *fasthttp.RequestCtx, err error) {
	e := engine.AsError(err)
	ctx.SetStatusCode(e.HTTPStatus())
	ctx.SetContentType("application/json")
	ctx.SetBody(wire.AppendError(nil, wire.DialectOpenAI, e.Body("")))
}

func (g *Gateway) text(ctx *fasthttp.RequestCtx, body string) {
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.SetBodyString(body)
}

// showReady tells whether traffic should come here: listening, with a plan for every endpoint, knowing who may call, not draining. A provider
// that is down never changes it.
func (g *Gateway) showReady(ctx *fasthttp.RequestCtx) {
	for _, p := range g.policy {
		if p.Load() == nil {
			ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
			g.text(ctx, "no policy\n")
			return
		}
	}
	if g.accessStats != nil && !g.accessStats.Ready() {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		g.text(ctx, "access keys cannot be checked, or usage cannot be recorded\n")
		return
	}
	if !g.ready.Load() {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		g.text(ctx, "not ready\n")
		return
	}
	g.text(ctx, "ok\n")
}

// policyView is one endpoint's policy on the admin page.
type policyView struct {
	Endpoint string `json:"endpoint"`
	Status

	AgeSeconds int64 `json:"age_seconds"`
}

func (g *Gateway) policyViews() []policyView {
	out := make([]policyView, 0, len(g.policy))
	for id, p := range g.policy {
		v := policyView{Endpoint: id, Status: p.Status()}
		v.AgeSeconds = int64(time.Since(v.LoadedAt).Seconds())
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b policyView) int { return strings.Compare(a.Endpoint, b.Endpoint) })
	return out
}

func (g *Gateway) showPolicy(ctx *fasthttp.RequestCtx) error {
	body, err := json.MarshalIndent(struct {
		Policies  []policyView `json:"policies"`
		Decisions decisionView `json:"decision_log"`
	}{g.policyViews(), g.decided.view()}, "", "  ")
	if err != nil {
		return engine.AsError(err)
	}
	ctx.SetContentType("application/json")
	ctx.SetBody(append(body, '\n'))
	return nil
}

// Reload loads every policy and certificate anew; those that do not load stay as they were.
func (g *Gateway) Reload(ctx context.Context) error {
	all := make([]error, 0, len(g.policy))
	for _, p := range g.policy {
		all = append(all, p.Reload(ctx))
	}
	for _, c := range g.certs {
		c.refresh(g.log)
	}
	return errors.Join(all...)
}

func (g *Gateway) reload(ctx *fasthttp.RequestCtx) error {
	limit, cancel := context.WithTimeout(context.Background(), reloadTimeout)
	defer cancel()
	if err := g.Reload(limit); err != nil {
		ctx.SetStatusCode(fasthttp.StatusUnprocessableEntity)
	}
	return g.showPolicy(ctx)
}

// rollback goes back to the plan before, for the endpoint named by the query or for all.
func (g *Gateway) rollback(ctx *fasthttp.RequestCtx) error {
	only := string(ctx.QueryArgs().Peek("endpoint"))
	found := false
	for id, p := range g.policy {
		if only != "" && only != id {
			continue
		}
		found = true
		if err := p.Rollback(); err != nil {
			return &engine.Error{Code: engine.CodeBadRequest, Status: fasthttp.StatusConflict, Message: err.Error()}
		}
	}
	if !found {
		return engine.Errorf(engine.CodeNotFound, "there is no endpoint %q", only)
	}
	return g.showPolicy(ctx)
}

// metric is one line of the metrics page.
type metric struct {
	name, kind, help string
	value            int64
}

func (g *Gateway) showMetrics(ctx *fasthttp.RequestCtx) error {
	s := &g.stats
	var b []byte
	for _, m := range []metric{
		{"weir_exchanges_total", "counter", "Requests taken.", s.exchanges.Load()},
		{"weir_exchanges_in_flight", "gauge", "Requests not yet answered to their end.", g.active.Load()},
		{"weir_connections", "gauge", "Open client connections.", g.open()},
		{"weir_connections_refused_total", "counter", "Connections over the limit.", s.refused.Load()},
		{"weir_accept_errors_total", "counter", "Failed accepts, such as for want of descriptors.", s.acceptErrors.Load()},
		{"weir_client_hangups_total", "counter", "Exchanges cancelled because the client went away.", s.hangups.Load()},
		{"weir_slow_readers_total", "counter", "Connections closed because the client did not read.", s.slowReaders.Load()},
		{"weir_body_bytes", "gauge", "Bytes that request bodies hold.", g.budget.used.Load()},
		{"weir_log_lines_dropped_total", "counter", "Access log lines dropped because the log was slow.", s.logsDropped.Load()},
	} {
		b = appendFamily(b, m.name, m.kind, m.help)
		b = append(b, m.name+" "+strconv.FormatInt(m.value, 10)+"\n"...)
	}
	b = g.decided.appendMetrics(b)
	b = appendAccessMetrics(b, g.accessStats)
	b = appendPolicyMetrics(b, g.policyViews())
	ctx.SetContentType("text/plain; version=0.0.4; charset=utf-8")
	ctx.SetBody(b)
	return nil
}

func appendFamily(b []byte, name, kind, help string) []byte {
	return append(b, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

// appendPolicyMetrics appends what tells an edit that did not load from one that did.
func appendPolicyMetrics(b []byte, views []policyView) []byte {
	families := []struct {
		name, help string
		value      func(*policyView) int64
	}{
		{"weir_policy_generation", "Number of the plan in use.", func(v *policyView) int64 { return int64(v.Generation) }}, //nolint:gosec // counts loads
		{"weir_policy_age_seconds", "Time since the plan in use was loaded.", func(v *policyView) int64 { return v.AgeSeconds }},
		{"weir_policy_exceptions", "Rules that only watch or go on after errors.", func(v *policyView) int64 { return int64(len(v.Exceptions)) }},
		{"weir_policy_load_ok", "1 if the last load succeeded.", func(v *policyView) int64 {
			if v.LastError != "" {
				return 0
			}
			return 1
		}},
		{"weir_policy_info", "The hash of the plan in use.", func(*policyView) int64 { return 1 }},
	}
	for _, f := range families {
		b = appendFamily(b, f.name, "gauge", f.help)
		for i := range views {
			b = append(b, f.name+"{endpoint="...)
			b = strconv.AppendQuote(b, views[i].Endpoint)
			if f.name == "weir_policy_info" {
				b = append(b, ",hash="...)
				b = strconv.AppendQuote(b, views[i].Hash)
			}
			b = append(b, "} "+strconv.FormatInt(f.value(&views[i]), 10)+"\n"...)
		}
	}
	return b
}
