package actions

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"weir/engine/wire"
)

const (
	// maxSchema bounds a schema, whose every part is compiled: more than the largest that any API takes.
	maxSchema = 256 << 10
	// maxSchemaPatterns bounds the regular expressions of a schema together, which clients write too: their programs may
	// be a thousand times as large.
	maxSchemaPatterns = 4 << 10
	// maxSchemaSteps bounds one validation: schemas that fork at every level take a time that grows with the power of the
	// depth. A large answer takes a few thousand steps; these take less than a second.
	maxSchemaSteps = 100_000
	// maxSchemaPlace keeps a line of the log short.
	maxSchemaPlace = 256
)

var (
	errInvalidAnswer  = errors.New("the answer does not fit its schema")
	errLongSchema     = fmt.Errorf("it has more than %d bytes", maxSchema)
	errSchemaPatterns = fmt.Errorf("its patterns have more than %d bytes together", maxSchemaPatterns)
	errSchemaSteps    = errors.New("the answer takes too long to validate")
	errSchemaRemote   = errors.New("a schema refers to nothing outside of itself")
)

// schemaForm is how a schema is written.
type schemaForm uint8

const (
	plainSchema  schemaForm = iota
	geminiSchema            // Gemini's own, which is that of OpenAPI
)

// answerSchema is a compiled schema. One validation runs at a time: its steps are counted.
type answerSchema struct {
	source string
	form   schemaForm
	schema *jsonschema.Schema

	mu    sync.Mutex
	steps int
}

// parseSchema reads a schema as strictly as a request is read.
func parseSchema(text []byte, form schemaForm) (*answerSchema, error) {
	if len(text) > maxSchema {
		return nil, errLongSchema
	}
	value, err := strictJSON(text)
	if err != nil {
		return nil, err
	}
	if form == geminiSchema {
		value = fromOpenAPI(value)
	}
	s, err := compileSchema(value)
	if err != nil {
		return nil, err
	}
	s.source, s.form = string(text), form
	return s, nil
}

// strictJSON reads one value of any kind.
func strictJSON(text []byte) (any, error) {
	wrapped := append(append([]byte(`{"value":`), text...), '}')
	v, problem := wire.DecodeJSON(wrapped)
	if problem != nil {
		return nil, problem
	}
	if len(v) != 1 { // the text closed the object itself
		return nil, wire.ErrTextMalformed
	}
	return v["value"], nil
}

// noSchemas loads nothing: what a schema refers to must stand in it.
type noSchemas struct{}

// Load refuses.
func (noSchemas) Load(string) (any, error) { return nil, errSchemaRemote }

// compileSchema compiles a schema of values as encoding/json makes them.
func compileSchema(value any) (*answerSchema, error) {
	switch value.(type) {
	case map[string]any, bool:
	default:
		return nil, errors.New("a schema is an object")
	}
	s := &answerSchema{}
	c := jsonschema.NewCompiler()
	c.UseLoader(noSchemas{})
	left := maxSchemaPatterns
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) {
		if left -= len(text); left < 0 {
			return nil, errSchemaPatterns
		}
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("compiling a pattern: %w", err)
		}
		return re, nil
	})
	c.RegisterVocabulary(&jsonschema.Vocabulary{
		URL: "weir:steps",
		Compile: func(*jsonschema.CompilerContext, map[string]any) (jsonschema.SchemaExt, error) {
			return (*schemaSteps)(s), nil
		},
	})
	c.AssertVocabs()
	const place = "weir:///answer.json"
	err := c.AddResource(place, value)
	if err == nil {
		s.schema, err = c.Compile(place)
	}
	if err != nil {
		return nil, errors.New(shortened(schemaProblem(err)))
	}
	return s, nil
}

// schemaProblem says what is wrong with a schema, without the name that it has here.
func schemaProblem(err error) string {
	if bad, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if invalid, ok := errors.AsType[*jsonschema.ValidationError](bad.Err); ok {
			return "it is no schema " + placeOfProblem(invalid)
		}
	}
	return strings.ReplaceAll(err.Error(), "weir:///answer.json", "")
}

