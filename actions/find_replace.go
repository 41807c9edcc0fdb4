package actions

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"

	"weir/engine"
	"weir/engine/content"
	"weir/engine/expr"
	"weir/engine/wire"
)

const (
	// maxReplacements bounds one action: each pattern is matched against every text, and keeps a window of each stream.
	maxReplacements = 64
	// maxTo bounds what takes the place of a match: longer than any notice, and short enough that a text in which much
	// matches does not grow beyond what is held in memory.
	maxTo = 4 << 10
)

// proseKinds are the kinds of text that find-replace works on: all but the names in tools' arguments and results, which
// belong to the tools.
const proseKinds = wire.AllTextKinds &^ (1 << wire.TextKey)

// replacementFields are those of one replacement in every find-replace action.
func replacementFields(more ...engine.Field) []engine.Field {
	return append([]engine.Field{
		{Name: "from", Type: engine.FieldString, Required: true, Template: true, Doc: "A regular expression (RE2) that is looked for in each text."},
		{Name: "to", Type: engine.FieldString, Template: true, Doc: "What takes the place of each match; `$1` is its first group, and nothing deletes it."},
	}, more...)
}

// windowFields are those of a replacement that also works on streams.
func windowFields() []engine.Field {
	return []engine.Field{
		{Name: "max_length", Type: engine.FieldInt, Min: 1, Max: content.MaxMaxLength, Doc: "The longest match in a stream, in characters."},
		{Name: "undecided", Type: engine.FieldEnum, Default: "mask", Enum: []string{"mask", "block"}, Doc: "What becomes of text of a stream that is longer than that and may still match."},
	}
}

// findReplace is the list of replacements that the three actions share.
type findReplace struct {
	result string // the name of the action's result
	rules  []*replacement
	fixed  []*content.Pattern // all of them, where none depends on the exchange
}

// replacement is one of them.
type replacement struct {
	from, to  *expr.Template
	field     *expr.Template // of a server-sent event; nil = data
	maxLength int
	full      content.Full
	last      atomic.Pointer[madePattern]
}

// madePattern is a pattern with the texts that it was made of.
type madePattern struct {
	from, to string
	pattern  *content.Pattern
}

// newFindReplace reads the field "replacements"; nil where it is wrong, which is reported.
func newFindReplace(c *engine.Config, result string) *findReplace {
	f := &findReplace{result: result}
	n := c.Node("replacements")
	if n == nil || n.Kind != engine.NodeList {
		return nil
	}
	whole := true
	for _, item := range n.Items {
		if r := newReplacement(c, item); r != nil {
			f.rules = append(f.rules, r)
		}
	}
	for _, r := range f.rules {
		_, from := r.from.Literal()
		_, to := r.to.Literal()
		whole = whole && from && to
	}
	if whole && len(f.rules) == len(n.Items) {
		for i, r := range f.rules {
			p, err := r.compiled(nil)
			if err != nil {
				c.Errorf(n.Items[i].Get("from"), "bad_regex", "%v", err)
				return nil
			}
			f.fixed = append(f.fixed, p)
		}
	}
	return f
}

func newReplacement(c *engine.Config, item *engine.Node) *replacement {
	from := item.Get("from")
	if from == nil || from.Kind != engine.NodeScalar {
		return nil // reported by the check of fields
	}
	r := &replacement{from: c.CompileTemplate(from), to: c.CompileTemplate(scalarAt(item, "to", ""))}
	if f := item.Get("field"); f != nil && f.Kind == engine.NodeScalar {
		r.field = c.CompileTemplate(f)
	}
	if r.from == nil || r.to == nil {
		return nil
	}
	if n, ok := scalarAt(item, "max_length", "").Value.(int64); ok && n <= content.MaxMaxLength { // else it is reported
		r.maxLength = int(n)
	}
	if scalarAt(item, "undecided", "").Text.Value == "block" {
		r.full = content.FullBlock
	}
	if text, ok := r.from.Literal(); ok {
		if text == "" {
			c.Errorf(from, "bad_value", "\"from\" is empty: it would match between any two characters")
			return nil
		}
		if _, err := content.Compile(content.Replacement{From: text}); err != nil {
			c.Errorf(from, "bad_regex", "%v", err)
			return nil
		}
	}
	if text, ok := r.to.Literal(); ok && len(text) > maxTo {
		c.Errorf(item.Get("to"), "too_long", "\"to\" has %d bytes; at most %d are taken", len(text), maxTo)
		return nil
	}
	return r
}

