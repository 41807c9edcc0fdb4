package actions

import (
	"errors"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/content"
	"weir/engine/vars"
	"weir/engine/wire"
)

const (
	// maxRedactPatterns bounds one action: each pattern is matched against every text.
	maxRedactPatterns = 64
	// minRedactSalt keeps a salt from being guessed: 16 bytes are 128 bits where it is random.
	minRedactSalt = 16
	// maxRedactName keeps placeholders short, so that a stream holds back little.
	maxRedactName = 40
)

var errShortSalt = errors.New("salt has fewer than 16 bytes")

// redactMode is what takes the place of a value.
type redactMode string

const (
	redactMask     redactMode = "mask"
	redactHash     redactMode = "hash"
	redactTokenise redactMode = "tokenise"
	redactRemove   redactMode = "remove"
)

func redactModes() []string {
	return []string{string(redactMask), string(redactHash), string(redactTokenise), string(redactRemove)}
}

func redactPatternFields() []engine.Field {
	return []engine.Field{
		{Name: "name", Type: engine.FieldString, Required: true, Doc: "What it is called in counts and placeholders: small letters, digits and underscores."},
		{Name: "pattern", Type: engine.FieldString, Required: true, Doc: "A regular expression (RE2)."},
		{Name: "max_length", Type: engine.FieldInt, Min: 1, Max: content.MaxMaxLength, Doc: "The longest match, in characters, where the pattern has none."},
		{Name: "mode", Type: engine.FieldEnum, Enum: redactModes(), Doc: "As the action's `mode`, for this pattern."},
		{Name: "replace", Type: engine.FieldString, Doc: "As the action's `replace`, for this pattern."},
	}
}

// redactClass is what becomes of one entity.
type redactClass struct {
	entity, label string
	mode          redactMode
	mask          string
}

// redactReader reads the config of one action.
type redactReader struct {
	c        *engine.Config
	mode     redactMode
	mask     string
	hasMask  bool
	classes  map[string]*redactClass
	detector content.DetectorConfig
}

func newRedact(c *engine.Config) engine.Action {
	r := redactReader{c: c, mode: redactMode(c.String("mode")), classes: map[string]*redactClass{}}
	r.mask, r.hasMask = r.maskOf(c.Node("replace"))
	r.entities(c.Node("entities"))
	r.patterns(c.Node("patterns"))
	if len(r.classes) == 0 && c.Node("entities") == nil && c.Node("patterns") == nil {
		c.Errorf(nil, "missing_field", "redact needs \"entities\" or \"patterns\": nothing is looked for without")
	}
	a := &redact{
		classes: r.classes, kinds: r.where(c.Node("where")), salt: c.Template("salt"), restore: c.Bool("restore"),
		request: c.Phase == vars.PhaseRequest, onStream: streamMode(c.String("on_stream")),
	}
	if c.String("undecided") == "block" {
		r.detector.Full = content.FullBlock
		for i := range r.detector.Patterns {
			r.detector.Patterns[i].Full = content.FullBlock
		}
	}
	a.hashes = r.uses(redactHash)
	r.check(a)
	if c.Diagnostics().HasErrors() {
		return nil
	}
	detector, err := content.NewDetector(r.detector)
	if err != nil {
		c.Errorf(c.Node("patterns"), "bad_regex", "%v", err)
		return nil
	}
	a.detector = detector
	a.book = engine.State(c.Services, "redact", newRedactBook)
	return a
}

