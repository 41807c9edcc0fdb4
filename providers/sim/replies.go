package sim

import (
	"maps"
	"sync"

	"github.com/valyala/fasthttp"
)

// maxReplies keeps what the tests of an hour store; the oldest goes first.
const maxReplies = 1024

// replies holds the stored responses, each for the key that made it.
type replies struct {
	mu    sync.Mutex
	byID  map[string]*storedReply
	order []string
}

type storedReply struct {
	key     string
	body    obj
	running bool // a background response that nobody has asked after
}

func (r *replies) put(id, key string, body obj, running bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = map[string]*storedReply{}
	}
	if len(r.order) >= maxReplies {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
	r.byID[id] = &storedReply{key: key, body: body, running: running}
	r.order = append(r.order, id)
}

// get finds the body of a response, nil where this key made none of that name.
func (r *replies) get(id, key string) obj {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.byID[id]; s != nil && s.key == key {
		s.running = false
		return s.body
	}
	return nil
}

func (r *replies) remove(id, key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.byID[id]
	if s == nil || s.key != key {
		return false
	}
	delete(r.byID, id)
	return true
}

// cancel ends a background response that is still running; a nil body means there is none, false that it has ended.
func (r *replies) cancel(id, key string) (obj, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.byID[id]
	if s == nil || s.key != key {
		return nil, false
	}
	if !s.running {
		return s.body, false
	}
	s.running = false
	s.body = maps.Clone(s.body)
	s.body["status"], s.body["output"], s.body["usage"] = "cancelled", []any{}, nil
	return s.body, true
}

// storedResponse serves GET and DELETE of a response and its cancellation.
func (j *job) storedResponse() (*reply, *failure) {
	id, key := j.target.name, j.call.Key
	missing := &failure{status: fasthttp.StatusNotFound, message: "Response with id '" + id + "' not found."}
	switch {
	case j.target.endpoint == responseCancel && j.call.Method == fasthttp.MethodPost:
		body, ok := j.s.replies.cancel(id, key)
		switch {
		case body == nil:
			return nil, missing
		case !ok:
			return nil, wrong("", "Cannot cancel a response that is not running in the background.")
		}
		return whole(body), nil
	case j.target.endpoint == responseByID && j.call.Method == fasthttp.MethodGet:
		if body := j.s.replies.get(id, key); body != nil {
			return whole(body), nil
		}
		return nil, missing
	case j.target.endpoint == responseByID && j.call.Method == fasthttp.MethodDelete:
		if j.s.replies.remove(id, key) {
			return whole(obj{"id": id, "object": "response", "deleted": true}), nil
		}
		return nil, missing
	}
	return nil, &failure{status: fasthttp.StatusMethodNotAllowed, message: "Not allowed to " + j.call.Method + " on this path"}
}
