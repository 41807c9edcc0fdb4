package engine

import (
	"slices"
	"time"

	"weir/engine/price"
	"weir/engine/wire"
)

// SetAccess gives the runtime who proves callers by access keys. It is called before the first exchange.
func (rt *Runtime) SetAccess(a AccessControl) { rt.access = a }

// SetMeter gives the runtime who meters calls. It is called before the first exchange.
func (rt *Runtime) SetMeter(m Meter) { rt.meter = m }

// Defaults hold for routes that say nothing else; zero fields leave what is built in.
type Defaults struct {
	TotalTimeout, PerRequestTimeout time.Duration
	MaxInputTokens, MaxOutputTokens int64
}

// SetDefaults changes the defaults of plans that are made from here on.
func (rt *Runtime) SetDefaults(d Defaults) { rt.defaults.Store(&d) }

func (rt *Runtime) withDefaults(cfg *RouteConfig) *RouteConfig {
	d := rt.defaults.Load()
	if d == nil || *d == (Defaults{}) {
		return cfg
	}
	out := *cfg
	if out.TotalTimeout == 0 {
		out.TotalTimeout = d.TotalTimeout
	}
	if out.PerRequestTimeout == 0 {
		out.PerRequestTimeout = d.PerRequestTimeout
	}
	if out.MaxInputTokens == 0 {
		out.MaxInputTokens = d.MaxInputTokens
	}
	if out.MaxOutputTokens == 0 {
		out.MaxOutputTokens = d.MaxOutputTokens
	}
	return &out
}

// AuthenticateKey proves the caller by the access key that the request carries, whichever header or parameter it stands
// in, and takes it out of the request: nothing behind it reads it and no provider gets it. Errors are what the client is
// told.
func (x *Exchange) AuthenticateKey() error {
	access := x.plan.rt.access
	if access == nil {
		return &Error{Code: CodeStoreUnavailable, Message: "this gateway has no access keys to let anybody in with"}
	}
	token, err := x.presentedKey()
	if err != nil {
		return err
	}
	if token == "" && x.proven.Kind != "" { // by the endpoint that the exchange was forwarded from, which took the key out
		x.Caller = x.proven
		return nil
	}
	if err := access.Authenticate(x, token); err != nil {
		return err //nolint:wrapcheck // what the client is told
	}
	x.proven = x.Caller
	x.takeCredential()
	x.clientKey.value = ""
	return nil
}

// Streaming reports whether the client asked for a stream.
func (x *Exchange) Streaming() bool { return x.Request.streaming() }

// FinishReason is why the answer ended, in the provider's word; "" where it is not known.
func (x *Exchange) FinishReason() string {
	if x.finish != "" || !x.answeredWhole() {
		return x.finish
	}
	return wire.ReadFinish(x.Request.API, x.Reply.Body)
}

// Plan names the policy that runs the exchange.
func (x *Exchange) Plan() string { return x.plan.Name }

// reserve asks the meter about the next call.
func (d *dispatch) reserve(m *model, k *apiKey) *Error {
	x, meter := d.x, d.r.plan.rt.meter
	if meter == nil || x.Request.Operation != OpCreate { // reading what is stored costs nothing a second time
		return nil
	}
	c := Call{Model: &m.cat, KeySource: k.source()}
	if k.ring != nil {
		c.KeyID, c.KeyName = k.ring.ID, k.ring.Name
	}
	x.estimateCall(&c, d.r, m)
	x.calls = append(x.calls, c)
	if err := meter.Reserve(x, &x.calls[len(x.calls)-1]); err != nil {
		x.calls = x.calls[:len(x.calls)-1]
		return AsError(err)
	}
	return nil
}

func (k *apiKey) source() KeySource {
	switch {
	case k.ring != nil:
		return KeySourceUser
	case k.index == clientKeyIndex:
		return KeySourceClient
	case k.value == "":
		return KeySourceNone
	default:
		return KeySourceGateway
	}
}

// settleLast tells the meter of a call that failed.
func (x *Exchange) settleLast() {
	if i := len(x.calls) - 1; i >= 0 {
		x.settleCall(i)
	}
}

// endMeter settles what is left and records the exchange, once: before the client has the last of the answer, so that
// nobody can have one that is in no record.
func (x *Exchange) endMeter() {
	if len(x.calls) == 0 || x.recorded {
		return
	}
	x.recorded = true
	x.settleCalls()
	x.plan.rt.meter.Finish(x)
}

// settleCalls tells the meter of the calls that it has not heard of.
func (x *Exchange) settleCalls() {
	for i := range x.calls {
		x.settleCall(i)
	}
}

func (x *Exchange) settleCall(i int) {
	c := &x.calls[i]
	if c.settled {
		return
	}
	c.settled = true
	if i < len(x.attempts) { // a call that broke down before it was made has none
		a := &x.attempts[i]
		c.Usage, c.Answered = a.Usage, a.Code == ""
		if c.Usage.Known {
			c.Cost = price.Of(&c.Model.Pricing, &c.Usage)
		}
	}
	x.plan.rt.meter.Settle(x, c)
}

func (x *Exchange) resetMeter() {
	if len(x.calls) > 0 {
		clear(x.calls)
		clear(x.call0[:])
		x.calls = x.call0[:0]
	}
	x.proven, x.ran, x.recorded = Caller{}, false, false
	x.keyring, x.metered, x.tagged, x.labels, x.bodyText = nil, nil, false, nil, 0
}

// hasKeys reports whether the exchange has a way to authenticate to a model's provider.
func (x *Exchange) hasKeys(m *model) bool {
	if x.keyring != nil {
		if keys, ok := x.keyring.Keys(&m.cat); ok {
			for i := range keys {
				if keys[i].made != nil || keys[i].Gateway && m.provider.hasKeys() {
					return true
				}
			}
			return false
		}
	}
	return m.provider.hasKeys()
}

// releaseGuards tells the guards that let a call through that it is not made.
func (x *Exchange) releaseGuards(m *model) {
	if len(x.guards) > 0 {
		x.tellGuards(m, OutcomeNeutral)
	}
}

// offered lists the models that the exchange has a key for; the list belongs to the universe where it has no keyring.
func (x *Exchange) offered(u *universe) []*model {
	if x.keyring == nil {
		return u.models
	}
	return slices.DeleteFunc(slices.Clone(u.every), func(m *model) bool { return !x.hasKeys(m) })
}

// autoModels are the models to try where neither the client nor a strategy chose.
func (r *route) autoModels(x *Exchange, kind autoKind) []*model {
	if x.keyring == nil {
		return r.auto[kind]
	}
	return autoOrder(x.offered(r.universe), kind)
}
