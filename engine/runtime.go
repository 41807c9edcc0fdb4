package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"weir/engine/catalog"
	"weir/engine/upstream"
)

// RuntimeOptions is what a Runtime is made of.
type RuntimeOptions struct {
	Client    *upstream.Client
	Catalog   *catalog.Catalog
	Providers []ProviderSpec
	// Env reads the environment: keys and base URLs of built-in providers.
	Env func(name string) (string, bool)
	// Local lists the providers that were found answering at their usual address and need no key.
	Local []string
	// Demo is the simulated provider of --demo, nil otherwise.
	Demo *DemoProvider
	// Locate moves base URLs elsewhere: simulators in policy scripts. Nil = nowhere else.
	Locate func(provider, base string) string
	// HideRouting leaves x-weir-provider, x-weir-model and x-weir-attempts out of answers.
	HideRouting HeaderMode
	// Trace puts the whole story of each route into the log line.
	Trace TraceMode
	// Decisions takes what policies decide; nil = nobody does.
	Decisions DecisionLog
	Log       zerolog.Logger
	// Now is the clock of rests and metrics; nil = time.Now.
	Now func() time.Time
}

// HeaderMode says whether answers tell which target made them.
type HeaderMode uint8

// The header modes.
const (
	HeadersShown HeaderMode = iota
	HeadersHidden
)

// TraceMode says whether the log tells how each target was chosen.
type TraceMode uint8

// The trace modes.
const (
	TraceWhereRead TraceMode = iota // kept only where a policy reads actions.ngrok.ai_gateway
	TraceLogged
)

// DemoProvider is the simulator as a provider: its models are found only behind its name, and in auto only while no
// real provider is on.
type DemoProvider struct {
	ID, BaseURL string
	Models      []string
}

// Runtime is what outlives plans: connections, health, metrics and the ids of stored answers.
type Runtime struct {
	client      *upstream.Client
	catalog     *catalog.Catalog
	specs       []ProviderSpec
	env         func(string) (string, bool)
	local       []string
	demo        *DemoProvider
	hideRouting bool
	locate      func(provider, base string) string
	logTrace    bool
	log         zerolog.Logger
	now         func() time.Time
	realTime    bool
	stored      StoredIDs
	inFlight    atomic.Int64
	exchanges   sync.Pool
	states      states
	endpoints   endpointTable
	decisions   DecisionLog
	deciding    atomic.Uint64 // exchanges with decisions
	access      AccessControl
	meter       Meter // nil = nothing is metered
	defaults    atomic.Pointer[Defaults]

	mu        sync.Mutex // guards the maps below, which only plan building touches
	providers map[string]*providerHealth
	keys      map[string]*keyHealth
	models    map[string]*modelStats
}

// NewRuntime makes a runtime. It starts nothing.
func NewRuntime(o RuntimeOptions) *Runtime {
	rt := &Runtime{
		client: o.Client, catalog: o.Catalog, specs: o.Providers, env: o.Env, local: o.Local, demo: o.Demo, locate: o.Locate, hideRouting: o.HideRouting == HeadersHidden, logTrace: o.Trace == TraceLogged,
		decisions: o.Decisions, log: o.Log, now: o.Now, stored: newStoredIDs(maxStoredIDs),
		providers: map[string]*providerHealth{}, keys: map[string]*keyHealth{}, models: map[string]*modelStats{},
	}
	if rt.now == nil {
		rt.now, rt.realTime = time.Now, true
	}
	if rt.env == nil {
		rt.env = func(string) (string, bool) { return "", false }
	}
	rt.exchanges.New = func() any { return NewExchange() }
	return rt
}

// clock is the instant t on the gateway's clock: t itself, unless a test has set the clock.
func (rt *Runtime) clock(t time.Time) time.Time {
	if rt.realTime {
		return t
	}
	return rt.now()
}

// Exchange takes an empty exchange from the pool.
func (rt *Runtime) Exchange() *Exchange {
	x, ok := rt.exchanges.Get().(*Exchange)
	if !ok {
		x = NewExchange()
	}
	rt.inFlight.Add(1)
	return x
}

// Release gives an exchange back after Finish; nothing may use it, or what it handed out, afterwards.
func (rt *Runtime) Release(x *Exchange) {
	rt.inFlight.Add(-1)
	x.Reset()
	rt.exchanges.Put(x)
}

// InFlight is the number of exchanges taken and not released.
func (rt *Runtime) InFlight() int64 { return rt.inFlight.Load() }

// spec finds a built-in provider by id or alias, ignoring case.
func (rt *Runtime) spec(id string) *ProviderSpec {
	for i := range rt.specs {
		s := &rt.specs[i]
		if strings.EqualFold(s.ID, id) {
			return s
		}
		for _, alias := range s.Aliases {
			if strings.EqualFold(alias, id) {
				return s
			}
		}
	}
	return nil
}

func (rt *Runtime) providerHealth(id, base string) *providerHealth {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	name := id + " " + base
	h := rt.providers[name]
	if h == nil {
		h = &providerHealth{}
		rt.providers[name] = h
	}
	return h
}

func (rt *Runtime) keyHealth(provider, keyID string) *keyHealth {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	name := provider + " " + keyID
	h := rt.keys[name]
	if h == nil {
		h = &keyHealth{quota: unknownQuota}
		rt.keys[name] = h
	}
	return h
}

// modelStats finds the metrics of one model at one provider; endpoint is "" for the whole gateway.
func (rt *Runtime) modelStats(endpoint, provider, modelID string) *modelStats {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	name := endpoint + "\x00" + provider + "\x00" + modelID
	s := rt.models[name]
	if s == nil {
		if len(rt.models) >= maxModelStats {
			return &modelStats{} // counted, but not shared with the next plan
		}
		s = &modelStats{}
		rt.models[name] = s
	}
	return s
}

// maxModelStats bounds the figures kept over reloads: ten thousand models are twenty times the catalog.
const maxModelStats = 10_000

// apiKey is one configured key of a provider.
type apiKey struct {
	id     string
	masked string
	value  string
	bearer string // the value of an Authorization field; "" = made when needed
	health *keyHealth
	index  int
	ring   *RingKey // a key of a keyring; nil for others
}

// hashKey names a key without telling it.
func hashKey(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:6])
}

// maskKey shows the ends of a long key, as traces do.
func maskKey(value string) string {
	if len(value) < 16 {
		return "***"
	}
	return value[:7] + "..." + value[len(value)-4:]
}

func shuffle[T any](list []T) {
	//nolint:gosec // spreads load; nothing secret depends on it
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}
