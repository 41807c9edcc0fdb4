package engine

import (
	"slices"

	"weir/engine/price"
	"weir/engine/wire"
)

// estimateCall finds the usage and the cost that are reserved for a call.
func (x *Exchange) estimateCall(c *Call, r *route, m *model) {
	req := &x.Request
	sent := r.sizeAsSent(x, m)
	in := price.Request{API: req.API, InputTokens: max(x.estimate, 0), MaxOutput: sent.MaxOutputTokens}
	if x.estimate < 0 {
		in.InputBytes = x.textSize()
	}
	if limit := r.cfg.MaxOutputTokens; limit > 0 && (in.MaxOutput <= 0 || in.MaxOutput > limit) {
		in.MaxOutput = limit
	}
	in.Choices, in.Tier = sent.Choices(req.API), sent.Tier(req.API)
	if req.API == wire.OpenAIResponses {
		flag, _ := sent.Doc.Lookup("background")
		if c.background, _ = sent.Doc.Bool(flag); c.background && in.MaxOutput <= 0 {
			in.MaxOutput = m.cat.MaxOutputTokens // what it uses may never be told: all that it can
		}
	}
	c.Estimate, c.EstimatedCost = price.Estimate(&m.cat.Pricing, &m.cat, in)
}

// sizeMembers are the members of bodies that say how much may come back, and at which prices.
var sizeMembers = [...]string{
	"max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of", "generationConfig", "generation_config",
	"service_tier", "serviceTier", "speed", "background",
}

// sizeAsSent reads how much a call may bring from the body that the provider gets: fields that the route merges stand above
// the client's, and a limit that the target does not take is none.
func (r *route) sizeAsSent(x *Exchange, m *model) *wire.Peek {
	req, b := &x.Request, &x.scratch
	if req.Form != nil || len(req.Body) == 0 || !r.changesSize(x, m) {
		return &req.Peek
	}
	b.edits, b.value = b.edits[:0], b.value[:0]
	if r.mergeEdits(x) != nil {
		return &req.Peek // the call will fail for this before it is made
	}
	r.stripEdits(x, target{model: m, surface: m.provider.surfaceFor(req.API)})
	var sent wire.Peek
	if sent.Read(req.API, req.Peek.Doc.Splice(nil, b.edits)) != nil {
		return &req.Peek
	}
	return &sent
}

// changesSize reports whether route or target change a member of the body that says how much may come back.
func (r *route) changesSize(x *Exchange, m *model) bool {
	for i := range r.cfg.Body {
		if slices.Contains(sizeMembers[:], r.cfg.Body[i].Name) {
			return true
		}
	}
	allowed := m.provider.surfaceFor(x.Request.API).params[x.Request.API]
	if len(allowed) == 0 && len(m.cat.UnsupportedParams) == 0 {
		return false
	}
	return slices.ContainsFunc(sizeMembers[:], func(name string) bool {
		if !slices.Contains(m.cat.UnsupportedParams, name) && (len(allowed) == 0 || slices.Contains(allowed, name)) {
			return false
		}
		_, there := x.Request.Peek.Doc.Lookup(name)
		return there
	})
}

// textSize is how much of the body a model reads, in bytes.
func (x *Exchange) textSize() int64 {
	if x.bodyText == 0 {
		x.bodyText = int64(len(x.Request.Body))
		if x.Request.Form == nil {
			x.bodyText = wire.TextSize(x.Request.Body)
		}
	}
	return x.bodyText
}

// believed is what an answer told of its usage. Counting tokens uses none. One that told of nothing but zeros has told
// nothing, as some servers do: it is not free for that.
func believed(api wire.API, told wire.Usage) wire.Usage {
	switch {
	case api == wire.AnthropicCountTokens || api == wire.GeminiCountTokens:
		return wire.Usage{Known: true}
	case told == wire.Usage{Known: true, Tier: told.Tier}:
		told.Known = false
	}
	return told
}

// unseen reports whether how much of an answer has passed cannot be told from its events: pictures and sound.
func unseen(api wire.API) bool { return api == wire.OpenAIImages || api == wire.OpenAISpeech }

// partialUsage is what a stream used whose provider did not tell, or not of all of it: what was counted of it as it passed.
// All that was reserved is taken where that says little, or where the client can read the rest later, when nothing is
// counted.
func (x *Exchange) partialUsage(r *relay, told wire.Usage, whole bool) wire.Usage {
	told = believed(x.Request.API, told)
	if (told.Known && whole && told.Output > 0) || len(x.calls) == 0 {
		return told
	}
	c, u := &x.calls[len(x.calls)-1], told
	if !whole && (c.background || r.content && unseen(x.Request.API)) {
		return c.Estimate
	}
	if !u.Known {
		if u = c.Sent(); told.Tier != wire.TierStandard {
			u.Tier = told.Tier
		}
	}
	if n := r.observer.EstimatedOutput(); n > u.Output {
		u.Output, u.Estimated = n, true
	}
	return u
}
