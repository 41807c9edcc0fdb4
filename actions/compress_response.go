package actions

import (
	"context"
	_ "embed" // the page
	"net/http"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed compress_response.md
var compressResponseDoc string

func init() {
	register(engine.ActionSpec{
		Name: "compress-response", Phases: vars.PhaseResponse, Doc: compressResponseDoc, New: newCompressResponse,
		Fields: []engine.Field{
			{Name: "algorithms", Type: engine.FieldStrings, Min: 1, Max: 4, Doc: "Which of `gzip`, `deflate`, `br` and `compress` may be used, the preferred one first; without it all of them in this order."},
			{Name: "min_size", Type: engine.FieldInt, Default: "512", Max: 1 << 20, Doc: "Whole answers of fewer bytes are sent as they are."},
			{Name: "event_streams", Type: engine.FieldBool, Default: "false", Doc: "Whether streams of events are compressed too."},
		},
	})
}

// The algorithms by the names they have in headers.
const (
	encodingGzip     = "gzip"
	encodingDeflate  = "deflate"
	encodingBrotli   = "br"
	encodingCompress = "compress"
)

type compressResponse struct {
	offered []string // that can be made, in order of preference
	minSize int
	events  bool
	pools   *compressors
}

func newCompressResponse(c *engine.Config) engine.Action {
	all := []string{encodingGzip, encodingDeflate, encodingBrotli, encodingCompress}
	a := &compressResponse{offered: all, minSize: int(c.Int("min_size")), events: c.Bool("event_streams"), pools: &compressors{}}
	if n := c.Node("algorithms"); n != nil && n.Kind == engine.NodeList {
		a.offered = nil
		for _, item := range n.Items {
			name := item.Text.Value
			switch {
			case !slices.Contains(all, name):
				c.Errorf(item, "bad_value", "an algorithm is one of %s, got %q", strings.Join(all, ", "), name)
			case slices.Contains(a.offered, name):
				c.Errorf(item, "duplicate_value", "%s is named twice", name)
			default:
				a.offered = append(a.offered, name)
			}
		}
		if slices.Equal(a.offered, []string{encodingCompress}) {
			c.Errorf(n, "bad_value", "compress is an old format that no client asks for, and Weir does not make it: name another one too")
		}
	}
	a.offered = slices.DeleteFunc(slices.Clone(a.offered), func(name string) bool { return name == encodingCompress })
	return a
}

// Do compresses the answer as the client can read it. What compresses has no more than the answer itself, so nothing here
// can fail for the client.
func (a *compressResponse) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	h := &x.Reply.Headers
	already := encoded(*h)
	chosen := ""
	if !already && a.compressible(x) {
		addVary(h)
		chosen = negotiate(x.Request.Headers.Values("accept-encoding"), a.offered)
	}
	if chosen != "" {
		a.compress(x, chosen)
	}
	if x.WantsResult("compress") {
		x.SetResult("compress", map[string]any{"already_compressed": already, "negotiated_algorithm": chosen})
	}
	return engine.VerdictContinue, nil
}

func encoded(h engine.Headers) bool {
	for _, v := range h.Values("content-encoding") {
		if v != "" && !strings.EqualFold(v, "identity") {
			return true
		}
	}
	return false
}

// compressible reports whether the answer has a body that compressing makes smaller and nothing forbids it.
func (a *compressResponse) compressible(x *engine.Exchange) bool {
	r := &x.Reply
	switch {
	case x.Request.Method == http.MethodHead, r.Status < http.StatusOK, r.Status == http.StatusNoContent,
		r.Status == http.StatusNotModified, r.Status == http.StatusPartialContent:
		return false
	case r.Stream == nil && len(r.Body) < max(a.minSize, 1):
		return false
	case r.Headers.Has("content-md5"), r.Headers.Has("content-digest"), r.Headers.Has("digest"):
		return false // it would no longer fit
	case hasToken(r.Headers.Values("cache-control"), "no-transform"):
		return false
	}
	media, _, _ := strings.Cut(strings.ToLower(r.Headers.First("content-type")), ";")
	media = strings.TrimSpace(media)
	if media == "text/event-stream" || r.Stream != nil && x.IsEventStream() {
		return a.events
	}
	return !dense(media)
}

// dense tells the media types whose content is compressed already.
func dense(media string) bool {
	kind, name, _ := strings.Cut(media, "/")
	switch kind {
	case "image":
		return name != "svg+xml" && name != "bmp"
	case "audio":
		return name != "wav" && name != "x-wav" && name != "pcm"
	case "video":
		return true
	case "application":
		return slices.Contains([]string{"zip", "gzip", "x-gzip", "zstd", "x-7z-compressed", "pdf", "x-brotli"}, name)
	default:
		return false
	}
}

// compress puts the compressed answer in the place of the answer.
func (a *compressResponse) compress(x *engine.Exchange, name string) {
	r := &x.Reply
	h := &r.Headers
	h.Set("content-encoding", name)
	h.Del("content-length")
	h.Del("accept-ranges")
	if tag := h.First("etag"); strings.HasPrefix(tag, `"`) {
		h.Set("etag", "W/"+tag) // the bytes are others, the content is the same
	}
	r.Stream = &compressedStream{x: x, from: r.Stream, pools: a.pools, encoder: a.pools.get(name)}
}

func addVary(h *engine.Headers) {
	values := h.Values("vary")
	if hasToken(values, "accept-encoding") || hasToken(values, "*") {
		return
	}
	h.Add("vary", "accept-encoding")
}

// hasToken looks for a word in lists of words.
func hasToken(values []string, word string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), word) {
				return true
			}
		}
	}
	return false
}
