package engine

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"weir/engine/upstream"
	"weir/engine/wire"
)

// target is one model at one provider, to be called through one surface.
type target struct {
	model   *model
	surface *surface
	name    string // what the provider is asked for; set when the request is built
}

// dispatchBuffers are kept over exchanges so that an attempt allocates nothing of its own.
type dispatchBuffers struct {
	body    []byte
	answer  []byte
	path    []byte
	headers []upstream.Header
	edits   []wire.Edit
	value   []byte
	models  []*model
	groups  []int
	names   []string
}

// keepBuffers bounds what an idle exchange holds on to; larger buffers belong to rare large requests.
const keepBuffers = 256 << 10

func (b *dispatchBuffers) reset() {
	clear(b.headers)
	clear(b.models)
	clear(b.names)
	b.headers, b.edits, b.models, b.names = b.headers[:0], b.edits[:0], b.models[:0], b.names[:0]
	for _, buf := range []*[]byte{&b.body, &b.answer, &b.path, &b.value} {
		if cap(*buf) > keepBuffers {
			*buf = nil
		}
		*buf = (*buf)[:0]
	}
}

// buildRequest writes the upstream request of one attempt from scratch.
func (r *route) buildRequest(x *Exchange, t target, key *apiKey, req *upstream.Request) error {
	b := &x.scratch
	query, err := r.queryParams(x)
	if err != nil {
		return err
	}
	t.name = r.sentName(x, t.model)
	b.path = t.surface.appendTarget(b.path[:0], &x.Request, t.name, query)
	if err := r.buildHeaders(x, t, key); err != nil {
		return err
	}
	body, err := r.buildBody(x, t)
	if err != nil {
		return err
	}
	req.Endpoint, req.Method = t.surface.endpoint, x.Request.Method
	req.Target, req.Headers, req.Body = view(b.path), b.headers, body
	return nil
}

// sentName is the id the provider knows, or the dated snapshot of it that the client pinned.
func (r *route) sentName(x *Exchange, m *model) string {
	if len(m.cat.Snapshots) == 0 {
		return m.cat.ID
	}
	for _, name := range x.scratch.names {
		if prefix, rest, ok := strings.Cut(name, ":"); ok && len(r.universe.named[strings.ToLower(prefix)]) > 0 {
			name = rest
		}
		for _, snapshot := range m.cat.Snapshots {
			if strings.EqualFold(snapshot, name) {
				return snapshot
			}
		}
	}
	return m.cat.ID
}

func (r *route) queryParams(x *Exchange) (string, error) {
	if len(r.cfg.QueryParams) == 0 {
		return "", nil
	}
	var sb strings.Builder
	for i := range r.cfg.QueryParams {
		q := &r.cfg.QueryParams[i]
		value, err := q.Value.String(x)
		if err != nil {
			return "", routeFailure("query parameter "+q.Name, err)
		}
		if sb.Len() > 0 {
			sb.WriteByte('&')
		}
		sb.WriteString(url.QueryEscape(q.Name))
		sb.WriteByte('=')
		sb.WriteString(url.QueryEscape(value))
	}
	return sb.String(), nil
}

func routeFailure(what string, err error) *Error {
	return &Error{Code: CodePolicyFailed, Message: "the route could not be evaluated", Cause: fmt.Errorf("%s: %w", what, err)}
}

// buildHeaders builds each attempt's fields anew: everything the client sent except what belongs to its own hop, its
// credentials and its vendor account; then the provider's, the key and the route's.
func (r *route) buildHeaders(x *Exchange, t target, key *apiKey) error {
	b := &x.scratch
	b.headers = b.headers[:0]
	p := t.model.provider
	connection := x.Request.Headers.First("connection")
	for _, f := range x.Request.Headers {
		if !forwards(f.Name) && !slices.ContainsFunc(p.pass, func(n string) bool { return sameName(n, f.Name) }) {
			continue
		}
		if connection != "" && namedBy(connection, f.Name) {
			continue
		}
		b.headers = append(b.headers, upstream.Header{Name: f.Name, Value: f.Value})
	}
	if p.spec != nil {
		for _, f := range p.spec.Headers {
			if !x.Request.Headers.Has(f.Name) {
				b.headers = append(b.headers, upstream.Header{Name: f.Name, Value: f.Value})
			}
		}
	}
	if key.value != "" {
		b.headers = append(b.headers, keyHeader(t.surface, key))
	}
	for i := range r.cfg.Headers {
		h := &r.cfg.Headers[i]
		value, err := h.Value.String(x)
		if err != nil {
			return routeFailure("header "+h.Name, err)
		}
		b.headers = slices.DeleteFunc(b.headers, func(f upstream.Header) bool { return sameName(f.Name, h.Name) })
		b.headers = append(b.headers, upstream.Header{Name: h.Name, Value: value})
	}
	return nil
}

