package actions

import (
	"slices"
	"strconv"
	"strings"

	"weir/engine/wire"
)

// chosen are the tools that the request says the model must or may call.
func (r *toolsInRequest) chosen() []tool {
	var out []tool
	add := func(path string, t tool) {
		if t.path = path; t.name() != "" {
			out = append(out, t)
		}
	}
	for _, name := range [...]string{"tool_choice", "function_call"} {
		choice := r.members[name]
		switch textOf(choice, "type") {
		case "auto", "any", "none", "required": // Anthropic's words stand where others have the name of a type
			continue
		case "allowed_tools":
			at, list := r.at(name)+"/tools", memberOf(choice, "tools")
			if inner := memberOf(choice, "allowed_tools"); inner != nil {
				at, list = r.at(name)+"/allowed_tools/tools", memberOf(inner, "tools")
			}
			items, _ := list.([]any) // what is no list chooses nothing
			for i, item := range items {
				add(at+"/"+strconv.Itoa(i), openAITool(item))
			}
		default:
			if choice != nil {
				add(r.at(name), openAITool(choice))
			}
		}
	}
	config, key := geminiMember(r.members["toolConfig"], "functionCallingConfig")
	names, inner := geminiMember(config, "allowedFunctionNames")
	items, _ := names.([]any) // what is no list chooses nothing
	for i, item := range items {
		s, _ := item.(string) // nor what is no text
		add(r.at("toolConfig")+"/"+key+"/"+inner+"/"+strconv.Itoa(i), named(s))
	}
	return out
}

// removals are the operations that take tools out, the last ones first, so that paths stay true. What chooses among tools
// goes with the last of them: no API takes one without the other.
func (r *toolsInRequest) removals(gone []bool, chosen []tool, a *restrictTools) []wire.PatchOp {
	paths := []string{}
	stays := slices.Contains(gone, false)
	for i := range gone {
		if gone[i] {
			paths = append(paths, r.tools[i].path)
		}
	}
	for _, l := range r.lists {
		if len(l.tools) > 0 && !slices.ContainsFunc(l.tools, func(i int) bool { return !gone[i] }) {
			paths = append(paths, l.path)
		}
	}
	paths = append(paths, r.emptied(gone)...)
	lists, left := map[string]int{}, map[string]int{}
	for i := range chosen {
		list, _, listed := cutLast(chosen[i].path)
		out := !a.allowed(&chosen[i])
		if listed {
			lists[list]++
		}
		switch {
		case out:
			paths = append(paths, chosen[i].path)
		case listed:
			left[list]++
		}
	}
	for list := range lists {
		if left[list] == 0 {
			paths = append(paths, r.choiceOf(list))
		}
	}
	if !stays {
		for _, name := range [...]string{"tool_choice", "function_call", "parallel_tool_calls", "toolConfig"} {
			if r.keys[name] != "" {
				paths = append(paths, r.at(name))
			}
		}
	}
	return removeOps(paths)
}

// emptied are Gemini's entries of tools that hold nothing any more.
func (r *toolsInRequest) emptied(gone []bool) []string {
	if r.keys["tools"] == "" {
		return nil
	}
	left := map[string]int{}
	all := map[string]bool{}
	base := r.at("tools") + "/"
	for i := range r.tools {
		rest, ok := strings.CutPrefix(r.tools[i].path, base)
		if !ok {
			continue
		}
		entry, _, _ := strings.Cut(rest, "/")
		all[entry] = true
		if !gone[i] {
			left[entry]++
		}
	}
	var out []string
	for entry := range all {
		if left[entry] == 0 {
			out = append(out, base+entry)
		}
	}
	return out
}

// choiceOf is the whole of a choice whose list is empty.
func (r *toolsInRequest) choiceOf(list string) string {
	if key := r.keys["toolConfig"]; key != "" && strings.HasPrefix(list, r.at("toolConfig")) {
		return list // without names the mode is about all that is left
	}
	rest := strings.TrimPrefix(list, r.prefix+"/")
	name, _, _ := strings.Cut(rest, "/")
	return r.prefix + "/" + name
}

// cutLast cuts the index off a path.
func cutLast(path string) (list, index string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if _, err := strconv.Atoi(path[i+1:]); err != nil {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

// removeOps removes the paths, without those that lie within another one, from the back to the front.
func removeOps(paths []string) []wire.PatchOp {
	slices.SortFunc(paths, comparePaths)
	paths = slices.Compact(paths)
	var ops []wire.PatchOp
	last := ""
	for _, p := range paths {
		if last != "" && strings.HasPrefix(p, last+"/") {
			continue
		}
		last = p
		ops = append(ops, wire.PatchOp{Op: "remove", Path: p})
	}
	slices.Reverse(ops)
	return ops
}

// comparePaths orders paths word by word, indices by their number.
func comparePaths(a, b string) int {
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	return slices.CompareFunc(x, y, func(a, b string) int {
		i, errA := strconv.Atoi(a)
		j, errB := strconv.Atoi(b)
		if errA == nil && errB == nil {
			return i - j
		}
		return strings.Compare(a, b)
	})
}
