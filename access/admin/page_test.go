package admin

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestPagesWhileOthersDelete walks over 250 resources while some that are listed and some that are to come go away: what
// stays is seen once, and no page fails because its beginning is gone.
func TestPagesWhileOthersDelete(t *testing.T) {
	h := newHarness(t)
	const all, limit = 250, 20
	ids := make([]string, 0, all)
	for i := range all {
		a := h.want(call{method: "POST", path: "/teams", body: fmt.Sprintf(`{"name":"team %d"}`, i)}, 201)
		ids = append(ids, a.text(t, "id"))
	}
	newest := slices.Sorted(slices.Values(ids))
	slices.Reverse(newest)
	gone := map[string]bool{}
	remove := func(id string) {
		h.want(call{method: "DELETE", path: "/teams/" + id}, 204)
		gone[id] = true
	}
	var seen []string
	next := fmt.Sprintf("/teams?limit=%d", limit)
	for page := 0; next != ""; page++ {
		a := h.want(call{method: "GET", path: next}, 200)
		list := a.list(t, "teams")
		if len(list) > limit {
			t.Fatalf("got a page of %d, want at most %d", len(list), limit)
		}
		for _, one := range list {
			seen = append(seen, (&answer{body: one}).text(t, "id"))
		}
		if last := seen[len(seen)-1]; !gone[last] { // where the next page begins
			remove(last)
		}
		if i := len(seen) + 7; i < len(newest) && !gone[newest[i]] { // what the next page would have shown
			remove(newest[i])
		}
		next = ""
		if uri, ok := a.body["nextPageUri"].(string); ok {
			u, err := url.Parse(uri)
			if err != nil || u.Host != "weir.test" {
				t.Fatalf("got next page %q", uri)
			}
			next = u.RequestURI()
			if !strings.Contains(next, "limit=20") || !strings.Contains(next, "beforeId="+seen[len(seen)-1]) {
				t.Fatalf("got next page %q", next)
			}
		}
	}
	if !slices.IsSortedFunc(seen, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Error("the pages are not newest first")
	}
	for _, id := range ids {
		if n := strings.Count(strings.Join(seen, " "), id); n > 1 || (n == 0 && !gone[id]) {
			t.Errorf("%s: got it %d times, gone: %v", id, n, gone[id])
		}
	}
}

func TestPageParameters(t *testing.T) {
	h := newHarness(t)
	for i := range 3 {
		h.want(call{method: "POST", path: "/teams", body: fmt.Sprintf(`{"name":"%d"}`, i)}, 201)
	}
	for path, field := range map[string]string{
		"/teams?limit=0": "limit", "/teams?limit=101": "limit", "/teams?limit=x": "limit", "/teams?limit=1&limit=2": "limit", "/teams?beforeId=": "beforeId",
		"/teams?order=name": "order", "/usage": "startTime", "/usage?startTime=today": "startTime", "/usage/overview?startTime=2026-01-01T00:00:00Z&groupBy=colour": "groupBy",
		"/usage?startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z": "endTime", "/audit?beforeId=x": "beforeId",
		"/usage?startTime=2026-01-02T00:00:00Z&includeRetries=1": "includeRetries", "/usage?startTime=2026-01-02T00:00:00Z&cursor=bad": "cursor",
		"/teams?beforeId=%00": "beforeId",
	} {
		h.refused(call{method: "GET", path: path}, 400, "bad_request", field)
	}
	if n := len(h.want(call{method: "GET", path: "/teams?limit=2"}, 200).list(t, "teams")); n != 2 {
		t.Errorf("got %d, want 2", n)
	}
	key := h.want(call{method: "POST", path: "/provider-keys", body: `{"providerId":"openai","name":"a","value":"sk-val-x-canary-0123456789abcdef0123"}`}, 201)
	h.want(call{method: "POST", path: "/provider-keys", body: `{"providerId":"anthropic","name":"b","value":"sk-val-x-canary-0123456789abcdef0124"}`}, 201)
	a := h.want(call{method: "GET", path: "/provider-keys?provider=openai"}, 200)
	if list := a.list(t, "aiGatewayProviderKeys"); len(list) != 1 || list[0]["id"] != key.text(t, "id") {
		t.Errorf("got %s, want the key of openai alone", a.raw)
	}
}
