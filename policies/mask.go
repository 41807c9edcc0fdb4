package policies

import (
	"regexp"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/diag"
)

// minHidden is the shortest text that is hidden wherever it stands. A shorter one is hidden in its own place only: it would
// be found in the middle of words that have nothing to do with it, and point at itself that way.
const minHidden = 6

// span is a part of a line that excerpts do not show.
type span struct {
	from, to int  // columns, counted from 1, the second behind the end; 0 = to the end of the line
	loose    bool // brackets, quotes and commas stay, so that a mistake among them can be seen
}

type lineOf struct {
	file string
	line int
}

// hideFields keeps what secret fields of actions hold out of every diagnostic: their own, and others about the same line.
func (c *compiled) hideFields(n *engine.Node, specs map[string]*engine.ActionSpec) {
	if n == nil {
		return
	}
	if config := n.Get("config"); config != nil {
		if spec := specs[actionOf(n, specs)]; spec != nil {
			c.hideSecrets(config, spec.Fields)
		} else {
			for _, spec := range specs { // a name that is wrong still has its secrets beside it
				c.hideSecrets(config, spec.Fields)
			}
		}
	}
	for _, item := range n.Items {
		c.hideFields(item, specs)
	}
}

// actionOf is the name of the action that a mapping is.
func actionOf(n *engine.Node, specs map[string]*engine.ActionSpec) string {
	kind := n.Get("type")
	if kind == nil {
		return ""
	}
	if now := renamedAction(kind.Text.Value); specs[now] != nil {
		return now
	}
	return kind.Text.Value
}

// hideSecrets hides the secret fields of a mapping, or of each mapping of a list.
func (c *compiled) hideSecrets(n *engine.Node, fields []engine.Field) {
	if n.Kind == engine.NodeList {
		for _, item := range n.Items {
			c.hideSecrets(item, fields)
		}
		return
	}
	for i := range fields {
		f, v := &fields[i], n.Get(fields[i].Name)
		switch {
		case v == nil:
		case f.Secret:
			c.secrets.hideNode(v)
		default:
			c.hideSecrets(v, f.Fields)
		}
	}
}

// hideNode hides every text of a value. One with ${...} stays: what is secret in it comes from elsewhere, and its
// expressions are to be shown where they are wrong.
func (v *vault) hideNode(n *engine.Node) {
	for _, item := range n.Items {
		v.hideNode(item)
	}
	text := n.Text.Value
	if n.Kind != engine.NodeScalar || text == "" || strings.Contains(text, "${") {
		return
	}
	if len(text) >= minHidden {
		v.hide(text)
	}
	end := n.End
	if !end.IsValid() || !n.Pos.Before(end) {
		end = diag.Pos{Line: n.Pos.Line}
	}
	for line := n.Pos.Line; line <= end.Line; line++ {
		s := span{from: 1}
		if line == n.Pos.Line {
			s.from = n.Pos.Col
		}
		if line == end.Line {
			s.to = end.Col
		}
		v.cover(lineOf{n.Pos.File, line}, s)
	}
}

func (v *vault) cover(at lineOf, s span) {
	if v.spans == nil {
		v.spans = map[lineOf][]span{}
	}
	v.spans[at] = append(v.spans[at], s)
}

// hideText hides what stands behind the keys of secret fields in a document that does not parse.
func (c *compiled) hideText(src *diag.Source, specs map[string]*engine.ActionSpec) {
	var names []string
	for _, spec := range specs {
		names = secretNames(names, spec.Fields)
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	key := regexp.MustCompile(`(?:^|[^\w-])(?:` + strings.Join(slices.Compact(names), "|") + `)["']?\s*:`)
	below, number := -1, 0 // how far the key is indented that the lines belong to
	for text := range strings.Lines(src.Text()) {
		number++
		at := lineOf{src.Name(), number}
		trimmed := strings.TrimLeft(text, " \t")
		indent := len(text) - len(trimmed)
		if strings.TrimSpace(trimmed) == "" {
			continue
		}
		if below >= 0 && (indent > below || indent == below && trimmed[0] == '-') {
			c.secrets.cover(at, span{from: 1, loose: true})
			continue
		}
		below = -1
		if m := key.FindStringIndex(text); m != nil {
			c.secrets.cover(at, span{from: len([]rune(text[:m[1]])) + 1, loose: true})
			below = indent
		}
	}
}

// secretNames adds the names of the secret fields, those within others as well.
func secretNames(names []string, fields []engine.Field) []string {
	for i := range fields {
		if fields[i].Secret {
			names = append(names, regexp.QuoteMeta(fields[i].Name))
		}
		names = secretNames(names, fields[i].Fields)
	}
	return names
}

// covered is a line as excerpts show it: each hidden character is an asterisk, so that carets stay where they point.
func (v *vault) covered(at lineOf, line string) string {
	spans := v.spans[at]
	if len(spans) == 0 {
		return line
	}
	out := []rune(line)
	for _, s := range spans {
		to := len(out)
		if s.to > 0 {
			to = min(s.to-1, to)
		}
		for i := max(s.from-1, 0); i < to; i++ {
			if shown := s.loose && strings.ContainsRune(`"'[]{},`, out[i]); !shown && out[i] != ' ' && out[i] != '\t' {
				out[i] = '*'
			}
		}
	}
	return string(out)
}
