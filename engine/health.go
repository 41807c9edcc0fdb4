package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"weir/engine/catalog"
)

const (
	// maxRest bounds every rest: a provider's word is not trusted to shut it out for longer than a person would wait.
	maxRest = 10 * time.Minute
	// keyRefusedRest is how long a key rests after 401 or 403: long enough not to hammer with a dead key, short enough
	// that a key repaired at the vendor is seen without a reload.
	keyRefusedRest = 5 * time.Minute
	// firstLimitRest and maxLimitRest bound the doubling rest after 429 without retry-after.
	firstLimitRest = 10 * time.Second
	maxLimitRest   = 5 * time.Minute
	// failuresToRest in a row send a provider to rest for providerRest; then one request probes it.
	failuresToRest = 5
	providerRest   = 15 * time.Second
)

var unknownQuota = catalog.Quota{RemainingRequests: -1, RemainingTokens: -1, LimitRequests: -1, LimitTokens: -1}

// providerHealth says whether a provider rests. It is lock-free.
type providerHealth struct {
	failures atomic.Int32
	until    atomic.Int64 // unix nanoseconds; 0 = not resting
	probing  atomic.Bool
}

// ready reports whether the provider may be called now. After a rest it lets one caller through as the probe.
func (h *providerHealth) ready(now time.Time) bool {
	until := h.until.Load()
	if until == 0 {
		return true
	}
	if now.UnixNano() < until {
		return false
	}
	return h.probing.CompareAndSwap(false, true)
}

func (h *providerHealth) restUntil() time.Time { return time.Unix(0, h.until.Load()) }

func (h *providerHealth) succeeded() {
	if h.failures.Load() != 0 {
		h.failures.Store(0)
	}
	if h.until.Load() != 0 {
		h.until.Store(0)
		h.probing.Store(false)
	}
}

func (h *providerHealth) failed(now time.Time) {
	n := h.failures.Add(1)
	if n >= failuresToRest || h.until.Load() != 0 {
		h.until.Store(now.Add(providerRest).UnixNano())
		h.probing.Store(false)
	}
}

// released ends a probe that said nothing about the provider, such as one whose client hung up.
func (h *providerHealth) released() {
	if h.until.Load() != 0 {
		h.probing.Store(false)
	}
}

// keyHealth says whether a key rests, for every model or for one.
type keyHealth struct {
	until   atomic.Int64 // unix nanoseconds, for every model
	resting atomic.Int32 // number of entries in models; 0 spares the lock
	stats   rates

	mu     sync.Mutex
	models map[string]modelRest
	quota  catalog.Quota
}

type modelRest struct {
	until time.Time
	last  time.Duration
}

// maxModelRests bounds the models one key keeps rests for; the oldest knowledge is dropped first by expiry.
const maxModelRests = 256

// ready reports whether the key may be used for the model, and if not, until when it rests.
func (h *keyHealth) ready(now time.Time, model string) (bool, time.Time) {
	if until := h.until.Load(); until != 0 && now.UnixNano() < until {
		return false, time.Unix(0, until)
	}
	if h.resting.Load() == 0 {
		return true, time.Time{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r, ok := h.models[model]
	if !ok || !now.Before(r.until) {
		return true, time.Time{}
	}
	return false, r.until
}

// refused rests the key after 401 or 403.
func (h *keyHealth) refused(now time.Time) { h.until.Store(now.Add(keyRefusedRest).UnixNano()) }

// limited rests the key for one model after 429.
func (h *keyHealth) limited(now time.Time, model string, retryAfter time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.models == nil {
		h.models = map[string]modelRest{}
	}
	r := h.models[model]
	rest := retryAfter
	if rest <= 0 {
		rest = min(max(2*r.last, firstLimitRest), maxLimitRest)
		r.last = rest
	}
	r.until = now.Add(min(rest, maxRest))
	h.models[model] = r
	if len(h.models) > maxModelRests {
		for name, old := range h.models {
			if !now.Before(old.until) {
				delete(h.models, name)
			}
		}
	}
	h.resting.Store(int32(min(len(h.models), maxModelRests)))
}

func (h *keyHealth) succeeded(model string) {
	if h.until.Load() != 0 {
		h.until.Store(0)
	}
	if h.resting.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.models, model)
	h.resting.Store(int32(min(len(h.models), maxModelRests)))
}

func (h *keyHealth) setQuota(q catalog.Quota) {
	h.mu.Lock()
	h.quota = q
	h.mu.Unlock()
}

func (h *keyHealth) readQuota() catalog.Quota {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.quota
}
