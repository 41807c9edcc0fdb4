package actions

import (
	"slices"
	"strconv"
	"strings"

	"weir/engine"
	"weir/engine/wire"
)

// toolsInRequest is what of a request has to do with tools, read as strictly as the body is.
type toolsInRequest struct {
	members map[string]any    // of the body, under the names that the API documents
	keys    map[string]string // how the client wrote them
	tools   []tool
	lists   []toolList
	prefix  string
}

// toolList is an array that is taken out where nothing of it stays.
type toolList struct {
	path  string
	tools []int // of toolsInRequest
}

// toolMembers are the members of bodies that bring tools or say which must be called.
func toolMembers(api wire.API) []string {
	if api.Dialect() == wire.DialectGemini {
		return []string{"tools", "toolConfig", "tool_config", "cachedContent", "cached_content"}
	}
	return []string{
		"tools", "functions", "tool_choice", "function_call", "parallel_tool_calls", "mcp_servers", "web_search_options", "search_parameters", "plugins", "prompt",
	}
}

// inRequest finds the tools of a request that may not be used, and what takes them out.
func (a *restrictTools) inRequest(x *engine.Exchange) (found []string, ops []wire.PatchOp, err error) {
	if _, err := x.Body(); err != nil {
		return nil, nil, err //nolint:wrapcheck // what the client is told of its body
	}
	if x.Request.Form != nil || x.Request.Operation != engine.OpCreate || len(x.Request.Body) == 0 || x.Request.API == wire.APIUnknown {
		return nil, nil, nil
	}
	r, err := readTools(x)
	if err != nil || r == nil {
		return nil, nil, err
	}
	gone := make([]bool, len(r.tools))
	for i := range r.tools {
		if gone[i] = !a.allowed(&r.tools[i]); gone[i] {
			found = append(found, r.tools[i].name())
		}
	}
	chosen := r.chosen()
	for i := range chosen { // also where nothing offers it: the vendor may know it all the same
		if !a.allowed(&chosen[i]) && !slices.Contains(found, chosen[i].name()) {
			found = append(found, chosen[i].name())
		}
	}
	if len(found) == 0 {
		return nil, nil, nil
	}
	return found, r.removals(gone, chosen, a), nil
}

// readTools reads what a request says of tools; nil where it says nothing.
func readTools(x *engine.Exchange) (*toolsInRequest, error) {
	gemini := x.Request.API.Dialect() == wire.DialectGemini
	doc, prefix := &x.Request.Peek.Doc, ""
	var part []byte
	part = append(part, '{')
	r := &toolsInRequest{keys: map[string]string{}}
	if nested, ok := nestedRequest(doc, x.Request.API); ok {
		inner := &wire.Doc{}
		if problem := inner.Scan(doc.Raw(nested)); problem != nil {
			return nil, &engine.Error{Code: engine.CodeBadRequest, Message: problem.Error(), Param: problem.Param}
		}
		doc, prefix = inner, "/"+nested.Key
	}
	r.prefix = prefix
	for _, key := range toolMembers(x.Request.API) {
		m, ok := doc.Lookup(key)
		if !ok || m.Kind == wire.KindNull || key == "prompt" && (x.Request.API != wire.OpenAIResponses || m.Kind != wire.KindObject) {
			continue
		}
		switch key {
		case "prompt", "cachedContent", "cached_content": // they may bring tools, and nobody here can look into them
			return nil, blockedByContent("what is stored at the provider cannot be read by the rules on tools", nil)
		}
		name := key
		if key == "tool_config" {
			name = "toolConfig"
		}
		if _, twice := r.keys[name]; twice {
			return nil, engine.Errorf(engine.CodeBadRequest, "%s stands twice, also as %s", name, key)
		}
		r.keys[name] = key
		if len(part) > 1 {
			part = append(part, ',')
		}
		part = append(append(wire.AppendString(part, name), ':'), doc.Raw(m)...)
	}
	if len(r.keys) == 0 {
		return nil, nil //nolint:nilnil // no tools are no error
	}
	members, problem := wire.DecodeJSON(append(part, '}'))
	if problem != nil {
		return nil, &engine.Error{Code: engine.CodeBadRequest, Message: problem.Error(), Param: problem.Param}
	}
	r.members = members
	read := r.readOpenAI
	if gemini {
		read = r.readGemini
	}
	if err := read(); err != nil {
		return nil, err
	}
	return r, nil
}

// nestedRequest is the request that a count of tokens is about, which Gemini wraps.
func nestedRequest(doc *wire.Doc, api wire.API) (wire.Member, bool) {
	if api != wire.GeminiCountTokens {
		return wire.Member{}, false
	}
	for _, key := range [...]string{"generateContentRequest", "generate_content_request"} {
		if m, ok := doc.Lookup(key); ok && m.Kind == wire.KindObject {
			return m, true
		}
	}
	return wire.Member{}, false
}

