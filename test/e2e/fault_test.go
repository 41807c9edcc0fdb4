package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/providers/sim"
)

// The keys of the fault table. Each attempt of an exchange has a key of its own and thereby a canary of its own.
const (
	keyOne  = "sk-alpha-one-0123456789abcdef"
	keyTwo  = "sk-alpha-two-0123456789abcdef"
	keyBeta = "sk-beta-one-0123456789abcdef"
)

func keyNames() map[string]string {
	return map[string]string{sim.Mark(keyOne): "one", sim.Mark(keyTwo): "two", sim.Mark(keyBeta): "one"}
}

// canaries are the words that the attempts plant into everything they send, by attempt.
func canaries() map[string]string {
	return map[string]string{"alpha/one": "canaryone", "alpha/two": "canarytwo", "beta/one": "canarybeta"}
}

// faultPolicy has two keys at alpha and one at beta for the same model, so that the next key, the next provider and the end
// of the list are all there. %s are the windows of alpha's and beta's model and the timeouts of the route.
const faultPolicy = `providers:
  - id: alpha
    base_url: "{{alpha}}"
    supported_api_surfaces: [{format: openai}, {format: anthropic}, {format: gemini}]
    api_keys: [{value: ` + keyOne + `}, {value: ` + keyTwo + `}]
    models: [{id: m, max_context_window: 8000}]
  - id: beta
    base_url: "{{beta}}"
    supported_api_surfaces: [{format: openai}, {format: anthropic}, {format: gemini}]
    api_keys: [{value: ` + keyBeta + `}]
    models: [{id: m, max_context_window: %d}]
route:
  - %s
`

// short is a timeout under test; healthy answers take a few milliseconds.
const short = 400 * time.Millisecond

// well is a fault that is none, to which others can be added.
const well = "chunks=4"

// where says which of the two ways to answer a row is about.
type where uint8

const (
	everywhere where = iota
	streamed
	whole
)

// any5xx is the status of a failure that each vendor gives a number of its own.
const any5xx = -1

// fault is one row of the table: what goes wrong before the commit point, and what follows from it.
type fault struct {
	name  string
	order string // what befalls each of alpha's attempts
	where where
	timer string // the timeouts of the route; "" = the defaults, which no row reaches
	small bool   // beta's window is no larger than alpha's

	// With a beta that is well:
	calls  string // every upstream call, in order
	from   string // whose answer the client gets; "" = an error
	status int    // of that error

	// With a beta that has the fault as well; an empty list of calls = it makes no difference.
	allCalls   string
	allStatus  int
	retryAfter string

	end sim.End // how alpha's calls ended for alpha
}

const (
	allKeys   = "alpha/one alpha/two beta/one" // another key of the provider may help
	onlyBeta  = "alpha/one beta/one"           // another key would not
	onlyAlpha = "alpha/one"                    // nobody else is asked
)

// passed is what disturbs nobody.
func passed(name, order string) fault {
	return fault{name: name, order: order, calls: onlyAlpha, from: "alpha/one", end: sim.Completed}
}

// returned is a status that the client's own request has earned.
func returned(status int) fault {
	return fault{
		name: fmt.Sprintf("status %d", status), order: fmt.Sprintf("status=%d", status), end: sim.Completed,
		calls: onlyAlpha, status: status,
	}
}

// retried is a status that the next key or provider may spare the client; last is what it sees when none does.
func retried(status, last int) fault {
	return fault{
		name: fmt.Sprintf("status %d", status), order: fmt.Sprintf("status=%d", status), end: sim.Completed,
		calls: allKeys, from: "beta/one", allCalls: allKeys, allStatus: last,
	}
}

// broken is an answer that does not come to its end.
func broken(name, order string, at where, end sim.End) fault {
	return fault{
		name: name, order: order, where: at, end: end,
		calls: onlyBeta, from: "beta/one", allCalls: onlyBeta, allStatus: http.StatusBadGateway,
	}
}

// silent is an answer that does not come in time.
func silent(name, order string, at where, timer string) fault {
	f := broken(name, order, at, sim.ClientClosed)
	f.timer, f.allStatus = timer+": "+short.String(), http.StatusGatewayTimeout
	return f
}

// inside is a failure that is told under a status of success.
func inside(name, order string, at where) fault {
	return fault{
		name: name, order: order, where: at, end: sim.Completed,
		calls: allKeys, from: "beta/one", allCalls: allKeys, allStatus: any5xx,
	}
}

func faults() []fault {
	return slices.Concat(statusFaults(), timeFaults(), brokenFaults())
}

