package engine

import (
	"slices"
	"strings"
	"time"

	"weir/engine/catalog"
	"weir/engine/wire"
)

// Models lists what the caller of this exchange may use, through providers that speak the dialect it asks in.
func (p *Plan) Models(x *Exchange, d wire.Dialect) ([]wire.ModelEntry, error) {
	r, err := p.listRoute(x)
	if err != nil {
		return nil, err
	}
	usable, err := r.usable(x)
	if err != nil {
		return nil, err
	}
	out := make([]wire.ModelEntry, 0, len(usable)+1)
	if r.offersAuto(x) {
		out = append(out, wire.ModelEntry{ID: "auto", DisplayName: "Chosen by the gateway", OwnedBy: "weir"})
	}
	for _, m := range usable {
		if !m.provider.speaksDialect(d) {
			continue
		}
		out = append(out, r.entry(m))
	}
	return out, nil
}

// Model finds one entry of the list by any name that a request may use.
func (p *Plan) Model(x *Exchange, d wire.Dialect, name string) (wire.ModelEntry, error) {
	r, err := p.listRoute(x)
	if err != nil {
		return wire.ModelEntry{}, err
	}
	if isAuto(name) && r.offersAuto(x) {
		return wire.ModelEntry{ID: "auto", DisplayName: "Chosen by the gateway", OwnedBy: "weir"}, nil
	}
	usable, err := r.usable(x)
	if err != nil {
		return wire.ModelEntry{}, err
	}
	res := r.universe.resolve(name, func(m *model) bool { return r.sees(x, m) })
	if res.err != nil {
		return wire.ModelEntry{}, res.err
	}
	for _, m := range res.models {
		if slices.Contains(usable, m) && m.provider.speaksDialect(d) {
			return r.entry(m), nil
		}
	}
	return wire.ModelEntry{}, &Error{Code: CodeModelNotFound, Param: "model", Message: "no model that you may use is called " + quoteName(name)}
}

// listRoute is the route whose models are listed: that of the ai-gateway action that matched, else the first route rule
// that matches.
func (p *Plan) listRoute(x *Exchange) (*route, error) {
	if x.route != nil {
		return x.route, nil
	}
	return p.matchRoute(x)
}

// usable lists the models that the route lets a client name.
func (r *route) usable(x *Exchange) ([]*model, error) {
	models := x.offered(r.universe)
	c := choice{models: models, named: true, groups: make([]int, len(models))}
	if len(r.cfg.Strategies) > 0 {
		if err := r.strategise(x, &c); err != nil {
			if AsError(err).Code == CodeNoModelSelected {
				return nil, nil
			}
			return nil, err
		}
	}
	for _, limit := range [...]func(*Exchange, *choice) error{r.require, r.narrow} {
		if err := limit(x, &c); err != nil {
			if AsError(err).Code == CodeModelNotAllowed {
				return nil, nil
			}
			return nil, err
		}
	}
	return c.models, nil
}

// entry is a model under the shortest name that leads to it.
func (r *route) entry(m *model) wire.ModelEntry {
	e := wire.ModelEntry{
		ID: m.cat.ID, DisplayName: m.cat.DisplayName, OwnedBy: ownerOf(m), InputLimit: m.cat.MaxContextWindow,
		OutputLimit: m.cat.MaxOutputTokens, Methods: methodsOf(&m.cat),
	}
	if same := r.universe.byName[strings.ToLower(m.cat.ID)]; len(same) == 0 || same[0] != m {
		e.ID = m.provider.id + ":" + m.cat.ID
	}
	if t, err := time.Parse(time.DateOnly, m.cat.ReleaseDate); err == nil {
		e.Created = t.Unix()
	}
	return e
}

func ownerOf(m *model) string {
	if m.cat.AuthorID != "" {
		return m.cat.AuthorID
	}
	return m.provider.id
}

func methodsOf(m *catalog.Model) []string {
	if kindOfModel(m) == autoEmbedding {
		return []string{"embedContent", "batchEmbedContents"}
	}
	return []string{"generateContent", "streamGenerateContent", "countTokens"}
}
