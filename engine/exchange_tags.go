package engine

import (
	"strings"

	"weir/engine/wire"
)

const (
	// tagsHeader carries labels of the client's; it goes to no provider.
	tagsHeader = "x-weir-tags"
	// maxTags, maxTagName and maxTagValue are those that OpenAI sets for metadata.
	maxTags     = 16
	maxTagName  = 64
	maxTagValue = 512
)

// tags reads the labels of the request once; what is too long or too much is left out. The header goes before the body.
func (x *Exchange) tags() map[string]string {
	if x.tagged {
		return x.labels
	}
	x.tagged = x.loaded // until the body is there, its labels may be added
	if text := x.Request.Headers.First(tagsHeader); text != "" {
		for pair := range strings.SplitSeq(text, ",") {
			name, value, _ := strings.Cut(pair, "=")
			x.label(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	if !x.loaded || x.bodyErr != nil || x.Request.Form != nil || len(x.Request.Body) == 0 {
		return x.labels
	}
	whole := &x.Request.Peek.Doc
	m, ok := whole.Lookup("metadata")
	if !ok || m.Kind != wire.KindObject {
		return x.labels
	}
	var doc wire.Doc
	if doc.Scan(whole.Raw(m)) != nil { // its own checks tell the client of it where that matters
		return x.labels
	}
	for _, e := range doc.Members() {
		if text, ok := doc.Str(e); ok {
			x.label(e.Key, text)
		}
	}
	return x.labels
}

func (x *Exchange) label(name, value string) {
	if name == "" || len(name) > maxTagName || len(value) > maxTagValue || len(x.labels) >= maxTags {
		return
	}
	if x.labels == nil {
		x.labels = make(map[string]string, 4)
	}
	name = strings.Clone(strings.ToLower(name))
	if _, taken := x.labels[name]; !taken {
		x.labels[name] = strings.Clone(value)
	}
}

func (x *Exchange) tagMap() map[string]any {
	tags := x.Tags()
	out := make(map[string]any, len(tags))
	for name, value := range tags {
		out[name] = value
	}
	return out
}
