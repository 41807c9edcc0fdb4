package bench

import (
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"weir/engine"
	"weir/engine/wire"
)

func TestMain(m *testing.M) {
	// fasthttp's pool of workers notices its end only after an idle period.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// startProvider answers each request of Size bytes of body with what reply writes, and allocates nothing while it does.
func startProvider(tb testing.TB, reply func(net.Conn) error) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := make([]byte, 16<<10)
				for {
					if readRequest(c, in) != nil || reply(c) != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// readRequest reads a head and the body that its content-length announces.
func readRequest(c net.Conn, in []byte) error {
	n := 0
	for {
		m, err := c.Read(in[n:])
		if err != nil {
			return err
		}
		n += m
		end := bytes.Index(in[:n], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		if length := lengthOf(in[:end+2]); n >= end+4+length {
			return nil
		}
	}
}

func lengthOf(head []byte) int {
	const name = "content-length: "
	for i := 0; i+len(name) < len(head); i++ {
		if head[i]|0x20 == 'c' && bytes.EqualFold(head[i:i+len(name)], []byte(name)) {
			n := 0
			for _, d := range head[i+len(name):] {
				if d < '0' || d > '9' {
					return n
				}
				n = n*10 + int(d-'0')
			}
		}
	}
	return 0
}

// wholeAnswer writes the answer of Size bytes.
func wholeAnswer() func(net.Conn) error {
	body := Answer()
	answer := append([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
	return func(c net.Conn) error {
		_, err := c.Write(answer)
		return err
	}
}

// endlessStream writes events until nobody reads them any more.
func endlessStream() func(net.Conn) error {
	pieces := Stream(3)
	first := appendChunk([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"), pieces[0])
	next := appendChunk(nil, pieces[1])
	return func(c net.Conn) error {
		_, err := c.Write(first)
		for err == nil {
			_, err = c.Write(next)
		}
		return err
	}
}

func appendChunk(dst, text []byte) []byte {
	dst = append(strconv.AppendInt(dst, int64(len(text)), 16), "\r\n"...)
	return append(append(dst, text...), "\r\n"...)
}

// runGateway runs a gateway until the test ends.
func runGateway(tb testing.TB, policy, provider string) *Gateway {
	tb.Helper()
	text, err := Policy(policy, provider)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := NewGateway(text, "127.0.0.1:0", io.Discard)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	return g
}

// address is where the gateway listens.
func (g *Gateway) address(tb testing.TB) net.Addr {
	tb.Helper()
	text, err := g.Addr()
	if err != nil {
		tb.Fatal(err)
	}
	addr, err := net.ResolveTCPAddr("tcp", text)
	if err != nil {
		tb.Fatal(err)
	}
	return addr
}

// body is a loader of a body that is already there.
type body []byte

// LoadBody hands the body over.
func (b body) LoadBody(x *engine.Exchange) error {
	x.Request.Body = b
	if problem := x.Request.Peek.Read(x.Request.API, b); problem != nil {
		return engine.Errorf(engine.CodeBadRequest, "%s", problem.Error())
	}
	return nil
}

// Scan reads a changed body.
func (b body) Scan(x *engine.Exchange) error {
	if problem := x.Request.Peek.Read(x.Request.API, x.Request.Body); problem != nil {
		return engine.Errorf(engine.CodeBadRequest, "%s", problem.Error())
	}
	return nil
}

// Locate is not asked for here.
func (b body) Locate(*engine.Exchange, string) error {
	return engine.Errorf(engine.CodeInternal, "nothing is rewritten here")
}

// prepare makes the exchange a chat request as the server hands it to a plan.
func prepare(x *engine.Exchange, from net.Addr, b body) {
	r := &x.Request
	r.API, r.Method, r.Scheme, r.Host, r.Version = wire.OpenAIChat, "POST", "http", "127.0.0.1:8080", "HTTP/1.1"
	r.Path, r.RawPath, r.ContentLength = Path, Path, int64(len(b))
	r.Headers = append(
		r.Headers[:0], engine.Header{Name: "Content-Type", Value: "application/json"},
		engine.Header{Name: "User-Agent", Value: "OpenAI/Python 2.8.1"}, engine.Header{Name: "Accept", Value: "application/json"},
	)
	if tcp, ok := from.(*net.TCPAddr); ok {
		x.Conn.Client = tcp.AddrPort()
		x.Conn.ClientIP = x.Conn.Client.Addr()
	}
	x.Loader = b
}

// asker is one client connection that sends the same request again and again.
type asker struct {
	conn    net.Conn
	request []byte
	in      []byte
}

func newAsker(tb testing.TB, g *Gateway) *asker {
	tb.Helper()
	addr, err := g.Addr()
	if err != nil {
		tb.Fatal(err)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	text := ChatBody(0, false)
	head := "POST " + Path + " HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: OpenAI/Python 2.8.1\r\nAccept: application/json\r\n" +
		"Content-Type: application/json\r\nAuthorization: Bearer sk-client\r\nContent-Length: " + strconv.Itoa(len(text)) + "\r\n\r\n"
	return &asker{conn: c, request: append([]byte(head), text...), in: make([]byte, 16<<10)}
}

// ask sends the request and reads the answer.
func (a *asker) ask(tb testing.TB) {
	tb.Helper()
	if _, err := a.conn.Write(a.request); err != nil {
		tb.Fatal(err)
	}
	if err := readRequest(a.conn, a.in); err != nil {
		tb.Fatal(err)
	}
	if string(a.in[:12]) != "HTTP/1.1 200" {
		tb.Fatalf("got %.300q, want status 200", a.in)
	}
}
