package server

import (
	"bytes"
	"strings"
	"testing"

	"weir/engine"
)

// FuzzParseHead holds the promises of an accepted head: fields that no other reader splits elsewhere, and one framing.
func FuzzParseHead(f *testing.F) {
	for _, seed := range []string{
		"host: a\r\n\r\n", "host: a\r\ncontent-length: 3\r\n\r\n", "transfer-encoding: chunked\r\nhost: a\r\n\r\n",
		"x: y\n\r\n", "x : y\r\n\r\n", "x: y\r\n z\r\n\r\n", "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var fields engine.Headers
		var h head
		if parseHead(raw, &fields, &h) != nil {
			return
		}
		if h.chunked && h.length >= 0 {
			t.Fatalf("%q: two framings", raw)
		}
		var again strings.Builder
		for _, field := range fields {
			if field.Name == "" || strings.ContainsAny(field.Name, " \t\r\n\x00:") || strings.ContainsAny(field.Value, "\r\n\x00") {
				t.Fatalf("%q: got field %q: %q", raw, field.Name, field.Value)
			}
			again.WriteString(field.Name + ": " + field.Value + "\r\n")
		}
		again.WriteString("\r\n")
		var same engine.Headers
		var second head
		if err := parseHead([]byte(again.String()), &same, &second); err != nil || len(same) != len(fields) || second != h {
			t.Fatalf("%q: read again: %v, %v and %+v, want %v and %+v", raw, err, same, second, fields, h)
		}
	})
}

// FuzzParseTarget holds the promises of an accepted target: a path that resolves to itself.
func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"/v1/models", "/v1/%6dodels?a=b", "http://h/v1", "/a/../b", "/a%2fb", "/%", "//", "/a?b#c"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, uri []byte) {
		target, _, err := parseTarget(bytes.Clone(uri), "h", nil)
		if err != nil {
			return
		}
		p := target.path
		if p != "" && p[0] != '/' {
			t.Fatalf("%q: got path %q", uri, p)
		}
		for segment := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
			if segment == "." || segment == ".." || strings.ContainsAny(segment, "\\\x00\r\n#") {
				t.Fatalf("%q: got segment %q", uri, segment)
			}
		}
		if strings.Contains(p, "//") || strings.ContainsAny(target.query, " \r\n\x00") {
			t.Fatalf("%q: got path %q and query %q", uri, p, target.query)
		}
		_, _ = locate("POST", p)
	})
}
