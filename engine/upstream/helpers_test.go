package upstream

import (
	"bufio"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" {
		os.Exit(m.Run()) // fasthttp's client, which the benchmarks compare with, leaves goroutines behind
	}
	// So does its server: these are its clocks.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// rawServer answers each connection with a script; it tells when connections begin and end.
type rawServer struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	count int
}

// serve runs script for every connection, with its number from 1 on. The connection closes when script returns.
func serve(tb testing.TB, script func(n int, c net.Conn, r *bufio.Reader)) *rawServer {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &rawServer{listener: l}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.count++
			n := s.count
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			s.wg.Go(func() {
				defer c.Close()
				script(n, c, bufio.NewReader(c))
			})
		}
	})
	tb.Cleanup(s.close)
	return s
}

func (s *rawServer) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *rawServer) addr() string { return s.listener.Addr().String() }

func (s *rawServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// readRequest reads one request with a content-length and returns its head and body.
func readRequest(r *bufio.Reader) (head, body string, err error) {
	length := 0
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		b.WriteString(line)
		if line == "\r\n" {
			break
		}
		if v, ok := strings.CutPrefix(strings.ToLower(line), "content-length: "); ok {
			for _, d := range strings.TrimSpace(v) {
				length = length*10 + int(d-'0')
			}
		}
	}
	p := make([]byte, length)
	_, err = io.ReadFull(r, p)
	return b.String(), string(p), err
}

// always answers every request of every connection with the same bytes.
func always(answer string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			if _, _, err := readRequest(r); err != nil {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

// once answers one request and closes.
func once(answer string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, r *bufio.Reader) {
		if _, _, err := readRequest(r); err == nil {
			_, _ = io.WriteString(c, answer)
		}
	}
}

func newClient(tb testing.TB, opts Options) *Client {
	tb.Helper()
	c := New(opts)
	tb.Cleanup(c.Close)
	return c
}

func endpoint(tb testing.TB, c *Client, host string) *Endpoint {
	tb.Helper()
	ep, err := c.Endpoint(EndpointConfig{Scheme: "http", Host: host})
	if err != nil {
		tb.Fatal(err)
	}
	return ep
}

func post(ep *Endpoint) *Request {
	return &Request{
		Endpoint: ep, Method: "POST", Target: "/v1/chat/completions",
		Headers: []Header{{"Content-Type", "application/json"}, {"Authorization", "Bearer secret-canary"}},
		Body:    []byte(`{"model":"m"}`), HeaderDeadline: time.Now().Add(5 * time.Second),
	}
}

// get sends a request and reads the whole answer.
func get(tb testing.TB, c *Client, req *Request) (string, error) {
	tb.Helper()
	var call Call
	defer call.Reset()
	resp, err := c.Do(&call, req)
	if err != nil {
		return "", err
	}
	defer resp.Close()
	body, err := resp.ReadAll(nil, 1<<20)
	return string(body), err
}

func wantBody(tb testing.TB, c *Client, req *Request, want string) {
	tb.Helper()
	got, err := get(tb, c, req)
	if err != nil || got != want {
		tb.Fatalf("got body %.100q, error %v, want %.100q", got, err, want)
	}
}

func wantError(tb testing.TB, err error, kinds ...error) {
	tb.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			tb.Fatalf("got error %v, want %v", err, kind)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		tb.Fatalf("error text shows a secret: %v", err)
	}
}

// eventually waits for something that another goroutine does.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	tb.Fatalf("did not happen: %s", what)
}

func (p *pool) counts() (open, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open, len(p.idle)
}
