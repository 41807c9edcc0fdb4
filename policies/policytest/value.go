package policytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// lookup finds a value in a JSON text by a path such as choices.0.message.content, in the form that scripts compare with:
// a string without quotes, anything else as compact JSON. found is false where the path leads nowhere.
func lookup(text, path string) (value string, found bool, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // numbers keep their text
	var at any
	if err := decoder.Decode(&at); err != nil {
		return "", false, fmt.Errorf("not JSON: %w", err)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch parent := at.(type) {
		case map[string]any:
			if at, found = parent[name]; !found {
				return "", false, nil
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(parent) {
				return "", false, nil //nolint:nilerr // a name in a list leads nowhere
			}
			at = parent[i]
		default:
			return "", false, nil
		}
	}
	if s, ok := at.(string); ok {
		return s, true, nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(at); err != nil {
		return "", false, fmt.Errorf("showing a value: %w", err)
	}
	return strings.TrimSuffix(out.String(), "\n"), true, nil
}
