package admin

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"weir/access"
	"weir/access/seal"
	"weir/access/store"
)

const (
	// answerTimeout bounds what one request waits for the store; the listener's own write deadline is not much longer.
	answerTimeout = 8 * time.Second
	// lastUsedTimeout bounds the look for when keys were used last, which answers do without.
	lastUsedTimeout = 2 * time.Second
)

// ProviderInfo is a provider that the gateway knows by itself.
type ProviderInfo struct {
	ID, Name string
}

// QuotaState is what is used of a budget or limit now, in the unit of counters: USD in billionths.
type QuotaState struct {
	Used, Reserved int64
	ResetsAt       time.Time // zero = never, or not known
}

// Options is what an API needs.
type Options struct {
	Manager   *access.Manager
	Directory *access.Directory
	Store     store.Store // nil = only what comes from files
	Box       *seal.Box
	Token     string       // of the listener: role admin; "" = none
	OIDC      *OIDCOptions // nil = none
	// Providers lists the built-in providers and those of policies; nil = none.
	Providers func() []ProviderInfo
	// FlushUsage hands to the store what is still queued, before usage is read; nil = nothing is.
	FlushUsage func(ctx context.Context) error
	// CounterState reads the counter of a quota, ok false where it has several or none; nil = no counters.
	CounterState func(ctx context.Context, q *access.Quota) (s QuotaState, ok bool, err error)
	// StaleFor is how long API keys hold while the store cannot be read, since one may be revoked there; 0 = 1h.
	StaleFor time.Duration
	Now      func() time.Time // nil = the clock
	Log      zerolog.Logger
}

// manager is what the API asks of an access.Manager.
type manager interface {
	Create(ctx context.Context, a access.Actor, k access.Kind, r access.Resource, o access.WriteOptions) error
	CreateKey(ctx context.Context, a access.Actor, r access.Resource, token string, o access.WriteOptions) (string, error)
	Update(ctx context.Context, a access.Actor, k access.Kind, id string, o access.WriteOptions,
		edit func(r access.Resource) error) (access.Resource, error)
	Rotate(ctx context.Context, a access.Actor, k access.Kind, id string, overlap time.Duration,
		o access.WriteOptions) (access.Resource, string, error)
	SealKey(k *access.ProviderKey, value string)
	Delete(ctx context.Context, a access.Actor, k access.Kind, id string, o access.WriteOptions) error
}

// API serves the Admin API. It is safe for use by several goroutines.
type API struct {
	Options

	manager manager
	load    func() *access.Snapshot
	routes  *router
	openAPI []byte
	oidc    *identityProvider
	guard   guard
	pending pending
}

// New makes an API.
func New(o Options) (*API, error) {
	if o.Manager == nil || o.Directory == nil || o.Box == nil {
		return nil, errors.New("the Admin API needs a manager, a directory and a box")
	}
	return newAPI(o, o.Manager, o.Directory.Load)
}

func newAPI(o Options, m manager, load func() *access.Snapshot) (*API, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.StaleFor <= 0 {
		o.StaleFor = time.Hour // as for access keys
	}
	a := &API{Options: o, manager: m, load: load}
	if o.OIDC != nil {
		p, err := newIdentityProvider(o.OIDC, o.Now)
		if err != nil {
			return nil, err
		}
		a.oidc = p
	}
	a.routes = newRouter(routes())
	document, err := openAPI(a.routes.all)
	if err != nil {
		return nil, err
	}
	a.openAPI = document
	return a, nil
}

// Serve answers a request to a path of the API, who asks included, and reports false for other paths, which it leaves alone.
func (a *API) Serve(ctx *fasthttp.RequestCtx) (served bool) {
	found, id := a.routes.match(string(ctx.Request.URI().PathOriginal()))
	if found == nil {
		return false
	}
	q := &request{API: a, http: ctx, id: id, remote: remote(ctx)}
	limit, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	q.ctx = limit
	defer func() {
		if r := recover(); r != nil {
			a.Log.Error().Interface("panic", r).Str("path", string(ctx.Path())).Msg("the Admin API failed on a request")
			q.refuse(failf(codeInternal, "the gateway failed; details are in its log"))
			served = true
		}
	}()
	out, err := q.answer(found)
	if err != nil {
		q.refuse(asFailure(err))
		return true
	}
	q.write(out)
	return true
}

// Role tells what the bearer token of a request may do beside this API's own paths; "" is nothing. An address that sent too
// many wrong ones has to wait, whichever path it sent them to.
func (a *API) Role(ctx *fasthttp.RequestCtx) (role string, wait time.Duration) {
	q := &request{API: a, http: ctx, remote: remote(ctx)}
	limit, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	q.ctx = limit
	who, err := q.authenticate()
	if err != nil {
		if f, ok := errors.AsType[*failure](err); ok && f.code == codeRateLimited {
			wait = f.retry
		}
		return "", wait
	}
	return who.role, 0
}

// remote is the address that a request comes from; those of unix sockets have none.
func remote(ctx *fasthttp.RequestCtx) netip.Addr {
	if tcp, ok := ctx.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
