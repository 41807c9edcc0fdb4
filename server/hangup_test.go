package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"weir/engine"
)

// waiting runs until it is cancelled, and tells how long that took.
func waiting(cause chan<- error) func(x *engine.Exchange) error {
	return func(x *engine.Exchange) error {
		if err := x.LoadBody(); err != nil {
			return err
		}
		<-x.Context().Done()
		cause <- x.Context().Err()
		return engine.ClientGone()
	}
}

func wantGone(t *testing.T, cause <-chan error) {
	t.Helper()
	begin := time.Now()
	select {
	case err := <-cause:
		if !errors.Is(err, engine.ClientGone()) {
			t.Errorf("got %v, want client gone", err)
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("noticed after %s, want within a second", d)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the hang-up was not noticed")
	}
}

func TestHangUp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		after string // pipelined bytes that wait
		half  bool
		tls   bool
	}{
		{name: "before headers"},
		{name: "with pipelined bytes waiting", after: "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"},
		{name: "sending half only", half: true},
		{name: "behind TLS", tls: true},
		{name: "behind TLS with pipelined bytes", tls: true, after: "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cause := make(chan error, 1)
			conf := testConfig()
			if tt.tls {
				conf.Listeners[0].TLS = selfSigned(t, "one")
			}
			g := start(t, conf, waiting(cause))
			c := dial(t, g.addr)
			if tt.tls {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			}
			if _, err := io.WriteString(c, post(chat)+tt.after); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the exchange runs", func() bool { return g.active.Load() == 1 })
			select {
			case err := <-cause:
				t.Fatalf("cancelled while the client waits: %v", err)
			case <-time.After(700 * time.Millisecond):
			}
			if sock, ok := c.(*net.TCPConn); ok && tt.half {
				_ = sock.CloseWrite()
			} else {
				_ = c.Close()
			}
			wantGone(t, cause)
			waitFor(t, "the exchange over", func() bool { return g.active.Load() == 0 })
			if n := g.stats.hangups.Load(); n != 1 {
				t.Errorf("got %d hang-ups, want 1", n)
			}
		})
	}
}

func TestHangUpInStream(t *testing.T) {
	t.Parallel()
	p := &pieces{ch: make(chan string), end: io.EOF}
	g := start(t, testConfig(), streaming(p))
	c := dial(t, g.addr)
	_, _ = io.WriteString(c, post(chat))
	p.ch <- "data: 1\n\n"
	readUntil(t, c, "data: 1")
	_ = c.Close()
	begin := time.Now()
	waitFor(t, "the stream closed", p.closed.Load)
	if d := time.Since(begin); d > time.Second {
		t.Errorf("noticed after %s, want within a second", d)
	}
	waitFor(t, "the line logged", func() bool { return strings.Contains(g.access.String(), `"status":200`) })
}

func TestExchangesOverTheLimitWait(t *testing.T) {
	t.Parallel()
	conf := testConfig()
	conf.Limits.Exchanges, conf.Limits.Queue, conf.Limits.QueueWait = 1, 1, 5*time.Second
	hold := make(chan struct{})
	g := start(t, conf, func(x *engine.Exchange) error {
		<-hold
		return echo(x)
	})
	first, second := dial(t, g.addr), dial(t, g.addr)
	_, _ = io.WriteString(first, post(chat, "connection: close"))
	waitFor(t, "the first runs", func() bool { return g.gate.running.Load() == 1 })
	_, _ = io.WriteString(second, post(chat, "connection: close"))
	waitFor(t, "the second waits", func() bool { return g.gate.waiting.Load() == 1 })
	third := talk(t, g.addr, post(chat, "connection: close"))
	if !strings.HasPrefix(third, "HTTP/1.1 503 ") || !strings.Contains(third, "retry-after: 1") || strings.Contains(third, "x-should-retry") {
		t.Errorf("got %q, want 503 that may be tried again", third)
	}
	close(hold)
	for _, c := range []net.Conn{first, second} {
		if got := readAll(t, c); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Errorf("got %q, want 200", got)
		}
	}
	waitFor(t, "all places free", func() bool { return g.gate.running.Load() == 0 })
}

func TestQueueDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	g := newGate(&Limits{Exchanges: 1, Queue: 1, QueueWait: 20 * time.Millisecond})
	if err := g.enter(); err != nil {
		t.Fatal(err)
	}
	if err := g.enter(); engine.AsError(err).Code != engine.CodeOverloaded {
		t.Errorf("got %v, want overloaded", err)
	}
	g.leave()
	if err := g.enter(); err != nil {
		t.Errorf("got %v, want a place", err)
	}
}

func TestConnectionsOverTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	conf := testConfig()
	conf.Limits.Connections = 1
	g := start(t, conf, echo)
	first := dial(t, g.addr)
	_, _ = io.WriteString(first, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
	readUntil(t, first, "gateway")
	second := dial(t, g.addr)
	if got := readAll(t, second); !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.Contains(got, `"overloaded"`) {
		t.Errorf("got %q, want 503", got)
	}
	_ = first.Close()
	waitFor(t, "the place free", func() bool { return g.open() == 0 })
	if got := talk(t, g.addr, post(chat, "connection: close")); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want 200", got)
	}
}
