package engine

import "slices"

// limits reports whether models are limited for this exchange: what chooses behind a provider is then checked or stripped.
func (r *route) limits(x *Exchange) bool { return r.restricted || x.narrows() }

// counts reports whether which model is called matters to a budget or limit of the caller.
func (r *route) counts(x *Exchange) bool {
	meter := r.plan.rt.meter
	return meter != nil && meter.CountsModels(x)
}

// resolve finds the models behind a name that the rules left to this exchange.
func (r *route) resolve(x *Exchange, name string) resolved {
	res := r.universe.resolve(name, func(m *model) bool { return r.sees(x, m) })
	if res.err != nil || !x.narrows() {
		return res
	}
	unreached := func(m *model) bool { return !x.reaches(r.universe, m) }
	if !slices.ContainsFunc(res.models, unreached) {
		return res
	}
	left := slices.DeleteFunc(slices.Clone(res.models), unreached)
	if len(left) == 0 {
		return resolved{name: name, err: &Error{
			Code: CodeModelNotAllowed, Param: "model", Message: "model " + quoteName(name) + " is not allowed here",
		}}
	}
	res.models = left
	return res
}

// sees reports whether an error may name a model to this exchange.
func (r *route) sees(x *Exchange, m *model) bool {
	if !x.reaches(r.universe, m) {
		return false
	}
	if r.cfg.Require == nil {
		return true
	}
	ok, err := r.cfg.Require.Match(x, &m.cat)
	return ok && err == nil
}

// narrow drops every model that the rules did not leave to this exchange.
func (r *route) narrow(x *Exchange, c *choice) error {
	if !x.narrows() {
		return nil
	}
	if !slices.ContainsFunc(c.models, func(m *model) bool { return !x.reaches(r.universe, m) }) {
		return nil
	}
	asked := len(c.models)
	models, groups := c.models[:0:0], c.groups[:0:0]
	for i, m := range c.models {
		if !x.reaches(r.universe, m) {
			continue
		}
		models = append(models, m)
		if c.named {
			groups = append(groups, c.groups[i])
		}
	}
	c.models, c.groups, c.shared = models, groups, false
	if len(models) == 0 && asked > 0 {
		return &Error{Code: CodeModelNotAllowed, Param: "model", Message: "no model that is allowed here was asked for or selected"}
	}
	return nil
}

// offersAuto reports whether a client may leave the choice of a text model to the gateway.
func (r *route) offersAuto(x *Exchange) bool {
	models := r.autoModels(x, autoText)
	if !x.narrows() {
		return len(models) > 0
	}
	return slices.ContainsFunc(models, func(m *model) bool { return x.reaches(r.universe, m) })
}
