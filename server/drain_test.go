package server

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/engine"
)

func TestDrainLetsStreamsEnd(t *testing.T) {
	t.Parallel()
	conf := testConfig()
	conf.Drain = DrainConfig{Wait: 300 * time.Millisecond, Timeout: 5 * time.Second}
	p := &pieces{ch: make(chan string), end: io.EOF}
	g := start(t, conf, streaming(p))
	idle := dial(t, g.addr)
	_, _ = io.WriteString(idle, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
	readUntil(t, idle, "gateway")
	c := dial(t, g.addr)
	_, _ = io.WriteString(c, post(chat))
	p.ch <- "data: 1\n\n"
	readUntil(t, c, "data: 1")
	if got := admin(t, g, "GET /readyz", ""); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want ready", got)
	}

	g.stop()
	waitFor(t, "not ready", func() bool { return !g.ready.Load() })
	if got := admin(t, g, "GET /readyz", ""); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("got %q, want not ready", got)
	}
	if got := admin(t, g, "GET /healthz", ""); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want alive", got)
	}
	if got := talk(t, g.addr, "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want service during the wait", got)
	}
	waitFor(t, "no longer listening", func() bool {
		probe, err := net.Dial("tcp", g.addr)
		if err == nil {
			_ = probe.Close()
		}
		return err != nil
	})
	if got := readAll(t, idle); got != "" {
		t.Errorf("got %q, want the idle connection closed", got)
	}
	p.ch <- "data: 2\n\n"
	close(p.ch)
	if got := readAll(t, c); !strings.HasSuffix(got, "0\r\n\r\n") {
		t.Errorf("got %q, want the clean end of the stream", got)
	}
}

func TestDrainEndsWhatIsLeft(t *testing.T) {
	t.Parallel()
	conf := testConfig()
	conf.Drain = DrainConfig{Timeout: 100 * time.Millisecond}
	g := start(t, conf, func(x *engine.Exchange) error {
		<-x.Context().Done()
		return engine.AsError(x.Context().Err())
	})
	c := dial(t, g.addr)
	_, _ = io.WriteString(c, post(chat))
	waitFor(t, "running", func() bool { return g.active.Load() == 1 })
	g.stop()
	got := readAll(t, c)
	if !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.Contains(got, `"code":"draining"`) || !strings.Contains(got, "Connection: close") {
		t.Errorf("got %q, want 503 draining and close", got)
	}
}

// shortListener fails a few times as if descriptors were short.
type shortListener struct {
	net.Listener
	fails int
}

func (l *shortListener) Accept() (net.Conn, error) {
	if l.fails > 0 {
		l.fails--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return nil, net.ErrClosed
}

func (l *shortListener) Addr() net.Addr { return &net.TCPAddr{} }

func TestAcceptSurvivesShortage(t *testing.T) {
	t.Parallel()
	s := &stats{}
	l := &listener{Listener: &shortListener{fails: 3}, stats: s, limits: &Limits{Connections: 1}, log: zerolog.Nop(), done: make(chan struct{})}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) || s.acceptErrors.Load() != 3 {
		t.Errorf("got %v after %d failures, want three and then the end", err, s.acceptErrors.Load())
	}
}

func TestOpenModeRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, address string
		open, auth    bool
		ok            bool
	}{
		{name: "open on loopback", address: "127.0.0.1:0", open: true, ok: true},
		{name: "not said", address: "127.0.0.1:0"},
		{name: "everywhere", address: "0.0.0.0:0", open: true},
		{name: "every address", address: ":0", open: true},
		{name: "authenticated everywhere", address: ":0", auth: true, ok: true},
		{name: "authenticated on loopback", address: "127.0.0.1:0", auth: true, ok: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := testConfig()
			c.Listeners[0].Address, c.OpenMode = tt.address, tt.open
			g, err := New(Options{
				Config: c, Pool: &fakePool{}, Log: zerolog.Nop(),
				Policies: map[string]Policy{"default": &fakePolicy{plan: &fakePlan{}, open: !tt.auth}},
			})
			if err == nil {
				g.closeListeners()
			}
			if (err == nil) != tt.ok || (err != nil && !errors.Is(err, errOpen)) {
				t.Errorf("got %v, want ok %t", err, tt.ok)
			}
			if open := c.Open(); !tt.auth && (open == nil) != tt.ok {
				t.Errorf("got %v from the configuration, want ok %t", open, tt.ok)
			}
		})
	}
}

// TestRunEndsAtOnce ends gateways that have hardly begun: what was not yet served when the drain came must not be served
// for ever.
func TestRunEndsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for range 100 {
		c := testConfig()
		c.Drain = DrainConfig{}
		g, err := New(Options{
			Config: c, Policies: map[string]Policy{"default": &fakePolicy{plan: &fakePlan{run: echo}, open: true}}, Pool: &fakePool{},
			Token: "t0ken", Access: &syncBuffer{}, Log: zerolog.Nop(),
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("Run did not end")
		}
	}
}
