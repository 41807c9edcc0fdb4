package engine

import (
	"net/http"
	"runtime"
	"sync"
	"time"
	"weak"

	"github.com/rs/zerolog"

	"weir/engine/upstream"
)

// Services is what the gateway offers to actions besides their configuration. The zero value works alone: nothing is
// shared, time is the machine's.
type Services struct {
	rt   *Runtime
	plan string
}

// Services returns what the actions of a policy of that name get.
func (rt *Runtime) Services(plan string) Services { return Services{rt: rt, plan: plan} }

// Clock returns the gateway's clock, which tests may set.
func (s Services) Clock() func() time.Time {
	if s.rt == nil {
		return time.Now
	}
	return s.rt.now
}

// Log returns the gateway's log, for what an action does outside any exchange.
func (s Services) Log() zerolog.Logger {
	if s.rt == nil {
		return zerolog.Nop()
	}
	return s.rt.log
}

// Plan is the name of the policy that the action belongs to.
func (s Services) Plan() string { return s.plan }

// HTTP returns a client for requests that Weir makes of its own, to where the guard allows. It follows no redirect and
// keeps no cookie.
func (s Services) HTTP(g *upstream.Guard) *http.Client { return upstream.NewHTTPClient(g) }

// states keeps what actions share over reloads: limits, windows, caches. An entry lives as long as a plan that uses it.
type states struct {
	mu  sync.Mutex
	all map[string]any // of weak.Pointer
}

// State finds the state of that name in the policy's own part of the gateway, or makes it. It is shared by every
// action that asks for the same name and type, over reloads as well, and lives as long as one of them.
func State[T any](s Services, name string, create func() *T) *T {
	if s.rt == nil {
		return create()
	}
	st := &s.rt.states
	full := s.plan + "\x00" + name
	st.mu.Lock()
	defer st.mu.Unlock()
	if w, ok := st.all[full].(weak.Pointer[T]); ok {
		if v := w.Value(); v != nil {
			return v
		}
	}
	v := create()
	if st.all == nil {
		st.all = map[string]any{}
	}
	w := weak.Make(v)
	st.all[full] = w
	runtime.AddCleanup(v, st.forget, forgotten{name: full, entry: w})
	return v
}

// forgotten names an entry whose value nobody holds any more.
type forgotten struct {
	name  string
	entry any
}

func (st *states) forget(f forgotten) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.all[f.name] == f.entry { // a newer one of the same name stays
		delete(st.all, f.name)
	}
}
