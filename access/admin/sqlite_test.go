package admin

import (
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/access/store"
)

// TestOverSQLite runs what depends on the store most over a real one.
func TestOverSQLite(t *testing.T) {
	db, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := harnessOver(t, db, nil)

	once := call{method: "POST", path: "/access-keys", body: `{"name":"'; DROP TABLE weir_audit; --"}`, header: map[string]string{"Idempotency-Key": "k"}, secret: true}
	key := h.want(once, 201)
	if again := h.want(once, 201); again.raw != key.raw || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("got %s, want %s again", again.raw, key.raw)
	}
	id := key.text(t, "id")
	a := h.want(call{method: "GET", path: "/access-keys/" + id}, 200)
	h.has("before it is used", a, map[string]any{"lastUsed": nil, "name": "'; DROP TABLE weir_audit; --"})

	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	rows := make([]store.Usage, 0, 5)
	for i := range 5 {
		rows = append(rows, store.Usage{
			ID: fmt.Sprintf("r%d-1", i), Time: at.Add(time.Duration(i) * time.Second), RequestID: fmt.Sprintf("r%d", i), AccessKeyID: id, Provider: "openai", Model: "m",
			API: "chat", Tags: `{"app":"x"}`, Attempt: 1, Final: i != 2, Status: 200, Input: 1, UsageKnown: true, Cost: 1_000_000_000, CostKnown: i != 4, KeySource: "gateway",
		})
	}
	if err := db.AppendUsage(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	a = h.want(call{method: "GET", path: "/access-keys/" + id}, 200)
	h.has("once it is used", a, map[string]any{"lastUsed": "2026-03-04T05:06:11Z"})

	var seen []string
	next := "/usage?startTime=2026-01-01T00:00:00Z&tag=app:x&limit=3"
	for next != "" {
		a := h.want(call{method: "GET", path: next}, 200)
		for _, row := range a.list(t, "aiGatewayUsage") {
			seen = append(seen, fmt.Sprint(row["id"]))
		}
		next = ""
		if uri, ok := a.body["nextPageUri"].(string); ok {
			u, err := url.Parse(uri)
			if err != nil {
				t.Fatal(err)
			}
			next = u.RequestURI()
		}
	}
	if diff := cmp.Diff([]string{"r4-1", "r3-1", "r1-1", "r0-1"}, seen); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
	h.refused(call{method: "GET", path: "/usage?startTime=2026-01-01T00:00:00Z&cursor=nonsense"}, 400, "bad_request", "cursor")
	for by, group := range map[string]string{"provider": "openai", "accessKey": id, "model": "m", "tag:app": "x"} {
		a := h.want(call{method: "GET", path: "/usage/overview?startTime=2026-01-01T00:00:00Z&groupBy=" + by}, 200)
		buckets := a.list(t, "buckets")
		if len(buckets) != 1 || buckets[0]["groupKey"] != group || buckets[0]["cost"] != "0.004" || buckets[0]["requests"] != 4.0 || buckets[0]["attemptsOfUnknownCost"] != 1.0 {
			t.Errorf("%s: got %s", by, a.raw)
		}
	}
	for i := range 4 {
		h.want(call{method: "PATCH", path: "/access-keys/" + id, body: fmt.Sprintf(`{"name":"%d"}`, i)}, 200)
	}
	first := h.want(call{method: "GET", path: "/audit?limit=3"}, 200)
	last := first.list(t, "audit")[2]
	second := h.want(call{method: "GET", path: fmt.Sprintf("/audit?limit=3&beforeId=%v", last["id"])}, 200)
	if n := len(second.list(t, "audit")); n != 2 || second.body["nextPageUri"] != nil || first.body["nextPageUri"] == nil {
		t.Errorf("audit: got %s and %s", first.raw, second.raw)
	}
}
