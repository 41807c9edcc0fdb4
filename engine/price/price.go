// Package price computes what calls cost, in exact decimals.
package price

import (
	"math"
	"math/bits"

	"weir/engine/catalog"
	"weir/engine/wire"
)

// USD is an amount of US dollars in millionths of a millionth (10^-12): the price of one token at any list price with up
// to six decimals a million tokens is a whole number of them. It holds about 9.2 million dollars; sums stop there.
type USD int64

// Dollar is one US dollar.
const Dollar USD = 1_000_000_000_000

// maxUSD is the largest amount; its negative is the smallest, so that every amount can be turned around.
const maxUSD USD = math.MaxInt64

// nano is how many units make a billionth of a dollar, in which shared counters count.
const nano = 1000

// Cost is what a call costs; Known is false where no price or no usage is known, which is never zero.
type Cost struct {
	USD   USD
	Known bool
}

// Of is what usage costs at a price list: input, cache reads and writes, output with reasoning, audio, images, tools.
// It is not known where the usage is not, or where the list lacks a price for something that was used.
func Of(p *catalog.Pricing, u *wire.Usage) Cost { return of(p, u) }

// Add is the sum, at most the largest amount there is.
func (u USD) Add(v USD) USD {
	sum := u + v
	switch {
	case u > 0 && v > 0 && sum < 0:
		return maxUSD
	case u < 0 && v < 0 && (sum >= 0 || sum < -maxUSD):
		return -maxUSD
	default:
		return sum
	}
}

// Mul is n times the amount, at most the largest amount there is.
func (u USD) Mul(n int64) USD {
	hi, lo := bits.Mul64(magnitude(int64(u)), magnitude(n))
	product := maxUSD
	if hi == 0 && lo < uint64(maxUSD) {
		product = USD(lo)
	}
	if (u < 0) != (n < 0) {
		return -product
	}
	return product
}

// Nano is the amount in billionths of a dollar, rounded up: what a counter has room for is never less than was spent.
func (u USD) Nano() int64 {
	n := int64(u) / nano
	if int64(u)%nano > 0 {
		n++
	}
	return n
}

// FromNano is an amount given in billionths of a dollar.
func FromNano(n int64) USD { return USD(nano).Mul(n) }

// magnitude is a number without its sign; that of the smallest number fits too.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n) //nolint:gosec // the complement is what is wanted
	}
	return uint64(n)
}
