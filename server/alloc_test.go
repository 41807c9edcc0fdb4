//go:build !race

package server

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/rs/zerolog"

	"weir/engine"
)

// TestExchangeAllocations is the gate of the hot path: an exchange over a kept connection, body scanned, log line
// written, makes no garbage of the server's own. The one allocation is the client's address as text, in the log line.
func TestExchangeAllocations(t *testing.T) {
	const most = 1
	g, err := New(Options{
		Config: testConfig(), Pool: &fakePool{}, Access: io.Discard, Log: zerolog.Nop(),
		Policies: map[string]Policy{"default": &fakePolicy{open: true, plan: &fakePlan{run: func(x *engine.Exchange) error {
			if err := x.LoadBody(); err != nil {
				return err
			}
			x.Reply.Status, x.Reply.Body = 200, x.Request.Body
			return nil
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(t.Context()) }()
	c, err := net.Dial("tcp", g.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	send, buf := []byte(post(benchBody(), "authorization: Bearer k", "content-type: application/json")), make([]byte, 64<<10)
	exchange := func() {
		if _, err := c.Write(send); err != nil {
			t.Fatal(err)
		}
		for got := 0; !bytes.HasSuffix(buf[:got], []byte(`"}]}`)); {
			n, err := c.Read(buf[got:])
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	}
	for range 100 {
		exchange() // fills the pools
	}
	if got := testing.AllocsPerRun(1000, exchange); got > most {
		t.Errorf("got %v allocations an exchange, want at most %d", got, most)
	}
	_ = c.Close()
	go g.Shutdown()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