// check reports what makes no sense together.
func (r *redactReader) check(a *redact) {
	c := r.c
	if n := c.Node("replace"); n != nil && !r.uses(redactMask) {
		c.Errorf(n, "conflicting_fields", "\"replace\" is the text of mode mask, and nothing here is masked")
	}
	if n := c.Node("salt"); n != nil {
		text, literal := "", false
		if a.salt != nil {
			text, literal = a.salt.Literal()
		}
		switch {
		case !a.hashes:
			c.Errorf(n, "conflicting_fields", "\"salt\" is for mode hash, and nothing here is hashed")
		case literal && len(text) < minRedactSalt:
			c.Errorf(n, "bad_value", "\"salt\" needs at least %d bytes, so that nobody can guess it", minRedactSalt)
		}
	}
	if n := c.Node("restore"); n != nil && a.restore {
		switch {
		case !a.request:
			c.Errorf(n, "wrong_phase", "\"restore\" belongs to the rule of on_request that takes the values out")
		case !r.uses(redactTokenise):
			c.Errorf(n, "conflicting_fields", "\"restore\" is for mode tokenise: nothing else can be put back")
		}
	}
	for _, field := range []string{"on_stream", "undecided"} {
		if n := c.Node(field); n != nil && a.request {
			c.Errorf(n, "wrong_phase", "%q is for answers: requests come whole", field)
		}
	}
}

func (r *redactReader) uses(mode redactMode) bool {
	for _, class := range r.classes {
		if class.mode == mode {
			return true
		}
	}
	return false
}

// entities reads the list of entities; a string is one of that name as the action says.
func (r *redactReader) entities(n *engine.Node) {
	if n == nil {
		return
	}
	if n.Kind != engine.NodeList || len(n.Items) == 0 {
		r.c.Errorf(n, "wrong_type", "\"entities\" must be a list of names, got %s", n.Describe())
		return
	}
	for _, item := range n.Items {
		name := item
		if item.Kind == engine.NodeMap {
			name = item.Get("entity")
			r.keys(item)
		}
		switch {
		case item.Kind == engine.NodeMap && (name == nil || name.Kind == engine.NodeNull):
			r.c.Errorf(item, "missing_field", "redact needs \"entities.entity\"")
		case name.Kind != engine.NodeScalar:
			r.c.Errorf(name, "wrong_type", "an entity is a name, got %s", name.Describe())
		case !slices.Contains(content.Entities(), name.Text.Value):
			r.c.Errorf(name, "bad_value", "there is no entity %q: %s", name.Text.Value, engine.HintFor(name.Text.Value, content.Entities()))
		default:
			if r.class(name, item) {
				r.detector.Entities = append(r.detector.Entities, name.Text.Value)
			}
		}
	}
}

// keys checks the fields of an entry of entities, which the check of fields does not know.
func (r *redactReader) keys(item *engine.Node) {
	known := []string{"entity", "mode", "replace"}
	for _, key := range item.Keys {
		if !slices.Contains(known, key.Text.Value) {
			r.c.Errorf(key, "unknown_key", "redact has no field \"entities.%s\": %s", key.Text.Value, engine.HintFor(key.Text.Value, known))
		}
	}
	switch replace := item.Get("replace"); {
	case replace == nil || replace.Kind == engine.NodeNull:
	case replace.Kind != engine.NodeScalar:
		r.c.Errorf(replace, "wrong_type", "\"entities.replace\" must be a string, got %s", replace.Describe())
	case strings.Contains(replace.Text.Value, "${"):
		r.c.Errorf(replace, "not_a_template", "\"entities.replace\" does not take ${...}")
	}
	if mode := item.Get("mode"); mode != nil && mode.Kind != engine.NodeNull && !slices.Contains(redactModes(), mode.Text.Value) {
		r.c.Errorf(mode, "bad_value", "\"entities.mode\" must be one of %s, got %q", strings.Join(redactModes(), ", "), mode.Text.Value)
	}
}

func (r *redactReader) patterns(n *engine.Node) {
	if n == nil || n.Kind != engine.NodeList {
		return // reported by the check of fields
	}
	for _, item := range n.Items {
		name, pattern := scalarAt(item, "name", ""), scalarAt(item, "pattern", "")
		if item.Get("name") == nil || item.Get("pattern") == nil {
			continue // reported by the check of fields
		}
		if !validRedactName(name.Text.Value) {
			r.c.Errorf(name, "bad_name", "%q cannot be the name of a pattern: up to %d small letters, digits and underscores, beginning with a letter", name.Text.Value, maxRedactName)
			continue
		}
		custom := content.CustomPattern{Name: name.Text.Value, Pattern: pattern.Text.Value}
		if n, ok := scalarAt(item, "max_length", "").Value.(int64); ok && n <= content.MaxMaxLength { // else it is reported
			custom.MaxLength = int(n)
		}
		if slices.Contains(content.Entities(), custom.Name) {
			r.c.Errorf(name, "duplicate_value", "%q is an entity already: give the pattern a name of its own", custom.Name)
			continue
		}
		if _, err := content.NewDetector(content.DetectorConfig{Patterns: []content.CustomPattern{custom}}); err != nil {
			r.c.Errorf(pattern, "bad_regex", "%v", err)
			continue
		}
		if r.class(name, item) {
			r.detector.Patterns = append(r.detector.Patterns, custom)
		}
	}
}

