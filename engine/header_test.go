package engine

import (
	"slices"
	"testing"
)

func TestFieldTablesAreByLength(t *testing.T) {
	for _, table := range [][][]string{withheldFields[:], keptBack[:]} {
		for n, names := range table {
			for _, name := range names {
				if len(name) != n {
					t.Errorf("%q stands under %d", name, n)
				}
			}
		}
	}
}

func TestForwards(t *testing.T) {
	for _, name := range []string{
		"Authorization", "X-API-Key", "x-goog-api-key", "api-key", "Cookie", "Host", "TE", "Connection", "Keep-Alive", "Accept-Encoding",
		"Content-Length", "Content-Encoding", "Forwarded", "X-Forwarded-For", "X-Real-IP", "X-Weir-Anything", "OpenAI-Organization",
		"OpenAI-Project", "Expect", "Trailer", "Upgrade", "Transfer-Encoding", "Proxy-Authorization", "X-Goog-User-Project",
	} {
		if forwards(name) {
			t.Errorf("%s goes upstream", name)
		}
	}
	for _, name := range []string{"Content-Type", "Accept", "User-Agent", "X-Stainless-Lang", "Anthropic-Version", "anthropic-beta", "HTTP-Referer", "X-Title"} {
		if !forwards(name) {
			t.Errorf("%s does not go upstream", name)
		}
	}
}

func TestReturns(t *testing.T) {
	for _, name := range []string{
		"Set-Cookie", "Content-Length", "Transfer-Encoding", "Location", "OpenAI-Organization", "Anthropic-Organization-Id", "Date",
		"Server", "X-Weir-Model", "X-Should-Retry",
	} {
		if returns(name) {
			t.Errorf("%s goes to the client", name)
		}
	}
	for _, name := range []string{"Content-Type", "Retry-After", "x-ratelimit-remaining-requests", "openai-processing-ms"} {
		if !returns(name) {
			t.Errorf("%s does not go to the client", name)
		}
	}
}

func TestHeaders(t *testing.T) {
	h := Headers{{"A", "1"}, {"b", "2"}, {"a", "3"}}
	if h.First("a") != "1" || !h.Has("B") || h.Has("c") || h.First("c") != "" {
		t.Errorf("lookups fail on %v", h)
	}
	if got := h.Values("A"); !slices.Equal(got, []string{"1", "3"}) {
		t.Errorf("got %v", got)
	}
	if got := h.Names(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v", got)
	}
	h.Set("a", "4")
	if got := h.Values("a"); !slices.Equal(got, []string{"4"}) || h.Del("b") != 1 || len(h) != 1 {
		t.Errorf("got %v", h)
	}
}

func TestSameName(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"Content-Type", "content-TYPE", true},
		{"a", "b", false},
		{"a^", "a~", false}, // they differ in the bit that tells case
		{"a", "ab", false},
		{"", "", true},
		{"x-1", "X-1", true},
		{"x-\x11", "x-1", false},
	}
	for _, tt := range tests {
		if got := sameName(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: got %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
