package policies

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/opa"
)

// bundleSecret signs the bundles of tests; nothing else knows it.
const bundleSecret = "only-for-tests-and-32-bytes-long"

// access is the files of a bundle of one revision.
func access(revision string) map[string]string {
	return map[string]string{
		".manifest":          fmt.Sprintf(`{"revision":%q,"roots":["access"]}`, revision),
		"access/access.rego": "package access\n\nimport data.access.limits\n\ndefault decision := false\n\ndecision if limits.most > 1\n",
		"access/data.json":   `{"limits":{"most":3}}`,
	}
}

// packed packs files into a bundle, signed with the key unless that is empty.
func packed(t *testing.T, files map[string]string, key string) []byte {
	t.Helper()
	files = maps.Clone(files)
	if key != "" {
		files[".signatures.json"] = signature(t, files, key)
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		head := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(files[name]))}
		if err := w.WriteHeader(head); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// signature is the .signatures.json of a bundle: the hash of each file in a token. Documents are hashed as compact JSON with
// sorted keys, which those of these tests are.
func signature(t *testing.T, files map[string]string, key string) string {
	t.Helper()
	type info struct {
		Name      string `json:"name"`
		Hash      string `json:"hash"`
		Algorithm string `json:"algorithm"`
	}
	all := make([]info, 0, len(files))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		if path.Ext(name) != ".rego" {
			var doc any
			if err := json.Unmarshal([]byte(text), &doc); err != nil {
				t.Fatal(err)
			}
			sorted, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			text = string(sorted)
		}
		sum := sha256.Sum256([]byte(text))
		all = append(all, info{name, hex.EncodeToString(sum[:]), "SHA-256"})
	}
	claims, err := json.Marshal(map[string]any{"files": all})
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"HS256","kid":"main"}`)) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = mac.Write([]byte(token))
	return fmt.Sprintf(`{"signatures":[%q]}`, token+"."+encode(mac.Sum(nil)))
}

// bundleServer serves one bundle, the way servers of bundles do.
type bundleServer struct {
	*httptest.Server

	mu      sync.Mutex
	data    []byte
	status  int  // in place of the bundle
	holds   bool // questions until there is an answer
	changed chan struct{}
	asked   []http.Header
	not     int // modified
}

func serveBundle(t *testing.T, data []byte) *bundleServer {
	t.Helper()
	s := &bundleServer{data: data, changed: make(chan struct{})}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// publish serves another bundle, and answers what is held.
func (s *bundleServer) publish(data []byte) { s.set(func() { s.data, s.status = data, 0 }) }

func (s *bundleServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *bundleServer) requests() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *bundleServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Header)
	for {
		data, status, holds, changed := s.data, s.status, s.holds, s.changed
		sum := sha256.Sum256(data)
		etag := `"` + hex.EncodeToString(sum[:4]) + `"`
		same := r.Header.Get("If-None-Match") == etag && status == 0
		waits := holds && strings.Contains(r.Header.Get("Prefer"), "wait=")
		if same && !waits {
			s.not++
		}
		s.mu.Unlock()
		switch {
		case status != 0:
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			return
		case same && waits:
			select {
			case <-changed:
			case <-r.Context().Done():
				return
			}
			s.mu.Lock()
			continue
		case same:
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "application/gzip")
		if holds {
			w.Header().Set("Content-Type", longPollType)
		}
		w.Header().Set("ETag", etag)
		_, _ = w.Write(data) // to a client that may be gone
		return
	}
}

// bundled is a store whose policy has a bundle.
type bundled struct {
	*watched

	opts Options
}

// openBundled writes a policy and makes a store for it. The plans carry the revision of the bundle as their name.
func openBundled(t *testing.T, text string) *bundled {
	t.Helper()
	dir := t.TempDir()
	b := &bundled{watched: &watched{t: t, dir: dir, path: dir + "/policy.yaml"}, opts: testOptions()}
	b.opts.Secrets = []Source{MapSecrets(map[string]string{"KEY": bundleSecret, "TOKEN": "bearer-of-the-tests", "OTHER_KEY": strings.Repeat("another", 6)})}
	b.opts.Build = func(cfg engine.PlanConfig) (*engine.Plan, diag.List) {
		return &engine.Plan{Name: revisionOf(cfg.Rego), Hash: cfg.Hash}, nil
	}
	write(t, b.path, text)
	b.reopen()
	return b
}

func revisionOf(p *opa.Policy) string {
	names := revisions(p)
	if len(names) == 0 {
		return ""
	}
	_, revision, _ := strings.Cut(names[0], "@")
	return revision
}

// reopen is a cold start.
func (b *bundled) reopen() { b.store = NewStore(Input{Path: b.path}, b.opts) }

// load loads the policy, which must succeed.
func (b *bundled) load() {
	b.t.Helper()
	if err := b.store.Reload(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// revision waits until the plan in use has it.
func (b *bundled) revision(want string) {
	b.t.Helper()
	b.await("revision "+want, func() bool { return b.store.Load().Name == want })
}

func (b *bundled) await(what string, done func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if done() {
			return
		}
	}
	b.t.Fatalf("got plan %+v and status %+v, want %s", b.store.Load(), b.store.Status(), what)
}

// status is what the store tells about its only bundle.
func (b *bundled) status() BundleStatus {
	b.t.Helper()
	all := b.store.Status().Bundles
	if len(all) != 1 {
		b.t.Fatalf("got bundles %+v, want one", all)
	}
	return all[0]
}

const signedPolicy = `rego:
  - bundle: %s/bundle.tar.gz
    keys: [{id: main, algorithm: HS256, key: "${secrets.get('KEY')}"}]
    headers: {Authorization: "Bearer ${secrets.get('TOKEN')}"}
    poll: 20ms
`
