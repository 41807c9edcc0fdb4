package actions

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"weir/engine/wire"
)

func TestSchemas(t *testing.T) {
	const person = `{"type":"object","properties":{"name":{"type":"string","pattern":"^[A-Z]"},"age":{"type":"integer","minimum":0}},"required":["name"],"additionalProperties":false}`
	tests := []struct {
		name, schema string
		form         schemaForm
		text, want   string // "" = it fits
	}{
		{"fits", person, plainSchema, ` {"name":"Joe","age":3} `, ""},
		{"no JSON", person, plainSchema, `name: Joe`, "it is no JSON"},
		{"something behind it", person, plainSchema, `{"name":"Joe"} done`, "it is no JSON"},
		{"two values", person, plainSchema, `{"name":"Joe"},"x":{}`, "it is no JSON"},
		{"a name twice", person, plainSchema, `{"name":"Joe","name":1}`, "it is no JSON"},
		{"a number that no computer holds", person, plainSchema, `{"name":"Joe","age":1e999999999}`, "it is no JSON"},
		{"nothing", person, plainSchema, ``, "it is no JSON"},
		{"missing", person, plainSchema, `{}`, "at /: required"},
		{"wrong", person, plainSchema, `{"name":"Joe","age":"secret"}`, "at /age: type"},
		{"pattern", person, plainSchema, `{"name":"joe"}`, "at /name: pattern"},
		{"another kind", `{"type":"array","items":{"type":"boolean"}}`, plainSchema, `[true, 1]`, "at /1: type"},
		{"refers to itself", `{"$ref":"#/$defs/a","$defs":{"a":{"const":1}}}`, plainSchema, `2`, "at /: const"},
		{"gemini", `{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true,"format":"enum","enum":["A"]},"n":{"type":"ARRAY","minItems":"2","items":{"type":"INTEGER","format":"int64"}}},"propertyOrdering":["n"]}`, geminiSchema, `{"type":null,"n":[1,2]}`, ""},
		{"gemini, wrong", `{"type":"OBJECT","properties":{"n":{"type":"ARRAY","min_items":"2"}}}`, geminiSchema, `{"n":[1]}`, "at /n: minItems"},
		{"gemini, any of", `{"anyOf":[{"type":"STRING"},{"type":"NUMBER"}]}`, geminiSchema, `true`, "at /: type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parseSchema([]byte(tt.schema), tt.form)
			if err != nil {
				t.Fatal(err)
			}
			err = s.text(tt.text)
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, errInvalidAnswer) || !strings.HasSuffix(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSchemasRefused(t *testing.T) {
	for name, schema := range map[string]string{
		"no JSON": `{`, "a list": `[]`, "unknown type": `{"type":"objekt"}`, "elsewhere": `{"$ref":"https://example.com/a.json"}`,
		"a file": `{"$ref":"file:///etc/hostname"}`, "nowhere": `{"$ref":"#/$defs/none"}`, "bad pattern": `{"pattern":"("}`,
		"many patterns": `{"allOf":[{"pattern":"` + strings.Repeat("a", maxSchemaPatterns) + `"},{"pattern":"b"}]}`,
		"long":          `{"description":"` + strings.Repeat("a", maxSchema) + `"}`, "a name twice": `{"type":"object","type":"array"}`,
		"a number that no computer holds": `{"minimum":1e999999999}`,
	} {
		if _, err := parseSchema([]byte(schema), plainSchema); err == nil {
			t.Errorf("%s: got a schema, want it refused", name)
		}
	}
}

// A schema that forks at every level ends, although it would take longer than anybody waits.
func TestSchemaStepsAreBounded(t *testing.T) {
	var defs strings.Builder
	for i := range 60 {
		fmt.Fprintf(&defs, `"a%d":{"anyOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"}]},`, i, i+1, i+1)
	}
	s, err := parseSchema([]byte(`{"$ref":"#/$defs/a0","$defs":{`+defs.String()+`"a60":{"const":1}}}`), plainSchema)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.text("2"); !errors.Is(err, errInvalidAnswer) || !errors.Is(err, errSchemaSteps) {
		t.Errorf("got %v, want the steps to run out", err)
	}
	if err := s.text("1"); err != nil {
		t.Errorf("got %v, want a schema that still works", err)
	}
}

func TestStructuredText(t *testing.T) {
	s, err := parseSchema([]byte(`{"type":"object"}`), plainSchema)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		api  wire.API
		body string
		fits bool
	}{
		{"chat", wire.OpenAIChat, `{"choices":[{"message":{"role":"assistant","content":"{}"}},{"message":{"role":"assistant","content":"{}"}}]}`, true},
		{"chat, one of two", wire.OpenAIChat, `{"choices":[{"message":{"role":"assistant","content":"{}"}},{"message":{"role":"assistant","content":"no"}}]}`, false},
		{"chat, a call", wire.OpenAIChat, `{"choices":[{"message":{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"no"}}]}}]}`, true},
		{"chat, a refusal", wire.OpenAIChat, `{"choices":[{"message":{"role":"assistant","content":null,"refusal":"no"}}]}`, true},
		{"chat, nothing", wire.OpenAIChat, `{"choices":[{"message":{"role":"assistant","content":null}}]}`, false},
		{"responses", wire.OpenAIResponses, `{"output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"{\"a\":"},{"type":"output_text","text":"1}"}]}]}`, true},
		{"anthropic", wire.AnthropicMessages, `{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"{}"}]}`, true},
		{"anthropic, wrong", wire.AnthropicMessages, `{"content":[{"type":"text","text":"[]"}]}`, false},
		{"gemini", wire.GeminiGenerate, `{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"{"},{"text":"}"}]}}]}`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := s.answer(tt.api, []byte(tt.body)); (err == nil) != tt.fits || err != nil && !errors.Is(err, errInvalidAnswer) {
				t.Errorf("got %v, want fits %v", err, tt.fits)
			}
		})
	}
}
