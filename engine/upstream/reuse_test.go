package upstream

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// A connection that the peer closed while it was idle is noticed before it is used.
func TestClosedWhileIdle(t *testing.T) {
	s := serve(t, once(okAnswer))
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	wantBody(t, c, post(ep), "ok")
	eventually(t, "idle connection seen as closed", func() bool { return !ep.pool.idle[0].alive() })
	time.Sleep(2 * trustedIdle)
	var call Call
	defer call.Reset()
	resp, err := c.Do(&call, post(ep))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Redialled {
		t.Error("got a redial, want the dead connection noticed before")
	}
	if open, _ := ep.pool.counts(); open != 1 {
		t.Errorf("got %d connections open, want 1", open)
	}
}

func TestUnaskedBytesWhileIdle(t *testing.T) {
	s := serve(t, func(n int, c net.Conn, r *bufio.Reader) {
		_, _, _ = readRequest(r)
		_, _ = io.WriteString(c, okAnswer)
		if n == 1 {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
		}
		_, _ = io.Copy(io.Discard, r)
	})
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	wantBody(t, c, post(ep), "ok")
	eventually(t, "bytes arrive", func() bool {
		_, idle := ep.pool.counts()
		return idle == 0 || !ep.pool.idle[0].alive()
	})
	time.Sleep(2 * trustedIdle)
	wantBody(t, c, post(ep), "ok")
}

// closesSecond answers the first request of its first connection and cuts at the second one.
func closesSecond(seen *sync.Map) func(int, net.Conn, *bufio.Reader) {
	return func(n int, c net.Conn, r *bufio.Reader) {
		for i := 1; ; i++ {
			_, body, err := readRequest(r)
			if err != nil || (n == 1 && i == 2) {
				return
			}
			seen.Store(fmt.Sprint(n, i), body)
			_, _ = io.WriteString(c, okAnswer)
		}
	}
}

func TestRedialOnce(t *testing.T) {
	var seen sync.Map
	s := serve(t, closesSecond(&seen))
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	wantBody(t, c, post(ep), "ok")
	var call Call
	defer call.Reset()
	req := post(ep)
	req.Body = make([]byte, 3*writeWhole)
	resp, err := c.Do(&call, req)
	if err != nil {
		t.Fatal(err)
	}
	if !resp.Redialled {
		t.Error("got no redial")
	}
	if body, _ := seen.Load("2 1"); body != string(req.Body) {
		t.Errorf("got body %v on the new connection, want the whole one", body)
	}
	resp.Close()
	if open, idle := ep.pool.counts(); open != 1 || idle != 1 {
		t.Errorf("got %d open, %d idle, want 1 and 1", open, idle)
	}
}

// A fresh connection that is cut is a failure, and so is the second one of a redial.
func TestNoSecondRedial(t *testing.T) {
	s := serve(t, func(n int, c net.Conn, r *bufio.Reader) {
		if _, _, err := readRequest(r); err == nil && n == 1 {
			_, _ = io.WriteString(c, okAnswer)
			_, _, _ = readRequest(r)
		}
	})
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	wantBody(t, c, post(ep), "ok")
	_, err := get(t, c, post(ep))
	wantError(t, err, ErrReset)
	if got := s.connections(); got != 2 {
		t.Errorf("got %d connections, want 2", got)
	}
}

