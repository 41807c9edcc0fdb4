package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"weir/access"
)

// maxBody bounds the body of a request: a custom provider with a thousand models is the largest honest one. A listener that
// takes a byte more leaves it to the API to tell.
const maxBody = 256 << 10

// request is one request as it is answered.
type request struct {
	*API

	http     *fasthttp.RequestCtx
	ctx      context.Context //nolint:containedctx // one request, from its first line to its last
	route    *route
	id       string // in the path
	remote   netip.Addr
	who      identity
	query    map[string]string
	body     []byte
	snapshot *access.Snapshot
	once     *once // nil = no idempotency key
	used     used
}

// reply is an answer that does what was asked.
type reply struct {
	status   int
	body     []byte // nil = none
	revision int64  // of a single resource, -1 = none
	replayed bool
	header   [][2]string
}

// encode writes JSON with addresses as they are read: with & and not its escape.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding an answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// value makes the reply of something that is shown.
func value(v any) (*reply, error) {
	body, err := encode(v)
	if err != nil {
		return nil, &failure{code: codeInternal, message: "the answer cannot be written", cause: err}
	}
	return &reply{status: fasthttp.StatusOK, body: body, revision: -1}, nil
}

// answer checks everything that is the same for all paths, in the order in which it tells least to whom it does not concern.
func (q *request) answer(p *path) (*reply, error) {
	var err error
	if q.who, err = q.authenticate(); err != nil {
		return nil, err
	}
	if q.route = p.route(string(q.http.Method())); q.route == nil {
		q.http.Response.Header.Set("Allow", p.allow())
		return nil, failf(codeMethod, "%s takes %s", p.pattern, p.allow())
	}
	if !q.who.may(q.route.right) {
		return nil, failf(codeForbidden, "the role %s may not do this; %s may", q.who.role, strings.Join(q.route.right.roles(), ", "))
	}
	if err := q.readQuery(); err != nil {
		return nil, err
	}
	if err := q.readBody(); err != nil {
		return nil, err
	}
	q.snapshot = q.load()
	if q.route.right != rightAny && q.Store != nil && q.snapshot.Synced.IsZero() {
		return nil, &failure{code: codeNoStore, message: "the store could not be read since the gateway started", retry: time.Second}
	}
	if q.route.store && q.Store == nil {
		return nil, failf(codeNoStore, "the gateway runs without a store")
	}
	if q.route.once {
		return q.answerOnce()
	}
	return q.route.serve(q)
}

// readQuery reads the parameters, each at most once and none that the path does not take.
func (q *request) readQuery() error {
	q.query = map[string]string{}
	var bad *failure
	for key, value := range q.http.QueryArgs().All() {
		name := string(key)
		i := slices.IndexFunc(q.route.params, func(p param) bool { return p.name == name })
		_, twice := q.query[name]
		switch {
		case i < 0:
			bad = badField(shown(name), "is not a parameter here")
		case twice:
			bad = badField(name, "stands twice")
		default:
			q.query[name] = string(value)
			if problem := q.route.params[i].check(string(value)); problem != "" {
				bad = badField(name, "%s", problem)
			}
		}
	}
	if bad != nil {
		return bad
	}
	for _, p := range q.route.params {
		if _, there := q.query[p.name]; p.required && !there {
			return badField(p.name, "is required")
		}
	}
	return nil
}

func (q *request) readBody() error {
	h := &q.http.Request.Header
	if q.http.Request.IsBodyStream() || len(h.PeekAll("Content-Encoding")) > 0 {
		return failf(codeMediaType, "the body must come as a whole and without a content encoding")
	}
	q.body = q.http.Request.Body()
	switch {
	case len(q.body) > maxBody:
		return failf(codeTooLarge, "the body is over %d bytes", maxBody)
	case q.route.in == nil && len(q.body) > 0:
		return badField(wholeBody, "is not taken here")
	case q.route.in == nil:
		return nil
	}
	kinds := h.PeekAll("Content-Type")
	if len(kinds) != 1 {
		return failf(codeMediaType, "the body must be application/json")
	}
	kind, params, err := mime.ParseMediaType(string(kinds[0]))
	charset := params["charset"]
	if err != nil || kind != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return failf(codeMediaType, "the body must be application/json in UTF-8")
	}
	return nil
}

// decode reads the body into a struct of the route's type.
func decode[In any](q *request) (*In, error) {
	in := new(In)
	if err := decodeObject(q.body, in, q.route.partial); err != nil {
		return nil, err
	}
	return in, nil
}

func (q *request) actor() access.Actor {
	from := ""
	if q.remote.IsValid() {
		from = q.remote.String()
	}
	return access.Actor{Name: q.who.name, Role: q.who.role, Remote: from}
}

// uri is the address of a path of this API as the client reaches it.
func (q *request) uri(path string) string {
	host := string(q.http.Host())
	strange := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(".-_:[]", c)
	}
	if host == "" || strings.ContainsFunc(host, strange) {
		return path
	}
	if q.http.IsTLS() {
		return "https://" + host + path
	}
	return "http://" + host + path
}

func (q *request) write(r *reply) {
	h := &q.http.Response.Header
	q.http.SetStatusCode(r.status)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.revision >= 0 {
		h.Set("ETag", etag(r.revision))
	}
	if r.replayed {
		h.Set("Idempotency-Replayed", "true")
	}
	for _, pair := range r.header {
		h.Set(pair[0], pair[1])
	}
	if r.body != nil {
		q.http.SetContentType("application/json")
		q.http.SetBody(append(r.body, '\n'))
	}
}

func (q *request) refuse(f *failure) {
	if f.cause != nil {
		q.Log.Warn().Err(f.cause).Str("code", string(f.code)).Str("path", string(q.http.Path())).Msg("the Admin API refused a request")
	}
	details := f.details
	if details == nil {
		details = map[string]string{}
	}
	r, err := value(errorBody{ErrorCode: string(f.code), StatusCode: f.code.status(), Message: f.message, Details: details})
	if err != nil {
		r = &reply{revision: -1}
	}
	r.status = f.code.status()
	if f.code == codeUnauthorized {
		r.header = append(r.header, [2]string{"WWW-Authenticate", "Bearer"})
	}
	if f.retry > 0 {
		seconds := int64((f.retry + time.Second - 1) / time.Second)
		r.header = append(r.header, [2]string{"Retry-After", strconv.FormatInt(seconds, 10)})
	}
	q.write(r)
}
