package upstream

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// serveProxy tunnels every CONNECT to origin and answers plain requests itself; it passes on the heads it got.
func serveProxy(t *testing.T, origin, answer string) (*rawServer, <-chan string) {
	t.Helper()
	heads := make(chan string, 10)
	return serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		head, _, err := readRequest(r)
		if err != nil {
			return
		}
		heads <- head
		_, _ = io.WriteString(c, answer)
		if !strings.HasPrefix(head, "CONNECT") || !strings.Contains(answer, " 200 ") {
			return
		}
		out, err := net.Dial("tcp", origin)
		if err != nil {
			return
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = io.Copy(out, r)
			_ = out.Close()
		})
		_, _ = io.Copy(c, out)
		_ = c.Close()
		wg.Wait()
	}), heads
}

func TestProxyTunnel(t *testing.T) {
	ca := newAuthority(t)
	pair := ca.pair(t)
	origin := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{pair}}, always(okAnswer))
	s, heads := serveProxy(t, origin.addr(), "HTTP/1.1 200 Connection established\r\n\r\n")
	c := newClient(t, Options{})
	ep, err := c.Endpoint(EndpointConfig{
		Scheme: "https", Host: "origin.example", TLS: TLSConfig{CAFile: ca.file}, Proxy: "http://user:canary@" + s.addr(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		wantBody(t, c, post(ep), "ok")
	}
	want := "CONNECT origin.example:443 HTTP/1.1\r\nHost: origin.example:443\r\nProxy-Authorization: Basic dXNlcjpjYW5hcnk=\r\n\r\n"
	if got := <-heads; got != want || s.connections() != 1 {
		t.Errorf("got %q on %d connections, want %q", got, s.connections(), want)
	}
}

func TestProxyRefuses(t *testing.T) {
	for _, answer := range []string{"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "", "HTTP/1.1 200 OK\r\n\r\nahead of time"} {
		s, _ := serveProxy(t, "127.0.0.1:1", answer)
		c := newClient(t, Options{})
		ep, err := c.Endpoint(EndpointConfig{Scheme: "https", Host: "origin.example", Proxy: "http://user:canary@" + s.addr()})
		if err != nil {
			t.Fatal(err)
		}
		if body, err := get(t, c, post(ep)); err == nil {
			t.Errorf("got %q through a proxy that answered %q", body, answer)
		} else {
			wantError(t, err) // only that it shows no secret
		}
		if open, _ := ep.pool.counts(); open != 0 {
			t.Errorf("got %d open, want none", open)
		}
	}
}

func TestProxyPlain(t *testing.T) {
	s, heads := serveProxy(t, "", okAnswer)
	t.Setenv("HTTP_PROXY", "http://user:canary@"+s.addr())
	t.Setenv("NO_PROXY", "direct.example")
	c := newClient(t, Options{})
	ep := endpoint(t, c, "origin.example")
	wantBody(t, c, post(ep), "ok")
	got := <-heads
	if !strings.HasPrefix(got, "POST http://origin.example/v1/chat/completions HTTP/1.1\r\nHost: origin.example\r\n"+
		"Proxy-Authorization: Basic ") {
		t.Errorf("got %q", got)
	}
}

func TestProxyChoice(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://proxy.example:3128")
	t.Setenv("HTTPS_PROXY", "http://secure.example:3128")
	t.Setenv("NO_PROXY", "direct.example")
	c := newClient(t, Options{})
	tests := []struct {
		name, scheme, host, proxy, want string
		guard                           *Guard
		err                             error
	}{
		{name: "http", scheme: "http", host: "a.example", want: "proxy.example:3128"},
		{name: "https", scheme: "https", host: "a.example", want: "secure.example:3128"},
		{name: "no proxy", scheme: "https", host: "direct.example"},
		{name: "none", scheme: "https", host: "a.example", proxy: ProxyNone},
		{name: "config", scheme: "https", host: "a.example", proxy: "http://own.example", want: "own.example:80"},
		{name: "loopback name", scheme: "http", host: "localhost:11434", proxy: "http://own.example"},
		{name: "loopback address", scheme: "http", host: "127.0.0.1:8000", proxy: "http://own.example"},
		{name: "loopback v6", scheme: "http", host: "[::1]:8000"},
		{name: "guarded", scheme: "https", host: "a.example", guard: &Guard{}},
		{name: "guarded with its own", scheme: "https", host: "a.example", guard: &Guard{}, proxy: "http://own.example", err: ErrConfig},
		{name: "socks", scheme: "https", host: "a.example", proxy: "socks5://own.example", err: ErrConfig},
		{name: "no url", scheme: "https", host: "a.example", proxy: "http://user:canary@[", err: ErrConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ep, err := c.Endpoint(EndpointConfig{Scheme: tt.scheme, Host: tt.host, Proxy: tt.proxy, Guard: tt.guard})
			if tt.err != nil {
				wantError(t, err, tt.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if ep.proxy != nil {
				got = ep.proxy.address
			}
			if got != tt.want {
				t.Errorf("got proxy %q, want %q", got, tt.want)
			}
		})
	}
}
