package admin

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/access"
)

func TestIdempotency(t *testing.T) {
	now := time.Now()
	h := newHarness(t, func(o *Options) { o.Now = func() time.Time { return now } })
	once := map[string]string{"Idempotency-Key": "7d1f"}
	c := call{method: "POST", path: "/access-keys", body: `{"name":"a"}`, header: once, secret: true}
	first := h.want(c, 201)
	again := h.want(c, 201)
	if first.raw != again.raw || first.header.Get("ETag") != again.header.Get("ETag") || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("got %s (%q), want %s again", again.raw, again.header.Get("Idempotency-Replayed"), first.raw)
	}
	if first.header.Get("Idempotency-Replayed") != "" {
		t.Error("the first answer says that it was replayed")
	}
	if n := len(h.directory.Load().AccessKeys); n != 1 {
		t.Errorf("got %d keys, want 1", n)
	}
	token := first.text(t, "token")
	for _, kept := range h.store.idempotent {
		if bytes.Contains(kept.Body, []byte(token)) || bytes.Contains(kept.Body, []byte(`"name"`)) {
			t.Error("the answer is kept in the open")
		}
	}
	h.refused(call{method: "POST", path: "/access-keys", body: `{"name":"b"}`, header: once}, 422, "idempotency_key_reused", "")
	// Another path and another caller have keys of their own.
	h.want(call{method: "POST", path: "/teams", body: `{"name":"a"}`, header: once}, 201)
	_, other := h.keyFor(access.RoleEditor)
	c.token = other
	if third := h.want(c, 201); third.text(t, "id") == first.text(t, "id") {
		t.Error("another caller got the first one's answer")
	}
	// Who may not create any more gets no answer either.
	_, viewer := h.keyFor(access.RoleViewer)
	c.token = viewer
	h.want(c, 403)
	c.token = ""
	now = now.Add(onceFor + time.Second)
	h.store.set(func() { h.store.idempotent = nil }) // as a store does with what expired
	h.store.set(func() { h.store.idempotent = newMemory().idempotent })
	if late := h.want(c, 201); late.text(t, "id") == first.text(t, "id") {
		t.Error("the answer was kept for longer than a day")
	}
}

func TestIdempotencyOfOtherRequests(t *testing.T) {
	h := newHarness(t)
	once := map[string]string{"Idempotency-Key": "rotate-1"}
	key := h.want(call{method: "POST", path: "/access-keys", body: `{}`, secret: true}, 201)
	c := call{method: "POST", path: "/access-keys/" + key.text(t, "id") + "/rotate", body: `{}`, header: once, secret: true}
	first, again := h.want(c, 200), h.want(c, 200)
	if first.raw != again.raw {
		t.Errorf("rotate: got %s, want %s again", again.raw, first.raw)
	}
	p := call{method: "POST", path: "/provider-keys", body: `{"providerId":"openai","name":"k","value":"sk-val-x-canary-0123456789abcdef0123"}`, header: once}
	if a, b := h.want(p, 201), h.want(p, 201); a.raw != b.raw {
		t.Errorf("provider key: got %s, want %s again", b.raw, a.raw)
	}
	// What failed was not done, and is tried again.
	bad := call{method: "POST", path: "/access-keys", body: `{"teamId":"team_none"}`, header: map[string]string{"Idempotency-Key": "bad"}}
	h.want(bad, 400)
	h.want(bad, 400)
	for _, key := range []string{strings.Repeat("x", maxOnceKey+1), "a b", "ä"} {
		h.refused(call{method: "POST", path: "/teams", body: `{"name":"t"}`, header: map[string]string{"Idempotency-Key": key}}, 400, "bad_request", "Idempotency-Key")
	}
}

func TestConcurrentIdempotency(t *testing.T) {
	h := newHarness(t)
	gate := make(chan struct{})
	h.store.set(func() { h.store.applying = gate })
	c := call{method: "POST", path: "/teams", body: `{"name":"a"}`, header: map[string]string{"Idempotency-Key": "k"}}
	done := make(chan int)
	var wait sync.WaitGroup
	wait.Go(func() {
		status, _, _ := h.send(c)
		done <- status
	})
	deadline := time.Now().Add(5 * time.Second)
	for {
		h.api.pending.mu.Lock()
		busy := len(h.api.pending.keys) > 0
		h.api.pending.mu.Unlock()
		if busy {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the first request did not begin")
		}
		time.Sleep(time.Millisecond)
	}
	a := h.refused(c, http.StatusConflict, "request_in_progress", "")
	if a.header.Get("Retry-After") == "" {
		t.Error("got no retry-after")
	}
	close(gate)
	if status := <-done; status != 201 {
		t.Errorf("the first request: got %d, want 201", status)
	}
	wait.Wait()
	if a := h.want(c, 201); a.header.Get("Idempotency-Replayed") != "true" {
		t.Error("got another team")
	}
	if len(h.api.pending.keys) != 0 {
		t.Error("a finished request is still pending")
	}
}

func TestETags(t *testing.T) {
	h := newHarness(t)
	a := h.want(call{method: "POST", path: "/teams", body: `{"name":"a"}`}, 201)
	one, tag := "/teams/"+a.text(t, "id"), a.header.Get("ETag")
	if tag == "" || h.want(call{method: "GET", path: one}, 200).header.Get("ETag") != tag {
		t.Fatalf("got no stable etag: %q", tag)
	}
	for _, match := range []string{tag, "W/" + tag, `"0", ` + tag, "*"} {
		a := h.want(call{method: "GET", path: one, header: map[string]string{"If-None-Match": match}}, 304)
		if a.raw != "" || a.header.Get("ETag") != tag {
			t.Errorf("%s: got %q and etag %q", match, a.raw, a.header.Get("ETag"))
		}
	}
	h.want(call{method: "GET", path: one, header: map[string]string{"If-None-Match": `"0"`}}, 200)
	for _, match := range []string{`"0"`, "W/" + tag, "nonsense"} {
		h.refused(call{method: "PATCH", path: one, body: `{"name":"b"}`, header: map[string]string{"If-Match": match}}, 412, "precondition_failed", "")
		h.refused(call{method: "DELETE", path: one, header: map[string]string{"If-Match": match}}, 412, "precondition_failed", "")
	}
	b := h.want(call{method: "PATCH", path: one, body: `{"name":"b"}`, header: map[string]string{"If-Match": tag}}, 200)
	if b.header.Get("ETag") == tag {
		t.Error("the etag did not change with the team")
	}
	h.refused(call{method: "PATCH", path: one, body: `{"name":"c"}`, header: map[string]string{"If-Match": tag}}, 412, "precondition_failed", "")
	h.want(call{method: "PATCH", path: one, body: `{"name":"c"}`, header: map[string]string{"If-Match": "*"}}, 200)
	h.want(call{method: "DELETE", path: one, header: map[string]string{"If-Match": h.want(call{method: "GET", path: one}, 200).header.Get("ETag")}}, 204)
}
