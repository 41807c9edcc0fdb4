package e2e

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"weir/providers/sim"
)

// guard is a webhook that says what it is told to, when it is told to.
type guard struct {
	asked   chan struct{} // one for each question
	verdict chan string   // one for each answer
	left    chan struct{} // one for each question that nobody waits for any longer
}

// guarded is a world whose prompts a guard reads while the provider works.
func guarded(t *testing.T, script string) (*world, *guard) {
	t.Helper()
	g := &guard{asked: make(chan struct{}, 16), verdict: make(chan string, 16), left: make(chan struct{}, 16)}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		g.asked <- struct{}{}
		select {
		case v := <-g.verdict:
			_, _ = io.WriteString(w, v)
		case <-r.Context().Done():
			g.left <- struct{}{}
		}
	}))
	t.Cleanup(hook.Close)
	return newWorld(t, setup{
		sims: map[string]string{"main": script},
		policy: "providers: [{id: main, base_url: '{{main}}', models: [{id: m}], supported_api_surfaces: [{format: openai}, {format: anthropic}, {format: gemini}]}]\n" +
			"on_request:\n  - {type: http-request, config: {timeout: 20s, url: '" + hook.URL +
			"/', guard: {shape: webhook, parallel: true}}}\n",
	}), g
}

const (
	yes = `{"allow":true}`
	no  = `{"allow":false,"message":"not this"}`
)

func wantOne(t *testing.T, what string, c <-chan struct{}, within time.Duration) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(within):
		t.Fatalf("%s: got nothing for %s", what, within)
	}
}

// TestGuardBesideHoldsEveryByte: the provider has answered, and the client has nothing until the guard has said yes.
func TestGuardBesideHoldsEveryByte(t *testing.T) {
	t.Parallel()
	for _, m := range manners() {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			w, g := guarded(t, "")
			c := w.dial(t)
			if _, err := io.WriteString(c, m.request("m", "hello")); err != nil {
				t.Fatal(err)
			}
			wantOne(t, "the question", g.asked, patience)
			waitFor(t, "the provider's answer", func() bool {
				calls := w.calls()
				return len(calls) == 1 && calls[0].End == sim.Completed
			})
			if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if n, err := c.Read(make([]byte, 1)); n != 0 || !os.IsTimeout(err) {
				t.Fatalf("got %d bytes, %v, want none before the verdict", n, err)
			}
			if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			g.verdict <- yes
			a, err := readAnswer(bufio.NewReader(c), http.MethodPost)
			if err != nil || a.status != http.StatusOK || !strings.Contains(string(a.body), "hello") {
				t.Errorf("got %s, %v, want the answer", a, err)
			}
		})
	}
}

// TestGuardBesideCutsTheCall: a refusal does not wait for the provider, which does not suffer for it.
func TestGuardBesideCutsTheCall(t *testing.T) {
	t.Parallel()
	for _, m := range manners() {
		for name, script := range map[string]string{"before the head": "-> delay=30s", "in the stream": "-> stall-after=2"} {
			if name == "in the stream" && !m.stream {
				continue
			}
			t.Run(m.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				w, g := guarded(t, script)
				for i := range hangUps {
					go func() {
						<-g.asked
						waitFor(t, "the call", func() bool { return len(w.calls()) == i+1 })
						g.verdict <- no
					}()
					begun := time.Now()
					a := w.send(t, m.request("m", "hello"))
					if a.status != http.StatusForbidden || !strings.Contains(string(a.body), "not this") || strings.Contains(string(a.body), "sim") {
						t.Fatalf("got %s, want the refusal alone", a)
					}
					if took := time.Since(begun); took > soon+time.Second {
						t.Errorf("got the refusal after %s, want it at once", took)
					}
				}
				for _, c := range w.ended(t) {
					if c.End != sim.ClientClosed {
						t.Errorf("got a call that ended as %s, want %s", c.End, sim.ClientClosed)
					}
				}
				w.sims["main"].SetScript(nil)
				g.verdict <- yes
				if a := w.send(t, m.request("m", "hello")); a.status != http.StatusOK {
					t.Errorf("got %s, want an answer: a refusal is not the provider's failure", a)
				}
			})
		}
	}
}

// TestGuardBesideEndsWithTheClient: a client that goes away ends the question and the call.
func TestGuardBesideEndsWithTheClient(t *testing.T) {
	t.Parallel()
	w, g := guarded(t, "-> delay=30s")
	c := w.dial(t)
	if _, err := io.WriteString(c, manners()[0].request("m", "hello")); err != nil {
		t.Fatal(err)
	}
	wantOne(t, "the question", g.asked, patience)
	waitFor(t, "the call", func() bool { return len(w.calls()) == 1 })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	wantOne(t, "the end of the question", g.left, soon+time.Second)
	if calls := w.ended(t); calls[0].End != sim.ClientClosed {
		t.Errorf("got a call that ended as %s, want %s", calls[0].End, sim.ClientClosed)
	}
}
