package e2e

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"weir/providers/sim"
)

// hangUps is more than the failures in a row that send a provider to rest.
const hangUps = 7

// hangUp is a client that goes away.
type hangUp struct {
	name   string
	fault  string // what the client waits for when it goes
	inside bool   // it has read a part of a stream
	after  string // what it has sent behind its request
	half   bool   // it closes its sending half only
	reset  bool
}

func hangUpRows() []hangUp {
	return []hangUp{
		{name: "before the head", fault: "delay=30s"},
		{name: "before the head with a request waiting", fault: "delay=30s", after: get("/")},
		{name: "before the head by its half", fault: "delay=30s", half: true},
		{name: "before the head by a reset", fault: "delay=30s", reset: true},
		{name: "before the content", fault: "stall-after=0"},
		{name: "in a stream that flows", fault: "chunks=4000;pace=5ms", inside: true},
		{name: "in a stream that stalls", fault: "stall-after=2", inside: true},
		{name: "in a stream that stalls with a request waiting", fault: "stall-after=2", inside: true, after: get("/")},
		{name: "in a stream by its half", fault: "stall-after=2", inside: true, half: true},
		{name: "in a stream by a reset", fault: "chunks=4000;pace=5ms", inside: true, reset: true},
	}
}

func TestHangUps(t *testing.T) {
	t.Parallel()
	for _, by := range []transport{plain, overTLS} {
		for _, row := range hangUpRows() {
			t.Run(string(by)+" "+row.name, func(t *testing.T) {
				t.Parallel()
				for _, m := range manners() {
					if (row.inside || row.fault == "stall-after=0") && !m.stream {
						continue
					}
					if by == overTLS && m.name != "chat" {
						continue // TLS lies under the connection, which no API knows of
					}
					t.Run(m.String(), func(t *testing.T) {
						t.Parallel()
						row.run(t, m, by)
					})
				}
			})
		}
	}
}

// run lets several clients go away at once and then sees whether the provider is still asked.
func (row *hangUp) run(t *testing.T, m manner, by transport) {
	t.Helper()
	f := fault{}
	w := f.worldWith(t, well, by)
	w.sims["alpha"].SetScript(script(t, "-> "+row.fault))
	conns := make([]net.Conn, hangUps)
	for i := range conns {
		conns[i] = w.dial(t)
		if _, err := io.WriteString(conns[i], m.request("m", "wait for me")+row.after); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "every call", func() bool { return len(w.calls()) == hangUps })
	if row.inside {
		for _, c := range conns {
			readUntil(t, c, "sim:")
		}
	}
	gone := time.Now()
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() { row.leave(t, c) })
	}
	all.Wait()
	calls := w.ended(t)
	if len(calls) != hangUps {
		t.Errorf("got %d calls, want %d: a client that went away is nobody's failure", len(calls), hangUps)
	}
	for i := range calls {
		if calls[i].End != sim.ClientClosed {
			t.Errorf("call %d at %s ended as %s, want %s", i+1, calls[i].at, calls[i].End, sim.ClientClosed)
		}
		if late := calls[i].Ended.Sub(gone); late > soon {
			t.Errorf("call %d was cancelled after %s, want it within %s", i+1, late, soon)
		}
	}
	w.sims["alpha"].SetScript(nil)
	a := w.send(t, m.request("m", "hello"))
	if a.status != http.StatusOK || a.header.Get("X-Weir-Provider") != "alpha" {
		t.Errorf("the next request got %s, want alpha's answer", a)
	}
}

func (row *hangUp) leave(t *testing.T, c net.Conn) {
	t.Helper()
	socket := c
	if secure, ok := c.(*tls.Conn); ok {
		socket = secure.NetConn()
	}
	tcp, ok := socket.(*net.TCPConn)
	if !ok {
		t.Errorf("got a %T, want a TCP connection", socket)
		return
	}
	switch {
	case row.half:
		if half, ok := c.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // of TLS, if there is some
		}
		_ = tcp.CloseWrite()
	case row.reset:
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	default:
		_ = c.Close()
	}
}
