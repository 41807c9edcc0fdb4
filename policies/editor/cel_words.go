package editor

import (
	"fmt"
	"slices"
	"strings"

	"weir/engine/expr"
	"weir/engine/vars"
)

// celWords answers what may stand in an expression.
type celWords struct {
	env       *expr.Env
	functions []expr.Function
}

func newCELWords() (*celWords, error) {
	env, err := expr.New(expr.Options{})
	if err != nil {
		return nil, fmt.Errorf("making the environment of expressions: %w", err)
	}
	return &celWords{env: env, functions: expr.Functions()}, nil
}

// celScope is where an expression stands.
type celScope struct {
	phase  vars.Phase
	locals map[string]expr.Type
	// names gives what stands behind a variable whose keys a policy makes up itself, such as vars.
	names func(path string) []string
}

// complete lists what may stand at the end of an expression. The result replaces its last size bytes.
func (w *celWords) complete(text string, s celScope) (items []completionItem, size int) {
	tokens, open := lex(text)
	if open {
		return nil, 0
	}
	n := len(tokens)
	if n > 0 && tokens[n-1].end == len(text) {
		switch tokens[n-1].kind {
		case tokenName:
			n--
			size = len(tokens[n].text)
		case tokenNumber, tokenString:
			return nil, 0
		case tokenSign:
		}
	}
	locals := w.locals(text, tokens[:n], s.locals)
	if !isSign(tokens[:n], ".") {
		return w.names(s, locals), size
	}
	n--
	from := operand(tokens[:n])
	if from >= n {
		return nil, size
	}
	if path, ok := chainOf(tokens[from:n]); ok && !isLocal(locals, path) {
		items = w.below(s, strings.Replace(path, "actions.ngrok", "actions", 1))
		for _, name := range namesBelow(s, path) {
			items = append(items, completionItem{Label: name, Kind: kindField})
		}
	}
	if t, ok := w.env.TypeOf(text[tokens[from].start:tokens[n-1].end], locals); ok {
		for _, m := range w.env.Members(t) {
			items = append(items, w.memberItem(m))
		}
	}
	return unique(items), size
}

func namesBelow(s celScope, path string) []string {
	if s.names == nil {
		return nil
	}
	return s.names(path)
}

func isLocal(locals map[string]expr.Type, path string) bool {
	head, _, _ := strings.Cut(path, ".")
	_, ok := locals[head]
	return ok
}

// names lists what an expression may begin with.
func (w *celWords) names(s celScope, locals map[string]expr.Type) []completionItem {
	out := make([]completionItem, 0, len(locals))
	for name, t := range locals {
		out = append(out, completionItem{Label: name, Kind: kindVariable, Detail: t.String()})
	}
	out = append(out, w.below(s, "")...)
	for _, m := range w.env.Globals() {
		if !strings.Contains(m.Name, ".") {
			out = append(out, w.memberItem(m))
		}
	}
	for i := range w.functions { // those that are rewritten before they are compiled are known here only
		if f := &w.functions[i]; !strings.Contains(f.Name, ".") && strings.HasPrefix(f.Signature, f.Name+"(") {
			out = append(out, w.memberItem(expr.Member{Name: f.Name, Call: true}))
		}
	}
	return unique(out)
}

// below lists the next names of the variables and functions that begin with a path.
func (w *celWords) below(s celScope, path string) []completionItem {
	prefix := path
	if prefix != "" {
		prefix += "."
	}
	var out []completionItem
	seen := map[string]bool{}
	all := vars.All()
	for i := range all {
		v := &all[i]
		rest, ok := strings.CutPrefix(v.Path, prefix)
		if !ok || v.Phases&s.phase != s.phase {
			continue
		}
		name, _, more := strings.Cut(rest, ".")
		switch {
		case !more:
			seen[name] = true
			out = append(out, completionItem{Label: name, Kind: kindVariable, Detail: v.Type.String(), Documentation: markdown(variableDoc(v))})
		case !seen[name]:
			seen[name] = true
			out = append(out, completionItem{Label: name, Kind: kindModule, Detail: prefix + name + ".…"})
		}
	}
	for _, m := range w.rooted() {
		rest, ok := strings.CutPrefix(m.Name, prefix)
		if !ok {
			continue
		}
		if name, _, more := strings.Cut(rest, "."); more {
			out = append(out, completionItem{Label: name, Kind: kindModule, Detail: prefix + name + ".…"})
			continue
		}
		item := w.memberItem(m)
		item.Label = rest
		out = append(out, item)
	}
	return unique(out)
}

