package sim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// fasthttp keeps one goroutine for the Date header as long as the process lives.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// rig is a server with a client.
type rig struct {
	*Server
	url    string
	client *http.Client
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return time.Unix(1_800_000_000, 0) }
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(o)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return &rig{Server: s, url: "http://" + ln.Addr().String(), client: &http.Client{Transport: transport, Timeout: 5 * time.Second}}
}

// got is an answer read to its end.
type got struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

// ask sends a request; headers are "Name: value" lines.
func (r *rig) ask(t *testing.T, method, path, body string, headers ...string) *got {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return &got{err: err}
	}
	defer resp.Body.Close()
	g := &got{status: resp.StatusCode, header: resp.Header}
	g.body, g.err = io.ReadAll(resp.Body)
	return g
}

// ok sends a request that must succeed.
func (r *rig) ok(t *testing.T, method, path, body string, headers ...string) *got {
	t.Helper()
	g := r.ask(t, method, path, body, headers...)
	if g.err != nil || g.status != http.StatusOK {
		t.Fatalf("%s %s: got status %d, error %v, body %s; want 200", method, path, g.status, g.err, g.body)
	}
	return g
}

// at reads a value of the JSON body, "choices.0.message.content"; "#" is the length of a list.
func (g *got) at(t *testing.T, path string) any {
	t.Helper()
	return dig(t, g.body, path)
}

func dig(t *testing.T, body []byte, path string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			if name == "#" {
				return float64(len(x))
			}
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (g *got) want(t *testing.T, path string, want any) {
	t.Helper()
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	if v := g.at(t, path); v != want {
		t.Errorf("%s: got %v, want %v in %s", path, v, want, g.body)
	}
}

// events reads an SSE body strictly: every event is an optional name and one line of data.
func (g *got) events(t *testing.T) (names []string, data [][]byte) {
	t.Helper()
	sc := bufio.NewScanner(bytes.NewReader(g.body))
	sc.Buffer(nil, 1<<20)
	name := ""
	for sc.Scan() {
		line := strings.TrimSuffix(sc.Text(), "\r")
		switch {
		case line == "":
			name = ""
		case strings.HasPrefix(line, "event: "):
			name = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			names = append(names, name)
			data = append(data, []byte(line[len("data: "):]))
		default:
			t.Fatalf("got line %q, want an event", line)
		}
	}
	return names, data
}

// lastCall waits for the newest call to end.
func (r *rig) lastCall(t *testing.T) Call {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		if calls := r.Calls(); len(calls) > 0 && calls[len(calls)-1].End != Running {
			return calls[len(calls)-1]
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatalf("no call ended: %+v", r.Calls())
	return Call{}
}

func TestCloseEndsServe(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{})
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "HEAD / HTTP/1.1\r\nHost: sim\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 12)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close with an open connection: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatalf("Serve: got %v, want nil after Close", err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Fatalf("connection after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("second Close: %v", err)
	}
}

func TestServeAfterClose(t *testing.T) {
	s := New(Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln); err != nil {
		t.Errorf("got %v, want nothing to serve", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
}
