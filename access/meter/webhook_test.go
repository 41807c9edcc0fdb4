package meter

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/access"
	"weir/access/counter"
	"weir/engine/upstream"
)

// receiver keeps the webhooks that it gets and answers with the statuses it has, the last one for ever.
type receiver struct {
	*httptest.Server

	mu      sync.Mutex
	got     []warning
	heads   []http.Header
	bodies  []string
	answers []int
}

func newReceiver(t *testing.T, answers ...int) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		var one warning
		if err := json.Unmarshal(body, &one); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		status := r.answers[0]
		if len(r.answers) > 1 {
			r.answers = r.answers[1:]
		}
		r.got, r.heads, r.bodies = append(r.got, one), append(r.heads, req.Header.Clone()), append(r.bodies, string(body))
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

// warnings waits for what is being sent and returns what came.
func (r *receiver) warnings(m *Meter) []warning {
	m.warnings.sending.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

// warningRig is a rig whose webhooks reach this machine and do not wait between tries.
func warningRig(t *testing.T, q ...*access.Quota) *rig {
	t.Helper()
	r := newRig(t, q, nil)
	r.warnings.client = http.DefaultClient
	r.warnings.pauses = []time.Duration{time.Millisecond, time.Millisecond}
	return r
}

func (r *rig) spend(t *testing.T, usd float64) (warning string) {
	t.Helper()
	x := exchange()
	c := call("gpt-4o", 10, usd)
	if err := r.Reserve(x, c); err != nil {
		t.Fatal(err)
	}
	r.end(c, endAnswered, 10, usd)
	if h, ok := c.Hold.(*hold); ok {
		r.warnSettled(h)
	}
	return x.ReplyHeader(warningHeader)
}

func TestWarnings(t *testing.T) {
	to := newReceiver(t, 200)
	q := budget("research", "100", "day")
	q.WarnAt, q.WebhookURL, q.TeamID = []int{95, 50, 80}, to.URL+"/hook", "team_research"
	r := warningRig(t, q)
	r.warnings.key = []byte("0123456789")
	for i, tt := range []struct {
		usd    float64
		header string
		total  int // webhooks so far
	}{
		{40, "", 0},
		{9, "", 0},
		{5, "", 1}, // 54 % when it is settled
		{1, `"research";used=54;limit="100";unit=usd;t=49170`, 1},
		{41, `"research";used=55;limit="100";unit=usd;t=49170`, 2}, // past two at once
		{1, `"research";used=96;limit="100";unit=usd;t=49170`, 2},
	} {
		if got := r.spend(t, tt.usd); got != tt.header {
			t.Errorf("call %d: got header %q, want %q", i, got, tt.header)
		}
		if got := to.warnings(r.Meter); len(got) != tt.total {
			t.Errorf("call %d: got %d webhooks, want %d", i, len(got), tt.total)
		}
	}
	got := to.warnings(r.Meter)
	want := warning{
		Type: "budget.warning", ID: got[1].ID, Time: "2026-07-15T10:20:30Z", QuotaID: "research", Name: "research", TeamID: "team_research",
		Unit: "usd", Window: "day", WindowStart: "2026-07-15T00:00:00Z", WindowEnd: "2026-07-16T00:00:00Z", Threshold: 95, UsedPercent: 96,
		Used: "96.00", Limit: "100", Counter: got[1].Counter,
	}
	if got[1] != want || got[0].Threshold != 50 || got[0].ID == got[1].ID || len(got[1].ID) != 32 {
		t.Errorf("got %+v, want %+v", got[1], want)
	}
	h := to.heads[0]
	mac := hmac.New(sha256.New, []byte("0123456789"))
	_, _ = io.WriteString(mac, h.Get("Webhook-Id")+"."+h.Get("Webhook-Timestamp")+"."+to.bodies[0])
	if sign := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); h.Get("Webhook-Signature") != sign || h.Get("Webhook-Id") != got[0].ID {
		t.Errorf("got %v, want it signed with %s", h, sign)
	}
	r.clock = r.clock.Add(24 * time.Hour)
	r.spend(t, 60)
	if got := to.warnings(r.Meter); len(got) != 3 {
		t.Errorf("got %d webhooks, want one more in the next window", len(got))
	}
}

