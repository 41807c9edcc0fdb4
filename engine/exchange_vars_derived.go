package engine

import (
	"strings"

	"github.com/mileusna/useragent"

	"weir/engine/ipinfo"
	"weir/engine/vars"
	"weir/engine/wire"
)

// derived is what variables made of the exchange's bytes, each at most once. What comes from a body is made again after
// the body was replaced.
type derived struct {
	body         []byte // of the request, which the next ones were read from
	conversation *wire.Conversation
	messages     []any
	tools        []any

	jsonBody []byte
	json     map[string]any

	answer []byte // the body that reply was read from
	reply  *wire.Reply

	resJSONBody []byte
	resJSON     map[string]any

	agent          *useragent.UserAgent
	client, server *ipinfo.Info
}

// derive returns what was made so far.
func (x *Exchange) derive() *derived {
	if x.derived == nil {
		x.derived = &derived{}
	}
	return x.derived
}

// sameBytes reports whether two slices are the same piece of memory.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// bodyProblem fails the rule that read a malformed body, as one that cannot be read at all does.
func (x *Exchange) bodyProblem(p *wire.Problem) {
	x.misread = x.misread || x.bodyErr == nil
	x.bodyErr = &Error{Code: CodeBadRequest, Message: p.Error(), Param: p.Param}
}

// answerProblem fails the rule that read a malformed answer: what it was to look for may be in the rest of it.
func (x *Exchange) answerProblem(p *wire.Problem) {
	x.misread = x.misread || x.bodyErr == nil
	x.bodyErr = &Error{Code: CodeUpstreamFailed, Message: "the provider's answer has a shape that the policy cannot read", Cause: p}
}

// userAgent is what the User-Agent header says.
func (x *Exchange) userAgent() *useragent.UserAgent {
	d := x.derive()
	if d.agent == nil {
		text := x.Request.Headers.First("user-agent")
		text = text[:min(len(text), maxAgent)]
		ua := useragent.Parse(text)
		if name, version, ok := sdkAgent(text); ok {
			ua.Name, ua.Version = name, version
		}
		d.agent = &ua
	}
	return d.agent
}

// maxAgent bounds what is read of a User-Agent header: browsers send two hundred bytes.
const maxAgent = 512

// sdkAgent reads the form that the SDKs of model vendors send, such as "OpenAI/Python 1.68.2", where what stands behind the
// slash is no version.
func sdkAgent(text string) (name, version string, ok bool) {
	name, rest, _ := strings.Cut(text, " ")
	version, _, _ = strings.Cut(rest, " ")
	_, language, _ := strings.Cut(name, "/")
	if language == "" || version == "" || version[0] < '0' || version[0] > '9' || language[0]|0x20 < 'a' || language[0]|0x20 > 'z' {
		return "", "", false
	}
	return name, version, true
}

func agentText(read func(*useragent.UserAgent) string) func(*Exchange) vars.Value {
	return func(x *Exchange) vars.Value { return vars.String(read(x.userAgent())) }
}

func agentIs(read func(*useragent.UserAgent) bool) func(*Exchange) vars.Value {
	return func(x *Exchange) vars.Value { return vars.Bool(read(x.userAgent())) }
}