const bearerPrefix = "Bearer "

func keyHeader(s *surface, key *apiKey) upstream.Header {
	auth := s.auth
	if auth == AuthDialect {
		switch s.dialect {
		case wire.DialectAnthropic:
			auth = AuthXAPIKey
		case wire.DialectGemini:
			auth = AuthGoogAPIKey
		case wire.DialectOpenAI:
			auth = AuthBearer
		}
	}
	switch auth {
	case AuthXAPIKey:
		return upstream.Header{Name: "x-api-key", Value: key.value}
	case AuthGoogAPIKey:
		return upstream.Header{Name: "x-goog-api-key", Value: key.value}
	case AuthAPIKey:
		return upstream.Header{Name: "api-key", Value: key.value}
	default:
		if key.bearer != "" {
			return upstream.Header{Name: "Authorization", Value: key.bearer}
		}
		return upstream.Header{Name: "Authorization", Value: bearerPrefix + key.value}
	}
}

func namedBy(connection, name string) bool {
	for part := range strings.SplitSeq(connection, ",") {
		if strings.EqualFold(strings.TrimSpace(part), name) {
			return true
		}
	}
	return false
}

// forwards reports whether a field of the client goes upstream.
func forwards(name string) bool {
	switch len(name) {
	case 2, 4, 6, 7, 9, 10, 13, 14, 15, 16, 17, 18, 19:
		if slices.ContainsFunc(withheldFields[len(name)], func(f string) bool { return sameName(f, name) }) {
			return false
		}
	}
	return !hasPrefixFold(name, "x-weir-") && !hasPrefixFold(name, "x-forwarded-")
}

// withheldFields are never forwarded, by length: hop-by-hop and framing fields, credentials, cookies, what proxies
// add, and the fields that name an account at a vendor.
var withheldFields = [20][]string{
	2:  {"te"},
	4:  {"host"},
	6:  {"cookie", "expect"},
	7:  {"trailer", "upgrade", "api-key"},
	9:  {"x-api-key", "forwarded", "x-real-ip"},
	10: {"connection", "keep-alive"},
	13: {"authorization"},
	14: {"content-length", "x-goog-api-key", "openai-project"},
	15: {"accept-encoding"},
	16: {"proxy-connection", "content-encoding"},
	17: {"transfer-encoding"},
	18: {"proxy-authenticate"},
	19: {"proxy-authorization", "openai-organization", "x-goog-user-project"},
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && sameName(s[:len(prefix)], prefix)
}

// buildBody is the client's body with the edits that the target needs, byte for byte apart from them.
func (r *route) buildBody(x *Exchange, t target) ([]byte, error) {
	req := &x.Request
	if req.Operation != OpCreate {
		return nil, nil
	}
	b := &x.scratch
	if req.Form != nil {
		if req.Form.Model == t.name {
			return req.Body, nil
		}
		b.body = req.Form.Splice(b.body[:0], t.name)
		return b.body, nil
	}
	b.edits, b.value = b.edits[:0], b.value[:0]
	if err := r.mergeEdits(x); err != nil {
		return nil, err
	}
	r.modelEdits(x, t)
	r.usageEdit(x, t)
	r.limitEdit(x)
	r.stripEdits(x, t)
	if len(req.Peek.BodyModels) > 0 {
		return r.rewriteBodyModels(x, t)
	}
	if len(b.edits) == 0 {
		return req.Body, nil
	}
	b.body = req.Peek.Doc.Splice(b.body[:0], b.edits)
	return b.body, nil
}

// rewriteBodyModels names the target's model wherever a Gemini body repeats it, then makes the other edits.
func (r *route) rewriteBodyModels(x *Exchange, t target) ([]byte, error) {
	b := &x.scratch
	b.value = wire.AppendString(b.value[:0], "models/"+t.name)
	b.body = x.Request.Peek.SpliceModels(b.body[:0], b.value)
	if len(b.edits) == 0 {
		return b.body, nil
	}
	var doc wire.Doc
	if problem := doc.Scan(b.body); problem != nil {
		return nil, &Error{Code: CodeInternal, Message: "internal error", Cause: problem}
	}
	return doc.Splice(nil, b.edits), nil
}