func validRedactName(name string) bool {
	for i, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', i > 0 && (c == '_' || '0' <= c && c <= '9'):
		default:
			return false
		}
	}
	return name != "" && len(name) <= maxRedactName
}

// class notes what becomes of an entity or pattern.
func (r *redactReader) class(name, item *engine.Node) bool {
	entity := name.Text.Value
	if r.classes[entity] != nil {
		r.c.Errorf(name, "duplicate_value", "%q is named twice", entity)
		return false
	}
	class := &redactClass{entity: entity, label: strings.ToUpper(entity), mode: r.mode}
	if mode := item.Get("mode"); mode != nil && mode.Kind == engine.NodeScalar {
		class.mode = redactMode(mode.Text.Value)
	}
	switch mask, has := r.maskOf(item.Get("replace")); {
	case has && class.mode != redactMask:
		r.c.Errorf(item.Get("replace"), "conflicting_fields", "\"replace\" is the text of mode mask, and %s has mode %s", entity, class.mode)
	case has:
		class.mask = mask
	case r.hasMask:
		class.mask = r.mask
	default:
		class.mask = "[" + class.label + "]"
	}
	r.classes[entity] = class
	return true
}

// maskOf reads the text of a mask.
func (r *redactReader) maskOf(n *engine.Node) (mask string, has bool) {
	if n == nil || n.Kind != engine.NodeScalar {
		return "", false // another kind is reported by the check of fields
	}
	if len(n.Text.Value) > maxTo {
		r.c.Errorf(n, "too_long", "\"replace\" has %d bytes; at most %d are taken", len(n.Text.Value), maxTo)
	}
	return n.Text.Value, true
}

// redactPlaces are the words of where.
func redactPlaces() []string {
	return []string{"system", "user", "assistant", "tool_arguments", "tool_results", "response", "other"}
}

// where reads whose texts are looked into.
func (r *redactReader) where(n *engine.Node) wire.TextKinds {
	if n == nil || n.Kind != engine.NodeList {
		return wire.AllTextKinds
	}
	request := r.c.Phase == vars.PhaseRequest
	var kinds wire.TextKinds
	for _, item := range n.Items {
		switch word := item.Text.Value; {
		case !slices.Contains(redactPlaces(), word):
			r.c.Errorf(item, "bad_value", "\"where\" knows no %q: %s", word, engine.HintFor(word, redactPlaces()))
		case request && word == "response":
			r.c.Errorf(item, "wrong_phase", "the response is there in on_response only")
		case !request && (word == "system" || word == "user"):
			r.c.Errorf(item, "wrong_phase", "answers hold no text of %s: the rule belongs into on_request", word)
		default:
			kinds |= redactPlace(word)
		}
	}
	return kinds
}

func redactPlace(word string) wire.TextKinds {
	var k wire.TextKinds
	switch word {
	case "system":
		return k.Of(wire.TextSystem)
	case "user":
		return k.Of(wire.TextUser)
	case "assistant":
		return k.Of(wire.TextAssistant, wire.TextReasoning, wire.TextRefusal)
	case "tool_arguments":
		return k.Of(wire.TextToolArguments, wire.TextKey)
	case "tool_results":
		return k.Of(wire.TextToolResult, wire.TextKey)
	case "other":
		return k.Of(wire.TextOther)
	default:
		return wire.AllTextKinds
	}
}
