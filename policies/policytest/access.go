package policytest

import (
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"weir/engine"
	"weir/engine/price"
)

// access is the access keys and the budget that a script gives its gateway.
type access struct {
	mu     sync.Mutex
	keys   map[string]scriptKey // by token
	budget engine.MeterView
}

// scriptKey is one access key of a script.
type scriptKey struct {
	caller      engine.Caller
	allow, deny []string
}

// Authenticate finds the key of the script.
func (a *access) Authenticate(x *engine.Exchange, token string) error {
	a.mu.Lock()
	k, ok := a.keys[token]
	a.mu.Unlock()
	if !ok {
		return engine.Errorf(engine.CodeUnauthorized, "the access key is not valid")
	}
	x.Caller = k.caller
	x.NarrowModels(engine.ModelLists{Allow: k.allow, HasAllow: k.allow != nil, Deny: k.deny})
	return nil
}

// any reports whether the script has access keys.
func (a *access) any() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.keys) > 0
}

// Reserve lets every call through: a script sets what is spent, and its calls cost nothing.
func (a *access) Reserve(*engine.Exchange, *engine.Call) error { return nil }

// Settle has nothing to count.
func (a *access) Settle(*engine.Exchange, *engine.Call) {}

// Finish has nothing to record.
func (a *access) Finish(*engine.Exchange) {}

// CountsModels reports none: what a script sets is spent already.
func (a *access) CountsModels(*engine.Exchange) bool { return false }

// View is the budget that the script set.
func (a *access) View(*engine.Exchange) engine.MeterView {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.budget
}

func doAccessKey(ts *testscript.TestScript, neg bool, args []string) {
	const form = "access-key TOKEN [id=ID] [name=NAME] [team=TEAM] [groups=A,B] [allow=MODEL,...] [deny=MODEL,...] [metadata.NAME=VALUE]..."
	usage(ts, args, 1, 16, form)
	a := &worldOf(ts).access
	a.mu.Lock()
	defer a.mu.Unlock()
	if neg {
		delete(a.keys, args[0])
		return
	}
	k := scriptKey{caller: engine.Caller{Kind: "access_key", Metadata: map[string]any{}}}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		list := strings.Split(value, ",")
		if value == "" {
			list = []string{}
		}
		switch {
		case name == "id":
			k.caller.ID = value
		case name == "name":
			k.caller.Name = value
		case name == "team":
			k.caller.Team, k.caller.TeamID = value, "team_"+value
		case name == "groups":
			k.caller.Groups = list
		case name == "allow":
			k.allow = list
		case name == "deny":
			k.deny = list
		case strings.HasPrefix(name, "metadata."):
			k.caller.Metadata[strings.TrimPrefix(name, "metadata.")] = value
		default:
			ts.Fatalf("usage: %s", form)
		}
	}
	if k.caller.ID == "" {
		k.caller.ID = "aigk_test"
	}
	if a.keys == nil {
		a.keys = map[string]scriptKey{}
	}
	a.keys[args[0]] = k
}

func doBudget(ts *testscript.TestScript, neg bool, args []string) {
	a := &worldOf(ts).access
	a.mu.Lock()
	defer a.mu.Unlock()
	if neg {
		usage(ts, args, 0, 0, "! budget")
		a.budget = engine.MeterView{}
		return
	}
	usage(ts, args, 2, 2, "budget LIMIT_USD SPENT_USD")
	limit, err := price.Parse(args[0])
	ts.Check(err)
	spent, err := price.Parse(args[1])
	ts.Check(err)
	a.budget = engine.MeterView{
		HasBudget: true, Limit: limit, Spent: spent, Remain: max(limit-spent, 0),
		Limits: []engine.LimitView{{Name: "test", Unit: "usd", Window: "total", Limit: limit.Nano(), Used: spent.Nano()}},
	}
}
