package engine

import (
	"slices"
	"strings"
)

// vendorModels reports whether the request's models field belongs to the provider behind the gateway: the model is at a
// provider that has such a field and no entry names a provider.
func (r *route) vendorModels(x *Exchange) bool {
	req := &x.Request
	if len(req.Peek.Models) == 0 || req.PathModel != "" {
		return false
	}
	prefix, _, ok := strings.Cut(strings.ToLower(req.Peek.Model), ":")
	if !ok {
		return false
	}
	ps := r.universe.named[prefix]
	if len(ps) == 0 || ps[0].spec == nil || !slices.Contains(ps[0].spec.AuthorizeParams, "models") {
		return false
	}
	for _, entry := range req.Peek.Models {
		p, _, ok := strings.Cut(strings.ToLower(entry), ":")
		if ok && len(r.universe.named[p]) > 0 {
			return false
		}
	}
	return true
}

// authoriseVendorModels checks each entry of a provider's own models field where the route limits models.
func (r *route) authoriseVendorModels(x *Exchange) error {
	if !r.limits(x) && len(r.cfg.Strategies) == 0 {
		return nil
	}
	prefix, _, _ := strings.Cut(x.Request.Peek.Model, ":")
	for _, entry := range x.Request.Peek.Models {
		res := r.resolve(x, prefix+":"+entry)
		c := choice{named: true}
		c.add(res.models)
		if res.err == nil && len(r.cfg.Strategies) > 0 {
			res.err = asPointer(r.strategise(x, &c))
		}
		if res.err == nil {
			res.err = asPointer(r.require(x, &c))
		}
		if res.err != nil {
			return &Error{Code: CodeModelNotAllowed, Param: "models", Message: "models entry " + quoteName(entry) + " is not allowed here"}
		}
	}
	return nil
}

// vendorNames are the names of a provider's own models field as names of the gateway: the first one's provider has them all.
func vendorNames(names []string) []string {
	prefix, _, _ := strings.Cut(names[0], ":")
	out := slices.Clone(names)
	for i := 1; i < len(out); i++ {
		out[i] = prefix + ":" + out[i]
	}
	return out
}
