package limitheader

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// fields is an answer.
type fields struct {
	added []string
	set   map[string]string
}

func (f *fields) AddReplyHeader(name, value string) { f.added = append(f.added, name+": "+value) }
func (f *fields) SetReplyHeader(name, value string) {
	if f.set == nil {
		f.set = map[string]string{}
	}
	f.set[name] = value
}
func (f *fields) ReplyHeader(name string) string { return f.set[name] }

func TestAppendReset(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"},
		{time.Nanosecond, "1ms"},
		{20 * time.Millisecond, "20ms"},
		{999*time.Millisecond + 1, "1s"},
		{time.Second, "1s"},
		{8100 * time.Millisecond, "9s"},
		{6 * time.Minute, "6m0s"},
		{time.Hour, "1h0m0s"},
		{24*time.Hour - 1, "24h0m0s"},
	}
	for _, tt := range tests {
		if got := string(AppendReset(nil, tt.d)); got != tt.want {
			t.Errorf("got %s for %v, want %s", got, tt.d, tt.want)
		}
		if got, err := time.ParseDuration(tt.want); err != nil || got < tt.d {
			t.Errorf("got %v and %v, want a duration no shorter than %v", got, err, tt.d)
		}
	}
}

func TestQuoteName(t *testing.T) {
	tests := []struct{ name, want string }{
		{"plain", `"plain"`}, {`a "b" \c`, `"a \"b\" \\c"`}, {"zähler\n", `"z__hler_"`}, {strings.Repeat("x", 100), `"` + strings.Repeat("x", 64) + `"`},
	}
	for _, tt := range tests {
		if got := QuoteName(tt.name); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestPolicy(t *testing.T) {
	tests := []struct {
		length time.Duration
		unit   Unit
		want   string
	}{
		{1500 * time.Millisecond, Tokens, `"t";q=5;w=2;qu="tokens"`},
		{time.Minute, Requests, `"t";q=5;w=60`},
		{time.Minute, Cost, `"t";q=5;w=60;qu="cost"`},
		{0, Concurrent, `"t";q=5;qu="concurrent-requests"`},
	}
	for _, tt := range tests {
		if l := New("t", 5, tt.length, tt.unit); l.Policy() != tt.want {
			t.Errorf("got %s, want %s", l.Policy(), tt.want)
		}
	}
}

func TestAdd(t *testing.T) {
	f := &fields{}
	narrow, wide := New("narrow", 5, time.Minute, Requests), New("wide", 50, time.Hour, Requests)
	Add(f, &State{Limit: &narrow, Remaining: 4, Reset: 1500 * time.Millisecond})
	Add(f, &State{Limit: &wide, Remaining: 40, Reset: time.Hour})
	want := `ratelimit-policy: "narrow";q=5;w=60|ratelimit: "narrow";r=4;t=2|ratelimit-policy: "wide";q=50;w=3600|ratelimit: "wide";r=40;t=3600`
	if got := strings.Join(f.added, "|"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := fmt.Sprint(f.set); got != "map[x-ratelimit-limit-requests:5 x-ratelimit-remaining-requests:4 x-ratelimit-reset-requests:2s]" {
		t.Errorf("got %s, want the tighter of the two", got)
	}
}

func TestSet(t *testing.T) {
	f := &fields{}
	requests, more := New("r", 5, time.Minute, Requests), New("m", 9, time.Minute, Requests)
	tokens, flight := New("t", 1000, time.Minute, Tokens), New("c", 2, 0, Concurrent)
	states := []State{
		{Limit: &more, Remaining: 8, Reset: time.Minute},
		{Limit: &requests, Remaining: 4, Reset: 30 * time.Second},
		{Limit: &tokens, Remaining: 900, Reset: 20 * time.Millisecond},
		{Limit: &flight, Remaining: 1},
	}
	scratch := Set(f, states, nil)
	want := map[string]string{
		"ratelimit-policy":               `"m";q=9;w=60, "r";q=5;w=60, "t";q=1000;w=60;qu="tokens", "c";q=2;qu="concurrent-requests"`,
		"ratelimit":                      `"m";r=8;t=60, "r";r=4;t=30, "t";r=900;t=1, "c";r=1`,
		"x-ratelimit-limit-requests":     "5",
		"x-ratelimit-remaining-requests": "4",
		"x-ratelimit-reset-requests":     "30s",
		"x-ratelimit-limit-tokens":       "1000",
		"x-ratelimit-remaining-tokens":   "900",
		"x-ratelimit-reset-tokens":       "20ms",
	}
	if got := fmt.Sprint(f.set); got != fmt.Sprint(want) {
		t.Errorf("got %s, want %v", got, want)
	}
	states[1].Remaining = 3 // the next attempt of the exchange
	Set(f, states, scratch)
	if got := f.set["ratelimit"]; !strings.Contains(got, `"r";r=3`) || strings.Contains(got, "r=4") || f.set["x-ratelimit-remaining-requests"] != "3" {
		t.Errorf("got %v, want the newer state in the place of the older", f.set)
	}
	if len(f.added) != 0 {
		t.Errorf("got %v added, want all of it set", f.added)
	}
}
