package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/vars"
	"weir/engine/wire"
)

//go:embed restrict_tools.md
var restrictToolsDoc string

const (
	// maxToolNames bounds a list: each name is compared with each tool of a request.
	maxToolNames = 1000
	// maxToolName is longer than any API allows the name of a tool to be.
	maxToolName = 256
)

func init() {
	register(engine.ActionSpec{
		Name: "restrict-tools", Phases: vars.PhaseRequest | vars.PhaseResponse, Guards: true, ContentRule: true, Doc: restrictToolsDoc, New: newRestrictTools,
		Fields: append([]engine.Field{
			{Name: "allow", Type: engine.FieldStrings, Min: 1, Max: maxToolNames, Doc: "The tools that may be used, all others may not; `*` stands for any characters."},
			{Name: "deny", Type: engine.FieldStrings, Min: 1, Max: maxToolNames, Doc: "The tools that may not be used, also where `allow` names them."},
			{
				Name: "mode", Type: engine.FieldEnum, Default: restrictRefuse, Enum: []string{restrictRefuse, restrictStrip},
				Doc: "What becomes of a request with a tool that may not be used: it is refused (`refuse`), or goes on without the tool (`strip`).",
			},
		}, blockRefusalFields("a tool is not allowed here")...),
	})
}

// The words of mode.
const (
	restrictRefuse = "refuse"
	restrictStrip  = "strip"
)

// restrictTools keeps tools out of requests, and calls of them out of answers.
type restrictTools struct {
	blockRefusal
	allow, deny []string
	allows      bool // there is a list of what is allowed
	strip       bool
	request     bool
	onStream    streamMode
}

// restrictToolsResult is the action's name in results and in the log.
const restrictToolsResult = "restrict_tools"

func newRestrictTools(c *engine.Config) engine.Action {
	a := &restrictTools{
		blockRefusal: newBlockRefusal(c), allow: c.Strings("allow"), deny: c.Strings("deny"), allows: c.Node("allow") != nil,
		strip: c.String("mode") == restrictStrip, request: c.Phase == vars.PhaseRequest, onStream: streamMode(c.String("on_stream")),
	}
	if c.Node("allow") == nil && c.Node("deny") == nil {
		c.Errorf(nil, "missing_field", "restrict-tools needs \"allow\" or \"deny\": every tool may be used without")
	}
	for _, field := range [...]string{"allow", "deny"} {
		if n := c.Node(field); n != nil && n.Kind == engine.NodeList {
			for _, item := range n.Items {
				if name := item.Text.Value; name == "" || len(name) > maxToolName {
					c.Errorf(item, "bad_value", "the name of a tool has 1 to %d bytes", maxToolName)
				}
			}
		}
	}
	if n := c.Node("mode"); n != nil && !a.request {
		c.Errorf(n, "wrong_phase", "\"mode\" is for requests: a call that a model made cannot be taken out of its answer")
	}
	if n := c.Node("on_stream"); n != nil && a.onStream == streamBuffer {
		c.Errorf(n, "bad_value", "nothing is held back for names of tools: they come whole")
	}
	return a
}

// tool is a tool as lists name it: by its name, and where its vendor runs it by its type.
type tool struct {
	names  []string
	claims []string // what it says of itself and nothing depends on: a list may forbid it for that, not allow it
	path   string   // of a request, where it stands
}

func (t *tool) name() string { return t.names[0] }

// allowed reports whether a tool may be used. Any of its names may forbid it, and any allow it.
func (a *restrictTools) allowed(t *tool) bool {
	return !matchAny(a.deny, t.names) && !matchAny(a.deny, t.claims) && (!a.allows || matchAny(a.allow, t.names))
}

func matchAny(patterns, names []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return engine.MatchGlob(pattern, name) })
	})
}

// Do keeps tools out of a request, or refuses an answer that calls one.
func (a *restrictTools) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	refusal, err := a.error(x)
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("restrict-tools: %w", err)
	}
	var found []string
	switch {
	case a.request:
		found, err = a.fromRequest(x)
	case x.Failure() != nil, a.onStream == streamSkip && x.IsEventStream():
	case len(x.Reply.Body) == 0 && x.IsEventStream():
		return a.filter(x, refusal)
	default:
		found, err = a.fromAnswer(x)
	}
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("restrict-tools: %w", err)
	}
	a.publish(x, found)
	if len(found) == 0 || a.strip && a.request {
		return engine.VerdictContinue, nil
	}
	x.Deny(refusal.Status, refusal.Code, refusal.Message+": "+found[0])
	return engine.VerdictDeny, nil
}

