package price

import (
	"math"

	"weir/engine/catalog"
	"weir/engine/wire"
)

// bill adds up what a call costs, in the prices of its tier.
type bill struct {
	sum     USD
	unknown bool
}

func of(p *catalog.Pricing, u *wire.Usage) Cost {
	if p == nil || !u.Known {
		return Cost{}
	}
	r, ok := rates(p, u)
	if !ok || (p.Input == nil && p.Output == nil && p.ImageGenerationPerImage == nil && p.InputPerSecond == nil) {
		return Cost{}
	}
	var b bill
	b.input(p, &r, u)
	b.output(p, &r, u)
	b.calls(u.Seconds, p.InputPerSecond)
	b.calls(u.WebSearches, p.WebSearchPerCall)
	b.calls(u.CodeRuns, p.CodeExecutionPerCall)
	b.calls(u.FileSearches, p.FileSearchPerCall)
	if b.unknown {
		return Cost{}
	}
	return Cost{USD: b.sum, Known: true}
}

// rates chooses the prices of text for a call. A discount that the list lacks is not given, so that the cost errs to the
// dear side; not ok is a surcharge that the list lacks.
func rates(p *catalog.Pricing, u *wire.Usage) (r catalog.Rates, ok bool) {
	if l := p.LongContext; l != nil && u.Input > l.Above {
		r = l.Rates
		r.Input, r.Output = either(r.Input, p.Input), either(r.Output, p.Output)
		return r, u.Tier < wire.TierPriority
	}
	r = catalog.Rates{Input: p.Input, Output: p.Output, CacheRead: p.CacheRead, CacheWrite: p.CacheWrite}
	switch u.Tier {
	case wire.TierStandard:
	case wire.TierBatch:
		r.Input, r.Output = either(p.InputBatch, r.Input), either(p.OutputBatch, r.Output)
	case wire.TierFlex:
		if f := p.Flex; f != nil {
			r = catalog.Rates{
				Input: either(f.Input, r.Input), Output: either(f.Output, r.Output),
				CacheRead: either(f.CacheRead, r.CacheRead), CacheWrite: either(f.CacheWrite, r.CacheWrite),
			}
		}
	case wire.TierPriority:
		if p.Priority == nil {
			return r, false
		}
		r = *p.Priority
	default:
		return r, false
	}
	return r, true
}

// input bills the prompt: what a cache held, what a cache took in, sound and pictures, and the text that is left.
func (b *bill) input(p *catalog.Pricing, r *catalog.Rates, u *wire.Usage) {
	hour := min(u.CacheWriteHour, u.CacheWrite)
	text := u.Input - u.CacheRead - u.CacheWrite - u.InputAudio
	if p.InputImage != nil {
		text -= u.InputImage
		b.tokens(u.InputImage, p.InputImage)
	}
	b.tokens(max(text, 0), r.Input)
	b.tokens(u.CacheRead, either(r.CacheRead, r.Input))
	b.tokens(u.CacheWrite-hour, either(r.CacheWrite, r.Input))
	b.tokens(hour, p.CacheWriteHour)
	b.tokens(u.InputAudio, p.InputAudio)
}

// output bills the answer. The images API tells either the tokens of its pictures or nothing but how many there are.
func (b *bill) output(p *catalog.Pricing, r *catalog.Rates, u *wire.Usage) {
	image, price := u.OutputImage, p.OutputImage
	if u.Images > 0 {
		price = either(price, r.Output)
		if image == 0 {
			image = u.Output
		}
		if u.Output == 0 {
			b.calls(u.Images, p.ImageGenerationPerImage)
		}
	}
	b.tokens(max(u.Output-u.OutputAudio-image, 0), r.Output)
	b.tokens(u.OutputAudio, p.OutputAudio)
	b.tokens(image, price)
}

// tokens bills n tokens at a price for a million of them: millionths of a dollar a million are 10^-12 dollars each.
func (b *bill) tokens(n int64, price *float64) { b.add(n, price, 1e6) }

// calls bills n of something that has a price of its own.
func (b *bill) calls(n int64, price *float64) { b.add(n, price, float64(Dollar)) }

func (b *bill) add(n int64, price *float64, scale float64) {
	switch {
	case n <= 0:
	case price == nil:
		b.unknown = true
	default:
		b.sum = b.sum.Add(exact(*price, scale).Mul(n))
	}
}

// exact undoes what a float made of a list price: prices have few decimals, and the nearest whole number is the one that
// was written down.
func exact(price, scale float64) USD {
	amount := math.RoundToEven(price * scale)
	switch {
	case !(amount > 0): // NaN too, which no checked list holds
		return 0
	case amount >= math.MaxInt64:
		return maxUSD
	default:
		return USD(amount)
	}
}

func either(a, b *float64) *float64 {
	if a != nil {
		return a
	}
	return b
}
