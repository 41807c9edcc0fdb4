package admin

import (
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"weir/access"
)

func etag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// tags reads a header that lists ETags.
func (q *request) tags(header string) []string {
	var out []string
	for _, line := range q.http.Request.Header.PeekAll(header) {
		for tag := range strings.SplitSeq(string(line), ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				out = append(out, tag)
			}
		}
	}
	return out
}

// ifMatch is the revision that a change may be made to, 0 for any. A tag that is weak matches nothing.
func (q *request) ifMatch(current int64) (int64, error) {
	tags := q.tags(fasthttp.HeaderIfMatch)
	if len(tags) == 0 {
		return 0, nil
	}
	for _, tag := range tags {
		if tag == "*" {
			return 0, nil
		}
		if tag == etag(current) {
			return current, nil
		}
	}
	f := failf(codeStale, "the resource is at revision %d", current)
	f.cause = access.ErrStale
	return 0, f
}

// unchanged reports whether the client has this revision already.
func (q *request) unchanged(current int64) bool {
	for _, tag := range q.tags(fasthttp.HeaderIfNoneMatch) {
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag(current) {
			return true
		}
	}
	return false
}