// rooted lists the functions with a dot in their names, those that only a load knows included.
func (w *celWords) rooted() []expr.Member {
	var out []expr.Member
	for _, m := range w.env.Globals() {
		if strings.Contains(m.Name, ".") {
			out = append(out, m)
		}
	}
	for i := range w.functions {
		if strings.Contains(w.functions[i].Name, ".") {
			out = append(out, expr.Member{Name: w.functions[i].Name, Call: true})
		}
	}
	return out
}

func (w *celWords) memberItem(m expr.Member) completionItem {
	item := completionItem{Label: m.Name, Kind: kindField, Detail: m.Type}
	if m.Call {
		item.Kind = kindFunction
		if f := w.function(m.Name); f != nil {
			item.Detail, item.Documentation = f.Signature, markdown(functionDoc(f))
		}
	}
	return item
}

func (w *celWords) function(name string) *expr.Function {
	i := slices.IndexFunc(w.functions, func(f expr.Function) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &w.functions[i]
}

// unique keeps the first item of each label, and sorts by label.
func unique(items []completionItem) []completionItem {
	slices.SortStableFunc(items, func(a, b completionItem) int { return strings.Compare(a.Label, b.Label) })
	return slices.CompactFunc(items, func(a, b completionItem) bool { return a.Label == b.Label })
}

// hover explains the name at an offset of an expression.
func (w *celWords) hover(text string, offset int, s celScope) (doc string, from, to int) {
	tokens, _ := lex(text)
	at := slices.IndexFunc(tokens, func(t token) bool { return t.kind == tokenName && t.start <= offset && offset <= t.end })
	if at < 0 {
		return "", 0, 0
	}
	t := tokens[at]
	begin := operand(tokens[:at+1])
	locals := w.locals(text, tokens[:at], s.locals)
	call := at+1 < len(tokens) && tokens[at+1].text == "("
	path, pure := chainOf(tokens[begin : at+1])
	pure = pure && !isLocal(locals, path)
	switch {
	case pure && call && w.function(path) != nil:
		return functionDoc(w.function(path)), tokens[begin].start, t.end
	case pure && !call:
		if v, ok := vars.ByPath(strings.Replace(path, "actions.ngrok", "actions", 1)); ok {
			return variableDoc(&v), tokens[begin].start, t.end
		}
		if below := w.below(s, path); len(below) > 0 {
			return "`" + path + "`: " + labels(below), tokens[begin].start, t.end
		}
	case call && w.function(t.text) != nil:
		return functionDoc(w.function(t.text)), t.start, t.end
	}
	return w.memberDoc(text, tokens, begin, at, locals), t.start, t.end
}

// memberDoc explains a field of a value, or a variable of a loop.
func (w *celWords) memberDoc(text string, tokens []token, begin, at int, locals map[string]expr.Type) string {
	name := tokens[at].text
	if begin == at {
		if t, ok := locals[name]; ok {
			return fmt.Sprintf("%#q: %s", name, t)
		}
		return ""
	}
	owner, ok := w.env.TypeOf(text[tokens[begin].start:tokens[at-2].end], locals)
	if !ok {
		return ""
	}
	for _, m := range w.env.Members(owner) {
		if m.Name == name && !m.Call {
			return fmt.Sprintf("%#q: %s, of %s", name, m.Type, owner)
		}
	}
	return ""
}

func labels(items []completionItem) string {
	out := make([]string, len(items))
	for i := range items {
		out[i] = "`" + items[i].Label + "`"
	}
	return strings.Join(out, ", ")
}

func variableDoc(v *vars.Var) string {
	return fmt.Sprintf("%#q: %s\n\n%s\n\nIn %s.\n\n```cel\n%s\n```", v.Path, v.Type, v.Doc, v.Phases, v.Example)
}

func functionDoc(f *expr.Function) string {
	return fmt.Sprintf("```cel\n%s\n```\n\n%s\n\n```cel\n%s  // %s\n```", f.Signature, f.Doc, f.Example, f.Want)
}
