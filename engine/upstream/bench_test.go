package upstream

import (
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// echoServer is a fasthttp server with a 1 KiB answer.
func echoServer(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	answer := make([]byte, 1024)
	for i := range answer {
		answer[i] = 'a'
	}
	s := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		ctx.SetBody(answer)
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	tb.Cleanup(func() {
		_ = l.Close()
		_ = s.Shutdown()
		<-done
	})
	return l.Addr().String()
}

var benchHeaders = []Header{
	{"Content-Type", "application/json"},
	{"Authorization", "Bearer sk-0123456789012345678901234567890123456789"},
	{"Accept", "application/json"},
	{"User-Agent", "bench"},
}

func callOnce(tb testing.TB, c *Client, call *Call, req *Request, buf []byte) []byte {
	tb.Helper()
	req.HeaderDeadline = time.Now().Add(30 * time.Second)
	resp, err := c.Do(call, req)
	if err != nil {
		tb.Fatal(err)
	}
	buf, err = resp.ReadAll(buf[:0], 1<<20)
	if err != nil || len(buf) != 1024 {
		tb.Fatalf("got %d bytes, error %v", len(buf), err)
	}
	resp.Close()
	return buf
}

func BenchmarkCall(b *testing.B) {
	c := newClient(b, Options{})
	req := &Request{
		Endpoint: endpoint(b, c, echoServer(b)), Method: "POST", Target: "/v1/chat/completions", Headers: benchHeaders,
		Body: make([]byte, 1024),
	}
	var call Call
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = callOnce(b, c, &call, req, buf)
		call.Reset()
	}
}

func BenchmarkHostClient(b *testing.B) {
	addr := echoServer(b)
	c := &fasthttp.HostClient{Addr: addr, ReadTimeout: 0}
	body := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		req.Header.SetMethod("POST")
		req.SetRequestURI("/v1/chat/completions")
		req.Header.SetHost(addr)
		for _, h := range benchHeaders {
			req.Header.Set(h.Name, h.Value)
		}
		req.SetBodyRaw(body)
		if err := c.DoDeadline(req, resp, time.Now().Add(30*time.Second)); err != nil || len(resp.Body()) != 1024 {
			b.Fatalf("got %d bytes, error %v", len(resp.Body()), err)
		}
		fasthttp.ReleaseRequest(req)
		fasthttp.ReleaseResponse(resp)
	}
	b.StopTimer()
	c.CloseIdleConnections()
}
