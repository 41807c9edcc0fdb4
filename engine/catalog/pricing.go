package catalog

import "strings"

// Pricing is in USD per million tokens unless a field says otherwise. Nil = unknown, which is not zero.
type Pricing struct {
	Input                   *float64
	Output                  *float64
	CacheRead               *float64
	CacheWrite              *float64
	CacheWriteHour          *float64 // of cache entries that are kept for an hour
	InputBatch              *float64
	OutputBatch             *float64
	InputAudio              *float64
	OutputAudio             *float64
	InputImage              *float64
	OutputImage             *float64
	InputPerSecond          *float64 // USD a second of a recording
	WebSearchPerCall        *float64 // USD a call
	CodeExecutionPerCall    *float64 // USD a call
	FileSearchPerCall       *float64 // USD a call
	FileSearchPerGB         *float64 // USD per GB and day
	ImageGenerationPerImage *float64 // USD an image

	// Flex, Priority and LongContext are nil where the vendor has no such prices, or nobody knows them.
	Flex        *Rates
	Priority    *Rates
	LongContext *LongContext
}

// Rates are the prices of another service tier, in USD per million tokens.
type Rates struct {
	Input      *float64 `json:"input,omitempty"`
	Output     *float64 `json:"output,omitempty"`
	CacheRead  *float64 `json:"cache_read,omitempty"`
	CacheWrite *float64 `json:"cache_write,omitempty"`
}

// LongContext are the prices of a whole call whose prompt has more than Above tokens.
type LongContext struct {
	Above int64 `json:"above"`
	Rates
}

// Override puts prices that somebody pays over those of a public list; nil ones stay as they are. Where it changes a price
// of input or output, what the list says of batches, tiers and long prompts no longer holds and is dropped.
func (p *Pricing) Override(input, output, cacheRead, cacheWrite *float64) {
	if differs(p.Input, input) || differs(p.Output, output) {
		p.InputBatch, p.OutputBatch, p.Flex, p.Priority, p.LongContext = nil, nil, nil, nil, nil
	}
	for _, price := range []struct {
		to   **float64
		from *float64
	}{{&p.Input, input}, {&p.Output, output}, {&p.CacheRead, cacheRead}, {&p.CacheWrite, cacheWrite}} {
		if price.from != nil {
			*price.to = price.from
		}
	}
}

// differs reports whether a price is given that is not the one there was.
func differs(was, given *float64) bool {
	return given != nil && (was == nil || *was != *given)
}

// overlay puts what o knows over p. Tiers belong to the prices they stand beside: other prices drop them.
func (p *Pricing) overlay(o *Pricing) {
	if differs(p.Input, o.Input) || differs(p.Output, o.Output) {
		p.Flex, p.Priority, p.LongContext = nil, nil, nil
	}
	for i, from := range o.fields() {
		if *from != nil {
			*p.fields()[i] = *from
		}
	}
	if o.Flex != nil {
		p.Flex = o.Flex
	}
	if o.Priority != nil {
		p.Priority = o.Priority
	}
	if o.LongContext != nil {
		p.LongContext = o.LongContext
	}
}

// fields lists every single price in the order of the data file's names for them.
func (p *Pricing) fields() [17]**float64 {
	return [17]**float64{
		&p.Input, &p.Output, &p.CacheRead, &p.CacheWrite, &p.CacheWriteHour, &p.InputBatch, &p.OutputBatch,
		&p.InputAudio, &p.OutputAudio, &p.InputImage, &p.OutputImage, &p.InputPerSecond,
		&p.WebSearchPerCall, &p.CodeExecutionPerCall, &p.FileSearchPerCall, &p.FileSearchPerGB, &p.ImageGenerationPerImage,
	}
}

// tiers lists the rates of every tier that there are.
func (p *Pricing) tiers() []*Rates {
	var out []*Rates
	if p.Flex != nil {
		out = append(out, p.Flex)
	}
	if p.Priority != nil {
		out = append(out, p.Priority)
	}
	if p.LongContext != nil {
		out = append(out, &p.LongContext.Rates)
	}
	return out
}

func (r *Rates) fields() [4]**float64 {
	return [4]**float64{&r.Input, &r.Output, &r.CacheRead, &r.CacheWrite}
}

// settle drops prices that are zero because nobody filled them in. Zero is believed where both ways are free and the
// model's name says so, and as the output of models that put out no tokens.
func (p *Pricing) settle(id string, tokensOut bool) {
	zero := func(v *float64) bool { return v != nil && *v == 0 }
	free := strings.HasSuffix(id, ":free")
	if free {
		return
	}
	if zero(p.Input) && (p.Output == nil || *p.Output == 0) {
		p.Input, p.Output = nil, nil
	}
	if zero(p.Output) && tokensOut {
		p.Output = nil
	}
	for i, f := range p.fields() {
		if i > 1 && zero(*f) { // nobody sells tools and caches for nothing
			*f = nil
		}
	}
	p.Flex, p.Priority = p.Flex.settled(), p.Priority.settled()
	if l := p.LongContext; l != nil && (l.Above <= 0 || l.settled() == nil) {
		p.LongContext = nil
	}
}

// settled drops zeros; nil where no price of input or output is left.
func (r *Rates) settled() *Rates {
	if r == nil {
		return nil
	}
	for _, f := range r.fields() {
		if *f != nil && **f == 0 {
			*f = nil
		}
	}
	if r.Input == nil && r.Output == nil {
		return nil
	}
	return r
}