// set adds an edit whose value is written into the shared value buffer. A key is edited once; the first edit wins.
func (b *dispatchBuffers) set(key string, value []byte) {
	for i := range b.edits {
		if b.edits[i].Key == key {
			return
		}
	}
	b.edits = append(b.edits, wire.Edit{Key: key, Value: value, Op: wire.EditSet})
}

func (b *dispatchBuffers) del(key string) {
	b.edits = slices.DeleteFunc(b.edits, func(e wire.Edit) bool { return e.Key == key })
	b.edits = append(b.edits, wire.Edit{Key: key, Op: wire.EditDelete})
}

func (r *route) mergeEdits(x *Exchange) error {
	for i := range r.cfg.Body {
		f := &r.cfg.Body[i]
		raw := f.Raw
		if raw == nil {
			value, err := f.Value.Eval(x)
			if err != nil {
				return routeFailure("body field "+f.Name, err)
			}
			if raw, err = wire.AppendValue(nil, value); err != nil {
				return routeFailure("body field "+f.Name, err)
			}
		}
		x.scratch.set(f.Name, raw)
	}
	return nil
}

func (r *route) modelEdits(x *Exchange, t target) {
	req, b := &x.Request, &x.scratch
	if req.API.Dialect() == wire.DialectGemini {
		return
	}
	if !req.Peek.HasModel || req.Peek.Model != t.name {
		start := len(b.value)
		b.value = wire.AppendString(b.value, t.name)
		b.set("model", b.value[start:len(b.value):len(b.value)])
	}
	if len(req.Peek.Models) > 0 && (!r.vendorModels(x) || r.counts(x)) {
		b.del("models")
	}
	if p := t.model.provider; p.spec != nil && len(p.spec.AuthorizeParams) > 0 && (r.limits(x) || r.counts(x)) {
		for _, key := range p.spec.AuthorizeParams {
			if _, there := req.Peek.Doc.Lookup(key); there && key != "models" {
				b.del(key)
			}
		}
	}
}

var askUsage = []byte(`{"include_usage":true}`)

// usageEdit asks for usage on OpenAI-shaped streams whose client did not.
func (r *route) usageEdit(x *Exchange, t target) {
	if !x.addsUsage(t) {
		return
	}
	b := &x.scratch
	m, there := x.Request.Peek.Doc.Lookup("stream_options")
	if !there || m.Kind != wire.KindObject {
		b.set("stream_options", askUsage)
		return
	}
	var nested wire.Doc
	if problem := wire.ScanObject(x.Request.Peek.Doc.Raw(m), &nested); problem != nil {
		return // the provider will say what is wrong with it
	}
	b.set("stream_options", nested.Splice(nil, []wire.Edit{{Key: "include_usage", Value: []byte("true"), Op: wire.EditSet}}))
}

// addsUsage reports whether Weir asks for usage that the client did not ask for.
func (x *Exchange) addsUsage(t target) bool {
	req := &x.Request
	if (req.API != wire.OpenAIChat && req.API != wire.OpenAICompletions) || !req.streaming() || req.Peek.StreamUsageAsked {
		return false
	}
	p := t.model.provider
	if p.spec != nil && p.spec.StreamUsage == StreamUsageGiven {
		return false
	}
	allowed := t.surface.params[req.API]
	return len(allowed) == 0 || slices.Contains(allowed, "stream_options")
}

// stripEdits removes top-level keys that the surface does not list or the model does not take.
func (r *route) stripEdits(x *Exchange, t target) {
	denied := t.model.cat.UnsupportedParams
	allowed := t.surface.params[x.Request.API]
	if len(denied) == 0 && len(allowed) == 0 {
		return
	}
	strip := func(key string) bool {
		if slices.Contains(denied, key) {
			return true
		}
		return len(allowed) > 0 && key != "model" && key != "stream" && !slices.Contains(allowed, key)
	}
	for _, m := range x.Request.Peek.Doc.Members() {
		if strip(m.Key) {
			x.scratch.del(m.Key)
		}
	}
	x.scratch.edits = slices.DeleteFunc(x.scratch.edits, func(e wire.Edit) bool {
		if e.Op != wire.EditSet || !strip(e.Key) {
			return false
		}
		_, there := x.Request.Peek.Doc.Lookup(e.Key)
		return !there
	})
}
