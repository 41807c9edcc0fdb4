package sim

import (
	"bytes"
	"encoding/json"
	"strings"
)

// camelNames spells the names in a Gemini request in one way: the API takes both of protobuf's spellings, and its own
// Python SDK mixes them. What the client named itself (schemas, arguments, results) stays as it is.
func camelNames(raw json.RawMessage) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return raw
	}
	switch raw[0] {
	case '{':
		var in map[string]json.RawMessage
		if json.Unmarshal(raw, &in) != nil {
			return raw
		}
		out := make(map[string]json.RawMessage, len(in))
		for name, value := range in {
			name = camel(name)
			if !clientNamed(name) {
				value = camelNames(value)
			}
			out[name] = value
		}
		return encode(out)
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return raw
		}
		for i := range list {
			list[i] = camelNames(list[i])
		}
		return encode(list)
	default:
		return raw
	}
}

func clientNamed(name string) bool {
	switch name {
	case "args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema":
		return true
	default:
		return false
	}
}

// camel turns inline_data into inlineData.
func camel(name string) string {
	if !strings.Contains(name, "_") {
		return name
	}
	var b strings.Builder
	for i, word := range strings.Split(name, "_") {
		if i > 0 && word != "" {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		b.WriteString(word)
	}
	return b.String()
}
