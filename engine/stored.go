package engine

import (
	"strings"
	"sync"
	"time"

	"weir/engine/wire"
)

// maxStoredIDs bounds the ids of stored answers in memory: about 20 MiB, and days of use for most.
const maxStoredIDs = 100_000

// StoredIDs remembers who may reach an object that a provider stores, and with which key.
type StoredIDs interface {
	// Put remembers an object; the oldest are forgotten when there are too many.
	Put(id string, at StoredAt)
	// Get finds an object.
	Get(id string) (StoredAt, bool)
	// Delete forgets an object.
	Delete(id string)
}

// StoredAt is where an object is and whose it is.
type StoredAt struct {
	Caller, Provider, Model, Key string
	Made                         time.Time
}

type storedID struct{ provider, model, key string }

// storedMap is StoredIDs in memory: a map with a ring that forgets the oldest.
type storedMap struct {
	mu   sync.Mutex
	byID map[string]StoredAt
	ring []string
	next int
}

func newStoredIDs(size int) StoredIDs {
	return &storedMap{byID: map[string]StoredAt{}, ring: make([]string, 0, min(size, 1024)), next: -size}
}

// Put remembers an object.
func (s *storedMap) Put(id string, at StoredAt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.byID[id]; !known {
		if s.next < 0 {
			s.ring = append(s.ring, id)
			s.next++
		} else {
			delete(s.byID, s.ring[s.next])
			s.ring[s.next] = id
			s.next = (s.next + 1) % len(s.ring)
		}
	}
	s.byID[id] = at
}

// Get finds an object.
func (s *storedMap) Get(id string) (StoredAt, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.byID[id]
	return at, ok
}

// Delete forgets an object. Its place in the ring is freed when its turn comes.
func (s *storedMap) Delete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// owner names who a stored object is bound to: the caller, or the key an anonymous caller sent.
func (x *Exchange) owner() string {
	if x.Caller.ID != "" {
		return x.Caller.kind() + ":" + x.Caller.ID
	}
	if x.clientKey.value != "" {
		return "key:" + hashKey(x.clientKey.value)
	}
	return "anonymous"
}

// remember binds a stored answer to its caller and to the key that made it.
func (d *dispatch) remember(t target, k *apiKey, id func([]byte) string) {
	x := d.x
	if x.Request.API != wire.OpenAIResponses || x.Request.Operation != OpCreate {
		return
	}
	if name := id(x.Reply.Body); name != "" {
		d.r.plan.rt.stored.Put(strings.Clone(name), StoredAt{
			Caller: strings.Clone(x.owner()), Provider: t.model.provider.id, Model: t.model.cat.ID, Key: k.id, Made: time.Now(),
		})
	}
}

// find looks up a stored object of this caller.
func (x *Exchange) find(id string) (StoredAt, error) {
	at, ok := x.plan.rt.stored.Get(id)
	if !ok || at.Caller != x.owner() {
		return StoredAt{}, &Error{Code: CodeNotFound, Message: "there is no stored object " + quoteName(id) + " of yours"}
	}
	return at, nil
}

// checkStored refuses references to stored objects that are not the caller's.
func (x *Exchange) checkStored() error {
	for _, ref := range [...]struct{ param, id string }{
		{"previous_response_id", x.Request.Peek.PreviousResponseID},
		{"conversation", x.Request.Peek.Conversation},
	} {
		if ref.id == "" {
			continue
		}
		if _, err := x.find(ref.id); err != nil {
			e := AsError(err)
			e.Param = ref.param
			return e
		}
	}
	return nil
}

// pinned is the target of the stored object that the request builds on, nil where it builds on none.
func (x *Exchange) pinned() *storedID {
	id := x.Request.Peek.PreviousResponseID
	if id == "" {
		id = x.Request.Peek.Conversation
	}
	if id == "" {
		return nil
	}
	at, err := x.find(id)
	if err != nil {
		return nil
	}
	return &storedID{provider: at.Provider, model: at.Model, key: at.Key}
}

// stored serves a request about an object that a provider keeps.
func (p *Plan) stored(x *Exchange) error {
	at, err := x.find(x.Request.StoredID)
	if err != nil {
		return err
	}
	r, err := p.matchRoute(x)
	if err != nil {
		return err
	}
	ps := r.universe.named[strings.ToLower(at.Provider)]
	if len(ps) == 0 || ps[0].off != "" || !ps[0].speaks(x.Request.API) {
		return Errorf(CodeNotFound, "the provider of the stored object is no longer configured")
	}
	m := r.universe.byID[ps[0].id][strings.ToLower(at.Model)]
	if m == nil {
		m = r.universe.passThrough(ps[0], at.Model)
	}
	x.route = r
	if !x.reaches(r.universe, m) {
		return &Error{Code: CodeModelNotAllowed, Param: "model", Message: "the model of the stored object is not allowed here"}
	}
	d := dispatch{r: r, x: x, before: len(x.attempts), pinned: &storedID{provider: at.Provider, model: at.Model, key: at.Key}}
	err = d.run(choice{models: []*model{m}, named: true})
	if err == nil && x.Request.Operation == OpDelete && x.Reply.Status < 300 {
		p.rt.stored.Delete(x.Request.StoredID)
	}
	return err
}
