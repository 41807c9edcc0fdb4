package access

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fileField is what a file calls a field of a resource.
func fileField(field string) string {
	switch field {
	case "configuration_id", "team_id", "access_key_id", "provider_id":
		return strings.TrimSuffix(field, "_id")
	case "provider_key_ids":
		return "provider_keys"
	case "keySelectionStrategy":
		return "key_selection_strategy"
	default:
		return field
	}
}

// locate finds the place in the file that an error about a resource is about, as near as it can be told, and the words for it
// with the field as the file calls it.
func (m *fileMap) locate(err error) (*yaml.Node, string) {
	e, ok := errors.AsType[*FieldError](err)
	if !ok {
		return m.node, err.Error()
	}
	at := m.node
	var path strings.Builder
	for _, part := range regexp.MustCompile(`[^.\[\]]+`).FindAllString(e.Field, -1) {
		if i, err := strconv.Atoi(part); err == nil {
			path.WriteString("[" + part + "]")
			if at.Kind == yaml.SequenceNode && i < len(at.Content) {
				at = at.Content[i]
			}
			continue
		}
		part = fileField(part)
		if at.Kind == yaml.ScalarNode && part == "id" {
			continue // what is an object with an id elsewhere is a name here
		}
		path.WriteString("." + part)
		if next := child(at, part); next != nil {
			at = next
		}
	}
	return at, strings.TrimPrefix(path.String(), ".") + ": " + e.Message
}

func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