func TestNoRedialAfterTimeout(t *testing.T) {
	s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _, _ = readRequest(r)
		_, _ = io.WriteString(c, okAnswer)
		_, _ = io.Copy(io.Discard, r)
	})
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	wantBody(t, c, post(ep), "ok")
	req := post(ep)
	req.HeaderDeadline = time.Now().Add(30 * time.Millisecond)
	_, err := get(t, c, req)
	wantError(t, err, ErrTimeout)
	if got := s.connections(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

func TestNoRedialAfterFirstByte(t *testing.T) {
	s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _, _ = readRequest(r)
		_, _ = io.WriteString(c, okAnswer)
		_, _, _ = readRequest(r)
		_, _ = io.WriteString(c, "H")
	})
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	wantBody(t, c, post(ep), "ok")
	_, err := get(t, c, post(ep))
	wantError(t, err, ErrReset)
	if got := s.connections(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

func TestPoolLimit(t *testing.T) {
	s := serve(t, always(okAnswer))
	c := newClient(t, Options{})
	ep, err := c.Endpoint(EndpointConfig{Scheme: "http", Host: s.addr(), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	var calls [3]Call
	var answers [2]*Response
	for i := range answers {
		if answers[i], err = c.Do(&calls[i], post(ep)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.Do(&calls[2], post(ep))
	wantError(t, err, ErrTooManyConns)
	answers[0].Discard()
	if _, err := c.Do(&calls[2], post(ep)); err != nil {
		t.Errorf("got %v, want the freed place used", err)
	}
	for i := range calls {
		calls[i].Reset()
	}
	if open, idle := ep.pool.counts(); open != 0 || idle != 0 {
		t.Errorf("got %d open, %d idle, want none", open, idle)
	}
}

func TestFailedDialFreesItsPlace(t *testing.T) {
	s := serve(t, always(okAnswer))
	s.close()
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	_, err := get(t, c, post(ep))
	wantError(t, err, ErrConnect)
	if open, _ := ep.pool.counts(); open != 0 {
		t.Errorf("got %d open, want none", open)
	}
}

func TestReaper(t *testing.T) {
	s := serve(t, always(okAnswer))
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	wantBody(t, c, post(ep), "ok")
	c.reap(time.Now().Add(29 * time.Second))
	if open, idle := ep.pool.counts(); open != 1 || idle != 1 {
		t.Errorf("got %d open, %d idle before the limit, want 1 and 1", open, idle)
	}
	c.reap(time.Now().Add(31 * time.Second))
	if open, idle := ep.pool.counts(); open != 0 || idle != 0 {
		t.Errorf("got %d open, %d idle after the limit, want none", open, idle)
	}
	wantBody(t, c, post(ep), "ok")
	if len(c.idling) != 1 {
		t.Errorf("got %d endpoints watched, want 1", len(c.idling))
	}
}

func TestAge(t *testing.T) {
	s := serve(t, always(okAnswer))
	c := newClient(t, Options{})
	ep, err := c.Endpoint(EndpointConfig{Scheme: "http", Host: s.addr(), MaxAge: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		wantBody(t, c, post(ep), "ok")
		time.Sleep(11 * time.Millisecond)
	}
	if got := s.connections(); got != 3 {
		t.Errorf("got %d connections, want 3", got)
	}
}

func TestLastInFirstOut(t *testing.T) {
	s := serve(t, always(okAnswer))
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	var a, b Call
	ra, errA := c.Do(&a, post(ep))
	rb, errB := c.Do(&b, post(ep))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	for _, r := range []*Response{ra, rb} {
		if _, err := r.ReadAll(nil, 10); err != nil {
			t.Fatal(err)
		}
	}
	last := rb.conn
	ra.Close()
	rb.Close()
	if resp, err := c.Do(&a, post(ep)); err != nil || resp.conn != last {
		t.Errorf("got another connection than the last one (error %v)", err)
	}
	a.Reset()
}

func TestSameEndpoint(t *testing.T) {
	c := newClient(t, Options{})
	cfg := EndpointConfig{Scheme: "http", Host: "example.com"}
	a, err := c.Endpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Host = "EXAMPLE.com"
	if b, err := c.Endpoint(cfg); err != nil || a != b {
		t.Errorf("got another endpoint for the same settings (error %v)", err)
	}
	cfg.MaxConns = 3
	if b, err := c.Endpoint(cfg); err != nil || a == b {
		t.Errorf("got the same endpoint for other settings (error %v)", err)
	}
	for i := range 2 * maxEndpoints {
		if _, err := c.Endpoint(EndpointConfig{Scheme: "http", Host: fmt.Sprintf("h%d.example.com", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(c.endpoints); got > maxEndpoints {
		t.Errorf("got %d endpoints remembered, want at most %d", got, maxEndpoints)
	}
}

func TestDrain(t *testing.T) {
	tests := []struct {
		name, rest string
		wait       time.Duration
		reuse      bool
	}{
		{name: "end in the buffer", rest: "data: [DONE]\n\n\r\n0\r\n\r\n", reuse: true},
		{name: "end comes later", rest: "data: [DONE]\n\n\r\n0\r\n\r\n", wait: 50 * time.Millisecond, reuse: true},
		{name: "more than 8 KiB", rest: fmt.Sprintf("data: [DONE]\n\n\r\n%x\r\n%s\r\n0\r\n\r\n", 20000, make([]byte, 20000)), wait: time.Millisecond},
		{name: "longer than 1 s", rest: "data: [DONE]\n\n\r\n0\r\n\r\n", wait: 1200 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
				for {
					if _, _, err := readRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n"+tt.rest[:14])
					time.Sleep(tt.wait)
					_, _ = io.WriteString(c, tt.rest[14:])
				}
			})
			c := newClient(t, Options{})
			ep := endpoint(t, c, s.addr())
			var call Call
			resp, err := c.Do(&call, post(ep))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := resp.Read(make([]byte, 14)); n != 14 || err != nil {
				t.Fatalf("got %d bytes, error %v", n, err)
			}
			start := time.Now()
			resp.Close()
			if took := time.Since(start); took > 20*time.Millisecond {
				t.Errorf("closing took %v", took)
			}
			want := 0
			if tt.reuse {
				want = 1
			}
			eventually(t, "connection drained or closed", func() bool {
				open, idle := ep.pool.counts()
				return open == want && idle == want
			})
		})
	}
}

func TestDrainQueueFull(t *testing.T) {
	c := newClient(t, Options{})
	c.Close() // nobody drains any more
	d := newDrainer()
	for i := range drainQueue {
		if !d.add(&conn{}) {
			t.Fatalf("got refused at %d, want %d places", i, drainQueue)
		}
	}
	if d.add(&conn{}) {
		t.Error("got one more into a full queue")
	}
	if c.drain.add(&conn{}) {
		t.Error("got one into a closed drainer")
	}
}

func TestClientClose(t *testing.T) {
	s := serve(t, always(okAnswer))
	c := New(Options{})
	ep := endpoint(t, c, s.addr())
	wantBody(t, c, post(ep), "ok")
	var call Call
	resp, err := c.Do(&call, post(ep))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if body, err := resp.ReadAll(nil, 10); err != nil || string(body) != "ok" {
		t.Errorf("got %q, error %v: a call in flight must go on", body, err)
	}
	resp.Close()
	if open, idle := ep.pool.counts(); open != 0 || idle != 0 {
		t.Errorf("got %d open, %d idle, want none", open, idle)
	}
	_, err = c.Endpoint(EndpointConfig{Scheme: "http", Host: "example.com"})
	wantError(t, err, ErrClosed)
}
