package policies

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"weir/engine"
	"weir/engine/diag"
)

const (
	// maxDocument bounds a policy file. The largest policies in use are some tens of kilobytes, and YAML parsers can be
	// made to work very long for each byte.
	maxDocument = 1 << 20
	// maxNodes bounds a policy after its aliases are expanded: a thousand models with every field set stay below half
	// of it, and documents made to explode pass it at once.
	maxNodes = 100_000
	// maxDepth is far beyond what any field needs and far below what recursion over the document can take.
	maxDepth = 64
)

// decode reads the text of a document. The node is nil where it cannot be used at all. The count is of the nodes of all
// documents of the policy so far.
func decode(src *diag.Source, count *int) (*engine.Node, diag.List) {
	if d, bad := checkText(src); bad {
		return nil, diag.List{d}
	}
	text, masked := maskSurrogates(src.Text())
	doc, err := parseYAML(text)
	if err != nil {
		return nil, diag.List{yamlDiagnostic(src, err)}
	}
	if doc == nil || len(doc.Content) == 0 || doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].ShortTag() == "!!null" {
		return nil, diag.List{{
			Pos: diag.Pos{File: src.Name(), Line: 1, Col: 1}, Code: "empty_document",
			Message: "the document is empty", Hint: "a policy without rules is written {}",
		}}
	}
	b := &builder{src: src, cursor: cursor{text: src.Text(), line: 1, col: 1}, masked: masked, built: map[*yaml.Node]built{}, count: *count}
	n := b.build(doc.Content[0], 1).node
	*count = b.count
	return n, b.diags
}

// checkText refuses what would make positions or meaning depend on the reader: other encodings, and line breaks that YAML
// knows and editors do not.
func checkText(src *diag.Source) (diag.Diagnostic, bool) {
	text := src.Text()
	for i, r := range text {
		var message, hint string
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			message, hint = "the file is not UTF-8", "save it as UTF-8"
		case r == '\r' && !strings.HasPrefix(text[i:], "\r\n"):
			message, hint = "a carriage return without a line feed", "use line feeds"
		case r == '\u0085', r == '\u2028', r == '\u2029':
			message = fmt.Sprintf("the line break U+%04X cannot stand in a policy", r)
			hint = fmt.Sprintf(`write "\u%04x" in a quoted string`, r)
		default:
			continue
		}
		return diag.Diagnostic{Pos: src.Pos(i), Code: "bad_text", Message: message, Hint: hint}, true
	}
	return diag.Diagnostic{}, false
}

var errSeveralDocuments = errors.New("several documents in one file")

// secondDocument is where a second document begins.
type secondDocument struct{ line int }

func (e *secondDocument) Error() string { return errSeveralDocuments.Error() }

// parseYAML parses the one document of the text. The parser is known to panic on some malformed input; that is an error
// like any other.
func parseYAML(text string) (doc *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, fmt.Errorf("yaml: the document cannot be read: %v", r)
		}
	}()
	dec := yaml.NewDecoder(strings.NewReader(text))
	doc = &yaml.Node{}
	if err := dec.Decode(doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil //nolint:nilnil // no document is not an error of the parser
		}
		return nil, fmt.Errorf("parsing: %w", err)
	}
	var second yaml.Node
	err = dec.Decode(&second)
	switch {
	case errors.Is(err, io.EOF):
		return doc, nil
	case err != nil:
		return nil, fmt.Errorf("parsing: %w", err)
	default:
		return nil, &secondDocument{line: second.Line}
	}
}

// yamlDiagnostic turns an error of the parser, which knows lines only, into a diagnostic.
func yamlDiagnostic(src *diag.Source, err error) diag.Diagnostic {
	if second, ok := errors.AsType[*secondDocument](err); ok {
		return diag.Diagnostic{
			Pos: diag.Pos{File: src.Name(), Line: max(second.line, 1), Col: 1}, Code: "several_documents",
			Message: "a file holds one policy; a second document begins here", Hint: "write it into a file of its own",
		}
	}
	message, line := err.Error(), 0
	if _, rest, ok := strings.Cut(message, "yaml: "); ok {
		message = rest
	}
	if m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1]) // the pattern matched digits; too many of them give line 0
		message = m[2]
	}
	hint := ""
	for _, end := range []string{"',' or '}'", "',' or ']'", "'-' indicator", "key", "node content", "<document start>"} {
		if message == "did not find expected "+end {
			// these errors count lines from 0, and most tell where the value around the mistake begins
			line, hint = line+1, "in or behind the value that begins here"
		}
	}
	if m := regexp.MustCompile(`^unknown anchor '(.+)' referenced$`).FindStringSubmatch(message); m != nil {
		if at := strings.Index(src.Text(), "*"+m[1]); at >= 0 {
			return diag.Diagnostic{
				Pos: src.Pos(at), End: src.Pos(at + 1 + len(m[1])), Code: "bad_yaml", Message: "there is no anchor &" + m[1] + " before this alias",
				Hint: "quote it where it is text",
			}
		}
	}
	last := strings.Count(src.Text(), "\n") + 1
	pos := diag.Pos{File: src.Name(), Line: min(max(line, 1), last), Col: 1}
	shown := src.Line(pos.Line)
	if trimmed := strings.TrimLeft(shown, " \t"); trimmed != "" {
		pos.Col = utf8.RuneCountInString(shown[:len(shown)-len(trimmed)]) + 1
	}
	return diag.Diagnostic{Pos: pos, Code: "bad_yaml", Message: message, Hint: hint}
}

