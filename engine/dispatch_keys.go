package engine

import (
	"fmt"
	"slices"

	"weir/engine/expr"
	"weir/engine/vars"
)

// keys lists the keys to try for a model, in order.
func (d *dispatch) keys(m *model) ([]*apiKey, error) {
	p, x := m.provider, d.x
	if x.keyring != nil {
		if keys, ok := d.ringKeys(m); ok {
			return keys, nil
		}
	}
	mode := d.r.cfg.Keys
	if mode == KeysClient || (mode == KeysDefault && !p.hasKeys()) {
		return d.clientKeys(m)
	}
	keys, err := d.gatewayKeys(p)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		if p.keyless {
			return noKeys[:], nil
		}
		d.noKey = p.id
		return nil, nil
	}
	if d.pinned != nil {
		return d.pinnedKey(keys), nil
	}
	if len(d.r.cfg.KeyStrategies) > 0 {
		return d.selectKeys(keys)
	}
	return keys, nil
}

// gatewayKeys are the keys of policy and environment.
func (d *dispatch) gatewayKeys(p *provider) ([]*apiKey, error) {
	x, keys := d.x, p.keys
	for _, t := range p.dynamic {
		value, err := t.String(x)
		if err != nil {
			return nil, routeFailure("key of provider "+p.id, err)
		}
		if value != "" {
			id := hashKey(value)
			keys = append(slices.Clip(keys), &apiKey{id: id, masked: maskKey(value), value: value, index: len(keys)})
		}
	}
	return keys, nil
}

// noKeys is the one try of a provider that takes no key.
var noKeys = [1]*apiKey{{}}

func (d *dispatch) pinnedKey(keys []*apiKey) []*apiKey {
	for _, k := range keys {
		if k.id == d.pinned.key {
			return []*apiKey{k}
		}
	}
	return nil
}

// clientKeys is the caller's own key, for the provider that the first name of the request leads to and for no other.
func (d *dispatch) clientKeys(m *model) ([]*apiKey, error) {
	x := d.x
	if m.provider.keyless {
		return noKeys[:], nil
	}
	if x.clientKey.value == "" || d.r.plan.authenticates || isAccessToken(x.clientKey.value) {
		d.noKey = m.provider.id
		return nil, nil
	}
	if d.first != m.provider {
		return nil, nil
	}
	value := x.clientKey.value
	return []*apiKey{{id: hashKey(value), masked: maskKey(value), value: value, index: clientKeyIndex}}, nil
}

// clientKeyIndex marks a key as the caller's own.
const clientKeyIndex = -1

func (d *dispatch) selectKeys(keys []*apiKey) ([]*apiKey, error) {
	entries := make([]expr.Key, len(keys))
	now := d.r.plan.rt.now()
	for i, k := range keys {
		entries[i] = expr.Key{ID: k.id, Value: k.value, Quota: unknownQuota, Index: i}
		if k.health != nil {
			entries[i].Quota = k.health.readQuota()
			_, entries[i].ErrorRate = k.health.stats.read(now)
		}
	}
	for i, s := range d.r.cfg.KeyStrategies {
		var got []expr.Key
		var err error
		d.x.inPhase(vars.PhaseKeys, func() { got, err = s.Select(d.x, entries) })
		if err != nil {
			return nil, &Error{
				Code: CodeKeySelectionFailed, Message: fmt.Sprintf("key selection failed: strategy %d could not be evaluated", i+1), Cause: err,
			}
		}
		if len(got) == 0 {
			continue
		}
		out := make([]*apiKey, len(got))
		for k := range got {
			out[k] = keys[got[k].Index]
		}
		return out, nil
	}
	return nil, &Error{Code: CodeKeySelectionFailed, Message: "key selection returned no key"}
}

// NewRingKey makes the entry of a stored key, for every keyring that has it: what is known of its rests and its use is one for
// all of them, and ends with it.
func NewRingKey(id, name, value string) RingKey {
	return newRingKey(id, name, value, &keyHealth{quota: unknownQuota})
}

func newRingKey(id, name, value string, health *keyHealth) RingKey {
	k := RingKey{ID: id, Name: name, Value: value}
	ring := k
	k.made = &apiKey{
		id: hashKey(value), masked: maskKey(value), value: value, bearer: bearerPrefix + value, health: health, ring: &ring,
	}
	return k
}

// Renamed is the entry of the same key under another name, which rests where this one does.
func (k RingKey) Renamed(name string) RingKey {
	if k.Name == name || k.made == nil {
		return k
	}
	return newRingKey(k.ID, name, k.Value, k.made.health)
}

// ringKeys are the keys that the caller's keyring has for a model; ok is false where it has nothing to say.
func (d *dispatch) ringKeys(m *model) ([]*apiKey, bool) {
	ring, ok := d.x.keyring.Keys(&m.cat)
	if !ok {
		return nil, false
	}
	out := d.ring[:0] // those of the model before are done with
	for i := range ring {
		e := &ring[i]
		switch {
		case e.Gateway:
			keys, err := d.gatewayKeys(m.provider)
			if err != nil {
				continue // the other keys of the ring may serve
			}
			out = append(out, keys...)
			if len(keys) == 0 && m.provider.keyless {
				out = append(out, noKeys[0])
			}
		case e.made != nil: // one that NewRingKey has not made may not be sent
			out = append(out, e.made)
		}
	}
	if len(out) == 0 {
		d.noKey, d.ringless = m.provider.id, true
	}
	if d.pinned != nil {
		out = d.pinnedKey(out)
	}
	return out, true
}
