package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"weir/access"
	"weir/access/seal"
	"weir/access/store"
)

const (
	adminToken = "canary-listener-token-5f1d0c"
	canary     = "canary-"
)

// harness is an API on a listener in memory, over a store in memory.
type harness struct {
	t         *testing.T
	api       *API
	store     *memory
	directory *access.Directory
	box       *seal.Box
	client    *http.Client
	dial      func() (net.Conn, error)
	schemas   *jsonschema.Compiler
	compiled  map[string]*jsonschema.Schema
	document  map[string]any
	logged    *bytes.Buffer
	seen      map[string]bool // "METHOD pattern status" that answers were checked for
	remote    *atomic.Value   // where requests come from
	secrets   []string        // that no answer may hold, unless it is asked for
}

func newHarness(t *testing.T, edit ...func(o *Options)) *harness {
	t.Helper()
	m := newMemory()
	return harnessOver(t, m, m, edit...)
}

func harnessOver(t *testing.T, s store.Store, m *memory, edit ...func(o *Options)) *harness {
	t.Helper()
	h := &harness{t: t, store: m, seen: map[string]bool{}, logged: &bytes.Buffer{}, remote: &atomic.Value{}}
	key := make([]byte, seal.KeySize)
	for i := range key {
		key[i] = byte(i*37 + 11)
	}
	box, err := seal.New(key)
	if err != nil {
		t.Fatal(err)
	}
	h.box = box
	log := zerolog.New(zerolog.SyncWriter(h.logged))
	h.directory = access.NewDirectory(access.DirectoryOptions{Store: s, Log: log})
	if err := h.directory.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	manager := access.NewManager(access.ManagerOptions{
		Store: s, Directory: h.directory, Box: box,
		BuiltIn:   func(id string) bool { return id == "openai" || id == "anthropic" },
		CheckWhen: refuseExpr, CheckPer: refuseExpr,
	})
	o := Options{
		Manager: manager, Directory: h.directory, Store: s, Box: box, Token: adminToken, Log: log,
		Providers: func() []ProviderInfo { return []ProviderInfo{{ID: "openai", Name: "OpenAI"}} },
	}
	for _, e := range edit {
		e(&o)
	}
	if h.api, err = New(o); err != nil {
		t.Fatal(err)
	}
	h.listen()
	h.compile()
	return h
}

func refuseExpr(text string) error {
	if strings.Contains(text, "nonsense") {
		return errors.New("it does not compile")
	}
	return nil
}

func (h *harness) listen() {
	h.t.Helper()
	l := fasthttputil.NewInmemoryListener()
	h.remote.Store("192.0.2.7:1234")
	server := &fasthttp.Server{
		Handler: func(ctx *fasthttp.RequestCtx) {
			if !h.api.Serve(ctx) {
				ctx.SetStatusCode(fasthttp.StatusTeapot)
			}
		},
		MaxRequestBodySize: maxBody + 1, ReadBufferSize: 2 * maxToken, NoDefaultServerHeader: true, NoDefaultContentType: true, NoDefaultDate: true, Logger: quiet{},
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(from{l, h.remote}) }()
	h.dial = l.Dial
	h.client = &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return l.Dial() },
	}}
	h.t.Cleanup(func() {
		h.client.CloseIdleConnections()
		_ = l.Close()
		if err := <-done; err != nil {
			h.t.Log(err)
		}
	})
}

// from makes the connections of a listener look as if they came from elsewhere.
type from struct {
	net.Listener

	remote *atomic.Value
}

func (f from) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // a server tells its own end by it
	}
	addr, _ := f.remote.Load().(string)
	return remoteConn{c, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))}, nil
}

type remoteConn struct {
	net.Conn

	addr net.Addr
}

func (c remoteConn) RemoteAddr() net.Addr { return c.addr }

// comeFrom has the next requests come from another address.
func (h *harness) comeFrom(addr string) {
	h.client.CloseIdleConnections()
	h.remote.Store(addr)
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// compile reads the document that the API serves. Answers are checked against it, and against nothing beside it: what is not
// documented is an error.
func (h *harness) compile() {
	h.t.Helper()
	if err := json.Unmarshal(h.api.openAPI, &h.document); err != nil {
		h.t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(h.api.openAPI))
	if err != nil {
		h.t.Fatal(err)
	}
	h.compiled = map[string]*jsonschema.Schema{}
	closeObjects(document)
	h.schemas = jsonschema.NewCompiler()
	h.schemas.AssertFormat()
	if err := h.schemas.AddResource("mem://openapi.json", document); err != nil {
		h.t.Fatal(err)
	}
}

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	}
}

// answer is a response as a test looks at it.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

func (a *answer) text(t *testing.T, name string) string {
	t.Helper()
	s, ok := a.body[name].(string)
	if !ok {
		t.Fatalf("%s: got %v in %s, want a text", name, a.body[name], a.raw)
	}
	return s
}

// object is a member that is an object, and list one that is a list of them.
func (a *answer) object(t *testing.T, name string) map[string]any {
	t.Helper()
	m, ok := a.body[name].(map[string]any)
	if !ok {
		t.Fatalf("%s: got %v in %s, want an object", name, a.body[name], a.raw)
	}
	return m
}

