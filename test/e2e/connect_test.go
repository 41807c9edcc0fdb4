package e2e

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

const hello = `{"model": "main:m", "messages": [{"role": "user", "content": "hello"}]}`

// mainProvider is the simulator that the policies of these tests route to.
const mainProvider = `
providers:
  - {id: main, base_url: "{{main}}", models: [{id: m}]}
`

// closedWithoutAByte sends a request on a connection of its own and reports what came back before its end.
func closedWithoutAByte(t *testing.T, w *world, request string) {
	t.Helper()
	c, err := w.connect(t.Context())
	if errors.Is(err, syscall.ECONNRESET) {
		return // closed while it was made
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err = io.WriteString(c, request); err == nil {
		var got []byte
		got, err = io.ReadAll(c)
		if len(got) > 0 {
			t.Errorf("got %q, want not one byte", got)
		}
	}
	if err == nil && w.cert == nil {
		t.Error("got a connection that was closed in peace, want a reset")
	}
}

func TestConnectionsAreClosedWithoutAByte(t *testing.T) {
	tests := []struct{ name, policy, request string }{
		{"close-connection", "on_request:\n  - {type: close-connection}\n", post("/v1/chat/completions", hello)},
		{"close-connection where no API stands", "on_request:\n  - {type: close-connection}\n", get("/wp-login.php")},
		{"close-connection at accept", "on_tcp_connect:\n  - {type: close-connection}\n", post("/v1/chat/completions", hello)},
		{"deny at accept", "on_tcp_connect:\n  - {expressions: [\"conn.client_ip == '127.0.0.1'\"], actions: [{type: deny}]}\n", post("/v1/chat/completions", hello)},
		{"restrict-ips at accept", "on_tcp_connect:\n  - {type: restrict-ips, config: {deny: [127.0.0.0/8]}}\n", post("/v1/chat/completions", hello)},
		{"restrict-ips at accept before a word was said", "on_tcp_connect:\n  - {type: restrict-ips, config: {allow: [10.0.0.0/8]}}\n", ""},
		{"a rule at accept that fails", "on_tcp_connect:\n  - {expressions: [\"1 / (conn.client_port - conn.client_port) == 1\"], actions: [{type: deny}]}\n", post("/v1/chat/completions", hello)},
	}
	for _, by := range []transport{plain, overTLS} {
		for _, tt := range tests {
			t.Run(string(by)+"/"+tt.name, func(t *testing.T) {
				w := newWorld(t, setup{policy: mainProvider + tt.policy, sims: map[string]string{"main": ""}, by: by})
				closedWithoutAByte(t, w, tt.request)
				if calls := w.calls(); len(calls) != 0 {
					t.Errorf("got %d calls, want none", len(calls))
				}
			})
		}
	}
}

// TestOpenConnectionsAreClosedByAReload holds a connection open while the policy changes: the next request over it meets the
// new rules on connections.
func TestOpenConnectionsAreClosedByAReload(t *testing.T) {
	w := newWorld(t, setup{policy: mainProvider + "on_tcp_connect:\n  - {type: restrict-ips, config: {allow: [127.0.0.0/8]}}\n", sims: map[string]string{"main": ""}})
	c := w.dial(t)
	from := bufio.NewReader(c)
	ask := func() (*answer, error) {
		if _, err := io.WriteString(c, post("/v1/chat/completions", hello)); err != nil {
			return nil, err
		}
		return readAnswer(from, http.MethodPost)
	}
	if a, err := ask(); err != nil || a.status != http.StatusOK {
		t.Fatalf("got %v and %v, want an answer while the address may come in", a, err)
	}
	w.write(w.path, mainProvider+"on_tcp_connect:\n  - {type: restrict-ips, config: {deny: [127.0.0.0/8]}}\n")
	if err := w.store.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, err := ask(); err == nil {
		t.Errorf("got %v, want the connection closed", a)
	}
}

// TestRateLimitAdmitsExactlyItsCapacity asks from many connections at once.
func TestRateLimitAdmitsExactlyItsCapacity(t *testing.T) {
	const capacity, clients, each = 50, 8, 20
	w := newWorld(t, setup{
		policy: mainProvider + "on_request:\n  - {type: rate-limit, config: {name: all, algorithm: sliding_window, capacity: 50, rate: 1h, bucket_key: ['conn.client_ip']}}\n",
		sims:   map[string]string{"main": ""},
	})
	var in, out atomic.Int64
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for range each {
				a, err := w.try(t.Context(), post("/v1/chat/completions", hello))
				switch {
				case err != nil:
					t.Error(err)
				case a.status == http.StatusOK:
					in.Add(1)
				case a.status == http.StatusTooManyRequests && a.header.Get("retry-after") != "":
					out.Add(1)
				default:
					t.Errorf("got %v, want an answer or 429 with retry-after", a)
				}
			}
		})
	}
	group.Wait()
	if in.Load() != capacity || out.Load() != clients*each-capacity {
		t.Errorf("got %d in and %d refused, want %d and %d", in.Load(), out.Load(), capacity, clients*each-capacity)
	}
}
