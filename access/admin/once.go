package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"weir/access"
	"weir/access/store"
)

const (
	// onceFor is how long an answer is kept for its idempotency key: retries of scripts and queues come within a day.
	onceFor = 24 * time.Hour
	// maxOnceKey bounds an idempotency key, which is a UUID in most clients.
	maxOnceKey = 255
)

// once is a request with an idempotency key.
type once struct {
	key  string // of the stored answer
	text string // of the request, which is hashed
}

// pending is the requests with idempotency keys that are being answered. The zero value is ready.
type pending struct {
	mu   sync.Mutex
	keys map[string]bool
}

func (p *pending) begin(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys[key] {
		return false
	}
	if p.keys == nil {
		p.keys = make(map[string]bool)
	}
	p.keys[key] = true
	return true
}

func (p *pending) end(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.keys, key)
}

// kept is an answer as it is kept, sealed: it may hold a token.
type kept struct {
	Revision int64           `json:"revision"`
	Body     json.RawMessage `json:"body"`
}

// answerOnce serves a request that may have an idempotency key: the one that was answered before gets the same answer.
func (q *request) answerOnce() (*reply, error) {
	all := q.http.Request.Header.PeekAll("Idempotency-Key")
	if len(all) == 0 {
		return q.route.serve(q)
	}
	given := string(all[0])
	strange := func(c rune) bool { return c <= ' ' || c > '~' }
	if len(all) > 1 || given == "" || len(given) > maxOnceKey || strings.ContainsFunc(given, strange) {
		return nil, badField("Idempotency-Key", "is not one text of 1 to %d printable characters", maxOnceKey)
	}
	if q.Store == nil {
		return nil, failf(codeNoStore, "the gateway runs without a store")
	}
	target := q.route.method + "\x00" + string(q.http.Request.URI().PathOriginal())
	sum := sha256.Sum256([]byte(q.who.name + "\x00" + target + "\x00" + given))
	q.once = &once{key: hex.EncodeToString(sum[:]), text: "idempotent\x00" + target + "\x00" + string(q.body)}
	if !q.pending.begin(q.once.key) {
		f := failf(codeBusy, "a request with this idempotency key is being answered")
		f.retry = time.Second
		return nil, f
	}
	defer q.pending.end(q.once.key)
	before, err := q.replay()
	if before != nil || err != nil {
		return before, err
	}
	out, err := q.route.serve(q)
	if errors.Is(err, access.ErrReplayed) { // another gateway was faster
		if before, err := q.replay(); before != nil || err != nil {
			return before, err
		}
	}
	return out, err
}

// replay finds the answer that was given before, nil where there is none.
func (q *request) replay() (*reply, error) {
	found, err := q.Store.Idempotent(q.ctx, q.once.key)
	if err != nil || found == nil || !q.Now().Before(found.Expires) {
		return nil, err
	}
	if !q.Box.Matches(found.Request, q.once.text) {
		return nil, failf(codeKeyReused, "the idempotency key was used for another request")
	}
	plain, err := q.Box.Open(found.Body, "idempotent/"+q.once.key)
	var k kept
	if err == nil {
		err = json.Unmarshal(plain, &k)
	}
	if err != nil {
		return nil, &failure{code: codeInternal, message: "the answer given before cannot be read any more", cause: err}
	}
	return &reply{status: found.Status, body: k.Body, revision: k.Revision, replayed: true}, nil
}

// options make a change that keeps its answer, where that was asked for.
func (q *request) options(ifRevision int64, answer func(r access.Resource, token string) any) access.WriteOptions {
	o := access.WriteOptions{IfRevision: ifRevision}
	if q.once == nil {
		return o
	}
	o.AnswerToken = func(r access.Resource, token string) (*store.Idempotent, error) { return q.keep(r, answer(r, token)) }
	return o
}

func (q *request) keep(r access.Resource, answer any) (*store.Idempotent, error) {
	body, err := encode(answer)
	if err != nil {
		return nil, err
	}
	plain, err := encode(kept{Revision: r.Common().Revision, Body: body})
	if err != nil {
		return nil, err
	}
	return &store.Idempotent{
		Key: q.once.key, Request: q.Box.Hash(q.once.text), Status: q.route.status,
		Body: q.Box.Seal(plain, "idempotent/"+q.once.key), Expires: q.Now().Add(onceFor),
	}, nil
}
