package admin

import (
	"reflect"
	"time"

	"github.com/valyala/fasthttp"

	"weir/access"
)

// gatewayID is the id of the one configuration of the gateway, and accountID what the reference calls its owner.
const gatewayID, accountID = "gateway", "weir"

type gatewayIn struct {
	TotalTimeout      opt[string] `json:"totalTimeout" api:"max=32" doc:"Time for all attempts of a request, such as 120s; null is the built-in time."`
	PerRequestTimeout opt[string] `json:"perRequestTimeout" api:"max=32" doc:"Time for one attempt, such as 60s; null is the built-in time."`
	MaxInputTokens    opt[int64]  `json:"maxInputTokens" api:"min=1,max=1000000000" doc:"The most tokens of a request; null is no limit."`
	MaxOutputTokens   opt[int64]  `json:"maxOutputTokens" api:"min=1,max=1000000000" doc:"The most tokens of an answer; null is no limit."`
	Metadata          opt[string] `json:"metadata" api:"max=4096" doc:"Anything else, at most 4096 bytes."`
}

type gatewayOut struct {
	AccountID         string     `json:"accountId" doc:"Always weir: the gateway has one owner."`
	URI               string     `json:"uri" doc:"Address of the resource."`
	TotalTimeout      *string    `json:"totalTimeout"`
	PerRequestTimeout *string    `json:"perRequestTimeout"`
	MaxInputTokens    *int64     `json:"maxInputTokens"`
	MaxOutputTokens   *int64     `json:"maxOutputTokens"`
	Metadata          string     `json:"metadata"`
	UpdatedAt         *time.Time `json:"updatedAt"`
	LastUpdatedBy     *refOut    `json:"lastUpdatedBy" doc:"Who changed it last."`
}

func gatewayRoutes() []*route {
	out := reflect.TypeFor[gatewayOut]()
	return []*route{
		{
			method: methodGet, pattern: pathGateway, right: rightRead, name: "getGatewayConfig", out: out, status: fasthttp.StatusOK,
			tagged: true, doc: "Shows what holds for the whole gateway where no route says otherwise.", serve: showGateway,
		},
		{
			method: methodPatch, pattern: pathGateway, right: rightWrite, name: "updateGatewayConfig", in: reflect.TypeFor[gatewayIn](),
			partial: true, out: out, status: fasthttp.StatusOK, tagged: true, serve: updateGateway,
			doc: "Changes what the body names: null clears a field, and one that is left out stays.",
		},
	}
}

func showGateway(q *request) (*reply, error) {
	g := q.snapshot.Gateway
	if g == nil {
		g = &access.GatewayConfig{}
	}
	if q.unchanged(g.Revision) {
		return &reply{status: fasthttp.StatusNotModified, revision: g.Revision}, nil
	}
	return q.gateway(g)
}

func (q *request) gateway(g *access.GatewayConfig) (*reply, error) {
	view := gatewayOut{
		AccountID: accountID, URI: q.uri(pathGateway), TotalTimeout: nullable(g.TotalTimeout),
		PerRequestTimeout: nullable(g.PerRequestTimeout), MaxInputTokens: g.MaxInputTokens, MaxOutputTokens: g.MaxOutputTokens,
		Metadata: g.Metadata, LastUpdatedBy: q.whoRef(g.UpdatedBy),
	}
	if !g.UpdatedAt.IsZero() {
		at := g.UpdatedAt.UTC()
		view.UpdatedAt = &at
	}
	out, err := value(view)
	if err != nil {
		return nil, err
	}
	out.revision = g.Revision
	return out, nil
}

func updateGateway(q *request) (*reply, error) {
	in, err := decode[gatewayIn](q)
	if err != nil {
		return nil, err
	}
	revision := int64(0)
	if g := q.snapshot.Gateway; g != nil {
		revision = g.Revision
	}
	if revision, err = q.ifMatch(revision); err != nil {
		return nil, err
	}
	o := access.WriteOptions{IfRevision: revision}
	r, err := q.manager.Update(q.ctx, q.actor(), access.KindGateway, gatewayID, o, func(r access.Resource) error {
		g := r.(*access.GatewayConfig) //nolint:errcheck // resources of a kind have its type
		in.TotalTimeout.into(&g.TotalTimeout)
		in.PerRequestTimeout.into(&g.PerRequestTimeout)
		in.MaxInputTokens.intoPointer(&g.MaxInputTokens)
		in.MaxOutputTokens.intoPointer(&g.MaxOutputTokens)
		in.Metadata.into(&g.Metadata)
		return nil
	})
	if err != nil {
		f := asFailure(err)
		f.rename(map[string]string{})
		return nil, f
	}
	q.snapshot = q.load()
	return q.gateway(r.(*access.GatewayConfig)) //nolint:errcheck // the same
}
