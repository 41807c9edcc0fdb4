package policies

import (
	"encoding/json"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/engine"
	"weir/engine/logline"
	"weir/engine/wire"
)

// corpusBody is the body of a request that a line of the corpus describes.
type corpusBody string

// LoadBody gives the exchange its body.
func (b corpusBody) LoadBody(x *engine.Exchange) error {
	x.Request.Body = []byte(b)
	return b.Scan(x)
}

// Scan reads it for routing.
func (corpusBody) Scan(x *engine.Exchange) error {
	if x.Request.API == wire.APIUnknown {
		return nil
	}
	if problem := x.Request.Peek.Read(x.Request.API, x.Request.Body); problem != nil {
		return &engine.Error{Code: engine.CodeBadRequest, Message: problem.Message, Param: problem.Param}
	}
	return nil
}

// Locate takes a new path as it is.
func (corpusBody) Locate(x *engine.Exchange, target string) error {
	x.Request.RawPath, x.Request.Query, _ = strings.Cut(target, "?")
	x.Request.Path = x.Request.RawPath
	return nil
}

// send makes the request of one line and says what came of it.
func (c *corpus) send(t *testing.T, rt *engine.Runtime, plan *engine.Plan, line string) string {
	t.Helper()
	x, shown := c.exchange(t, rt, line)
	c.up.begin(failing(line))
	err := plan.Run(x)
	result := []string{strconv.Itoa(x.Reply.Status)}
	body := x.Reply.Body
	if err != nil {
		e := engine.AsError(err)
		result = []string{strconv.Itoa(e.HTTPStatus()), string(e.Code)}
		if slices.Contains(shown, "message") {
			result = append(result, "message="+strconv.Quote(e.Message))
		}
	} else if x.Reply.Stream != nil {
		all, problem := io.ReadAll(x.Reply.Stream)
		if body = all; problem != nil {
			result = append(result, "cut")
		}
	}
	result = append(result, c.up.made(shown)...)
	for _, what := range shown {
		switch kind, name, _ := strings.Cut(what, ":"); kind {
		case "body":
			result = append(result, "body="+strconv.Quote(string(body)))
		case "header":
			result = append(result, name+"="+strconv.Quote(strings.Join(x.Reply.Headers.Values(name), ", ")))
		case "log":
			result = append(result, "log="+policyLog(t, x))
		}
	}
	x.Finish()
	return strings.Join(result, " ")
}

// exchange makes the exchange of one line: words of the form name=value, +what for what else is told of it.
func (c *corpus) exchange(t *testing.T, rt *engine.Runtime, line string) (x *engine.Exchange, shown []string) {
	t.Helper()
	x = rt.Exchange()
	r := &x.Request
	body := map[string]json.RawMessage{"messages": json.RawMessage(`[{"role":"user","content":"hello"}]`)}
	r.ID, r.Method, r.Scheme, r.Host, r.Version = "req-1", "POST", "https", "gateway.example.com", "HTTP/1.1"
	r.API, r.Path = wire.OpenAIChat, "/v1/chat/completions"
	r.Headers = engine.Headers{{Name: "content-type", Value: "application/json"}}
	r.ContentLength, r.Received = 100, time.Date(2026, time.January, 5, 9, 30, 0, 0, time.UTC)
	x.Conn.Client, x.Conn.Server = netip.MustParseAddrPort("203.0.113.7:40000"), netip.MustParseAddrPort("192.0.2.1:443")
	x.Endpoint = &engine.Endpoint{ID: "default", Host: "gateway.example.com", Addr: "192.0.2.1:443", URL: "https://gateway.example.com", Protocol: "https", Port: 443}
	whole := ""
	for _, word := range words(line) {
		name, value, _ := strings.Cut(word, "=")
		kind, field, _ := strings.Cut(name, ".")
		switch {
		case strings.HasPrefix(word, "+"):
			shown = append(shown, word[1:])
		case name == "api":
			r.API = wire.APIByName(value)
			r.Path = "/v1" + r.API.Path()
		case name == "method":
			r.Method = value
		case name == "path":
			r.Path, r.API = value, wire.APIUnknown
			x.Missing = engine.Errorf(engine.CodeNotFound, "nothing here")
		case name == "query":
			r.Query = value
		case name == "ip":
			x.Conn.Client = netip.AddrPortFrom(netip.MustParseAddr(value), 40000)
		case name == "models":
			body[name] = json.RawMessage(`["` + strings.ReplaceAll(value, ",", `","`) + `"]`)
		case name == "raw":
			whole = value
		case kind == "header":
			r.Headers = append(r.Headers, engine.Header{Name: field, Value: value})
		case name == "fail":
		default:
			body[name] = json.RawMessage(value)
			if !json.Valid(body[name]) {
				body[name] = json.RawMessage(strconv.Quote(value))
			}
		}
	}
	r.RawPath, x.Conn.ClientIP = r.Path, x.Conn.Client.Addr()
	if whole == "" {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		whole = string(data)
	}
	x.Loader = corpusBody(whole)
	return x, shown
}

// failing lists the providers that a line makes fail, each with its status.
func failing(line string) map[string]int {
	out := map[string]int{}
	for _, word := range words(line) {
		if list, ok := strings.CutPrefix(word, "fail="); ok {
			for one := range strings.SplitSeq(list, ",") {
				id, status, given := strings.Cut(one, ":")
				out[id] = 503
				if given {
					out[id], _ = strconv.Atoi(status)
				}
			}
		}
	}
	return out
}

// words splits a line at spaces, save for those between quotes.
func words(line string) []string {
	var out []string
	var word strings.Builder
	quoted := false
	for _, r := range line + " " {
		switch {
		case r == '\'':
			quoted = !quoted
		case r == ' ' && !quoted:
			if word.Len() > 0 {
				out = append(out, word.String())
			}
			word.Reset()
		default:
			word.WriteRune(r)
		}
	}
	return out
}

// policyLog is what log actions left.
func policyLog(t *testing.T, x *engine.Exchange) string {
	t.Helper()
	var line logline.Line
	line.Reset()
	x.AppendLog(&line)
	var fields struct{ Policy json.RawMessage }
	if err := json.Unmarshal(line.End(), &fields); err != nil {
		t.Fatal(err)
	}
	return string(fields.Policy)
}
