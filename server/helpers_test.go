package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"weir/engine"
	"weir/engine/wire"
)

func TestMain(m *testing.M) {
	// fasthttp's pool of workers notices its end only after an idle period.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// fakePlan answers as its function says.
type fakePlan struct {
	run    func(x *engine.Exchange) error
	models []wire.ModelEntry
}

func (p *fakePlan) Run(x *engine.Exchange) error {
	switch {
	case x.Missing != nil:
		return x.Missing
	case x.Request.API == wire.APIUnknown:
		return nil
	}
	if p.run == nil {
		return nil
	}
	return p.run(x)
}

func (p *fakePlan) Models(*engine.Exchange, wire.Dialect) ([]wire.ModelEntry, error) {
	return p.models, nil
}

func (p *fakePlan) Model(_ *engine.Exchange, _ wire.Dialect, name string) (wire.ModelEntry, error) {
	for _, m := range p.models {
		if m.ID == name {
			return m, nil
		}
	}
	return wire.ModelEntry{}, engine.Errorf(engine.CodeModelNotFound, "no model %s", name)
}

// fakePolicy always has the same plan.
type fakePolicy struct {
	plan      Runner
	open      bool // authenticates nobody
	reloads   atomic.Int64
	rollbacks atomic.Int64
	fail      error
}

func (p *fakePolicy) Load() Runner { return p.plan }

func (p *fakePolicy) Reload(context.Context) error {
	p.reloads.Add(1)
	return p.fail
}

func (p *fakePolicy) Rollback() error {
	p.rollbacks.Add(1)
	return p.fail
}

func (p *fakePolicy) Status() Status {
	s := Status{Name: "fake", Generation: 7, Hash: "abc", Authenticates: !p.open}
	if p.fail != nil {
		s.LastError = p.fail.Error()
	}
	return s
}

// fakePool makes a new exchange each time, or reuses one by one.
type fakePool struct{ pool sync.Pool }

func (p *fakePool) Exchange() *engine.Exchange {
	if x, ok := p.pool.Get().(*engine.Exchange); ok {
		return x
	}
	return engine.NewExchange()
}

func (p *fakePool) Release(x *engine.Exchange) {
	x.Reset()
	p.pool.Put(x)
}

// syncBuffer is a log that a test reads while the gateway writes.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func testConfig() *Config {
	c := DefaultConfig()
	c.Listeners[0].Address = "127.0.0.1:0"
	c.Admin.Address = "127.0.0.1:0"
	c.OpenMode = true
	c.Drain = DrainConfig{Timeout: 2 * time.Second}
	c.Endpoints = []EndpointConfig{{ID: "default"}}
	return c
}

// running is a gateway that serves until the test ends.
type running struct {
	*Gateway
	addr   string
	access *syncBuffer
	stop   context.CancelFunc
	ended  chan error
}

func start(t *testing.T, c *Config, run func(x *engine.Exchange) error) *running {
	t.Helper()
	return startWith(t, c, map[string]Policy{"default": &fakePolicy{plan: &fakePlan{run: run}, open: true}})
}

func startWith(t *testing.T, c *Config, policies map[string]Policy) *running {
	t.Helper()
	access := &syncBuffer{}
	g, err := New(Options{
		Config: c, Policies: policies, Pool: &fakePool{}, Token: "t0ken", Access: access, Log: zerolog.New(zerolog.NewTestWriter(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := &running{Gateway: g, addr: g.Addrs()[0], access: access, stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case <-g.finished:
		case <-time.After(20 * time.Second):
			t.Error("the gateway did not end")
		}
		if err, ok := <-r.ended; ok && err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// talk sends raw bytes and returns everything that comes back until the connection closes or goes quiet.
func talk(t *testing.T, addr, send string) string {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	return readAll(t, c)
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func readAll(t *testing.T, c net.Conn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b, err := io.ReadAll(c)
	if err != nil {
		var netErr net.Error
		if errors.As(err, &netErr) && netErr.Timeout() {
			t.Fatalf("the connection stayed open after %q", b)
		}
	}
	return string(b)
}

// readUntil reads until the text is there.
func readUntil(t *testing.T, c net.Conn, want string) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	var got strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(got.String(), want) {
		n, err := c.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("got %q and %v, want %q", got.String(), err, want)
		}
	}
	return got.String()
}

// waitFor waits for a condition.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// echo answers with the body it got.
func echo(x *engine.Exchange) error {
	if err := x.LoadBody(); err != nil {
		return err
	}
	x.Reply.Status = 200
	x.Reply.Headers.Set("content-type", "application/json")
	x.Reply.Body = x.Request.Body
	return nil
}

// post is a chat request with a body.
func post(body string, fields ...string) string {
	fields = append([]string{
		"POST /v1/chat/completions HTTP/1.1", "host: localhost", "content-length: " + itoa(len(body)),
	}, fields...)
	return strings.Join(fields, "\r\n") + "\r\n\r\n" + body
}

func itoa(n int) string {
	var b []byte
	for ; n > 9; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(append([]byte{byte('0' + n)}, b...))
}