func (a *answer) list(t *testing.T, name string) []map[string]any {
	t.Helper()
	all, ok := a.body[name].([]any)
	if !ok {
		t.Fatalf("%s: got %v in %s, want a list", name, a.body[name], a.raw)
	}
	out := make([]map[string]any, 0, len(all))
	for _, one := range all {
		m, ok := one.(map[string]any)
		if !ok {
			t.Fatalf("%s: got %v in %s, want objects", name, one, a.raw)
		}
		out = append(out, m)
	}
	return out
}

// call is one request.
type call struct {
	method, path, body string
	token              string // "" = the listener's, "-" = none
	header             map[string]string
	secret             bool // the answer may hold secrets
}

func (h *harness) do(c call) *answer {
	h.t.Helper()
	status, header, raw := h.send(c)
	a := &answer{status: status, header: header, raw: raw, body: map[string]any{}}
	if raw != "" {
		if err := json.Unmarshal([]byte(raw), &a.body); err != nil {
			h.t.Fatalf("%s %s: got %q, want JSON", c.method, c.path, raw)
		}
	}
	h.validate(c, a)
	return a
}

func (h *harness) send(c call) (status int, header http.Header, body string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), c.method, "http://weir.test"+c.path, strings.NewReader(c.body))
	if err != nil {
		h.t.Fatal(err)
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	switch c.token {
	case "":
		req.Header.Set("Authorization", "Bearer "+adminToken)
	case "-":
	default:
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for k, v := range c.header {
		req.Header.Del(k)
		if v != "" {
			req.Header.Set(k, v)
		}
	}
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(raw)
}

// validate checks an answer against the document, and that it holds no secret.
func (h *harness) validate(c call, a *answer) {
	h.t.Helper()
	if !c.secret && (strings.Contains(a.raw, canary) || slices.ContainsFunc(h.secrets, func(s string) bool { return strings.Contains(a.raw, s) })) {
		h.t.Errorf("%s %s: got a secret in %s", c.method, c.path, a.raw)
	}
	target, _, _ := strings.Cut(c.path, "?")
	p, _ := h.api.routes.match(target)
	if p == nil || p.route(c.method) == nil {
		return
	}
	method := strings.ToLower(c.method)
	at := fmt.Sprintf("paths/%s/%s/responses/%d", strings.ReplaceAll(strings.ReplaceAll(p.pattern, "~", "~0"), "/", "~1"), method, a.status)
	h.seen[c.method+" "+p.pattern+fmt.Sprintf(" %d", a.status)] = true
	response, ok := dig(h.document, strings.Split(at, "/")...)
	if !ok {
		h.t.Errorf("%s %s: got status %d, which the document does not know: %s", c.method, c.path, a.status, a.raw)
		return
	}
	if to, ok := response["$ref"].(string); ok {
		at = strings.TrimPrefix(to, "#/")
		response, _ = dig(h.document, strings.Split(at, "/")...)
	}
	if response["content"] == nil {
		if a.raw != "" {
			h.t.Errorf("%s %s: got a body with status %d, where the document has none: %s", c.method, c.path, a.status, a.raw)
		}
		return
	}
	h.matches(at+"/content/application~1json/schema", c.method+" "+c.path, a.raw)
}

func (h *harness) matches(at, what, raw string) {
	h.t.Helper()
	s := h.compiled[at]
	if s == nil {
		var err error
		if s, err = h.schemas.Compile("mem://openapi.json#/" + at); err != nil {
			h.t.Fatal(err)
		}
		h.compiled[at] = s
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		h.t.Errorf("%s: the answer %s does not fit its schema: %v", what, raw, err)
	}
}

func dig(v map[string]any, path ...string) (map[string]any, bool) {
	for _, p := range path {
		next, ok := v[strings.ReplaceAll(p, "~1", "/")].(map[string]any)
		if !ok {
			return nil, false
		}
		v = next
	}
	return v, true
}

func (h *harness) want(c call, status int) *answer {
	h.t.Helper()
	a := h.do(c)
	if a.status != status {
		h.t.Fatalf("%s %s: got %d %s, want %d", c.method, c.path, a.status, a.raw, status)
	}
	return a
}

// refused checks that a call is refused for a reason that names a field; "" is none.
func (h *harness) refused(c call, status int, code, field string) *answer {
	h.t.Helper()
	a := h.want(c, status)
	if a.body["errorCode"] != code {
		h.t.Errorf("%s %s: got code %v, want %s", c.method, c.path, a.body["errorCode"], code)
	}
	details, _ := a.body["details"].(map[string]any)
	if field != "" && details[field] == nil {
		h.t.Errorf("%s %s: got details %v, want %s in them", c.method, c.path, details, field)
	}
	return a
}

// keyFor makes an API key of a role.
func (h *harness) keyFor(role string) (id, token string) {
	h.t.Helper()
	a := h.want(call{method: "POST", path: "/api-keys", body: `{"name":"of ` + role + `","role":"` + role + `"}`, secret: true}, 201)
	token = a.text(h.t, "token")
	h.secrets = append(h.secrets, token)
	return a.text(h.t, "id"), token
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
