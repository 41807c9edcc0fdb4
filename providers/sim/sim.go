package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

const (
	// maxBody is above Weir's own default body limit of 50 MiB, so that the gateway's limit is the one a test meets.
	maxBody = 64 << 20
	// closeWait bounds Close: every connection is closed by then, what remains is the unwinding of handlers.
	closeWait = 5 * time.Second
	// idleWorker is also how long fasthttp sleeps on after the end: short, so that a test that looks for leaks finds none.
	idleWorker = 100 * time.Millisecond
	// idleTimeout is longer than any test and shorter than a forgotten process.
	idleTimeout = 10 * time.Minute
)

// HeaderFaults says whether a request may order a fault for itself.
type HeaderFaults uint8

// The ways to treat the x-sim-fault request header.
const (
	// IgnoreHeader leaves the header unread, so that a client of a demo cannot break it.
	IgnoreHeader HeaderFaults = iota
	// ObeyHeader does what the header says.
	ObeyHeader
)

// Options are what a Server is made of; the zero value answers at once and never fails.
type Options struct {
	// Pace is the wait between two chunks of a stream.
	Pace time.Duration
	// Chunks is the number of text chunks of a stream; 0 means one for each word.
	Chunks int
	// Fault befalls every call that neither the script nor the request header says something about.
	Fault Fault
	// Script says which calls fail, and how.
	Script *Script
	// HeaderFaults allows faults by request header.
	HeaderFaults HeaderFaults
	// Models is what the models list shows; any other name is answered as well. Nil means a list of its own.
	Models []string
	// Now gives the times in answers and in the journal; nil means time.Now.
	Now func() time.Time
	// Logger gets one line a call at debug level.
	Logger zerolog.Logger
}

// Server is a simulated upstream.
type Server struct {
	opts    Options
	http    *fasthttp.Server
	journal journal
	replies replies
	serial  atomic.Uint64
	script  atomic.Pointer[Script]

	mu        sync.Mutex
	conns     map[*conn]struct{}
	listeners []net.Listener
	done      chan struct{}
	closed    bool
}

// New makes a server; it opens nothing.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Models == nil {
		o.Models = []string{"echo", "fast", "slow", "tools", "think", "embed"}
	}
	s := &Server{opts: o, conns: map[*conn]struct{}{}, done: make(chan struct{})}
	s.script.Store(o.Script)
	s.http = &fasthttp.Server{
		Handler:               s.handle,
		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		MaxRequestBodySize:    maxBody,
		ReadBufferSize:        64 << 10, // as long as any header block that Weir forwards
		IdleTimeout:           idleTimeout,
		CloseOnShutdown:       true,
		MaxIdleWorkerDuration: idleWorker,
		Logger:                httpLog{o.Logger},
	}
	return s
}

// Serve answers on the listener until Close; it returns nil after Close.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = ln.Close() // nobody will answer on it
		return nil
	}
	s.listeners = append(s.listeners, ln)
	s.mu.Unlock()
	if err := s.http.Serve(&listener{Listener: ln, s: s}); err != nil {
		select {
		case <-s.done:
			return nil
		default:
			return fmt.Errorf("serving simulated upstream: %w", err)
		}
	}
	return nil
}

// Close ends every connection and every listener, and waits for the handlers.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	open := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	listeners := s.listeners
	s.mu.Unlock()
	for _, ln := range listeners {
		_ = ln.Close() // fasthttp closes it too, unless it has not begun to listen
	}
	for _, c := range open {
		_ = c.Close() // the other side may have been faster
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	if err := s.http.ShutdownWithContext(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing simulated upstream: %w", err)
	}
	return nil
}

// SetScript replaces the script; its counts begin anew. Nil removes it.
func (s *Server) SetScript(script *Script) {
	s.script.Store(script.fresh())
}

// Reset empties the journal and begins the counts of the script anew.
func (s *Server) Reset() {
	s.journal.reset()
	s.serial.Store(0)
	s.script.Store(s.script.Load().fresh())
}

func (s *Server) id(prefix string, n uint64) string {
	return prefix + "sim" + strconv.FormatUint(n, 10)
}

// httpLog gives fasthttp's complaints (mostly connections that a fault broke) to the debug log.
type httpLog struct{ log zerolog.Logger }

// Printf writes one line.
func (l httpLog) Printf(format string, args ...any) {
	l.log.Debug().Msgf(format, args...)
}
