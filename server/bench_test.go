package server

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"weir/engine"
)

// benchBody is about 1 KB, a usual chat request.
func benchBody() string {
	return `{"model":"gpt-4o","messages":[{"role":"user","content":"` + strings.Repeat("lorem ipsum ", 80) + `"}]}`
}

// BenchmarkHandler is one exchange over a socket with everything but the engine's own work: head, body, scan, reply,
// access log.
func BenchmarkHandler(b *testing.B) {
	c := testConfig()
	c.Log.Level = "error"
	g, err := New(Options{
		Config: c, Pool: &fakePool{}, Access: io.Discard, Log: zerolog.Nop(),
		Policies: map[string]Policy{"default": &fakePolicy{open: true, plan: &fakePlan{run: func(x *engine.Exchange) error {
			if err := x.LoadBody(); err != nil {
				return err
			}
			x.Reply.Status = 200
			x.Reply.Headers.Add("content-type", "application/json")
			x.Reply.Body = x.Request.Body
			return nil
		}}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(b.Context()) }()
	conn, err := net.Dial("tcp", g.Addrs()[0])
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = conn.Close()
		go g.Shutdown()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()
	send := []byte(post(benchBody(), "authorization: Bearer k", "content-type: application/json", "user-agent: bench",
		"accept: */*", "x-stainless-lang: go"))
	r := bufio.NewReaderSize(conn, 16<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(send); err != nil {
			b.Fatal(err)
		}
		size := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			if len(line) == 2 {
				break
			}
			if len(line) > 16 && line[8] == 'L' {
				for _, d := range line[16 : len(line)-2] {
					size = size*10 + int(d-'0')
				}
			}
		}
		if _, err := r.Discard(size); err != nil {
			b.Fatal(err)
		}
	}
}
