// Package counter counts what callers use within windows: in the memory of one gateway, or shared in Redis or Valkey.
package counter

import (
	"context"
	"errors"
	"time"
)

// ErrUnavailable means that shared counters cannot be reached now.
var ErrUnavailable = errors.New("the shared counters cannot be reached")

// Charge is what one call takes from one counter.
type Charge struct {
	// Counter names it; two charges with one name are for the same counter and have the same Limit and window.
	Counter string
	// Limit is in the counter's unit: USD in billionths, tokens, requests, calls in flight.
	Limit int64
	// Amount is reserved until the call is settled.
	Amount int64
	// Slot is where the amount is counted when settled: when the slot began, Unix seconds; 0 = the only one. Oldest is the
	// first slot that still counts, and Expires (Unix seconds, 0 = never) when the counter may be forgotten.
	Slot, Oldest, Expires int64
	// Concurrent counters count only what is reserved.
	Concurrent bool
	// Durable counters are rebuilt from the store where their memory was lost.
	Durable bool
	// Spill lets a call through that is larger than what is left, as long as something is left and nothing else is reserved:
	// estimates of budgets are guesses, and what is left of a budget can be used up.
	Spill bool
}

// State is a counter as a reservation found it, the reservation included if it was made.
type State struct {
	Used     int64 // settled within the window
	Reserved int64 // of all calls in flight
}

// Reservation is what Reserve took. It must be settled exactly once.
type Reservation struct {
	ID      string // of the reservation
	Charges []Charge
	// Refused is the index of the first charge that was refused, -1 where all were let through; nothing is reserved then.
	Refused int
	// States belongs to Charges.
	States []State
	// Local says that shared counters could not be reached and this gateway's own counted.
	Local bool
}

// Counters counts. Methods may run at the same time.
type Counters interface {
	// Now is the time of the counters: every gateway that shares them reads the same, to the second. It does no I/O.
	Now() time.Time
	// Reserve takes every charge or none, in one round trip. r.Charges is set; the rest is filled in.
	Reserve(ctx context.Context, r *Reservation) error
	// Settle gives back what was reserved and counts actual amounts, one for each charge, in its place: 0 releases. It does
	// not wait; what cannot be told to shared counters now is told later, and in order.
	Settle(r *Reservation, actual []int64)
	// Read tells the state of counters without taking anything.
	Read(ctx context.Context, charges []Charge) ([]State, error)
	// Seed sets what is used in a slot, for counters that nobody has counted yet.
	Seed(counter string, slot, used int64)
	// Flush waits until everything settled so far is counted, or the context ends.
	Flush(ctx context.Context) error
	// Close ends it; what is still reserved by this gateway is given back.
	Close() error
}

// Load reads the used amounts of a durable counter's slots from the store, for counters whose memory was lost.
type Load func(ctx context.Context, counter string, oldest int64) (map[int64]int64, error)