func statusFaults() []fault {
	limited := retried(http.StatusTooManyRequests, http.StatusTooManyRequests)
	limited.name, limited.order, limited.retryAfter = "status 429 with retry-after", "status=429;retry-after=7", "7"
	return []fault{
		passed("nothing wrong", well),
		returned(http.StatusBadRequest),
		retried(http.StatusUnauthorized, http.StatusBadGateway), // the gateway's key, not the caller's
		retried(http.StatusPaymentRequired, http.StatusBadGateway),
		retried(http.StatusForbidden, http.StatusBadGateway),
		returned(http.StatusNotFound), // of something else than the model
		retried(http.StatusRequestTimeout, http.StatusRequestTimeout),
		retried(http.StatusConflict, http.StatusConflict),
		returned(http.StatusUnprocessableEntity),
		retried(http.StatusTooManyRequests, http.StatusTooManyRequests),
		limited,
		retried(http.StatusInternalServerError, http.StatusInternalServerError),
		retried(http.StatusBadGateway, http.StatusBadGateway),
		retried(http.StatusServiceUnavailable, http.StatusServiceUnavailable),
		{
			name: "no such model", order: "no-model", end: sim.Completed,
			calls: onlyBeta, from: "beta/one", allCalls: onlyBeta, allStatus: http.StatusNotFound,
		},
		{
			name: "context too long", order: "context-length", end: sim.Completed,
			calls: onlyBeta, from: "beta/one", allCalls: onlyBeta, allStatus: http.StatusBadRequest,
		},
		{
			name: "context too long and no larger window", order: "context-length", small: true, end: sim.Completed,
			calls: onlyAlpha, status: http.StatusBadRequest,
		},
	}
}

func timeFaults() []fault {
	const firstToken, perRequest = "first_token_timeout", "per_request_timeout"
	return []fault{
		silent("no first token in time", "delay=30s", streamed, firstToken),
		silent("no head in time", "delay=30s", everywhere, perRequest),
		silent("a stall before the first event", "stall-after=start", streamed, firstToken),
		silent("a stall before the content", "stall-after=0", streamed, perRequest),
		silent("a stall in the body", "stall-after=0", whole, perRequest),
		silent("a trickle that takes too long", "trickle=50ms;trickle-bytes=1", whole, perRequest),
		passed("a trickle", "trickle=1ms;trickle-bytes=64"),
		passed("gzip", "gzip"),
		passed("gzip in a trickle", "gzip;trickle=1ms;trickle-bytes=64"),
	}
}

func brokenFaults() []fault {
	return []fault{
		broken("a reset", "reset", everywhere, sim.Reset),
		broken("a cut before the first byte", "cut-after=start", everywhere, sim.Cut),
		broken("a cut before the content", "cut-after=0", streamed, sim.Cut),
		broken("a cut in the body", "cut-after=0", whole, sim.Cut),
		broken("a reset before the first event", "reset-after=start", everywhere, sim.Reset),
		broken("a reset before the content", "reset-after=0", streamed, sim.Reset),
		broken("a reset in the body", "reset-after=0", whole, sim.Reset),
		broken("a body that ends too early", "wrong-length", whole, sim.Completed),
		inside("an error event first", "error-event-at=start", streamed),
		inside("an error event before the content", "error-event-at=0", streamed),
		inside("an error in a good answer", "error-event-at=0", whole),
		broken("a whole answer that is not JSON", "malformed-at=0", whole, ""),
		broken("a whole answer that is not JSON in gzip", "malformed-at=0;gzip", whole, ""),
		broken("a malformed event first", "malformed-at=start", streamed, ""),
		broken("a malformed event before the content", "malformed-at=0", streamed, ""),
		broken("a whole answer to a request for a stream", "not-sse", streamed, sim.Completed),
		broken("a stream without events", "empty-stream", streamed, sim.Completed),
	}
}

func TestFaultsBeforeTheCommitPoint(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for _, m := range manners() {
				if (f.where == streamed && !m.stream) || (f.where == whole && m.stream) {
					continue
				}
				t.Run(m.String(), func(t *testing.T) {
					t.Parallel()
					f.withHealthyBeta(t, m)
				})
				if f.allCalls != "" {
					t.Run(m.String()+" and nobody is well", func(t *testing.T) {
						t.Parallel()
						f.withNobodyWell(t, m)
					})
				}
			}
		})
	}
}

func (f *fault) world(t *testing.T, beta string) *world {
	t.Helper()
	return f.worldWith(t, beta, plain)
}

