package actions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/engine/wire"
)

// errCallUnread says that nobody can tell what an answer calls.
var errCallUnread = errors.New("the name of a tool that is called cannot be told")

// callReader collects the calls of tools in values of an answer, whole or of one event.
type callReader struct {
	calls []callAt
}

// callAt is a call and the place in the stream that it belongs to, "" in a whole answer.
type callAt struct {
	tool

	place string
}

func (r *callReader) add(place string, t tool) {
	if t.name() != "" {
		r.calls = append(r.calls, callAt{tool: t, place: place})
	}
}

// read reads the members of an answer or event.
func (r *callReader) read(api wire.API, v map[string]any) {
	switch api {
	case wire.AnthropicMessages:
		r.blocks(v["content"])
		r.block(v["content_block"])
		r.blocks(memberOf(v["message"], "content"))
	case wire.OpenAIResponses:
		r.items(v["output"])
		r.item(v["item"])
		r.items(memberOf(v["response"], "output"))
	case wire.GeminiGenerate:
		candidates, _ := v["candidates"].([]any) // an answer to a refused prompt has none
		for _, c := range candidates {
			r.candidate(c)
		}
	default:
		choices, _ := v["choices"].([]any) // other answers have none
		for i, c := range choices {
			place := placeOf(c, i)
			r.message(place, memberOf(c, "message"))
			r.message(place, memberOf(c, "delta"))
		}
	}
}

// placeOf is where among its like an element stands: where it says, else where it comes.
func placeOf(v any, i int) string {
	if n, ok := memberOf(v, "index").(float64); ok {
		i = int(n)
	}
	return strconv.Itoa(i)
}

// message reads a message or delta of chat completions.
func (r *callReader) message(place string, m any) {
	if f := memberOf(m, "function_call"); f != nil {
		r.add(place, named(textOf(f, "name")))
	}
	calls, _ := memberOf(m, "tool_calls").([]any) // most have none
	for i, c := range calls {
		at := place + "/" + placeOf(c, i)
		for _, inner := range [...]string{"function", "custom"} {
			if f := memberOf(c, inner); f != nil {
				r.add(at, named(textOf(f, "name")))
			}
		}
	}
}

func (r *callReader) blocks(v any) {
	list, _ := v.([]any) // of an event there is none
	for _, b := range list {
		r.block(b)
	}
}

// block reads a block of Anthropic.
func (r *callReader) block(b any) {
	switch textOf(b, "type") {
	case "tool_use", "server_tool_use":
		r.add("", named(textOf(b, "name")))
	case "mcp_tool_use":
		t := named("mcp:"+textOf(b, "server_name"), "mcp")
		t.claims = []string{textOf(b, "name")}
		r.add("", t)
	}
}

func (r *callReader) items(v any) {
	list, _ := v.([]any) // of an event there is none
	for _, item := range list {
		r.item(item)
	}
}

// item reads an item of OpenAI Responses.
func (r *callReader) item(v any) {
	switch kind := textOf(v, "type"); kind {
	case "function_call", "custom_tool_call":
		r.add("", named(textOf(v, "name")))
	case "mcp_call", "mcp_approval_request":
		t := named("mcp:"+textOf(v, "server_label"), "mcp")
		t.claims = []string{textOf(v, "name")}
		r.add("", t)
	case "computer_call":
		r.add("", named("computer", "computer_use", "computer_use_preview"))
	default: // requests name some by the state of their version
		if base, ok := strings.CutSuffix(kind, "_call"); ok {
			r.add("", named(base, base+"_preview"))
		}
	}
}

// candidate reads a candidate of Gemini.
func (r *callReader) candidate(c any) {
	content, _ := geminiMember(c, "content")
	value, _ := geminiMember(content, "parts")
	parts, ok := value.([]any)
	if !ok && value != nil {
		parts = []any{value}
	}
	for _, part := range parts {
		if f, _ := geminiMember(part, "functionCall"); f != nil {
			r.add("", named(textOf(f, "name")))
		}
		if code, _ := geminiMember(part, "executableCode"); code != nil {
			r.add("", named("codeExecution"))
		}
	}
}

// callsInAnswer finds the calls of tools in a whole answer.
func callsInAnswer(api wire.API, body []byte) ([]tool, error) {
	var r callReader
	text := bytes.TrimLeft(body, " \t\r\n")
	if api == wire.GeminiGenerate && len(text) > 0 && text[0] == '[' { // a stream read as a whole
		body = append(append([]byte(`{"all":`), body...), '}')
	}
	v, err := looseJSON(body)
	if err != nil {
		return nil, err
	}
	r.read(api, v)
	all, _ := v["all"].([]any) // of one answer there is none
	for _, part := range all {
		if m, ok := part.(map[string]any); ok {
			r.read(api, m)
		}
	}
	out := make([]tool, len(r.calls))
	for i := range r.calls {
		out[i] = r.calls[i].tool
	}
	return out, nil
}

// looseJSON reads what a provider sends as clients do, who forgive characters that are cut in two.
func looseJSON(data []byte) (map[string]any, error) {
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrTextMalformed, err)
	}
	return v, nil
}

// callStream is a stream filter that looks which tools are called, and changes nothing.
type callStream struct {
	api     wire.API
	check   func(*tool) error
	refuses bool
	names   map[string]string // of calls that have begun, by their place
}

// Event appends the event as it came, unless it calls a tool that may not be used.
func (s *callStream) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 || data[0] != '{' || !mayCall(s.api, data) {
		return append(dst, ev.Raw...), nil
	}
	v, err := looseJSON(data)
	if err != nil {
		return dst, refused(contentFailure(err), s.refuses)
	}
	var r callReader
	r.read(s.api, v)
	for i := range r.calls {
		if err := s.call(&r.calls[i]); err != nil {
			return dst, err
		}
	}
	return append(dst, ev.Raw...), nil
}

// call looks at a call. A name comes whole: where more of it comes later, clients would put it together.
func (s *callStream) call(c *callAt) error {
	if c.place != "" {
		if known, ok := s.names[c.place]; ok && known != c.name() {
			return refused(blockedByContent("the answer holds what the rules on content cannot read", errCallUnread), s.refuses)
		}
		if s.names == nil {
			s.names = map[string]string{}
		}
		if len(s.names) < maxToolNames {
			s.names[c.place] = strings.Clone(c.name())
		}
	}
	return s.check(&c.tool)
}

// End has nothing held back.
func (s *callStream) End(dst []byte) ([]byte, error) { return dst, nil }

// mayCall reports whether an event may call a tool, so that it must be read: it names a member that calls do, or writes
// names so that they cannot be found by looking.
func mayCall(api wire.API, data []byte) bool {
	if bytes.Contains(data, []byte(`\u00`)) {
		return true
	}
	return slices.ContainsFunc(callWords(api), func(w string) bool { return bytes.Contains(data, []byte(w)) })
}

// callWords are the words that one of stands in every event that calls a tool.
func callWords(api wire.API) []string {
	switch api {
	case wire.AnthropicMessages:
		return []string{"tool_use"}
	case wire.OpenAIResponses:
		return []string{"_call", "mcp_approval_request"}
	case wire.GeminiGenerate:
		return []string{"functionCall", "function_call", "executable"}
	default:
		return []string{"tool_calls", "function_call"}
	}
}
