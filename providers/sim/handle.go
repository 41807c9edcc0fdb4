package sim

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"
)

// faultHeader orders a fault for the request that carries it.
const faultHeader = "x-sim-fault"

// reply is an answer before faults get at it: a whole body, or the events of a stream.
type reply struct {
	kind    string // content type
	body    []byte
	events  []event
	framing framing
	failed  event // the event that says in this API that the stream failed
	pace    ask   // what the pace of the stream depends on
	status  int
}

// job is one request on its way to an answer.
type job struct {
	s      *Server
	ctx    *fasthttp.RequestCtx
	call   *Call
	target target
	fault  *Fault
	body   []byte
}

func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	call := s.newCall(ctx)
	j := &job{s: s, ctx: ctx, call: call, body: ctx.Request.Body()}
	j.target = find(call.Method, call.Path, call.Header)
	if j.target.endpoint == root {
		ctx.SetContentType("text/plain")
		ctx.SetBodyString("weir sim\n")
		return
	}
	if ctx.Request.Header.ContentEncoding() != nil {
		if plain, err := ctx.Request.BodyUncompressed(); err == nil {
			j.body = plain
		}
	}
	call.Model, call.Stream = j.peek()
	bad := j.befall()
	s.journal.add(call)
	if bad != nil {
		j.fail(bad)
		return
	}
	if c, ok := ctx.Conn().(*conn); ok {
		if j.fault.delay > 0 && !c.wait(j.fault.delay) {
			j.end(ClientClosed, 0)
			_ = c.Close() // nobody reads an answer
			return
		}
		if j.fault.reset {
			c.reset()
			j.end(Reset, 0)
			return
		}
	}
	if bad := j.fault.ordered(j.target.dialect, call.Model); bad != nil {
		j.fail(bad)
		return
	}
	r, bad := j.answer()
	if bad != nil {
		j.fail(bad)
		return
	}
	j.send(r)
}

// befall finds the fault of the call: its own order first, then the script, then the default.
func (j *job) befall() *failure {
	j.fault = &j.s.opts.Fault
	if f, ok := j.s.script.Load().fault(j.call); ok {
		j.fault = f
	}
	if order := j.call.Header(faultHeader); order != "" && j.s.opts.HeaderFaults == ObeyHeader {
		f, err := ParseFault(order)
		if err != nil {
			j.fault = &Fault{}
			return wrong(faultHeader, err.Error())
		}
		j.fault = &f
	}
	j.call.Fault = j.fault.String()
	return nil
}

// peek finds the model and the wish for a stream before the body is understood.
func (j *job) peek() (model string, stream bool) {
	if j.target.dialect == gemini {
		return j.target.name, j.target.stream
	}
	if j.target.endpoint == transcriptions {
		return string(j.ctx.FormValue("model")), string(j.ctx.FormValue("stream")) == "true"
	}
	var head struct {
		Model  string `json:"model"`
		Stream bool   `json:"stream"`
	}
	if json.Unmarshal(j.body, &head) != nil {
		return "", false // the endpoint says what is wrong with the body
	}
	return head.Model, head.Stream
}

// send gives the reply to the client as the fault wants it.
func (j *job) send(r *reply) {
	f := j.fault
	if f.hasBody {
		// A stream keeps its content type: the body is what a test wants to see in it.
		r = &reply{kind: r.kind, body: []byte(f.body), status: r.status}
	}
	j.headers(r)
	if r.events != nil && !f.wrongLen {
		j.stream(r)
		return
	}
	body := r.body
	if r.events != nil {
		for _, s := range f.steps(r.events, 0, r.framing, r.failed) {
			body = append(body, s.data...)
		}
	}
	if len(r.events) == 0 && !f.hasBody {
		body = j.spoil(body)
	}
	if f.gzip {
		body = zip(body)
		j.ctx.Response.Header.SetContentEncoding("gzip")
	}
	j.whole(body)
}

// spoil does to a whole body what the faults of stream events mean for one.
func (j *job) spoil(body []byte) []byte {
	switch {
	case j.fault.errorAt != nowhere:
		return j.failed().data
	case j.fault.malformed != nowhere:
		return broken(body)
	default:
		return body
	}
}

