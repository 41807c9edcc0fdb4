package server

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// collector is a service that takes batches, as its steps say; the last one again and again.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	calls   int
	headers http.Header
	batches [][]string // inputs of the events of each batch that was taken
}

func newCollector(t *testing.T, steps ...int) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var events []struct {
			Input string `json:"input"`
		}
		z, err := gzip.NewReader(r.Body)
		if err == nil {
			err = json.NewDecoder(z).Decode(&events)
		}
		if err != nil {
			t.Errorf("the batch cannot be read: %v", err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		status := steps[min(c.calls, len(steps)-1)]
		c.calls++
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		if status == http.StatusRequestEntityTooLarge && len(events) == 1 && events[0].Input != "huge" {
			status = http.StatusOK
		}
		if status == http.StatusOK {
			c.headers = r.Header.Clone()
			batch := make([]string, len(events))
			for i := range events {
				batch[i] = events[i].Input
			}
			c.batches = append(c.batches, batch)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "CANARY of the service")
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) taken() [][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([][]string(nil), c.batches...)
}

func httpConfig(url string) DecisionHTTPConfig {
	return DecisionHTTPConfig{URL: url, Batch: 1 << 20, Interval: 10 * time.Millisecond, Timeout: 5 * time.Second}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func TestDecisionsAreSent(t *testing.T) {
	t.Parallel()
	c := newCollector(t, http.StatusOK)
	cfg := httpConfig(c.URL + "/logs")
	cfg.Token, cfg.Headers = "${secrets.get('LOG')}", []string{"X-Scope: a-${ secrets.get(\"S\") }"}
	d := newTestLog(t, DecisionLogConfig{HTTP: cfg})
	for _, text := range []string{"one", "two", "three"} {
		d.LogDecision(testRecord(text, nil))
	}
	eventually(t, "the batch", func() bool { return len(c.taken()) == 1 })
	if diff := cmp.Diff([][]string{{"one", "two", "three"}}, c.taken()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	got := map[string]string{}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Authorization", "X-Scope"} {
		got[name] = c.headers.Get(name)
	}
	want := map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip", "Authorization": "Bearer value-of-LOG", "X-Scope": "a-value-of-S"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	eventually(t, "the count", func() bool { return d.view().Sinks[0].Written == 3 })
}

// TestFlakyService: what fails is sent again, nothing twice, nothing lost, and the trouble is seen while it lasts.
func TestFlakyService(t *testing.T) {
	t.Parallel()
	c := newCollector(t, http.StatusInternalServerError, 0, http.StatusTooManyRequests, http.StatusUnauthorized, http.StatusOK)
	d := newTestLog(t, DecisionLogConfig{HTTP: httpConfig(c.URL)})
	d.LogDecision(testRecord("one", nil))
	eventually(t, "the trouble", func() bool { return strings.Contains(d.view().Sinks[0].Trouble, "status 500") })
	eventually(t, "the batch", func() bool { return len(c.taken()) == 1 })
	eventually(t, "the end of the trouble", func() bool { return d.view().Sinks[0].Trouble == "" })
	d.Close()
	if v := d.view().Sinks[0]; v.Written != 1 || v.Dropped != 0 {
		t.Errorf("got %+v, want it written once", v)
	}
}

func TestBatchesOfTheServicesSize(t *testing.T) {
	t.Parallel()
	c := newCollector(t, http.StatusRequestEntityTooLarge)
	d := newTestLog(t, DecisionLogConfig{HTTP: httpConfig(c.URL)})
	for _, text := range []string{"a", "huge", "b", "c"} {
		d.LogDecision(testRecord(text, nil))
	}
	eventually(t, "the batches", func() bool { return len(c.taken()) == 3 })
	d.Close()
	if diff := cmp.Diff([][]string{{"a"}, {"b"}, {"c"}}, c.taken()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if v := d.view().Sinks[0]; v.Written != 3 || v.Dropped != 1 {
		t.Errorf("got %+v, want the one that is too large dropped", v)
	}
}

func TestOwnBatchSize(t *testing.T) {
	t.Parallel()
	c := newCollector(t, http.StatusOK)
	cfg := httpConfig(c.URL)
	cfg.Batch, cfg.Interval = 1<<10, time.Hour
	d := newTestLog(t, DecisionLogConfig{HTTP: cfg})
	long := strings.Repeat("x", 900)
	for range 3 {
		d.LogDecision(testRecord(long, nil))
	}
	eventually(t, "the batches", func() bool { return len(c.taken()) == 3 }) // none waits for the hour
}

// TestServiceThatRefuses: a batch that the service will never take is dropped, and the next one is tried.
func TestServiceThatRefuses(t *testing.T) {
	t.Parallel()
	c := newCollector(t, http.StatusBadRequest, http.StatusOK)
	var log syncBuffer
	cfg := DecisionLogConfig{Buffer: 1 << 20, HTTP: httpConfig(c.URL)}
	d, err := NewDecisionLog(DecisionOptions{Config: &cfg, Client: c.Client(), Log: zerolog.New(&log)})
	if err != nil {
		t.Fatal(err)
	}
	d.LogDecision(testRecord("bad", nil))
	eventually(t, "the loss", func() bool { return d.view().Sinks[0].Dropped == 1 })
	d.LogDecision(testRecord("good", nil))
	eventually(t, "the batch", func() bool { return len(c.taken()) == 1 })
	d.Close()
	if text := log.String(); strings.Contains(text, "CANARY") || !strings.Contains(text, "status 400") {
		t.Errorf("got the log %s, want the status and not the answer", text)
	}
}

// TestServiceThatIsDown: the queue is bounded, what does not fit is counted, and the end of the process does not wait.
func TestServiceThatIsDown(t *testing.T) {
	t.Parallel()
	c := newCollector(t, http.StatusServiceUnavailable)
	cfg := DecisionLogConfig{Buffer: 64 << 10, HTTP: httpConfig(c.URL)}
	d := newTestLog(t, cfg)
	const n = 300
	for i := range n {
		d.LogDecision(testRecord(fmt.Sprint(i, strings.Repeat("x", 500)), nil))
		if i%20 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	eventually(t, "the trouble", func() bool { return d.view().Sinks[0].Trouble != "" })
	begin := time.Now()
	d.Close()
	if took := time.Since(begin); took > decisionLast+5*time.Second {
		t.Errorf("the end waited %s", took)
	}
	v := d.view()
	if lost := v.Dropped + v.Sinks[0].Dropped; lost != n || v.Sinks[0].Written != 0 || v.Sinks[0].Waiting != 0 {
		t.Errorf("got %+v, want all %d counted as lost", v, n)
	}
}

// TestLastBatchIsSent: what waits for its batch to fill goes out at the end.
func TestLastBatchIsSent(t *testing.T) {
	t.Parallel()
	c := newCollector(t, http.StatusServiceUnavailable, http.StatusOK)
	cfg := httpConfig(c.URL)
	cfg.Interval = time.Hour
	d := newTestLog(t, DecisionLogConfig{HTTP: cfg})
	d.LogDecision(testRecord("one", nil))
	d.Close()
	if diff := cmp.Diff([][]string{{"one"}}, c.taken()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestDecisionSecrets(t *testing.T) {
	t.Parallel()
	missing := func(string) (string, error) { return "", errors.New("there is no secret") }
	lines := func(string) (string, error) { return "a\r\nb: c", nil }
	for name, secret := range map[string]func(string) (string, error){"missing": missing, "two lines": lines} {
		cfg := httpConfig("https://127.0.0.1:1/")
		cfg.Token = "${secrets.get('A')}"
		if _, err := newUploader(&cfg, &http.Client{}, secret); err == nil {
			t.Errorf("%s: got no error for the token", name)
		}
		cfg.Token, cfg.Headers = "", []string{"x: ${secrets.get('A')}"}
		if _, err := newUploader(&cfg, &http.Client{}, secret); err == nil {
			t.Errorf("%s: got no error for a header", name)
		}
	}
}