// scalarAt is a scalar of a mapping, one with the given text where there is none.
func scalarAt(n *engine.Node, key, missing string) *engine.Node {
	if v := n.Get(key); v != nil && v.Kind == engine.NodeScalar {
		return v
	}
	return &engine.Node{Kind: engine.NodeScalar, Value: missing, Text: expr.Text{Value: missing}, Pos: n.Pos, End: n.End}
}

var (
	errEmptyFrom = errors.New("from is empty, which would match between any two characters")
	errLongTo    = fmt.Errorf("to is over %d bytes", maxTo)
)

// compiled gives the pattern for an exchange, nil where nothing depends on one. What expressions give is matched and put
// in as it is, not read as a pattern or as the name of a group. The last one is kept: most are the same for many requests.
func (r *replacement) compiled(x *engine.Exchange) (*content.Pattern, error) {
	from, err := r.from.Escaped(x, regexp.QuoteMeta)
	if err != nil {
		return nil, fmt.Errorf("evaluating from: %w", err)
	}
	to, err := r.to.Escaped(x, func(s string) string { return strings.ReplaceAll(s, "$", "$$") })
	if err != nil {
		return nil, fmt.Errorf("evaluating to: %w", err)
	}
	if last := r.last.Load(); last != nil && last.from == from && last.to == to {
		return last.pattern, nil
	}
	switch {
	case from == "":
		return nil, errEmptyFrom
	case len(to) > maxTo:
		return nil, errLongTo
	}
	made := &madePattern{from: from, to: to}
	if strings.Contains(to, "$") {
		re, err := regexp.Compile(from)
		if err != nil {
			return nil, fmt.Errorf("compiling the pattern: %w", err)
		}
		to = expandable(to, re)
	}
	made.pattern, err = content.Compile(content.Replacement{From: from, To: to, MaxLength: r.maxLength, Full: r.full})
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what is wrong with the pattern
	}
	r.last.Store(made)
	return made.pattern, nil
}

// patterns gives the patterns for an exchange.
func (f *findReplace) patterns(x *engine.Exchange) ([]*content.Pattern, error) {
	if f.fixed != nil {
		return f.fixed, nil
	}
	out := make([]*content.Pattern, len(f.rules))
	for i, r := range f.rules {
		p, err := r.compiled(x)
		if err != nil {
			return nil, fmt.Errorf("replacement %d: %w", i, err)
		}
		out[i] = p
	}
	return out, nil
}

// replacer makes the replacer of an exchange.
func (f *findReplace) replacer(x *engine.Exchange) (*content.Replacer, error) {
	patterns, err := f.patterns(x)
	if err != nil {
		return nil, err
	}
	return content.NewReplacer(patterns, proseKinds), nil
}

// failed leaves what went wrong for later expressions, and says it with the action's name.
func (f *findReplace) failed(x *engine.Exchange, err error) error {
	if x.WantsResult(f.result) {
		code := engine.CodePolicyFailed
		if own, ok := errors.AsType[*engine.Error](err); ok {
			code = own.Code
		}
		x.SetResult(f.result, map[string]any{
			"replacements": []any{},
			"error":        map[string]any{"code": string(code), "message": err.Error()},
		})
	}
	return fmt.Errorf("%s: %w", strings.ReplaceAll(f.result, "_", "-"), err)
}

// publish leaves what was found for later expressions, and the number of matches for the log: what matched may be what
// nobody should read there.
func (f *findReplace) publish(x *engine.Exchange, found []content.Matches) {
	total := 0
	for i := range found {
		total += found[i].Count
	}
	if total > 0 {
		x.AddLog(f.result, map[string]any{"matches": total})
	}
	if !x.WantsResult(f.result) {
		return
	}
	list := []any{}
	for i := range found {
		if m := &found[i]; m.Count > 0 {
			list = append(list, map[string]any{"replacement_index": int64(i), "matched_content": m.First})
		}
	}
	x.SetResult(f.result, map[string]any{"replacements": list})
}
