package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// maxCalls keeps a test of a thousand calls whole; a demo that runs for days keeps the newest.
	maxCalls = 4096
	// maxKeptBody keeps any prompt a test reads back.
	maxKeptBody = 256 << 10
	// maxKeptBytes bounds what all of them take, on a laptop that runs the demo all day.
	maxKeptBytes = 64 << 20
)

// End says how a call ended.
type End string

// The ends of a call.
const (
	// Running is a call that has not ended.
	Running End = ""
	// Completed is an answer given to its end.
	Completed End = "completed"
	// ClientClosed is a client that went away before the end.
	ClientClosed End = "client_closed"
	// Cut is a connection that a fault closed.
	Cut End = "cut"
	// Reset is a connection that a fault reset.
	Reset End = "reset"
)

// Header is one request header as it came.
type Header struct {
	Name, Value string
}

// Call is one call in the journal.
type Call struct {
	// Number counts the calls from 1.
	Number uint64
	// Conn is the number of the connection: calls that share it came over one kept-alive connection.
	Conn uint64
	// Method, Path, Query and Host are the request's, the path as it was sent, secrets in the query masked.
	Method, Path, Query, Host string
	// Headers are the request's; credentials are kept as Mark makes them.
	Headers []Header
	// Key is the caller's credential as Mark makes it, "" where there was none.
	Key string
	// Model and Stream are what the call asked for.
	Model  string
	Stream bool
	// Body is the request's, its first 256 KiB.
	Body []byte
	// Fault is the fault that befell the call, "" where none did.
	Fault string
	// Status is the answer's.
	Status int
	// Events counts the pieces of a stream that were sent.
	Events int
	// Began and Ended are when the request was read and when its answer ended.
	Began, Ended time.Time
	// End says how.
	End End
}

// Header returns the first value of a header, "" where there is none; case does not matter.
func (c *Call) Header(name string) string {
	for _, h := range c.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// Mark is what the journal keeps of a credential: enough to tell keys apart, too little to use one.
func Mark(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	tail := ""
	// The last four characters of a short key would be most of it.
	if len(secret) >= 12 {
		tail = secret[len(secret)-4:]
	}
	return "sha256:" + hex.EncodeToString(sum[:6]) + "..." + tail
}

type journal struct {
	mu    sync.Mutex
	calls []*Call
	bytes int // of the bodies
}

func (j *journal) add(c *Call) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.calls) >= maxCalls || j.bytes+len(c.Body) > maxKeptBytes {
		drop := (len(j.calls) + 3) / 4 // a quarter at once: moving the rest for each call would cost more than the call
		for _, old := range j.calls[:drop] {
			j.bytes -= len(old.Body)
		}
		j.calls = slices.Delete(j.calls, 0, drop)
	}
	j.calls = append(j.calls, c)
	j.bytes += len(c.Body)
}

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls, j.bytes = nil, 0
}

// update changes a call under the lock that Calls copies under.
func (j *journal) update(change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
}

// Calls returns the journal, oldest first: the newest 3072 calls since the start or Reset, fewer where their bodies are long.
func (s *Server) Calls() []Call {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	out := make([]Call, len(s.journal.calls))
	for i, c := range s.journal.calls {
		out[i] = *c
	}
	return out
}

// newCall reads what the journal keeps of a request.
func (s *Server) newCall(ctx *fasthttp.RequestCtx) *Call {
	body := ctx.Request.Body()
	c := &Call{
		Number: s.serial.Add(1),
		Conn:   ctx.ConnID(),
		Method: string(ctx.Method()),
		Path:   string(ctx.URI().PathOriginal()),
		Host:   string(ctx.Host()),
		Body:   slices.Clone(body[:min(len(body), maxKeptBody)]),
		Began:  s.opts.Now(),
	}
	args := ctx.QueryArgs()
	if key := string(args.Peek("key")); key != "" {
		c.Key = Mark(key)
		args.Set("key", c.Key)
	}
	c.Query = string(args.QueryString())
	for name, value := range ctx.Request.Header.All() {
		h := Header{Name: string(name), Value: string(value)}
		if secret, ok := credential(h); ok {
			h.Value = Mark(secret)
			if c.Key == "" && !strings.EqualFold(h.Name, "cookie") {
				c.Key = h.Value
			}
		}
		c.Headers = append(c.Headers, h)
	}
	return c
}

// credential finds the secret in a header that carries one.
func credential(h Header) (string, bool) {
	switch strings.ToLower(h.Name) {
	case "authorization", "proxy-authorization":
		if scheme, rest, ok := strings.Cut(h.Value, " "); ok && strings.EqualFold(scheme, "bearer") {
			return strings.TrimSpace(rest), true
		}
		return h.Value, true
	case "x-api-key", "api-key", "x-goog-api-key", "cookie":
		return h.Value, true
	}
	return "", false
}
