package upstream

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

var errHungUp = errors.New("client hung up")

// gone reports when the peer of a connection has closed it.
func gone(c net.Conn, ch chan<- time.Time) {
	_, _ = io.Copy(io.Discard, c)
	ch <- time.Now()
}

func TestCancel(t *testing.T) {
	tests := []struct {
		name   string
		answer string
	}{
		{"waiting for the head", ""},
		{"in the head", "HTTP/1.1 200"},
		{"in the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"},
		{"in a stream", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			closed := make(chan time.Time, 1)
			s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
				_, _, _ = readRequest(r)
				_, _ = io.WriteString(c, tt.answer)
				gone(c, closed)
			})
			c := newClient(t, Options{})
			ep := endpoint(t, c, s.addr())
			var call Call
			var cancelled time.Time
			go func() {
				time.Sleep(30 * time.Millisecond)
				cancelled = time.Now()
				call.Cancel(errHungUp)
			}()
			resp, err := c.Do(&call, post(ep))
			if err == nil {
				_, err = resp.ReadAll(nil, 1000)
				resp.Close()
			}
			wantError(t, err, ErrCanceled, errHungUp)
			if took := (<-closed).Sub(cancelled); took > 100*time.Millisecond {
				t.Errorf("connection closed %v after Cancel", took)
			}
			if open, idle := ep.pool.counts(); open != 0 || idle != 0 {
				t.Errorf("got %d open, %d idle, want none", open, idle)
			}
			_, err = c.Do(&call, post(ep))
			wantError(t, err, ErrCanceled, errHungUp)
			call.Reset()
		})
	}
}

func TestCancelBeforeDo(t *testing.T) {
	s := serve(t, always(okAnswer))
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	var call Call
	call.Cancel(nil)
	call.Cancel(errHungUp) // the first one counts
	_, err := c.Do(&call, post(ep))
	wantError(t, err, ErrCanceled)
	if errors.Is(err, errHungUp) || s.connections() != 0 {
		t.Errorf("got %v and %d connections", err, s.connections())
	}
	call.Reset()
	if _, err := c.Do(&call, post(ep)); err != nil {
		t.Errorf("got %v after Reset", err)
	}
	call.Reset()
}