// streams tells whether the answer is to be a stream.
func (j *job) streams(a *ask) bool {
	return a.stream && !j.fault.notSSE
}

// failed is the event that tells of a failure within an answer that began well.
func (j *job) failed() event {
	switch j.target.dialect {
	case anthropic:
		bad := &failure{status: overloaded, message: "Overloaded"}
		return event{name: "error", data: encode(bad.body(anthropic, j.fault.canary))}
	case gemini:
		bad := &failure{status: fasthttp.StatusServiceUnavailable, message: "The model is overloaded. Please try again later."}
		return event{data: encode(bad.body(gemini, j.fault.canary))}
	default:
		bad := &failure{status: fasthttp.StatusInternalServerError, message: "The server had an error while processing your request."}
		return event{data: encode(bad.body(openAI, j.fault.canary))}
	}
}

func (j *job) stream(r *reply) {
	steps := j.fault.steps(r.events, j.s.pace(&r.pace, j.fault), r.framing, r.failed)
	if j.fault.gzip {
		steps = compressed(steps)
		j.ctx.Response.Header.SetContentEncoding("gzip")
	}
	c, ok := j.ctx.Conn().(*conn)
	if !ok {
		c = &conn{Conn: j.ctx.Conn(), s: j.s}
	}
	j.ctx.Response.ImmediateHeaderFlush = true
	j.ctx.SetBodyStream(&player{steps: steps, conn: c, ended: j.end}, -1)
}

func (j *job) whole(body []byte) {
	c, ok := j.ctx.Conn().(*conn)
	if !ok || !j.fault.breaksWhole() {
		j.ctx.SetBody(body)
		j.end(Completed, 1)
		return
	}
	head := &j.ctx.Response.Header
	head.SetConnectionClose()
	head.Set(fasthttp.HeaderContentLength, j.fault.length(len(body)))
	head.SetContentLength(atoi(j.fault.length(len(body))))
	p := &player{steps: j.fault.whole(body), conn: c, ended: j.end}
	p.write(head.Header())
}

// fail answers with an error in the shape of the API that was asked.
func (j *job) fail(bad *failure) {
	f := j.fault
	body := encode(bad.body(j.target.dialect, f.canary))
	if f.hasBody {
		body = []byte(f.body)
	}
	j.headers(&reply{kind: "application/json", status: bad.status})
	if f.gzip {
		body = zip(body)
		j.ctx.Response.Header.SetContentEncoding("gzip")
	}
	j.whole(body)
}

// headers sets the status and the headers that the vendors send.
func (j *job) headers(r *reply) {
	h := &j.ctx.Response.Header
	status := r.status
	if status == 0 {
		status = fasthttp.StatusOK
		if j.fault.status != 0 && j.fault.status < fasthttp.StatusBadRequest {
			status = j.fault.status
		}
	}
	j.ctx.SetStatusCode(status)
	j.call.setStatus(j.s, status)
	h.SetContentType(r.kind)
	id := j.s.id("req_", j.call.Number)
	switch j.target.dialect {
	case anthropic:
		h.Set("request-id", id)
	case gemini:
		h.Set("x-goog-request-id", id)
	default:
		h.Set("x-request-id", id)
		h.Set("openai-version", "2020-10-01")
		h.Set("openai-processing-ms", "1")
	}
	if j.fault.canary != "" {
		h.Set("x-sim-canary", j.fault.canary)
	}
	for _, x := range j.fault.headers {
		h.Add(x.Name, x.Value)
	}
}

func (c *Call) setStatus(s *Server, status int) {
	s.journal.update(func() { c.Status = status })
}

func (j *job) end(end End, sent int) {
	s, c := j.s, j.call
	now := s.opts.Now()
	s.journal.update(func() { c.End, c.Ended, c.Events = end, now, sent })
	s.opts.Logger.Debug().Uint64("call", c.Number).Str("path", c.Path).Str("model", c.Model).
		Str("fault", c.Fault).Int("status", c.Status).Str("end", string(end)).Msg("simulated call")
}

func zip(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// encode makes JSON of what the simulator itself put together.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte(`{"error":{"message":"the simulator could not encode its answer"}}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
