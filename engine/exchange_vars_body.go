package engine

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"weir/engine/vars"
	"weir/engine/wire"
)

// requestJSON is req.body: null where the body is not JSON, the rule's failure where it should be and is not.
func (x *Exchange) requestJSON() vars.Value {
	if x.needBody() != nil || len(x.Request.Body) == 0 || !x.sendsJSON() {
		return vars.Null()
	}
	d := x.derive()
	if d.json == nil || !sameBytes(d.jsonBody, x.Request.Body) {
		m, problem := wire.DecodeJSON(x.Request.Body)
		if problem != nil {
			x.bodyProblem(problem)
			return vars.Null()
		}
		d.jsonBody, d.json = x.Request.Body, m
	}
	return vars.Dyn(d.json)
}

// sendsJSON reports whether the request's body is to be read as JSON, whatever its type says: the APIs do so too.
func (x *Exchange) sendsJSON() bool {
	switch x.Request.API {
	case wire.OpenAITranscriptions:
		return false
	case wire.APIUnknown, wire.Models:
		return isJSON(x.Request.Headers.First("content-type"))
	default:
		return true
	}
}

// isJSON reports whether a content type is that of JSON.
func isJSON(contentType string) bool {
	t := mediaType(contentType)
	return t == "application/json" || strings.HasSuffix(t, "+json")
}

// replyJSON is res.body.
func (x *Exchange) replyJSON() vars.Value {
	r := &x.Reply
	if r.Stream != nil || len(r.Body) == 0 || !isJSON(r.Headers.First("content-type")) {
		return vars.Null()
	}
	d := x.derive()
	if d.resJSON == nil || !sameBytes(d.resJSONBody, r.Body) {
		m, problem := wire.DecodeJSON(r.Body)
		if problem != nil {
			x.answerProblem(problem)
			return vars.Null()
		}
		d.resJSONBody, d.resJSON = r.Body, m
	}
	return vars.Dyn(d.resJSON)
}

// setCookies reads the cookies that the answer sets, the longest path first.
func setCookies(h Headers) *nameValues {
	var all []*http.Cookie
	for _, line := range h.Values("set-cookie") {
		if c, err := http.ParseSetCookie(line); err == nil {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b *http.Cookie) int { return cmp.Compare(len(b.Path), len(a.Path)) })
	q := &nameValues{values: map[string][]string{}}
	for _, c := range all {
		q.add(c.Name, c.Value)
	}
	return q
}

// headTime is when the head of the provider's answer had come.
func (x *Exchange) headTime() time.Time {
	if a := x.current; a != nil && a.FirstByte > 0 && x.chosen != nil {
		return a.Started.Add(a.FirstByte)
	}
	return time.Time{}
}

// answerTime is when the provider's whole answer had come.
func (x *Exchange) answerTime() time.Time {
	if a := x.current; a != nil && a.Code == "" && x.chosen != nil && x.Reply.Stream == nil && !x.Reply.Synthetic {
		return a.Started.Add(a.Elapsed)
	}
	return time.Time{}
}

// normalURL is the request's URL with the host in lower case and without the scheme's own port.
func (r *Request) normalURL() string {
	host := strings.ToLower(r.Host)
	port := ":80"
	if r.Scheme == "https" {
		port = ":443"
	}
	return r.Scheme + "://" + strings.TrimSuffix(host, port) + r.uri()
}
