package engine

import (
	"weir/engine/catalog"
	"weir/engine/price"
	"weir/engine/wire"
)

// AccessControl proves callers by access keys. The gateway gives it to its runtime; the action access-key asks it.
type AccessControl interface {
	// Authenticate finds out whose token it is. It is called on headers, before the body is read. It sets x.Caller, and
	// limits what the key may use by x.NarrowTo and x.UseKeyring. What the client must be told is an *Error; tokens
	// that are wrong, unknown, expired or disabled all get the same one.
	Authenticate(x *Exchange, token string) error
}

// Keyring is the provider keys that one caller may use beside those of the policy.
type Keyring interface {
	// Keys lists what is tried for a model, in order. Ok is false where the ring says nothing about the model: the
	// gateway's own keys serve then. Ok with an empty list means that no key may be used.
	Keys(m *catalog.Model) (keys []RingKey, ok bool)
}

// RingKey is one entry of a keyring: a stored provider key as NewRingKey makes it, or all keys of the gateway at that place.
type RingKey struct {
	Gateway  bool   // the keys of policy and environment, in their order
	ID, Name string // of the stored key
	Value    string

	made *apiKey
}

// KeySource says whose provider key a call was made with.
type KeySource uint8

// The sources of keys.
const (
	KeySourceNone    KeySource = iota // the provider takes none
	KeySourceGateway                  // the policy's or the environment's
	KeySourceUser                     // one from a keyring: bring your own key
	KeySourceClient                   // one that the client sent for this provider
)

// Meter counts what callers use, keeps calls within budgets and limits, and records them. The gateway gives it to its
// runtime. Methods run at the same time for different exchanges.
type Meter interface {
	// Reserve is asked before each call to a provider. An error, an *Error, keeps the call from being made; the next
	// target is tried, and the error of the first refusal is what the client gets where no target was let through.
	Reserve(x *Exchange, c *Call) error
	// Settle tells how a call ended, exactly once for each call that Reserve let through: at once where it failed, when
	// the exchange is over where it answered. c.Usage and c.Cost are final.
	Settle(x *Exchange, c *Call)
	// Finish is told of each exchange that has called a provider, once, when it is over and its calls are settled.
	Finish(x *Exchange)
	// CountsModels reports whether some budget or limit of the caller depends on which model is called or on what it costs. A
	// provider behind the gateway is then not left to choose another one.
	CountsModels(x *Exchange) bool
	// View is what expressions read as caller.budget and caller.limits.
	View(x *Exchange) MeterView
}

// Call is one call to a provider as it is metered. x.Calls()[i] belongs to x.Attempts()[i].
type Call struct {
	Model     *catalog.Model // as it was when the call was made, prices included
	KeySource KeySource
	KeyID     string // of the stored key; "" for others
	KeyName   string
	// Estimate is what the call may use, and EstimatedCost the most it is expected to cost.
	Estimate      wire.Usage
	EstimatedCost price.Cost
	// Usage is what it has used, Usage.Known false where nobody knows, and Cost the price of that.
	Usage wire.Usage
	Cost  price.Cost
	// Answered says that this call's answer is what the client got.
	Answered bool
	// Hold is what the Meter keeps from Reserve to Settle.
	Hold any

	settled    bool
	background bool // it goes on at the provider without its client
}

// Sent is the part of the estimate that a call has used as soon as it was sent: its input, by tokens or by seconds, in the
// tier that was asked for.
func (c *Call) Sent() wire.Usage {
	e := &c.Estimate
	return wire.Usage{Input: e.Input, InputAudio: e.InputAudio, Seconds: e.Seconds, Tier: e.Tier, Known: e.Known, Estimated: true}
}

// MeterView is what a caller has used of its tightest budget in USD and of its limits.
type MeterView struct {
	// HasBudget is false where no budget in USD applies to the caller.
	HasBudget            bool
	Limit, Spent, Remain price.USD
	Limits               []LimitView
}

// LimitView is the state of one limit or budget of a caller.
type LimitView struct {
	Name, Unit, Window string // Unit: usd, tokens, requests, concurrent
	Limit, Used        int64  // USD in billionths
	ResetSeconds       int64  // 0 = never or not known
}

// UseKeyring gives the exchange provider keys beside those of its policy. A later ring takes the place of an earlier.
func (x *Exchange) UseKeyring(k Keyring) { x.keyring = k }

// Calls lists the metered calls made so far, one for each attempt; it is empty without a Meter.
func (x *Exchange) Calls() []Call { return x.calls }

// Metered returns what SetMetered kept, nil before.
func (x *Exchange) Metered() any { return x.metered }

// SetMetered keeps what the Meter knows of the exchange as a whole, until it is over.
func (x *Exchange) SetMetered(v any) { x.metered = v }

// Tags are what the client labelled the request with, in the header x-weir-tags (name=value pairs with commas between) and
// in the metadata of its body where that was read: names in lower case to values. Nil where it has none.
func (x *Exchange) Tags() map[string]string { return x.tags() }
