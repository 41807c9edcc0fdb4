package engine

import (
	"mime"
	"net/url"
	"strings"
)

// mediaType is the type of a Content-Type value, without parameters and in lower case.
func mediaType(value string) string {
	t, _, _ := strings.Cut(value, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

func mediaParams(value string) map[string]any {
	out := map[string]any{}
	_, params, err := mime.ParseMediaType(value)
	if err != nil {
		return out
	}
	for k, v := range params {
		out[k] = v
	}
	return out
}

// listValues splits a comma-separated field into its members.
func listValues(h Headers, name string) []string {
	var out []string
	for _, v := range h.Values(name) {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, strings.ToLower(part))
			}
		}
	}
	return out
}

// nameValues is a parsed query or cookie header; it keeps the order of first appearance and ignores case.
type nameValues struct {
	names  []string
	values map[string][]string
}

func (q *nameValues) add(name, value string) {
	key := strings.ToLower(name)
	if _, known := q.values[key]; !known {
		q.names = append(q.names, key)
	}
	q.values[key] = append(q.values[key], value)
}

// parseCookies reads the Cookie fields, in the order sent.
func parseCookies(h Headers) *nameValues {
	q := &nameValues{values: map[string][]string{}}
	for _, line := range h.Values("cookie") {
		for part := range strings.SplitSeq(line, ";") {
			if name, value, ok := strings.Cut(strings.TrimSpace(part), "="); ok && name != "" {
				q.add(name, strings.Trim(value, `"`))
			}
		}
	}
	return q
}

func parseQuery(query string) *nameValues {
	q := &nameValues{values: map[string][]string{}}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			continue
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			continue
		}
		q.add(name, value)
	}
	return q
}

// First returns the first value of a name, "" where there is none.
func (q *nameValues) First(name string) string {
	if v := q.values[strings.ToLower(name)]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Values returns all values of a name.
func (q *nameValues) Values(name string) []string { return q.values[strings.ToLower(name)] }

// Has reports whether the name is there.
func (q *nameValues) Has(name string) bool { return len(q.values[strings.ToLower(name)]) > 0 }

// Names lists the names in order of appearance.
func (q *nameValues) Names() []string { return q.names }
