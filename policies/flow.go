package policies

import (
	"maps"
	"slices"

	"weir/engine"
)

// resultAIGateway is the result that the route itself leaves.
const resultAIGateway = "ai_gateway"

// flow follows what can have been set where: variables and results that an expression reads must come from a rule before
// it, and what a route or a refusal depends on must not fail unnoticed.
type flow struct {
	set      map[string]bool // variables that can be set by now
	inactive map[string]bool // variables that only rules in shadow would set
	ran      map[string]bool // actions, as results name them, that can have run by now
	any      bool            // a rule by now can set variables whose names are known at run time only
	units    []*unit
	current  *unit
	actions  map[string]bool // results that anything reads

	readsAll       bool // Rego may read any result
	routesByAction bool
	authenticates  bool
	always         bool          // some rule proves every caller, whatever the request
	sometimes      []conditional // rules that prove those whom their conditions hold for
}

// conditional is an action that authenticates in a rule with conditions.
type conditional struct {
	rule, action string
	at           *engine.Node
}

// unit is one rule or route with what it reads and sets; results are written actions.name.
type unit struct {
	reads, sets map[string]bool
	guards      bool // it can refuse, rewrite or route
	onError     engine.OnError
	rules       *[]engine.Rule // of its phase; nil = a route
	index       int            // among them
}

func newFlow() *flow {
	return &flow{
		set: map[string]bool{}, inactive: map[string]bool{}, ran: map[string]bool{}, actions: map[string]bool{},
		current: newUnit(),
	}
}

func newUnit() *unit { return &unit{reads: map[string]bool{}, sets: map[string]bool{}} }

// begin starts a unit; everything compiled until the next one belongs to it.
func (f *flow) begin() *unit {
	f.current = newUnit()
	f.units = append(f.units, f.current)
	return f.current
}

func (f *flow) hasVar(name string) bool {
	f.current.reads[name] = true
	return f.set[name] || f.any
}

func (f *flow) hasResult(action string) bool {
	f.current.reads[resultKey(action)] = true
	f.actions[action] = true
	return f.ran[action]
}

func (f *flow) setVar(name string, active bool) {
	if !active {
		f.inactive[name] = true
		return
	}
	f.current.sets[name] = true
	f.set[name] = true
}

// setAny says that an action may set whatever variable it likes.
func (f *flow) setAny(active bool) {
	if active {
		f.any = true
	}
}

func (f *flow) setResult(action string) {
	f.current.sets[resultKey(action)] = true
	f.ran[action] = true
}

// routed says that the route has run: its trace can be read from here on.
func (f *flow) routed() { f.ran[resultAIGateway] = true }

func resultKey(action string) string { return "actions." + action }

// readActions lists the results that are read, in a stable order.
func (f *flow) readActions() []string {
	read := maps.Clone(f.actions)
	if f.readsAll {
		maps.Copy(read, f.ran)
	}
	out := make([]string, 0, len(read))
	for name := range read {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// resolve decides what a failure does in the rules that do not say: halt where the rule can refuse, rewrite or route, or
// sets what such a rule reads, directly or through other rules; go on elsewhere.
func (f *flow) resolve() {
	needed := map[string]bool{}
	halts := func(u *unit) bool {
		if u.guards {
			return true
		}
		for name := range u.sets {
			if needed[name] {
				return true
			}
		}
		return false
	}
	for again := true; again; {
		again = false
		for _, u := range f.units {
			if !halts(u) {
				continue
			}
			for name := range u.reads {
				again = again || !needed[name]
				needed[name] = true
			}
		}
	}
	for _, u := range f.units {
		if u.rules == nil || u.onError != engine.OnErrorDefault {
			continue
		}
		mode := engine.OnErrorContinue
		if halts(u) {
			mode = engine.OnErrorHalt
		}
		(*u.rules)[u.index].OnError = mode
	}
}
