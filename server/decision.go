package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"weir/engine"
)

const (
	// linePause is how long decisions gather before lines are written, as for the access log.
	linePause = logPause
	// decisionLast is how long the end of the process waits for what is left to be written and sent: a service that is
	// there takes it in one round trip.
	decisionLast = 5 * time.Second
)

// DecisionOptions is what a DecisionLog is made of.
type DecisionOptions struct {
	Config *DecisionLogConfig
	// Version is the gateway's, for the labels.
	Version string
	// Stdout takes the lines of decision_log.stdout.
	Stdout io.Writer
	// Client carries the batches; it must refuse addresses that the operator cannot have meant.
	Client *http.Client
	// Secret gives the value of a secret that the configuration names.
	Secret func(name string) (string, error)
	Log    zerolog.Logger
}

// DecisionLog logs what policies decide, in OPA's format. Exchanges hand their decisions over and go on; masking, encoding
// and writing happen behind them, and what does not fit is dropped and counted.
type DecisionLog struct {
	log    zerolog.Logger
	labels map[string]string
	most   int64
	last   time.Duration // for what waits at the end
	sinks  []*decisionSink
	wake   chan struct{}
	quit   chan struct{}
	done   chan struct{}
	once   sync.Once

	dropped  atomic.Int64 // before they were encoded
	masking  atomic.Int64 // events without input and result, as the mask failed
	warnedOf atomic.Int64 // failures of the mask that were told of

	mu      sync.Mutex
	closed  bool
	pending []*engine.DecisionRecord
	size    int64
}

// NewDecisionLog opens the destinations of the configuration, so that a path that cannot be written is known before
// anything runs. It returns nil where none is configured.
func NewDecisionLog(o DecisionOptions) (*DecisionLog, error) {
	c := o.Config
	if !c.on() {
		return nil, nil //nolint:nilnil // no log is what the operator asked for
	}
	d := &DecisionLog{
		log: o.Log, most: c.Buffer, last: decisionLast, labels: map[string]string{"id": instanceID(), "version": o.Version},
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	for _, label := range c.Labels {
		name, value, _ := strings.Cut(label, "=")
		d.labels[name] = value
	}
	if c.Stdout {
		d.sinks = append(d.sinks, newDecisionSink("stdout", &lineWriter{o.Stdout}, sinkLimits{most: c.Buffer, batch: logBatch, pause: linePause}, o.Log))
	}
	if c.File.Path != "" {
		f, err := openRotating(&c.File)
		if err != nil {
			return nil, fmt.Errorf("opening the decision log: %w", err)
		}
		d.sinks = append(d.sinks, newDecisionSink("file", f, sinkLimits{most: c.Buffer, batch: logBatch, pause: linePause}, o.Log))
	}
	if c.HTTP.URL != "" {
		u, err := newUploader(&c.HTTP, o.Client, o.Secret)
		if err != nil {
			d.closeWriters()
			return nil, err
		}
		s := newDecisionSink("http", u, sinkLimits{most: c.Buffer, batch: c.HTTP.Batch, pause: c.HTTP.Interval}, o.Log)
		u.failing = s.fails
		d.sinks = append(d.sinks, s)
	}
	for _, s := range d.sinks {
		go s.run()
	}
	go d.run()
	return d, nil
}

// closeWriters closes what was opened for a log that never ran.
func (d *DecisionLog) closeWriters() {
	for _, s := range d.sinks {
		_ = s.out.close() // nothing was written
	}
}

// instanceID names this process.
func instanceID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails: the program would have stopped
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// LogDecision queues a decision.
func (d *DecisionLog) LogDecision(r *engine.DecisionRecord) {
	d.mu.Lock()
	full := d.closed || d.size+int64(r.Size) > d.most
	first := len(d.pending) == 0
	if !full {
		d.pending = append(d.pending, r)
		d.size += int64(r.Size)
	}
	d.mu.Unlock()
	if full {
		d.dropped.Add(1)
		return
	}
	if first {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// run encodes what was queued and hands it to the destinations.
func (d *DecisionLog) run() {
	defer close(d.done)
	pause := time.NewTimer(linePause)
	defer pause.Stop()
	for last := false; !last; {
		select {
		case <-d.wake:
			pause.Reset(linePause) // waking for each one would cost exchanges more than handing it over
			select {
			case <-pause.C:
			case <-d.quit:
				last = true
			}
		case <-d.quit:
			last = true
		}
		for _, r := range d.take() {
			if event := d.encode(r); event != nil {
				for _, s := range d.sinks {
					s.put(event)
				}
			}
			d.give(int64(r.Size))
		}
	}
}

// take takes what is queued. Its size counts until it is encoded.
func (d *DecisionLog) take() []*engine.DecisionRecord {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.pending
	d.pending = nil
	return list
}

func (d *DecisionLog) give(n int64) {
	d.mu.Lock()
	d.size -= n
	d.mu.Unlock()
}

// Close writes and sends what waits, for a bounded time, and closes the destinations. What comes after it is dropped.
func (d *DecisionLog) Close() {
	if d == nil {
		return
	}
	d.once.Do(func() {
		d.mu.Lock()
		d.closed = true
		d.mu.Unlock()
		close(d.quit)
		<-d.done
		for _, s := range d.sinks {
			close(s.quit)
		}
		end, cancel := context.WithTimeout(context.Background(), d.last)
		defer cancel()
		for _, s := range d.sinks {
			s.wait(end.Done())
		}
		if n := d.dropped.Load(); n > 0 {
			d.log.Warn().Int64("dropped", n).Msg("decisions came faster than they could be logged")
		}
	})
}
