package server

import "weir/engine"

var _ engine.ModelLister = (*visit)(nil)

// ListModels answers with the models of another endpoint's plan, for a request that was forwarded to it.
func (v *visit) ListModels(_ *engine.Exchange, p *engine.Plan) error {
	own := v.plan
	v.plan = p
	defer func() { v.plan = own }()
	return v.listModels()
}