// at is the path of a member of the body.
func (r *toolsInRequest) at(name string) string { return r.prefix + "/" + r.keys[name] }

// list notes the tools of an array.
func (r *toolsInRequest) list(path string, value any, read func(v any, path string) error) error {
	items, ok := value.([]any)
	if !ok {
		return engine.Errorf(engine.CodeBadRequest, "%s must be an array", strings.TrimPrefix(path, "/"))
	}
	from := len(r.tools)
	for i, item := range items {
		if err := read(item, path+"/"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	l := toolList{path: path}
	for i := from; i < len(r.tools); i++ {
		l.tools = append(l.tools, i)
	}
	r.lists = append(r.lists, l)
	return nil
}

// add notes a tool.
func (r *toolsInRequest) add(path string, t tool) {
	t.path = path
	r.tools = append(r.tools, t)
}

// named is a tool of these names. One without a name that can be read has the name "", which only * allows.
func named(names ...string) tool {
	known := slices.DeleteFunc(names, func(s string) bool { return s == "" })
	if len(known) == 0 {
		known = []string{""}
	}
	return tool{names: known}
}

// readOpenAI reads tools of the OpenAI and Anthropic APIs.
func (r *toolsInRequest) readOpenAI() error {
	for _, name := range [...]string{"tools", "functions"} {
		if value, ok := r.members[name]; ok {
			err := r.list(r.at(name), value, func(v any, path string) error {
				r.add(path, openAITool(v))
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	if value, ok := r.members["mcp_servers"]; ok {
		err := r.list(r.at("mcp_servers"), value, func(v any, path string) error {
			r.add(path, named("mcp:"+textOf(v, "name"), "mcp"))
			return nil
		})
		if err != nil {
			return err
		}
	}
	if value, ok := r.members["plugins"]; ok {
		err := r.list(r.at("plugins"), value, func(v any, path string) error {
			r.add(path, named("plugin:"+textOf(v, "id"), "plugin"))
			return nil
		})
		if err != nil {
			return err
		}
	}
	if _, ok := r.members["web_search_options"]; ok {
		r.add(r.at("web_search_options"), named("web_search"))
	}
	if _, ok := r.members["search_parameters"]; ok {
		r.add(r.at("search_parameters"), named("live_search"))
	}
	return nil
}

// openAITool is an entry of tools, or of a choice of one, which look alike. Its type decides who runs it: a name beside that
// of a tool that the vendor runs means nothing.
func openAITool(v any) tool {
	kind, name := textOf(v, "type"), textOf(v, "name")
	switch kind {
	case "", "function", "custom", "tool":
		for _, inner := range [...]string{"function", "custom"} {
			if f := memberOf(v, inner); f != nil {
				t := named(textOf(f, "name"))
				t.claims = []string{name}
				return t
			}
		}
		return named(name)
	case "mcp":
		return named("mcp:"+textOf(v, "server_label"), kind)
	case "mcp_toolset":
		return named("mcp:"+textOf(v, "mcp_server_name"), "mcp")
	default:
		t := named(unversioned(kind), kind)
		t.claims = []string{name}
		return t
	}
}

// unversioned is the type of a vendor's tool without the date of its version.
func unversioned(kind string) string {
	for {
		at := strings.LastIndexByte(kind, '_')
		if at <= 0 {
			return kind
		}
		if _, err := strconv.ParseUint(kind[at+1:], 10, 64); err != nil {
			return kind
		}
		kind = kind[:at]
	}
}

// readGemini reads the entries of tools, which hold functions and the vendor's own tools side by side.
func (r *toolsInRequest) readGemini() error {
	value, ok := r.members["tools"]
	if !ok {
		return nil
	}
	return r.list(r.at("tools"), value, func(v any, path string) error {
		entry, ok := v.(map[string]any)
		if !ok {
			return engine.Errorf(engine.CodeBadRequest, "tools must be an array of objects")
		}
		for _, key := range sortedKeys(entry) {
			at := path + "/" + pointerWord(key)
			if camel(key) != "functionDeclarations" {
				r.add(at, named(camel(key)))
				continue
			}
			if entry[key] == nil {
				continue
			}
			err := r.list(at, entry[key], func(v any, path string) error {
				r.add(path, named(textOf(v, "name")))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// camel is a member's JSON name, which Gemini also takes under the name of its field.
func camel(key string) string {
	parts := strings.Split(key, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// pointerWord writes a name as a word of a JSON pointer.
func pointerWord(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

func memberOf(v any, key string) any {
	m, _ := v.(map[string]any) // what is no object has no members
	return m[key]
}

// geminiMember is a member under either of its names.
func geminiMember(v any, key string) (value any, written string) {
	m, _ := v.(map[string]any) // what is no object has no members
	for _, name := range sortedKeys(m) {
		if camel(name) == key {
			return m[name], name
		}
	}
	return nil, ""
}

func textOf(v any, key string) string {
	s, _ := memberOf(v, key).(string) // what is no text is no name
	return s
}