// Of gateways that share counters one sends.
func TestOneGatewayWarns(t *testing.T) {
	to := newReceiver(t, 200)
	q := budget("b", "100", "day")
	q.WarnAt, q.WebhookURL = []int{50}, to.URL
	a, b := warningRig(t, q), warningRig(t, q)
	b.Meter.counters, b.warnings.counters = a.Meter.counters, a.warnings.counters
	a.spend(t, 60)
	a.warnings.sending.Wait()
	b.spend(t, 1)
	b.warnings.sending.Wait()
	if got := to.warnings(a.Meter); len(got) != 1 {
		t.Errorf("got %d webhooks, want one", len(got))
	}
}

func TestWebhookTries(t *testing.T) {
	tests := []struct {
		name    string
		answers []int
		want    int
	}{
		{"taken at once", []int{204}, 1},
		{"taken later", []int{500, 429, 200}, 3},
		{"never taken", []int{503}, 3},
		{"refused", []int{404}, 1},
		{"sent elsewhere", []int{302}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := newReceiver(t, tt.answers...)
			q := budget("b", "100", "total")
			q.WarnAt, q.WebhookURL = []int{50}, to.URL
			r := warningRig(t, q)
			r.spend(t, 60)
			if got := to.warnings(r.Meter); len(got) != tt.want {
				t.Errorf("got %d tries, want %d", len(got), tt.want)
			}
		})
	}
}

// Without another client webhooks reach no private address, and no log tells their addresses.
func TestWebhookGuard(t *testing.T) {
	to := newReceiver(t, 200)
	var log strings.Builder
	q := budget("b", "100", "total")
	q.WarnAt, q.WebhookURL = []int{50}, strings.Replace(to.URL, "http:", "https:", 1)+"/secret-path"
	r := newRig(t, []*access.Quota{q}, nil)
	r.warnings.log = zerolog.New(&log)
	r.spend(t, 60)
	if got := to.warnings(r.Meter); len(got) != 0 || !strings.Contains(log.String(), "could not be sent") || strings.Contains(log.String(), "secret-path") {
		t.Errorf("got %d webhooks and %s, want none and a log without the address", len(got), log.String())
	}
	w := newWarnings(upstream.NewHTTPClient(&upstream.Guard{}), nil, nil, zerolog.Nop())
	if err := w.post("http://\x7f/secret-path", "id", nil); err == nil || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("got %v, want an error without the address", err)
	}
}

// Webhooks that wait for their receivers do not pile up, and end with the gateway.
func TestWebhooksAreBounded(t *testing.T) {
	to := newReceiver(t, 503)
	q := limit("l", access.UnitRequests, "10", "total")
	q.WarnAt, q.WebhookURL, q.Per = []int{1}, to.URL, []string{"caller.name"}
	r := newRig(t, nil, []*access.Quota{q})
	r.warnings.client = http.DefaultClient
	r.warnings.pauses = []time.Duration{time.Hour}
	r.warnings.counters = &counters{Counters: r.counters.Counters, err: counter.ErrUnavailable}
	for n := range maxSending + 20 {
		x := exchange()
		x.Caller.Name = strings.Repeat("x", n+1)
		if err := r.Reserve(x, call("a", 1, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(r.warnings.slots); got != maxSending {
		t.Errorf("got %d under way, want %d", got, maxSending)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); err == nil {
		t.Error("got no error, want it told that webhooks were left")
	}
	if got := len(r.warnings.slots); got != 0 {
		t.Errorf("got %d under way after the end, want none", got)
	}
}

func TestPercent(t *testing.T) {
	for _, tt := range []struct{ limit, used, want int64 }{
		{100, 83, 83}, {3, 2, 66}, {0, 0, 100}, {1 << 62, 1 << 61, 50}, {10, 1 << 62, 1 << 50 * 10}, {500 * nano, 415 * nano, 83},
	} {
		q := &quota{limit: tt.limit}
		if got := q.percent(tt.used); got != tt.want {
			t.Errorf("got %d for %d of %d, want %d", got, tt.used, tt.limit, tt.want)
		}
	}
}
