package wire

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// failureMessage bounds an upstream's message: real ones are a few lines, longer ones quote the prompt back.
const failureMessage = 2048

// failureWord bounds a type or code, which are words; what is longer is something else.
const failureWord = 128

// failureScan bounds how much of an error body is read: the message of a JSON error stands at its start, and error
// pages are of no use beyond their title.
const failureScan = 64 << 10

// Failure is what an upstream error says, read from any dialect.
//
// Status is the HTTP status; of an error inside a stream, which has none, the one that its code or type stands for, 500
// where they say nothing. RetryAfter is how long the body asks to wait, 0 where it does not. The three facts are what
// decides whether another target could do better.
type Failure struct {
	Status              int
	Type, Code, Message string
	RetryAfter          time.Duration
	ContextTooLong      bool
	ModelNotFound       bool
	ContentPolicy       bool
}

// failureReader is a failure while it is read, with what is there only to judge it: the kind and text of another
// vendor's error that this one wraps.
type failureReader struct {
	Failure
	dialect               Dialect
	quotedType, quotedRaw string
}

// DecodeFailure reads an error body. d is the dialect to expect, but the shapes of the others, of gateways in between,
// plain text and HTML are read too: what calls itself compatible often is so only while it works. status is the HTTP
// status, 0 for an error inside a stream.
func DecodeFailure(d Dialect, status int, body []byte) Failure {
	if len(body) > failureScan {
		body = body[:failureScan]
	}
	body = bytes.TrimSpace(body)
	f := failureReader{Failure: Failure{Status: status}, dialect: d}
	switch {
	case len(body) == 0:
	case body[0] == '{' || body[0] == '[':
		f.readJSON(body, 0)
	case body[0] == '<':
		f.Message = htmlTitle(body)
	case body[0] == '"':
		f.Message = getText(body)
	default:
		f.Message = string(body)
	}
	f.Message = clip(strings.TrimSpace(strings.ToValidUTF8(f.Message, "\uFFFD")), failureMessage)
	f.Message = string(ScrubSecrets(nil, []byte(f.Message))) // some vendors repeat the key they refuse
	f.Type, f.Code = clip(failureOuter(f.Type), failureWord), clip(f.Code, failureWord)
	f.settle()
	f.classify()
	return f.Failure
}

// failureDepth bounds how many wrappers are opened: an array, a response, an error.
const failureDepth = 4

// readJSON reads an error object, opening the wrappers it may lie in. What an inner object says wins.
func (f *failureReader) readJSON(body []byte, depth int) {
	if depth == failureDepth {
		return
	}
	g := cursor{b: body}
	if g.peek() == '[' { // Google wraps the error of a stream in an array, and its OpenAI-compatible API every error
		f.readJSON(getFirst(body), depth+1)
		return
	}
	var inner []byte
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "error":
			inner = failureSpan(&g, inner, &f.Message)
		case "response": // OpenAI Responses: response.failed
			if inner == nil {
				inner = getMember(g.span(), "error")
			} else {
				g.skip()
			}
		case "errors":
			inner = failureSpan(&g, inner, &f.Message)
		case "choices": // gateways that put the error of a chunk into its choice
			inner = failureChoice(g.span(), inner)
		case "message", "detail", "error_message", "msg":
			f.readMessage(&g, depth)
		case "type", "__type":
			failureText(&g, &f.Type)
		case "code":
			f.readCode(&g)
		case "status": // Google's enum; others say nothing there, or the HTTP status again
			if f.dialect == DialectGemini || f.Type == "" {
				failureText(&g, &f.Type)
			} else {
				g.skip()
			}
		case "metadata":
			f.readMetadata(g.span())
		case "details":
			f.readDetails(g.span())
		case "innererror", "inner_error": // Azure says there which filter it was
			f.quotedType = getText(getMember(g.span(), "code"))
		default:
			g.skip()
		}
	}
	if len(inner) > 0 && inner[0] != 'n' {
		f.Type, f.Code = "", "" // an inner error brings its own
		f.readJSON(inner, depth+1)
	}
}

// failureOuter drops the types that only say that this is an error.
func failureOuter(t string) string {
	if t == "error" || t == "response.failed" {
		return ""
	}
	return t
}

// failureSpan reads a member that holds the error itself: an object or array to open, or just its text.
func failureSpan(g *cursor, inner []byte, message *string) []byte {
	switch g.peek() {
	case '"':
		failureText(g, message)
		return inner
	case '{', '[':
		if span := g.span(); span != nil {
			return span
		}
		return inner
	default:
		g.skip()
		return inner
	}
}

// failureChoice is the error inside the first choice, if nothing better is known.
func failureChoice(choices, inner []byte) []byte {
	if e := getMember(getFirst(choices), "error"); len(inner) == 0 && len(e) > 0 && e[0] == '{' {
		return e
	}
	return inner
}

// failureText takes in a string with content.
func failureText(g *cursor, dst *string) {
	if raw := g.text(); len(raw) > 0 {
		*dst = getString(raw)
	}
}

// readMessage takes in a message, or the first of FastAPI's list of details.
func (f *failureReader) readMessage(g *cursor, depth int) {
	if c := g.peek(); c == '[' || c == '{' {
		f.readJSON(g.span(), depth+1)
		return
	}
	failureText(g, &f.Message)
}

// readCode takes in a code: a word, or a number, which may be the HTTP status over again.
func (f *failureReader) readCode(g *cursor) {
	if g.peek() == '"' {
		failureText(g, &f.Code)
		return
	}
	n, ok := g.count()
	if !ok {
		return
	}
	f.Code = strconv.FormatInt(n, 10)
	if f.Status == 0 && n >= 400 && n < 600 {
		f.Status = int(n)
	}
}

// readMetadata reads what OpenRouter adds: the error of the vendor behind it as text, and the kind.
func (f *failureReader) readMetadata(span []byte) {
	g := cursor{b: span}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "raw":
			f.quotedRaw = clip(getText(g.span()), failureMessage)
		case "error_type":
			failureText(&g, &f.quotedType)
		case "flagged_input":
			g.skip()
			f.ContentPolicy = true
		default:
			g.skip()
		}
	}
}

// failureWait bounds what an error may ask to wait: an exhausted quota of a day is the longest that vendors name, and a
// number beyond it must not overflow on its way to a duration.
const failureWait = 24 * time.Hour

// readDetails finds Google's google.rpc.RetryInfo, which Gemini sends in place of a retry-after header. Its delay is a
// protocol buffer's duration in JSON: decimal seconds with an s behind.
func (f *failureReader) readDetails(span []byte) {
	g := cursor{b: span}
	for ok := g.open('['); ok; ok = g.more('[') {
		for ok := g.open('{'); ok; ok = g.more('{') {
			if string(g.key()) != "retryDelay" {
				g.skip()
				continue
			}
			text, isSeconds := strings.CutSuffix(getText(g.span()), "s")
			if seconds, err := strconv.ParseFloat(text, 64); isSeconds && err == nil && seconds > 0 {
				f.RetryAfter = time.Duration(min(seconds, failureWait.Seconds()) * float64(time.Second))
			}
		}
	}
}

// htmlTitle is the title of an error page, which proxies put the status in.
func htmlTitle(body []byte) string {
	lower := bytes.ToLower(body)
	if i := bytes.Index(lower, []byte("<title>")); i >= 0 {
		i += len("<title>")
		if n := bytes.Index(lower[i:], []byte("</title>")); n >= 0 && len(lower) == len(body) {
			return string(body[i : i+n])
		}
	}
	return "the upstream answered with an HTML page"
}

// clip cuts a text to at most n bytes between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
