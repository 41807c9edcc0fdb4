package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/providers/sim"
)

// midStream is one row of the table after the commit point: the client has read two words when the fault befalls the call.
type midStream struct {
	name  string
	order string
	end   sim.End // "" = either side may be first
}

// spoken is what alpha says, one word an event. The fault comes before the third.
const spoken = "say=alpha0 alpha1 alpha2 alpha3 alpha4 alpha5;pace=10ms;canary=canaryone;header=x-vendor:canaryone;"

func midStreams() []midStream {
	return []midStream{
		{"a stall", "stall-after=2", sim.ClientClosed},
		{"a cut", "cut-after=2", sim.Cut},
		{"a reset", "reset-after=2", sim.Reset},
		{"an error event", "error-event-at=2", ""},
		{"a malformed event", "malformed-at=2", ""},
		{"a stall of a compressed stream", "gzip;stall-after=2", sim.ClientClosed},
		{"a cut of a compressed stream", "gzip;cut-after=2", sim.Cut},
		{"a reset of a compressed stream", "gzip;reset-after=2", sim.Reset},
		{"a cut of a trickle", "trickle=1ms;trickle-bytes=40;cut-after=2", sim.Cut},
		{"an error event in a trickle", "trickle=1ms;trickle-bytes=40;error-event-at=2", ""},
	}
}

func streamManners() []manner {
	var out []manner
	for _, m := range manners() {
		if m.stream {
			out = append(out, m)
		}
	}
	return out
}

func TestFaultsAfterTheCommitPoint(t *testing.T) {
	t.Parallel()
	for _, row := range midStreams() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for _, m := range streamManners() {
				t.Run(m.name, func(t *testing.T) {
					t.Parallel()
					f := fault{timer: "stream_idle_timeout: " + short.String()}
					w := f.world(t, well)
					w.sims["alpha"].SetScript(script(t, "key="+keyOne+" -> "+spoken+row.order))
					row.want(t, m, w)
				})
			}
		})
	}
}

func script(t *testing.T, text string) *sim.Script {
	t.Helper()
	s, err := sim.ParseScript(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (row *midStream) want(t *testing.T, m manner, w *world) {
	t.Helper()
	a := w.send(t, m.request("m", "say something"))
	answered := time.Now()
	if a.status != http.StatusOK || a.header.Get("X-Weir-Provider") != "alpha" || a.header.Get("X-Weir-Attempts") != "1" {
		t.Errorf("got %s, want the begin of alpha's stream", a)
	}
	m.wantBroken(t, a)
	text := string(a.body)
	if !strings.Contains(text, "alpha0") || !strings.Contains(text, "alpha1") {
		t.Errorf("the words before the fault are missing: %s", a)
	}
	for _, word := range []string{"alpha2", "alpha3", "alpha4", "alpha5", "canarybeta"} {
		if strings.Contains(text, word) {
			t.Errorf("got %s after the fault: %s", word, a)
		}
	}
	calls := w.ended(t)
	if got := sequence(calls, keyNames()); got != onlyAlpha {
		t.Fatalf("got calls %s, want %s", got, onlyAlpha)
	}
	if row.end != "" && calls[0].End != row.end {
		t.Errorf("the call ended as %s, want %s", calls[0].End, row.end)
	}
	if late := calls[0].Ended.Sub(answered); late > soon {
		t.Errorf("the call ended %s after the answer", late)
	}
	// What broke one stream breaks no other: the next request has a provider.
	w.sims["alpha"].SetScript(nil)
	next := w.send(t, m.request("m", "say something"))
	if next.status != http.StatusOK {
		t.Errorf("the next request got %s", next)
	}
	m.wantWhole(t, next)
}

// TestPacesThatAreNoFaults shows streams that are slow or oddly cut and yet whole.
func TestPacesThatAreNoFaults(t *testing.T) {
	t.Parallel()
	for _, order := range []string{
		well, "pace=30ms", "trickle=1ms;trickle-bytes=7", "gzip", "gzip;trickle=1ms;trickle-bytes=11", "gzip;pace=20ms", "delay=100ms", "chunks=400",
	} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			for _, m := range streamManners() {
				t.Run(m.name, func(t *testing.T) {
					t.Parallel()
					f := fault{timer: "stream_idle_timeout: 5s"}
					w := f.world(t, well)
					w.sims["alpha"].SetScript(script(t, "-> say=alpha0 alpha1 alpha2 alpha3;"+order))
					a := w.send(t, m.request("m", "say something"))
					m.wantWhole(t, a)
					for _, word := range []string{"alpha0", "alpha1", "alpha2", "alpha3"} {
						if strings.Count(string(a.body), word) < 1 {
							t.Errorf("%s is missing: %s", word, a)
						}
					}
					calls := w.ended(t)
					if got := sequence(calls, keyNames()); got != onlyAlpha || calls[0].End != sim.Completed {
						t.Errorf("got calls %s, the first ended as %s, want %s completed", got, calls[0].End, onlyAlpha)
					}
				})
			}
		})
	}
}

// TestAConnectionThatBreaksBehindTheEnd: the answer had come to its end when the framing broke. Where the API has a closing
// event that is the end; Gemini has none, and its client may be told of the cut, but not in words that it cannot read.
func TestAConnectionThatBreaksBehindTheEnd(t *testing.T) {
	t.Parallel()
	for _, m := range streamManners() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			f := fault{order: "wrong-length"}
			w := f.world(t, well)
			a := w.send(t, m.request("m", "say something"))
			if a.status != http.StatusOK {
				t.Fatalf("got %s", a)
			}
			wantOnly(t, a, "alpha/one")
			if m.family() != "gemini" {
				m.wantWhole(t, a)
			}
			if m.array && !json.Valid(a.body) {
				t.Errorf("got no JSON: %s", a)
			}
			if got := sequence(w.ended(t), keyNames()); got != onlyAlpha {
				t.Errorf("got calls %s, want %s", got, onlyAlpha)
			}
		})
	}
}
