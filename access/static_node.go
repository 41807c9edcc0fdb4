package access

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weir/engine/diag"
)

// maxDepth bounds metadata, the one place of a file where values nest freely.
const maxDepth = 16

// fileMap is a mapping of a file, whose keys are all known and there once.
type fileMap struct {
	r      *fileReader
	node   *yaml.Node
	fields map[string]*yaml.Node
}

// mapping reads a mapping with nothing but the known keys; nil where it is none.
func (r *fileReader) mapping(n *yaml.Node, known ...string) *fileMap {
	if n.Kind != yaml.MappingNode {
		r.report(n, "wrong_type", aliasHint(n), "a mapping of %s is expected", strings.Join(known, ", "))
		return nil
	}
	m := &fileMap{r: r, node: n, fields: make(map[string]*yaml.Node, len(n.Content)/2)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, name):
			hint := ""
			if near, ok := diag.Nearest(name, known); ok {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			r.report(key, "unknown_field", hint, "%s cannot stand here", keyName(key))
		case m.fields[name] != nil:
			r.report(key, "duplicate_key", fmt.Sprintf("it is first set in line %d", m.fields[name].Line), "%q is set twice", name)
		default:
			m.fields[name] = value
		}
	}
	return m
}

// keyName shows a key that looks like one, and nothing of what may be a secret in the wrong place.
func keyName(n *yaml.Node) string {
	if regexp.MustCompile(`^[a-zA-Z_]{1,40}$`).MatchString(n.Value) {
		return strconv.Quote(n.Value)
	}
	return "this field"
}

func aliasHint(n *yaml.Node) string {
	if n.Kind == yaml.AliasNode {
		return "aliases cannot be used in this file"
	}
	return ""
}

func (m *fileMap) has(key string) bool { return m.fields[key] != nil }

func (m *fileMap) wrong(n *yaml.Node, key, want string) {
	m.r.report(n, "wrong_type", aliasHint(n), "%q is %s", key, want)
}

// scalar is the text of a scalar with one of the tags, "" where the key is missing.
func (m *fileMap) scalar(key, want string, tags ...string) string {
	n := m.fields[key]
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.ShortTag()) {
		m.wrong(n, key, want)
		return ""
	}
	return n.Value
}

func (m *fileMap) text(key string) string {
	return m.scalar(key, "a text, in quotes where it looks like something else", "!!str")
}

func (m *fileMap) number(key string) string {
	return m.scalar(key, "a number", "!!int", "!!float", "!!str")
}

func (m *fileMap) flag(key string) bool { return isTrue(m.scalar(key, "true or false", "!!bool")) }

// isTrue reads what YAML takes for a boolean, whose case does not count.
func isTrue(text string) bool { return strings.EqualFold(text, "true") }

func (m *fileMap) integer(key string) int {
	text := m.scalar(key, "a whole number", "!!int")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		m.wrong(m.fields[key], key, "a whole number")
	}
	return n
}

func (m *fileMap) time(key string) *time.Time {
	text := m.scalar(key, "a time", "!!timestamp", "!!str")
	if text == "" {
		if m.has(key) && m.fields[key].Kind == yaml.ScalarNode {
			m.wrong(m.fields[key], key, "a time such as 2030-01-31T12:00:00Z")
		}
		return nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		m.wrong(m.fields[key], key, "a time such as 2030-01-31T12:00:00Z")
		return nil
	}
	t = t.UTC()
	return &t
}

// items are the entries of a list.
func (m *fileMap) items(key string) []*yaml.Node {
	n := m.fields[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		m.wrong(n, key, "a list")
		return nil
	}
	return n.Content
}

// texts is a list of texts: nil where the key is missing, and not where the list is empty.
func (m *fileMap) texts(key string) []string {
	if !m.has(key) {
		return nil
	}
	items := m.items(key)
	out := make([]string, 0, len(items))
	for _, n := range items {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			m.wrong(n, key, "a list of texts, in quotes where they look like something else")
			continue
		}
		out = append(out, n.Value)
	}
	return out
}