// A call cancelled after its end must not touch the connection that it gave back.
func TestCancelAfterClose(t *testing.T) {
	s := serve(t, always(okAnswer))
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	var call Call
	resp, err := c.Do(&call, post(ep))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resp.ReadAll(nil, 10); err != nil {
		t.Fatal(err)
	}
	resp.Close()
	call.Cancel(errHungUp)
	resp.Close()
	wantBody(t, c, post(ep), "ok")
	if got := s.connections(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

// silentOrigins are origins at which a dial hangs, in each of its steps.
func TestCancelInDial(t *testing.T) {
	silent := serve(t, func(_ int, _ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	full := fullListener(t)
	tests := []struct {
		name string
		cfg  EndpointConfig
	}{
		{"tcp", EndpointConfig{Scheme: "http", Host: full}},
		{"tls", EndpointConfig{Scheme: "https", Host: silent.addr()}},
		{"proxy", EndpointConfig{Scheme: "https", Host: "origin.example", Proxy: "http://" + silent.addr()}},
		{"tls to the proxy", EndpointConfig{Scheme: "https", Host: "origin.example", Proxy: "https://" + silent.addr()}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.cfg.Host == "" {
				t.Skip("no way to make a dial hang here")
			}
			c := newClient(t, Options{})
			ep, err := c.Endpoint(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			var call Call
			start := time.Now()
			stop := time.AfterFunc(30*time.Millisecond, func() { call.Cancel(errHungUp) })
			defer stop.Stop()
			_, err = c.Do(&call, post(ep))
			wantError(t, err, ErrCanceled, errHungUp)
			if took := time.Since(start); took > 300*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if open, _ := ep.pool.counts(); open != 0 {
				t.Errorf("got %d open, want none", open)
			}

			call.Reset()
			req := post(ep)
			req.HeaderDeadline = time.Now().Add(30 * time.Millisecond)
			_, err = c.Do(&call, req)
			wantError(t, err, ErrTimeout, ErrConnect)

			tt.cfg.DialTimeout = 30 * time.Millisecond
			if ep, err = c.Endpoint(tt.cfg); err != nil {
				t.Fatal(err)
			}
			_, err = c.Do(&call, post(ep))
			wantError(t, err, ErrTimeout, ErrConnect)
		})
	}
}

func TestDeadlines(t *testing.T) {
	tests := []struct {
		name, answer string
		readDeadline time.Duration
		doing        stage
	}{
		{"head", "", 0, stageHead},
		{"half a head", "HTTP/1.1 200 OK\r\nX", 0, stageHead},
		{"body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 30 * time.Millisecond, stageBody},
		{"stream", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 30 * time.Millisecond, stageBody},
		{"until close", "HTTP/1.1 200 OK\r\n\r\nhello", 30 * time.Millisecond, stageBody},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
				_, _, _ = readRequest(r)
				_, _ = io.WriteString(c, tt.answer)
				_, _ = io.Copy(io.Discard, r)
			})
			c := newClient(t, Options{})
			var call Call
			defer call.Reset()
			req := post(endpoint(t, c, s.addr()))
			req.HeaderDeadline = time.Now().Add(60 * time.Millisecond)
			start := time.Now()
			resp, err := c.Do(&call, req)
			if err == nil {
				resp.SetReadDeadline(time.Now().Add(tt.readDeadline))
				_, err = resp.ReadAll(nil, 1000)
			}
			wantError(t, err, ErrTimeout)
			var f *failure
			if !errors.As(err, &f) || f.doing != tt.doing {
				t.Errorf("got %v, want it to say %q", err, tt.doing)
			}
			if took := time.Since(start); took < 25*time.Millisecond || took > 500*time.Millisecond {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestWriteDeadline(t *testing.T) {
	s := serve(t, func(int, net.Conn, *bufio.Reader) { time.Sleep(300 * time.Millisecond) })
	c := newClient(t, Options{})
	req := post(endpoint(t, c, s.addr()))
	req.Body = make([]byte, 32<<20)
	req.HeaderDeadline = time.Now().Add(50 * time.Millisecond)
	_, err := get(t, c, req)
	wantError(t, err, ErrTimeout)
}

// The poller keeps an early deadline of a call before; neither it nor the head's deadline may end a body in time.
func TestOldDeadlineDoesNotHurt(t *testing.T) {
	s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			if _, _, err := readRequest(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
			time.Sleep(80 * time.Millisecond)
			_, _ = io.WriteString(c, "world")
		}
	})
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	for _, deadline := range []time.Duration{40 * time.Millisecond, time.Second, 40 * time.Millisecond, 0} {
		req := post(ep)
		req.HeaderDeadline = time.Time{}
		if deadline > 0 {
			req.HeaderDeadline = time.Now().Add(deadline)
		}
		req.Body = make([]byte, 1<<20)
		wantBody(t, c, req, "helloworld")
	}
	if got := s.connections(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

// Cancels at random moments, against calls that share a pool: every answer is whole or an error, and no call gets
// another one's answer.
func TestConcurrentCancels(t *testing.T) {
	s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			_, body, err := readRequest(r)
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"+body[:5]+"\r\n")
			_, _ = io.WriteString(c, "3\r\n"+body[5:8]+"\r\n0\r\n\r\n")
		}
	})
	c := newClient(t, Options{})
	ep := endpoint(t, c, s.addr())
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			var call Call
			for i := range 150 {
				body := string([]byte{'a' + byte(worker), 'b', 'c', 'd', 'e', 'f', byte('0' + i/10%10), byte('0' + i%10)})
				req := post(ep)
				req.Body = []byte(body)
				delay := time.Duration(rand.IntN(300)) * time.Microsecond
				var cancel sync.WaitGroup
				if i%3 != 0 {
					cancel.Go(func() {
						time.Sleep(delay)
						call.Cancel(errHungUp)
					})
				}
				resp, err := c.Do(&call, req)
				if err == nil {
					var got []byte
					got, err = resp.ReadAll(nil, 100)
					if err == nil && string(got) != body {
						t.Errorf("got %q, want %q", got, body)
					}
					resp.Close()
				}
				if err != nil && !errors.Is(err, errHungUp) {
					t.Errorf("got %v", err)
				}
				cancel.Wait()
				call.Reset()
			}
		})
	}
	wg.Wait()
	if open, idle := ep.pool.counts(); open != idle {
		t.Errorf("got %d open, %d idle, want all of them idle", open, idle)
	}
}