// fromRequest finds the tools of a request that may not be used, and takes them out where that is what is wanted.
func (a *restrictTools) fromRequest(x *engine.Exchange) ([]string, error) {
	found, ops, err := a.inRequest(x)
	if err != nil || len(ops) == 0 || !a.strip {
		return found, err
	}
	body, err := x.Body()
	if err != nil {
		return nil, err //nolint:wrapcheck // what the client is told of its body
	}
	edited, err := wire.ApplyPatch(nil, body, ops)
	if err != nil {
		return nil, fmt.Errorf("taking tools out: %w", err)
	}
	return found, x.ReplaceBody(edited) //nolint:wrapcheck // Do names the action
}

// fromAnswer finds the calls in a whole answer of tools that may not be used.
func (a *restrictTools) fromAnswer(x *engine.Exchange) ([]string, error) {
	if len(x.Reply.Body) == 0 && x.Reply.Stream != nil && !x.Reply.Synthetic && a.onStream != streamSkip && !holdsBytes(x) {
		return nil, contentFailure(errUnread)
	}
	if len(x.Reply.Body) == 0 || x.Reply.Synthetic || !x.Request.API.AnswersJSON() {
		return nil, nil
	}
	calls, err := callsInAnswer(x.Request.API, x.Reply.Body)
	if err != nil {
		return nil, contentFailure(err)
	}
	return a.denied(calls), nil
}

// denied names the calls of tools that may not be used.
func (a *restrictTools) denied(calls []tool) []string {
	var found []string
	for i := range calls {
		if !a.allowed(&calls[i]) {
			found = append(found, calls[i].name())
		}
	}
	return found
}

// publish tells which tools were found: clients and models name them, so only so much of a name is kept.
func (a *restrictTools) publish(x *engine.Exchange, found []string) {
	if len(found) == 0 && !x.WantsResult(restrictToolsResult) {
		return
	}
	list := make([]any, 0, len(found))
	for _, name := range found[:min(len(found), maxShownTools)] {
		list = append(list, strings.Clone(name[:min(len(name), maxToolName)]))
	}
	if x.WantsResult(restrictToolsResult) {
		x.SetResult(restrictToolsResult, map[string]any{"tools": list})
	}
	if len(found) > 0 {
		x.AddLog(restrictToolsResult, map[string]any{"tools": list})
	}
}

// maxShownTools keeps a line of the log short.
const maxShownTools = 16

// filter puts the action on a streamed answer.
func (a *restrictTools) filter(x *engine.Exchange, refusal *engine.Error) (engine.Verdict, error) {
	if a.refuses {
		x.KeepRefusal()
	}
	err := x.FilterStream(&callStream{api: x.Request.API, check: func(call *tool) error {
		if a.allowed(call) {
			return nil
		}
		a.publish(x, []string{call.name()})
		out := *refusal
		out.Message += ": " + call.name()
		return &out
	}, refuses: a.refuses})
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("restrict-tools: %w", err)
	}
	a.publish(x, nil)
	return engine.VerdictContinue, nil
}

// errToolsFound is what a stream in shadow would have ended with.
var errToolsFound = errors.New("a tool is called that may not be used")

// DoShadow says what Do would have refused or taken out.
func (a *restrictTools) DoShadow(_ context.Context, x *engine.Exchange) error {
	site := x.Site()
	var found []string
	var err error
	switch {
	case a.request:
		found, _, err = a.inRequest(x)
	case x.Failure() != nil, a.onStream == streamSkip && x.IsEventStream():
	case len(x.Reply.Body) == 0 && x.IsEventStream():
		return x.FilterStream(newShadowStream(&callStream{api: x.Request.API, check: func(call *tool) error { //nolint:wrapcheck // the note names the action
			if a.allowed(call) {
				return nil
			}
			return fmt.Errorf("%w: %.64q", errToolsFound, call.name())
		}}, func(err error) { x.Note(site, "would end the stream: "+err.Error()) }))
	default:
		found, err = a.fromAnswer(x)
	}
	if err == nil && len(found) > 0 {
		what := "would deny: "
		if a.strip && a.request {
			what = "would strip: "
		}
		x.Note(site, fmt.Sprintf("%s%.64q", what, found[:min(len(found), maxShownTools)]))
	}
	return err
}
