package journal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"weir/access/store"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("WEIR_TEST_JOURNAL"); dir != "" {
		appendForever(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// taker is a sink that drops rows it has, as the store does.
type taker struct {
	mu    sync.Mutex
	ids   []string
	has   map[string]bool
	last  store.Usage
	err   error
	calls int
	most  int
}

func (s *taker) take(_ context.Context, rows []store.Usage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.most = max(s.most, len(rows))
	if s.err != nil {
		return s.err
	}
	for i := range rows {
		if s.has == nil {
			s.has = map[string]bool{}
		}
		if !s.has[rows[i].ID] {
			s.has[rows[i].ID] = true
			s.ids = append(s.ids, rows[i].ID)
			s.last = rows[i]
		}
	}
	return nil
}

func (s *taker) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *taker) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.ids...)
}

func row(i int) store.Usage {
	return store.Usage{
		ID: fmt.Sprintf("req_%06d-1", i), Time: time.Unix(1700000000, 0).UTC(), RequestID: fmt.Sprintf("req_%06d", i),
		API: "openai.chat", Provider: "openai", Model: "gpt-4.1", Attempt: 1, Final: true, Status: 200, Input: 1200, Output: 300,
		UsageKnown: true, CostKnown: true, Cost: 123456789, KeySource: "gateway", LatencyMS: 900,
		Spend: []store.Spend{{Counter: "bud_1", Slot: 1700000000, Amount: 123457, Expires: 1800000000}},
	}
}

func ids(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, row(i).ID)
	}
	return out
}

// open opens a queue that hands on only when it is told to.
func open(t *testing.T, dir string, sink Sink, o Options) *Journal {
	t.Helper()
	if o.FlushEvery == 0 {
		o.FlushEvery = time.Hour
	}
	if o.Reserve == 0 {
		o.Reserve = 64 << 10
	}
	j, err := Open(dir, sink, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = j.Close(ctx)
	})
	return j
}

func put(t *testing.T, j *Journal, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := j.Append(row(i)); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
	}
}

func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// drop ends a journal as a killed process does: nothing is flushed, and the folder is free.
func (j *Journal) drop() {
	j.stop()
	j.done.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.segments {
		_ = s.f.Close()
	}
	j.segments, j.closed = nil, true
	_ = j.lock.Close()
}

func segmentsIn(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, segmentPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}