func (f *fault) worldWith(t *testing.T, beta string, by transport) *world {
	t.Helper()
	window, timer := 16000, f.timer
	if f.small {
		window = 8000
	}
	if timer == "" {
		timer = "name: all"
	}
	plant := canaries()
	line := func(key, order, attempt string) string {
		return fmt.Sprintf("key=%s -> %s;canary=%s;header=x-vendor:%s\n", key, order, plant[attempt], plant[attempt])
	}
	order := cmp.Or(f.order, well)
	return newWorld(t, setup{
		policy: fmt.Sprintf(faultPolicy, window, timer),
		sims: map[string]string{
			"alpha": line(keyOne, order, "alpha/one") + line(keyTwo, order, "alpha/two"),
			"beta":  line(keyBeta, beta, "beta/one"),
		},
		by: by,
	})
}

func (f *fault) withHealthyBeta(t *testing.T, m manner) {
	t.Helper()
	w := f.world(t, well)
	a := w.send(t, m.request("m", "say something"))
	calls := w.ended(t)
	f.wantCalls(t, calls, f.calls)
	if f.from == "" {
		f.wantError(t, m, a, f.status, "canaryone")
		return
	}
	if a.status != http.StatusOK {
		t.Fatalf("got %s, want the answer of %s", a, f.from)
	}
	m.wantWhole(t, a)
	wantOnly(t, a, f.from)
	name, _, _ := strings.Cut(f.from, "/")
	for field, want := range map[string]string{
		"X-Weir-Provider": name, "X-Weir-Model": "m", "X-Weir-Attempts": strconv.Itoa(len(calls)),
		"Retry-After": "", "X-Should-Retry": "", "Content-Encoding": "",
	} {
		if got := a.header.Get(field); got != want {
			t.Errorf("got %s %q, want %q", field, got, want)
		}
	}
}

func (f *fault) withNobodyWell(t *testing.T, m manner) {
	t.Helper()
	w := f.world(t, f.order)
	a := w.send(t, m.request("m", "say something"))
	f.wantCalls(t, w.ended(t), f.allCalls)
	f.wantError(t, m, a, f.allStatus, "")
}

// wantCalls checks the calls, that each had ended for its provider within a second of the next one's start, and how.
func (f *fault) wantCalls(t *testing.T, calls []call, want string) {
	t.Helper()
	if got := sequence(calls, keyNames()); got != want {
		t.Errorf("got calls %s, want %s", got, want)
	}
	for i := range calls {
		c := &calls[i]
		if c.at != "alpha" {
			continue
		}
		if f.end != "" && c.End != f.end {
			t.Errorf("call %d ended as %s, want %s", i+1, c.End, f.end)
		}
		if i+1 < len(calls) && c.Ended.Sub(calls[i+1].Began) > soon {
			t.Errorf("call %d ended %s after the next one began", i+1, c.Ended.Sub(calls[i+1].Began))
		}
	}
}

// wantError checks an error in the client's own shape that keeps SDKs from trying again what Weir has tried.
func (f *fault) wantError(t *testing.T, m manner, a *answer, status int, canary string) {
	t.Helper()
	if ok := a.status == status || (status == any5xx && a.status >= http.StatusInternalServerError); !ok {
		t.Errorf("got status %d, want %d: %s", a.status, status, a)
	}
	m.wantProblem(t, a)
	if !strings.Contains(string(a.body), canary) {
		t.Errorf("the provider's own words did not come back: %s", a)
	}
	for _, key := range []string{keyOne, keyTwo, keyBeta} {
		if strings.Contains(a.String(), key) {
			t.Errorf("the error holds a key: %s", a)
		}
	}
	if got := a.header.Get("Retry-After"); got != f.retryAfter {
		t.Errorf("got retry-after %q, want %q", got, f.retryAfter)
	}
	again := a.status == http.StatusRequestTimeout || a.status == http.StatusConflict || a.status == http.StatusTooManyRequests ||
		a.status >= http.StatusInternalServerError
	if got := a.header.Get("X-Should-Retry"); again && got != "false" {
		t.Errorf("got x-should-retry %q, want false", got)
	}
	if a.header.Get("X-Request-Id") == "" {
		t.Error("got no x-request-id")
	}
}

// wantOnly checks that an answer holds the canary of one attempt and of no other, in head and body.
func wantOnly(t *testing.T, a *answer, from string) {
	t.Helper()
	var head strings.Builder
	if err := a.header.Write(&head); err != nil {
		t.Fatal(err)
	}
	for attempt, canary := range canaries() {
		inHead, inBody := strings.Contains(head.String(), canary), strings.Contains(string(a.body), canary)
		if attempt == from {
			if !inHead || !inBody {
				t.Errorf("got canary of %s in head %t, in body %t, want both: %s", attempt, inHead, inBody, a)
			}
		} else if inHead || inBody {
			t.Errorf("bytes of %s leaked: %s", attempt, a)
		}
	}
}