// schemaSteps counts the steps of a validation, and ends one that takes too many.
type schemaSteps answerSchema

// Validate counts one step.
func (s *schemaSteps) Validate(*jsonschema.ValidatorContext, any) {
	s.steps++
	if s.steps > maxSchemaSteps {
		panic(errSchemaSteps)
	}
}

// validate reports what does not fit. The error says where, never what stands there.
func (s *answerSchema) validate(value any) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = 0
	defer func() {
		if r := recover(); r != nil {
			if r != errSchemaSteps { //nolint:errorlint // a value that was panicked with
				panic(r)
			}
			err = fmt.Errorf("%w: %w", errInvalidAnswer, errSchemaSteps)
		}
	}()
	failed := s.schema.Validate(value)
	if failed == nil {
		return nil
	}
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](failed); ok {
		return fmt.Errorf("%w: %s", errInvalidAnswer, shortened(placeOfProblem(invalid)))
	}
	return fmt.Errorf("%w: it cannot be validated", errInvalidAnswer)
}

// placeOfProblem is the first place that does not fit, and the keyword that says so.
func placeOfProblem(e *jsonschema.ValidationError) string {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	return "at /" + strings.Join(e.InstanceLocation, "/") + ": " + strings.Join(e.ErrorKind.KeywordPath(), "/")
}

func shortened(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxSchemaPlace)], "")
}

// answer validates a whole answer: the text of every choice. One that calls tools or refuses instead of answering has
// nothing to validate.
func (s *answerSchema) answer(api wire.API, body []byte) error {
	reply, problem := wire.DecodeReply(api, body)
	if problem != nil {
		return fmt.Errorf("%w: %w", wire.ErrTextMalformed, problem)
	}
	for i := range reply.Choices {
		text, has := structuredText(reply.Choices[i].Message.Blocks)
		if !has {
			continue
		}
		if err := s.text(text); err != nil {
			return err
		}
	}
	return nil
}

// text validates what should be one JSON value.
func (s *answerSchema) text(text string) error {
	value, err := strictJSON([]byte(text))
	if err != nil {
		return fmt.Errorf("%w: it is no JSON", errInvalidAnswer)
	}
	return s.validate(value)
}

// structuredText is the text of an answer; there is none where tools are called or the model refuses.
func structuredText(blocks []wire.Block) (text string, has bool) {
	var b strings.Builder
	stands := false
	for i := range blocks {
		switch blocks[i].Kind { //nolint:exhaustive // nothing else is part of a structured answer
		case wire.BlockText:
			b.WriteString(blocks[i].Text)
			has = true
		case wire.BlockToolCall, wire.BlockRefusal:
			stands = true
		}
	}
	return b.String(), has || !stands
}

// fromOpenAPI writes a schema in the words of Gemini and OpenAPI as JSON Schema.
func fromOpenAPI(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = fromOpenAPI(v[i])
		}
	case map[string]any:
		return openAPIObject(v)
	}
	return v
}

func openAPIObject(v map[string]any) map[string]any {
	out := make(map[string]any, len(v))
	for key, value := range v {
		key = camel(key)
		switch key {
		case "properties", "$defs", "defs": // the names in these are the answer's own
			if m, ok := value.(map[string]any); ok {
				inner := make(map[string]any, len(m))
				for name, schema := range m {
					inner[name] = fromOpenAPI(schema)
				}
				value = inner
			}
		case "enum", "required", "example", "default", "description", "title", "propertyOrdering", "const":
		case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties": // 64-bit numbers travel as text
			if text, ok := value.(string); ok {
				if n, err := strconv.ParseInt(text, 10, 64); err == nil {
					value = n
				}
			}
		case "type":
			if text, ok := value.(string); ok {
				value = strings.ToLower(text)
			}
		default:
			value = fromOpenAPI(value)
		}
		out[key] = value
	}
	if nullable, _ := out["nullable"].(bool); nullable { // else it says nothing
		out = map[string]any{"anyOf": []any{map[string]any{"type": "null"}, out}}
	}
	return out
}
