package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// senders is how many clients send while the policy changes.
	senders = 16
	// unhurried keeps the journal of the provider within what it remembers.
	unhurried = "-> delay=40ms"
)

// generation is a policy that leaves its name in every phase: in a variable, on the call upstream and on the answer.
func generation(name string) string {
	return strings.ReplaceAll(`providers:
  - id: alpha
    base_url: "{{alpha}}"
    models: [{id: m}]
on_request:
  - actions: [{type: set-vars, config: {vars: [{gen: NAME}]}}]
route:
  - name: NAME
    headers: {x-gen-up: "${vars.gen}/NAME"}
on_response:
  - actions: [{type: add-headers, config: {headers: {x-gen-down: "${vars.gen}/NAME"}}}]
`, "NAME", name)
}

// traffic is clients that send one request after the other, each on a connection that stays open.
type traffic struct {
	w      *world
	stop   atomic.Bool
	serial atomic.Int64
	all    sync.WaitGroup
	mu     sync.Mutex
	seen   map[string]string // mark of a request -> generation on its answer
	failed []string
}

func (w *world) traffic(t *testing.T) *traffic {
	t.Helper()
	tr := &traffic{w: w, seen: map[string]string{}}
	for i := range senders {
		tr.all.Go(func() {
			if err := tr.client(t.Context(), i%2 == 0); err != nil {
				tr.fail(err.Error())
			}
		})
	}
	return tr
}

func (tr *traffic) fail(what string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.failed = append(tr.failed, what)
}

func (tr *traffic) client(ctx context.Context, stream bool) error {
	c, err := tr.w.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	from, m := bufio.NewReader(c), manner{chatDialect(), stream}
	for !tr.stop.Load() {
		mark := strconv.FormatInt(tr.serial.Add(1), 10)
		if _, err := io.WriteString(c, m.request("m", "hi", "X-Row: "+mark)); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
		a, err := readAnswer(from, "POST")
		if err != nil {
			return err
		}
		if a.status != 200 || a.cut != nil || (stream && !strings.Contains(string(a.body), m.ends[0])) {
			tr.fail(a.String())
		}
		tr.mu.Lock()
		tr.seen[mark] = a.header.Get("X-Gen-Down")
		tr.mu.Unlock()
	}
	return nil
}

// has reports whether an answer of that generation came.
func (tr *traffic) has(name string) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, got := range tr.seen {
		if got == name+"/"+name {
			return true
		}
	}
	return false
}

// end stops the clients and checks that no request failed and that none saw two policies.
func (tr *traffic) end(t *testing.T) {
	t.Helper()
	tr.stop.Store(true)
	tr.all.Wait()
	for i, what := range tr.failed {
		if i == 3 {
			t.Errorf("and %d more", len(tr.failed)-i)
			break
		}
		t.Errorf("a request failed: %s", what)
	}
	calls := tr.w.calls()
	if len(calls) != len(tr.seen) {
		t.Errorf("got %d calls and %d answers", len(calls), len(tr.seen))
	}
	for i := range calls {
		up, down := calls[i].Header("X-Gen-Up"), tr.seen[calls[i].Header("X-Row")]
		first, second, _ := strings.Cut(up, "/")
		if up != down || first != second || first == "" {
			t.Errorf("request %s saw %q on the way up and %q on the way down", calls[i].Header("X-Row"), up, down)
		}
	}
	t.Logf("%d requests", len(tr.seen))
}

// change is a way in which a policy is replaced.
type change struct {
	name string
	// at is where the policy lies below a folder, and lay makes what is needed there.
	at  string
	lay func(w *world, dir string)
	do  func(w *world, text string)
}