func (m *fileMap) integers(key string) []int {
	var out []int
	for _, n := range m.items(key) {
		i, err := strconv.Atoi(n.Value)
		if err != nil || n.Kind != yaml.ScalarNode {
			m.wrong(n, key, "a list of whole numbers")
			continue
		}
		out = append(out, i)
	}
	return out
}

// metadata is a text, or a mapping that becomes a JSON object.
func (m *fileMap) metadata(key string) string {
	n := m.fields[key]
	if n == nil || n.Kind == yaml.ScalarNode {
		return m.text(key)
	}
	if n.Kind != yaml.MappingNode {
		m.wrong(n, key, "a text or a mapping")
		return ""
	}
	text, err := json.Marshal(m.plain(n, 1))
	if err != nil {
		m.wrong(n, key, "a mapping that JSON can hold")
		return ""
	}
	return string(text)
}

// plain is a value of metadata as JSON has it.
func (m *fileMap) plain(n *yaml.Node, depth int) any {
	if depth > maxDepth {
		m.r.report(n, "too_deep", "", "metadata may nest %d levels deep", maxDepth)
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			out = append(out, m.plain(c, depth+1))
		}
		return out
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if _, again := out[key.Value]; again || key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
				m.r.report(key, "bad_key", "", "a key of metadata is a plain name that is there once")
				continue
			}
			out[key.Value] = m.plain(n.Content[i+1], depth+1)
		}
		return out
	case yaml.ScalarNode:
		return m.plainScalar(n)
	default:
		m.r.report(n, "bad_value", aliasHint(n), "this cannot stand in metadata")
		return nil
	}
}

func (m *fileMap) plainScalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value
	case "!!null":
		return nil
	case "!!bool":
		return isTrue(n.Value)
	}
	if json.Valid([]byte(n.Value)) {
		return json.Number(n.Value)
	}
	m.r.report(n, "bad_value", "write it in quotes", "this is no value that JSON has")
	return nil
}

// secretCall is the only form in which a file names a secret.
var secretCall = regexp.MustCompile(`^\$\{\s*secrets\.get\(\s*(?:'([^'"\\]+)'|"([^'"\\]+)")\s*(?:,\s*(?:'([^'"\\]+)'|"([^'"\\]+)")\s*)?\)\s*\}$`)

// secret looks up what a field refers to. Anything else in its place is refused and shown nowhere.
func (m *fileMap) secret(key string) string {
	n := m.fields[key]
	if n == nil {
		return ""
	}
	parts := secretCall.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || parts == nil {
		if n.Kind == yaml.ScalarNode {
			m.r.hide(n.Value)
		}
		m.r.report(n, "plain_secret", "write ${secrets.get('name')}", "%q is in the clear; a file refers to a secret", key)
		return ""
	}
	if m.r.o.Secret == nil {
		m.r.report(n, "no_secret", "", "no secrets can be looked up here")
		return ""
	}
	name, second := parts[1]+parts[2], parts[3]+parts[4]
	value, err := m.r.lookUp(name, second)
	switch {
	case err != nil:
		m.r.report(n, "no_secret", "", "%s", err)
	case value == "":
		m.r.report(n, "no_secret", "", "the secret %q is empty", name)
	default:
		m.r.hide(value)
	}
	return value
}

// minHidden keeps what is too short to be a secret from being blotted out wherever its letters stand.
const minHidden = 6

// hide keeps a text out of every diagnostic.
func (r *fileReader) hide(text string) {
	if len(text) >= minHidden {
		r.secrets = append(r.secrets, text)
	}
}

// lookUp finds a secret by its name, or by those of its vault and itself, the way policies do.
func (r *fileReader) lookUp(name, second string) (string, error) {
	if second == "" {
		return r.o.Secret(name)
	}
	value, err := r.o.Secret(name + "/" + second)
	if err != nil {
		return r.o.Secret(second)
	}
	return value, nil
}
