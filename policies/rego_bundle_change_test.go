package policies

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// TestBundleThatDoesNotFit: a bundle that does not compile with the rest leaves the old plan and its bundle, and the policy
// can be edited all the same.
func TestBundleThatDoesNotFit(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	policy := policyOf(s) + "    persist: kept\n  - module: |\n      package own\n\n      allow := data.access.decision\n"
	b := openBundled(t, policy)
	b.load()
	b.run()
	wide := access("r2")
	wide[".manifest"] = `{"revision":"r2","roots":["access","own"]}`
	s.publish(packed(t, wide, bundleSecret))
	b.await("an error", func() bool { return b.store.Status().LastError != "" && b.status().LastError != "" })
	st := b.status()
	if st.Revision != "r1" || st.Waiting != "r2" || !strings.Contains(st.LastError, "roots_conflict") || b.store.Load().Generation != 1 {
		t.Errorf("got %+v, want r1 in use and r2 waiting", st)
	}
	files, _ := filepath.Glob(filepath.Join(b.dir, "kept", "*"))
	if data, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(data, packed(t, access("r1"), bundleSecret)) {
		t.Errorf("got another copy or %v, want that of what is in use", err)
	}
	write(t, b.path, policy+policyNamed("edited"))
	b.await("the edit", func() bool { return b.store.Load().Generation == 2 })
	if b.store.Load().Name != "r1" || b.store.Status().LastError == "" {
		t.Errorf("got %+v, want the edit with r1, and the error", b.store.Load())
	}
	s.publish(packed(t, access("r3"), bundleSecret))
	b.revision("r3")
	if st := b.store.Status(); st.LastError != "" || st.Generation != 3 || st.Bundles[0].Waiting != "" || st.Bundles[0].LastError != "" {
		t.Errorf("got %+v, want no error", st)
	}
}

// TestBundleKeyExchanged: a policy with another key asks for the bundle anew, since the old one is signed with the old key.
func TestBundleKeyExchanged(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	b := openBundled(t, policyOf(s))
	b.load()
	b.run()
	s.publish(packed(t, access("r2"), strings.Repeat("another", 6)))
	b.await("an error", func() bool { return b.status().LastError != "" })
	write(t, b.path, strings.ReplaceAll(policyOf(s), "'KEY'", "'OTHER_KEY'"))
	b.revision("r2")
	b.await("no error", func() bool { return b.status().LastError == "" })
}

func TestBundleRollback(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	b := openBundled(t, policyOf(s)+"    persist: kept\n")
	b.load()
	b.run()
	s.publish(packed(t, access("r2"), bundleSecret))
	b.revision("r2")
	if err := b.store.Rollback(); err != nil {
		t.Fatal(err)
	}
	b.load()
	if st := b.status(); b.store.Load().Name != "r1" || st.Revision != "r1" || st.Waiting != "r2" {
		t.Errorf("got %q and %+v, want r1 in use", b.store.Load().Name, st)
	}
	s.publish(packed(t, access("r3"), bundleSecret))
	b.revision("r3")
}

// TestBundleUnderLoad: whoever asks while bundles change gets one plan, and reloads from everywhere do not disturb each other.
func TestBundleUnderLoad(t *testing.T) {
	s := serveBundle(t, packed(t, access("r0"), bundleSecret))
	s.holds = true
	b := openBundled(t, policyOf(s))
	b.load()
	b.run()
	ctx, stop := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	for range 4 {
		tasks.Go(func() {
			last := uint64(0)
			for ctx.Err() == nil {
				p := b.store.Load()
				if p.Generation < last || p.Name != "r"+strconv.FormatUint(p.Generation-1, 10) {
					t.Errorf("got %+v behind generation %d, want one plan for each revision", p, last)
					return
				}
				last = p.Generation
				time.Sleep(time.Millisecond)
			}
		})
		tasks.Go(func() {
			for ctx.Err() == nil {
				_ = b.store.Reload(ctx)
				_ = b.store.Status()
			}
		})
	}
	for n := 1; n <= 3; n++ {
		s.publish(packed(t, access("r"+strconv.Itoa(n)), bundleSecret))
		b.revision("r" + strconv.Itoa(n))
	}
	stop()
	tasks.Wait()
}

// TestBundleURLSecret: what stands behind the question mark of a URL is not shown anywhere.
func TestBundleURLSecret(t *testing.T) {
	const token = "sig-of-the-tests"
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	b := openBundled(t, strings.ReplaceAll(policyOf(s), "bundle.tar.gz", "bundle.tar.gz?sig="+token))
	var log bytes.Buffer
	b.opts.Log = zerolog.New(&log)
	b.reopen()
	b.load()
	s.Close()
	write(t, b.path, strings.ReplaceAll(policyOf(s), "bundle.tar.gz", "other.tar.gz?sig="+token))
	err := b.store.Reload(t.Context())
	if err == nil {
		t.Fatal("got a load from a server that is gone, want an error")
	}
	status, problem := json.Marshal(b.store.Status())
	if problem != nil {
		t.Fatal(problem)
	}
	if strings.Contains(log.String(), token) || strings.Contains(string(status), token) {
		t.Errorf("got %s and %s, want no secret of the URL", log.String(), status)
	}
}

func TestBundleFileInPlace(t *testing.T) {
	s := serveBundle(t, nil)
	b := openBundled(t, policyOf(s))
	file := filepath.Join(b.dir, "local.tar.gz")
	write(t, file, string(packed(t, access("r5"), bundleSecret)))
	b.opts.BundleFiles = map[string]string{s.URL + "/bundle.tar.gz": file}
	b.reopen()
	b.load()
	if b.store.Load().Name != "r5" || len(s.requests()) != 0 {
		t.Errorf("got %q and %d requests, want the file", b.store.Load().Name, len(s.requests()))
	}
	b.run()
	time.Sleep(50 * time.Millisecond)
	write(t, file, string(packed(t, access("r6"), bundleSecret)))
	b.revision("r6")
}

func TestCheckFetchesOnce(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	b := openBundled(t, policyOf(s))
	write(t, filepath.Join(b.dir, "second.yaml"), policyOf(s))
	report, err := Check([]string{b.path, filepath.Join(b.dir, "second.yaml")}, b.opts)
	if err != nil || report.HasErrors() || len(s.requests()) != 1 {
		t.Errorf("got %+v, %v and %d requests, want two good policies and one request", report, err, len(s.requests()))
	}
}

// TestOffline: without a network a policy is checked as far as it goes.
func TestOffline(t *testing.T) {
	s := serveBundle(t, packed(t, access("r1"), bundleSecret))
	policy := policyOf(s) + "    persist: kept\non_request: [{type: rego, config: {query: data.access.decision}}]\n"
	b := openBundled(t, policy)
	b.opts.Offline = true
	_, diags := Compile(Input{Path: b.path}, b.opts)
	if diags.HasErrors() || len(diags) != 1 || diags[0].Code != "bundle_left_out" {
		t.Errorf("got %v, want to be told that the bundle is left out", diags)
	}
	b.opts.Offline = false
	b.reopen()
	b.load()
	b.opts.Offline = true
	write(t, b.path, strings.ReplaceAll(policy, "access.decision", "access.gone"))
	if _, diags := Compile(Input{Path: b.path}, b.opts); !diags.HasErrors() {
		t.Errorf("got %v, want the query looked for in the copy", diags)
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("got %d requests, want the one of the load", n)
	}
}
