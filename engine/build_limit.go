package engine

import (
	"strconv"

	"weir/engine/wire"
)

// limitEdit lowers, or sets, the output limit of the request to the route's, under every name the request uses.
func (r *route) limitEdit(x *Exchange) {
	limit := r.cfg.MaxOutputTokens
	if limit <= 0 {
		return
	}
	req, b := &x.Request, &x.scratch
	if have := req.Peek.MaxOutputTokens; have > 0 && have <= limit {
		return
	}
	value := strconv.AppendInt(nil, limit, 10)
	switch req.API { //nolint:exhaustive // the other APIs make no tokens
	case wire.OpenAIChat:
		b.limit(&req.Peek.Doc, value, "max_completion_tokens", "max_tokens")
	case wire.OpenAICompletions, wire.AnthropicMessages:
		b.limit(&req.Peek.Doc, value, "max_tokens")
	case wire.OpenAIResponses:
		b.limit(&req.Peek.Doc, value, "max_output_tokens")
	case wire.GeminiGenerate:
		b.limitGemini(&req.Peek.Doc, value)
	}
}

// limit sets every name that the request uses, or the first where it uses none.
func (b *dispatchBuffers) limit(doc *wire.Doc, value []byte, names ...string) {
	found := false
	for _, name := range names {
		if _, there := doc.Lookup(name); there {
			b.set(name, value)
			found = true
		}
	}
	if !found {
		b.set(names[0], value)
	}
}

// limitGemini sets the limit in the generation configuration; the API takes both spellings of each name.
func (b *dispatchBuffers) limitGemini(doc *wire.Doc, value []byte) {
	outer, raw := "generationConfig", []byte("{}")
	for _, name := range [...]string{"generationConfig", "generation_config"} {
		if m, there := doc.Lookup(name); there && m.Kind == wire.KindObject {
			outer, raw = name, doc.Raw(m)
		}
	}
	var nested wire.Doc
	if wire.ScanObject(raw, &nested) != nil {
		return // the provider will say what is wrong with it
	}
	inner := "maxOutputTokens"
	if _, there := nested.Lookup("max_output_tokens"); there {
		inner = "max_output_tokens"
	}
	b.set(outer, nested.Splice(nil, []wire.Edit{{Key: inner, Value: value, Op: wire.EditSet}}))
}
