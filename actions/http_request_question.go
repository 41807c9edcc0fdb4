package actions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"weir/engine"
	"weir/engine/vars"
	"weir/engine/wire"
)

// guardQuestion is what a guard is asked about one exchange. It shares nothing with the exchange's buffers, so that it may
// be asked beside it.
type guardQuestion struct {
	g       *httpGuard
	call    *requestCall
	source  *engine.Exchange // of what a retry_condition reads; nil beside the exchange
	event   guardEvent
	answer  []guardText
	message string
	stream  *guardStream // the answer that is waited for; nil where everything is there
	verdict guardVerdict
	failed  *requestFailure
}

// guardText is one text with what it is.
type guardText struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// guardEvent is what a webhook is told.
type guardEvent struct {
	RequestID string         `json:"request_id"`
	Phase     string         `json:"phase"`
	API       string         `json:"api"`
	Model     string         `json:"model"`
	Stream    bool           `json:"stream"`
	Caller    guardCaller    `json:"caller"`
	Texts     []guardText    `json:"texts"`
	Response  *guardResponse `json:"response,omitempty"`
}

type guardCaller struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`
	Groups []string `json:"groups"`
}

type guardResponse struct {
	Provider string      `json:"provider"`
	Model    string      `json:"model"`
	Texts    []guardText `json:"texts"`
}

var errGuardText = errors.New("there is more text than a guard can be asked about")

// question makes the question about an exchange; nil where there is nothing to ask about.
func (g *httpGuard) question(x *engine.Exchange) (*guardQuestion, error) {
	call, err := g.prepare(x)
	if err != nil {
		return nil, err
	}
	q := &guardQuestion{g: g, call: call.own()}
	if q.call.headers.Get("Content-Type") == "" {
		q.call.headers.Set("Content-Type", "application/json")
	}
	if !g.parallel {
		q.source = x
	}
	message, err := g.message.String(x)
	if err != nil {
		return nil, fmt.Errorf("evaluating guard.message: %w", err)
	}
	q.message = strings.Clone(message)
	if g.request || g.shape == guardWebhook {
		if q.event.Texts, err = g.requestTexts(x); err != nil {
			return nil, guardFailure(err, "the request holds more text than its guard can be asked about")
		}
	}
	q.tellAbout(x)
	if g.request {
		return q, nil
	}
	asks, err := q.takeAnswer(x)
	if err != nil || !asks {
		return nil, guardFailure(err, "the answer holds more text than its guard can be asked about")
	}
	return q, nil
}

// guardFailure is what becomes of an exchange whose texts the guard cannot be asked about.
func guardFailure(err error, tooLong string) error {
	if errors.Is(err, errGuardText) {
		return blockedByContent(tooLong, err)
	}
	return redactFailure(err)
}

// own is the call in memory of its own: what expressions gave may stand in the buffers of a connection.
func (c *requestCall) own() *requestCall {
	out := &requestCall{refused: c.refused, hops: c.hops, headers: make(http.Header, len(c.headers))}
	if u, err := url.Parse(strings.Clone(c.url.String())); err == nil {
		out.url = u
	} else { // never: it was parsed before
		out.url, out.refused = &url.URL{}, errHostNotAllowed
	}
	for name, values := range c.headers {
		for _, v := range values {
			out.headers.Add(strings.Clone(name), strings.Clone(v))
		}
	}
	return out
}

// tellAbout notes what a webhook is told of the exchange.
func (q *guardQuestion) tellAbout(x *engine.Exchange) {
	if q.g.shape != guardWebhook {
		return
	}
	word := func(id vars.ID) string { return strings.Clone(x.Var(id).Str) }
	e := &q.event
	e.RequestID, e.Phase, e.API, e.Model = strings.Clone(x.Request.ID), "on_request", x.Request.API.String(), word(vars.AIRequestModel)
	e.Stream = x.Var(vars.AIRequestStream).Int != 0
	c := &x.Caller
	e.Caller = guardCaller{ID: strings.Clone(c.ID), Name: strings.Clone(c.Name), Kind: strings.Clone(word(vars.CallerKind)), Groups: []string{}}
	for _, group := range c.Groups {
		e.Caller.Groups = append(e.Caller.Groups, strings.Clone(group))
	}
	if !q.g.request {
		e.Phase = "on_response"
		e.Response = &guardResponse{Provider: word(vars.AIResponseProvider), Model: word(vars.AIResponseModel)}
	}
}

// requestTexts are the texts of the request that the guard is asked about. Behind an answer they are all of it: whose texts
// count there, the policy says of the answer.
func (g *httpGuard) requestTexts(x *engine.Exchange) ([]guardText, error) {
	body, err := x.Body()
	if err != nil || len(body) == 0 {
		return nil, err //nolint:wrapcheck // what the client is told of its body
	}
	kinds := g.kinds
	switch {
	case x.Request.API == wire.APIUnknown:
		kinds = wire.AllTextKinds
	case !g.request:
		kinds = proseKinds
	}
	t := guardTexts{kinds: kinds}
	_, _, err = editRequest(x, body, t.take)
	return t.list, err
}

// takeAnswer takes the texts of the answer, or begins to wait for them; false where the guard is not asked.
func (q *guardQuestion) takeAnswer(x *engine.Exchange) (asks bool, err error) {
	body := x.Reply.Body
	switch f := x.Failure(); {
	case f != nil: // the provider's own words in an error may repeat what it was asked
		body = f.Upstream
	case len(body) > 0, x.Reply.Stream == nil, q.g.onStream == streamSkip, holdsBytes(x):
	case x.IsEventStream():
		q.stream = newGuardStream(x, q)
		return true, nil
	default:
		return false, contentFailure(errUnread)
	}
	if len(body) == 0 {
		return false, nil
	}
	t := guardTexts{kinds: q.g.kinds}
	if x.Request.API == wire.APIUnknown || x.Reply.Synthetic && x.Failure() == nil {
		t.kinds = wire.AllTextKinds
	}
	_, _, err = editAnswer(x, body, t.take)
	q.answer = t.list
	return true, contentFailure(err)
}

// guardTexts gathers texts.
type guardTexts struct {
	kinds wire.TextKinds
	list  []guardText
	size  int
}

// take is a wire.TextEdit that changes nothing.
func (t *guardTexts) take(kind wire.TextKind, text string) (string, error) {
	if text == "" || !t.kinds.Has(kind) {
		return text, nil
	}
	if t.size += len(text); t.size > maxGuardText {
		return text, errGuardText
	}
	t.list = append(t.list, guardText{Kind: kind.String(), Text: strings.Clone(text)})
	return text, nil
}

// texts are what the guard judges: the answer behind one, else the request.
func (q *guardQuestion) texts() []guardText {
	if q.g.request {
		return q.event.Texts
	}
	return q.answer
}

// asks reports whether there is anything to ask about. A webhook may decide by the caller alone.
func (q *guardQuestion) asks() bool { return q.g.shape == guardWebhook || len(q.texts()) > 0 }

// body is the question as JSON.
func (q *guardQuestion) body() (string, error) {
	var question any
	switch q.g.shape {
	case guardWebhook:
		if q.event.Texts == nil {
			q.event.Texts = []guardText{}
		}
		if r := q.event.Response; r != nil {
			r.Texts = append([]guardText{}, q.answer...)
		}
		question = &q.event
	default:
		input := make([]string, len(q.texts()))
		for i, t := range q.texts() {
			input[i] = t.Text
		}
		question = struct {
			Input []string `json:"input"`
			Model string   `json:"model,omitempty"`
		}{input, q.g.model}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(question); err != nil {
		return "", fmt.Errorf("writing the question: %w", err)
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}
