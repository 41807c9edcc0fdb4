package policytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"weir/engine"
	"weir/providers/sim"
)

// upstream is one simulated provider.
type upstream struct {
	name   string
	base   string // its scheme and host
	server *sim.Server
	socket net.Listener
	served chan struct{} // closed when it no longer serves
	seen   int           // calls of the journal that were made before the last request
}

// serve starts a simulator on a loopback port.
func (w *world) serve(name string, o sim.Options) (*upstream, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the simulator of %s: %w", name, err)
	}
	o.Now = w.clock.read
	u := &upstream{name: name, base: "http://" + ln.Addr().String(), server: sim.New(o), socket: ln, served: make(chan struct{})}
	go func() {
		defer close(u.served)
		_ = u.server.Serve(ln) // it ends with the script; a call that is not answered fails there
	}()
	return u, nil
}

func (u *upstream) close() {
	_ = u.server.Close() // the script is over
	_ = u.socket.Close() // closed already, unless the script ended before the simulator served
	<-u.served
}

// calls are those made since the last request began.
func (u *upstream) calls() []sim.Call {
	all := u.server.Calls()
	return all[min(u.seen, len(all)):]
}

// simulate puts a simulator in the place of a provider, or gives the one that is there another script of faults.
func (w *world) simulate(name string, faults *sim.Script) error {
	id := w.canonical(name)
	if u := w.upstreams[id]; u != nil {
		u.server.SetScript(faults)
		return nil
	}
	if w.store != nil {
		return errors.New("providers are simulated before the policy is loaded; later on only their faults may change")
	}
	u, err := w.serve(id, sim.Options{Script: faults})
	if err != nil {
		return err
	}
	w.upstreams[id] = u
	return nil
}

// canonical is the id of a built-in provider for any of its names, and the name itself in lower case for the others.
func (w *world) canonical(name string) string {
	if spec := w.spec(name); spec != nil {
		return spec.ID
	}
	return strings.ToLower(name)
}

func (w *world) spec(name string) *engine.ProviderSpec {
	for i := range w.specs {
		s := &w.specs[i]
		if strings.EqualFold(s.ID, name) || slices.ContainsFunc(s.Aliases, func(a string) bool { return strings.EqualFold(a, name) }) {
			return s
		}
	}
	return nil
}

// locate is where the script's gateway finds a provider: the simulator of that name with the path and query of the base
// URL, so that paths are what they would be at the vendor. What nobody simulates is sent to a listener that tells on it.
func (w *world) locate(provider, base string) string {
	if base == "" {
		return ""
	}
	at, err := url.Parse(base)
	if err != nil || at.Host == "" {
		return base // the plan reports what is wrong with it
	}
	id := w.canonical(provider)
	host, prefix := w.stray.base, "/"+url.PathEscape(id)
	if u := w.upstreams[id]; u != nil {
		host, prefix = u.base, ""
	}
	moved := host + prefix + at.EscapedPath()
	if at.RawQuery != "" {
		moved += "?" + at.RawQuery
	}
	return moved
}

// answering lists the simulated providers that need no key, as if they had been found at their usual address.
func (w *world) answering() []string {
	var ids []string
	for i := range w.specs {
		if id := w.specs[i].ID; w.specs[i].KeyOptional && w.upstreams[id] != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// strays names the providers that were called although the script does not simulate them.
func (w *world) strays() []string {
	var names []string
	calls := w.stray.calls()
	for i := range calls {
		name, _, _ := strings.Cut(strings.TrimPrefix(calls[i].Path, "/"), "/")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// markCalls remembers which calls were made before the request that follows.
func (w *world) markCalls() {
	for _, u := range w.upstreams {
		u.seen = len(u.server.Calls())
	}
	w.stray.seen = len(w.stray.server.Calls())
}

// sequence lists the providers called since the last request, in the order of the calls.
func (w *world) sequence() []string {
	type made struct {
		name string
		at   time.Time
	}
	var all []made
	for _, u := range w.upstreams {
		calls := u.calls()
		for i := range calls {
			all = append(all, made{u.name, calls[i].Began})
		}
	}
	slices.SortFunc(all, func(a, b made) int { return a.at.Compare(b.at) })
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return names
}