// built is a node with the number of nodes below and including it, aliases expanded.
type built struct {
	node *engine.Node
	size int
}

// builder makes nodes of a parsed document.
type builder struct {
	src    *diag.Source
	cursor cursor
	masked bool
	diags  diag.List
	built  map[*yaml.Node]built // a zero entry = not finished yet
	count  int
	full   bool
}

func (b *builder) report(pos, end diag.Pos, code, hint, format string, args ...any) {
	b.diags = append(b.diags, diag.Diagnostic{Pos: pos, End: end, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (b *builder) pos(y *yaml.Node) diag.Pos {
	return diag.Pos{File: b.src.Name(), Line: max(y.Line, 1), Col: max(y.Column, 1)}
}

// room counts nodes and reports, once, that there are too many.
func (b *builder) room(y *yaml.Node, size int) bool {
	b.count += size
	if b.count <= maxNodes {
		return true
	}
	if !b.full {
		b.full = true
		b.report(b.pos(y), diag.Pos{}, "too_large", "", "the policy has more than %d values once its aliases are expanded", maxNodes)
	}
	return false
}

func (b *builder) build(y *yaml.Node, depth int) built {
	null := built{node: &engine.Node{Pos: b.pos(y), End: b.pos(y)}, size: 1}
	if y.Kind == yaml.AliasNode {
		return b.alias(y, null)
	}
	if !b.room(y, 1) {
		return null
	}
	if depth > maxDepth {
		b.report(b.pos(y), diag.Pos{}, "too_deep", "", "values may nest %d levels deep", maxDepth)
		return null
	}
	if y.Anchor != "" {
		b.built[y] = built{}
	}
	var out built
	switch y.Kind {
	case yaml.SequenceNode:
		out = b.list(y, depth)
	case yaml.MappingNode:
		out = b.mapping(y, depth)
	default:
		out = built{node: b.scalar(y), size: 1}
	}
	if y.Anchor != "" {
		b.built[y] = out
	}
	return out
}

func (b *builder) alias(y *yaml.Node, null built) built {
	target, ok := b.built[y.Alias]
	switch {
	case !ok || target.node == nil:
		b.report(b.pos(y), diag.Pos{}, "alias_cycle", "", "the alias *%s stands inside what it names", y.Value)
		return null
	case !b.room(y, target.size):
		return null
	default:
		return target
	}
}

func (b *builder) list(y *yaml.Node, depth int) built {
	n := &engine.Node{Kind: engine.NodeList, Pos: b.pos(y), Items: make([]*engine.Node, 0, len(y.Content))}
	size := 1
	for _, child := range y.Content {
		c := b.build(child, depth+1)
		n.Items = append(n.Items, c.node)
		size += c.size
	}
	return built{node: n, size: size}
}

func (b *builder) mapping(y *yaml.Node, depth int) built {
	n := &engine.Node{Kind: engine.NodeMap, Pos: b.pos(y)}
	size := 1
	seen := make(map[string]diag.Pos, len(y.Content)/2)
	var merges []built
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.ScalarNode && k.ShortTag() == "!!merge" {
			merges = append(merges, b.build(v, depth+1))
			continue
		}
		key, ok := b.key(k, depth)
		child := b.build(v, depth+1)
		if !ok {
			continue
		}
		name := key.Text.Value
		if first, dup := seen[name]; dup {
			b.report(key.Pos, key.End, "duplicate_key", fmt.Sprintf("it is first set in line %d", first.Line), "%q is set twice", name)
			continue
		}
		seen[name] = key.Pos
		n.Keys, n.Items = append(n.Keys, key), append(n.Items, child.node)
		size += child.size + 1
	}
	for _, m := range merges {
		size += b.merge(n, m.node, seen)
	}
	return built{node: n, size: size}
}

// key builds a key. Keys are always read as text, so that on, yes and 1 are what they look like.
func (b *builder) key(k *yaml.Node, depth int) (*engine.Node, bool) {
	for k.Kind == yaml.AliasNode {
		k = k.Alias
	}
	if k.Kind != yaml.ScalarNode || depth > maxDepth {
		b.report(b.pos(k), diag.Pos{}, "bad_key", "", "keys must be plain names")
		return nil, false
	}
	key := b.text(k)
	if key.Text.Value == "" {
		b.report(key.Pos, key.End, "bad_key", "", "a key cannot be empty")
		return nil, false
	}
	return key, true
}

// merge copies what a merge key names into n, except what n already has, and returns the size of what it added.
func (b *builder) merge(n, from *engine.Node, seen map[string]diag.Pos) int {
	switch from.Kind {
	case engine.NodeList:
		size := 0
		for _, item := range from.Items {
			if item.Kind != engine.NodeMap {
				b.report(item.Pos, item.End, "bad_merge", "", "a merge key takes mappings, got %s", item.Describe())
				continue
			}
			size += b.merge(n, item, seen)
		}
		return size
	case engine.NodeMap:
		size := 0
		for i, key := range from.Keys {
			if _, have := seen[key.Text.Value]; have {
				continue
			}
			seen[key.Text.Value] = key.Pos
			n.Keys, n.Items = append(n.Keys, key), append(n.Items, from.Items[i])
			size += 2
		}
		return size
	default:
		b.report(from.Pos, from.End, "bad_merge", "", "a merge key takes a mapping, got %s", from.Describe())
		return 0
	}
}