func changes() []change {
	inPlace := func(w *world, text string) { w.write(w.path, text) }
	version := 0
	return []change{
		{name: "in place", at: "policy.yaml", do: inPlace},
		{name: "in two writes", at: "policy.yaml", do: func(w *world, text string) {
			f, err := os.Create(w.path)
			if err != nil {
				w.t.Fatal(err)
			}
			text = w.fill(text)
			for _, half := range []string{text[:len(text)/2], text[len(text)/2:]} {
				if _, err := f.WriteString(half); err != nil {
					w.t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
			if err := f.Close(); err != nil {
				w.t.Fatal(err)
			}
		}},
		{name: "by a rename over it", at: "policy.yaml", do: func(w *world, text string) {
			w.write(w.path+".swp", text)
			if err := os.Rename(w.path+".swp", w.path); err != nil {
				w.t.Fatal(err)
			}
		}},
		{name: "moved away and written anew", at: "policy.yaml", do: func(w *world, text string) {
			if err := os.Rename(w.path, w.path+"~"); err != nil {
				w.t.Fatal(err)
			}
			w.write(w.path, text)
		}},
		{
			name: "by the swap of a link", at: "policy.yaml",
			lay: func(w *world, dir string) {
				link(w, "..data/policy.yaml", filepath.Join(dir, "policy.yaml"))
			},
			do: func(w *world, text string) {
				version++
				dir := filepath.Dir(w.path)
				folder := fmt.Sprintf("..version_%d", version)
				if err := os.Mkdir(filepath.Join(dir, folder), 0o750); err != nil {
					w.t.Fatal(err)
				}
				w.write(filepath.Join(dir, folder, "policy.yaml"), text)
				link(w, folder, filepath.Join(dir, "..data_tmp"))
				if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
					w.t.Fatal(err)
				}
			},
		},
	}
}

func link(w *world, to, at string) {
	w.t.Helper()
	if err := os.Symlink(to, at); err != nil {
		w.t.Fatal(err)
	}
}

func (c *change) world(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	return newWorld(t, setup{
		sims: map[string]string{"alpha": unhurried}, watch: true, at: filepath.Join(dir, c.at),
		lay: func(w *world) {
			if c.lay != nil {
				c.lay(w, dir)
				c.do(w, generation("g0"))
				return
			}
			w.write(w.path, generation("g0"))
		},
	})
}

func TestReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := c.world(t)
			tr := w.traffic(t)
			waitFor(t, "the first answers", func() bool { return tr.has("g0") })
			for n := 1; n <= 3; n++ {
				name := fmt.Sprintf("g%d", n)
				c.do(w, generation(name))
				waitFor(t, "answers of "+name, func() bool { return tr.has(name) })
			}
			tr.end(t)
		})
	}
}

// TestBrokenEditsUnderLoad: what does not load changes nothing, is told, and is forgotten once it is repaired.
func TestBrokenEditsUnderLoad(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":             "",
		"cut off":           generation("bad")[:120],
		"not YAML":          "providers: [",
		"an unknown action": generation("bad") + "  - actions: [{type: no-such-action}]\n",
		"a wrong address":   strings.Replace(generation("bad"), "{{alpha}}", "no address", 1),
		"an expression":     generation("bad") + "  - expressions: ['req.nothing == 1']\n    actions: [{type: deny}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := changes()[0]
			w := c.world(t)
			tr := w.traffic(t)
			waitFor(t, "the first answers", func() bool { return tr.has("g0") })
			w.write(w.path, text)
			waitFor(t, "the complaint", func() bool { return w.store.Status().LastError != "" })
			if s := w.store.Status(); s.Generation != 1 || len(s.Diagnostics) == 0 {
				t.Errorf("got generation %d and diagnostics %v, want the first and some", s.Generation, s.Diagnostics)
			}
			w.write(w.path, generation("g2"))
			waitFor(t, "answers of the repaired policy", func() bool { return tr.has("g2") })
			if s := w.store.Status(); s.LastError != "" || s.Generation != 2 {
				t.Errorf("got generation %d and error %q after the repair", s.Generation, s.LastError)
			}
			tr.end(t)
			if tr.has("bad") {
				t.Error("the broken policy answered")
			}
		})
	}
}

func TestTenEditsInASecondUnderLoad(t *testing.T) {
	t.Parallel()
	c := changes()[2]
	w := c.world(t)
	tr := w.traffic(t)
	waitFor(t, "the first answers", func() bool { return tr.has("g0") })
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 1; n <= 10; n++ {
		<-tick.C
		c.do(w, generation(fmt.Sprintf("g%d", n)))
	}
	waitFor(t, "answers of the last edit", func() bool { return tr.has("g10") })
	tr.end(t)
}

// TestAStreamEndsOnThePlanItBeganWith: an edit in the middle of a stream takes nothing from it.
func TestAStreamEndsOnThePlanItBeganWith(t *testing.T) {
	t.Parallel()
	c := changes()[0]
	w := c.world(t)
	w.sims["alpha"].SetScript(script(t, "-> chunks=60;pace=20ms"))
	m := manner{chatDialect(), true}
	conn := w.dial(t)
	if _, err := io.WriteString(conn, m.request("m", "hi")); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	if _, err := from.Peek(1); err != nil { // the head is there: the stream is committed
		t.Fatal(err)
	}
	// The provider of the first policy is not in the second.
	w.write(w.path, "providers: [{id: beta, base_url: 'http://127.0.0.1:9', models: [{id: m}]}]\n")
	waitFor(t, "the reload", func() bool { return w.store.Status().Generation == 2 })
	a, err := readAnswer(from, "POST")
	if err != nil {
		t.Fatal(err)
	}
	m.wantWhole(t, a)
	if got := a.header.Get("X-Gen-Down"); got != "g0/g0" {
		t.Errorf("got generation %q, want g0/g0", got)
	}
	if next := w.send(t, m.request("m", "hi")); next.status != 502 {
		t.Errorf("the next request got %s, want the second policy's provider to be missing", next)
	}
}
