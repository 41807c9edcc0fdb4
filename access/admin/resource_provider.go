package admin

import (
	"weir/access"
)

type providerIn struct {
	namedIn

	ProviderID opt[string]    `json:"providerId" api:"required,create,min=1,max=255" doc:"Id that requests name the provider by; it is not one of a built-in provider."`
	BaseURL    opt[string]    `json:"baseUrl" api:"required,min=1,max=2048" doc:"Address that the provider's paths are under. While provider keys are stored for the provider, it takes the role admin to say it."`
	Surfaces   opt[[]surface] `json:"supportedApiSurfaces" api:"items=20" doc:"APIs that the provider speaks."`
	Models     opt[[]modelIn] `json:"models" doc:"Its models. A list takes the place of the one before."`
}

type surface struct {
	Format string  `json:"format" api:"required,min=1,max=64" doc:"openai, anthropic or another that Weir knows."`
	API    string  `json:"surface,omitempty" api:"max=64" doc:"One API of the format; left out, all of them."`
	Params []named `json:"supportedParams,omitempty" api:"items=100" doc:"Only these fields of a request are handed on."`
}

type named struct {
	Name string `json:"name" api:"required,min=1,max=255"`
}

type modelIn struct {
	ModelID     string  `json:"modelId" api:"required,min=1,max=255" doc:"Id of the model at the provider."`
	Params      []named `json:"unsupportedParams,omitempty" api:"items=100" doc:"Fields of a request that are not handed on."`
	InputPrice  string  `json:"inputPrice,omitempty" api:"max=32" doc:"Decimal USD per million tokens; left out, it is unknown."`
	OutputPrice string  `json:"outputPrice,omitempty" api:"max=32" doc:"Decimal USD per million tokens; left out, it is unknown."`
}

type modelOut struct {
	ID          string  `json:"id"`
	ModelID     string  `json:"modelId"`
	Params      []named `json:"unsupportedParams"`
	InputPrice  *string `json:"inputPrice" doc:"Decimal USD per million tokens; null is unknown."`
	OutputPrice *string `json:"outputPrice" doc:"Decimal USD per million tokens; null is unknown."`
}

type providerOut struct {
	commonOut

	ProviderID string     `json:"providerId"`
	BaseURL    string     `json:"baseUrl"`
	Surfaces   []surface  `json:"supportedApiSurfaces"`
	Models     []modelOut `json:"models"`
}

func customProviders() *collection[*access.Provider, providerIn, providerOut] {
	return &collection[*access.Provider, providerIn, providerOut]{
		path: pathProviders, list: "aiGatewayProviders", one: "Provider", kind: access.KindProvider, read: rightRead, write: rightWrite,
		all:   func(s *access.Snapshot) map[string]*access.Provider { return s.Providers },
		fresh: func() *access.Provider { return &access.Provider{} },
		view:  viewProvider, edit: editProvider, renames: map[string]string{"surfaces": "supportedApiSurfaces"},
	}
}

func editProvider(_ *request, in *providerIn, p *access.Provider) error {
	in.into(&p.Meta)
	in.ProviderID.into(&p.ProviderID)
	in.BaseURL.into(&p.BaseURL)
	if in.Surfaces.Set {
		p.Surfaces = nil
		for _, s := range in.Surfaces.Value {
			p.Surfaces = append(p.Surfaces, access.ProviderSurface{Format: s.Format, Surface: s.API, SupportedParams: namesIn(s.Params)})
		}
	}
	if !in.Models.Set {
		return nil
	}
	ids := make(map[string]string, len(p.Models))
	for _, m := range p.Models {
		ids[m.ModelID] = m.ID
	}
	p.Models = nil
	for _, m := range in.Models.Value {
		p.Models = append(p.Models, access.ProviderModel{
			ID: ids[m.ModelID], ModelID: m.ModelID, UnsupportedParams: namesIn(m.Params), InputPrice: m.InputPrice, OutputPrice: m.OutputPrice,
		})
	}
	return nil
}

func namesIn(in []named) []string {
	if len(in) == 0 {
		return nil
	}
	out := make([]string, 0, len(in))
	for _, n := range in {
		out = append(out, n.Name)
	}
	return out
}

func namesOut(in []string) []named {
	out := make([]named, 0, len(in))
	for _, n := range in {
		out = append(out, named{Name: n})
	}
	return out
}

func viewProvider(q *request, p *access.Provider) providerOut {
	out := providerOut{
		commonOut: q.common(pathProviders, &p.Meta), ProviderID: p.ProviderID, BaseURL: p.BaseURL,
		Surfaces: make([]surface, 0, len(p.Surfaces)), Models: make([]modelOut, 0, len(p.Models)),
	}
	for _, s := range p.Surfaces {
		out.Surfaces = append(out.Surfaces, surface{Format: s.Format, API: s.Surface, Params: namesOut(s.SupportedParams)})
	}
	for _, m := range p.Models {
		out.Models = append(out.Models, modelOut{
			ID: m.ID, ModelID: m.ModelID, Params: namesOut(m.UnsupportedParams),
			InputPrice: nullable(m.InputPrice), OutputPrice: nullable(m.OutputPrice),
		})
	}
	return out
}
