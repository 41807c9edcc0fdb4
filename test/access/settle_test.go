package access

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// usageRow is a row of usage as the Admin API shows it.
type usageRow struct {
	ID, RequestID, Model, Provider, KeySource, API string
	AttemptNumber                                  int
	IsFinalAttempt, IsStreaming, UsageEstimated    bool
	StatusCode                                     *int
	TotalCost, Code, StopReason                    *string
	InputTokens, OutputTokens                      *int64
	LatencyMS                                      int64
	TimeToFirstTokenMS                             *int64
}

// rows is the record, oldest first.
func (g *gateway) rows(query string) []usageRow {
	g.t.Helper()
	var out struct{ AIGatewayUsage []usageRow }
	if status, text := g.api(http.MethodGet, "/usage?startTime=2020-01-01T00:00:00Z&includeRetries=true"+query, "", &out); status != http.StatusOK {
		g.t.Fatalf("reading the usage: got %d: %s", status, text)
	}
	slices.Reverse(out.AIGatewayUsage)
	return out.AIGatewayUsage
}

// sum adds the costs of rows exactly; what is not known is nothing.
func sum(t *testing.T, rows []usageRow) *big.Rat {
	t.Helper()
	out := new(big.Rat)
	for i := range rows {
		if cost := rows[i].TotalCost; cost != nil {
			out.Add(out, rational(t, *cost))
		}
	}
	return out
}

func rational(t *testing.T, text string) *big.Rat {
	t.Helper()
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return n
}

// TestSettling ends calls in every way there is. What the budget says is used is what the record has, to the last digit, and
// nothing stays reserved.
func TestSettling(t *testing.T) {
	t.Parallel()
	_, g := metered(t, "")
	_, healer := g.key("healer", "")
	long := strings.Repeat("word ", 40)
	stream := fmt.Sprintf(`{"model": "paid", "stream": true, "max_tokens": 200, "messages": [{"role": "user", "content": %q}]}`, long)
	messages := fmt.Sprintf(`{"model": "opus", "stream": true, "max_tokens": 200, "messages": [{"role": "user", "content": %q}]}`, long)
	gone := func(body, fault string) func(t *testing.T, token string) {
		return func(t *testing.T, token string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			if r := g.chat(ctx, token, body, fault); r.err == nil {
				t.Errorf("got %d: %s, want to have gone", r.status, r.body)
			}
		}
	}
	sent := func(path, body, fault string, status int) func(t *testing.T, token string) {
		return func(t *testing.T, token string) {
			t.Helper()
			r := g.send(call{path: path, body: body, header: bearer(token, "X-Sim-Fault", fault)})
			if r.status != status {
				t.Errorf("got %d, %v: %s; want %d", r.status, r.err, r.body, status)
			}
		}
	}
	const chat = "/v1/chat/completions"
	tests := []struct {
		name      string
		do        func(t *testing.T, token string)
		low, high string // of the cost; what is between depends on how much had passed
		rows      int
		estimated bool
	}{
		{"whole", sent(chat, short("paid"), "", 200), "0.005", "0.005", 1, false},
		{"stream to its end", sent(chat, short("paid", `"stream": true`), "", 200), "0.005", "0.005", 1, false},
		{"stream to its end in another API", sent("/v1/messages", messages, "", 200), "0.08", "0.13", 1, false},
		{"stream cut before content", sent(chat, stream, "cut-after=0", 502), "0.02", "0.09", 1, true},
		{"stream cut", sent(chat, stream, "cut-after=20", 200), "0.02", "0.12", 1, true},
		{"stream cut in another API", sent("/v1/messages", messages, "cut-after=20", 200), "0.02", "0.12", 1, true},
		{"stream with an error in it", sent(chat, stream, "error-event-at=20", 200), "0.02", "0.12", 1, true},
		{"client gone in a stream", gone(stream, "pace=50ms"), "0.01", "0.12", 1, true},
		{"client gone before the answer", gone(short("paid"), "delay=5s"), "0.001", "0.03", 1, true},
		{"refused by the provider", sent(chat, short("paid"), "status=400", 400), "0", "0", 1, false},
		{"failed", sent(chat, short("paid"), "status=500", 500), "0", "0", 1, false},
		{"failed and then another", sent(chat, `{"model": "paid", "models": ["twin"], "max_tokens": 4, "messages": [{"role": "user", "content": "x"}]}`, "status=500", 500), "0", "0", 2, false},
		{"never asked", sent(chat, `{"model": "paid", "messages": 7}`, "", 400), "0", "0", 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, model := range []string{"free", "opus"} { // a provider that fails five times in a row rests
				g.send(call{path: map[string]string{"free": chat, "opus": "/v1/messages"}[model], body: short(model), header: bearer(healer)}).want(t, http.StatusOK)
			}
			id, token := g.key(tt.name, "")
			budget := g.create("/budgets", fmt.Sprintf(`{"name": %q, "access_key_id": %q, "unit": "usd", "limit": "10", "window": "month"}`, tt.name, id))
			tokens := g.create("/budgets", fmt.Sprintf(`{"name": %q, "access_key_id": %q, "unit": "tokens", "limit": "100000", "window": "day"}`, tt.name+" in tokens", id))
			tt.do(t, token)
			var rows []usageRow
			g.await("it is settled", func() bool {
				rows = g.rows("&accessKeyId=" + id)
				return len(rows) >= tt.rows && g.budget(budget).Reserved == "0"
			})
			used, cost := rational(t, g.budget(budget).Used), sum(t, rows)
			if used.Cmp(cost) != 0 {
				t.Errorf("the budget has %s used, the record %s", used.FloatString(12), cost.FloatString(12))
			}
			if cost.Cmp(rational(t, tt.low)) < 0 || cost.Cmp(rational(t, tt.high)) > 0 {
				t.Errorf("got cost %s, want %s to %s", cost.FloatString(6), tt.low, tt.high)
			}
			var count int64
			for i := range rows {
				if r := &rows[i]; r.InputTokens != nil && r.OutputTokens != nil {
					count += *r.InputTokens + *r.OutputTokens
				}
			}
			if got := g.budget(tokens); got.Used != strconv.FormatInt(count, 10) || got.Reserved != "0" {
				t.Errorf("the budget of tokens has %+v, the record %d", got, count)
			}
			if last := rows[len(rows)-1]; len(rows) != tt.rows || last.UsageEstimated != tt.estimated || !last.IsFinalAttempt {
				t.Errorf("got %d rows, the last %+v; want %d, estimated %t", len(rows), last, tt.rows, tt.estimated)
			}
		})
	}
}

// TestCostIsTold compares the header, the log, the record and the budget of calls at odd prices.
func TestCostIsTold(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	write(t, f.policy, fmt.Sprintf("providers: [{id: odd, base_url: %s/v1, models: [{id: odd, pricing: {input: 0.123457, output: 1.000001}}]}]\n", f.vendor.url))
	g := f.start("")
	id, token := g.key("ada", "")
	budget := g.create("/budgets", `{"name": "all", "unit": "usd", "limit": "1", "window": "month"}`)
	total := new(big.Rat)
	for range 7 {
		r := g.send(call{body: short("odd"), header: bearer(token)})
		var body struct {
			Usage struct {
				In  int64 `json:"prompt_tokens"`
				Out int64 `json:"completion_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != http.StatusOK {
			t.Fatalf("got %d, %v: %s", r.status, err, r.body)
		}
		want := new(big.Rat).Add(new(big.Rat).Mul(big.NewRat(123457, 1e12), big.NewRat(body.Usage.In, 1)), new(big.Rat).Mul(big.NewRat(1000001, 1e12), big.NewRat(body.Usage.Out, 1)))
		if got := r.header.Get("X-Weir-Cost-Usd"); rational(t, got).Cmp(want) != 0 {
			t.Errorf("got cost %s, want %s", got, want.FloatString(12))
		}
		total.Add(total, want)
	}
	var rows []usageRow
	g.await("all is recorded", func() bool { rows = g.rows("&accessKeyId=" + id); return len(rows) == 7 })
	if got := sum(t, rows); got.Cmp(total) != 0 {
		t.Errorf("the record has %s, want %s", got.FloatString(12), total.FloatString(12))
	}
	used := rational(t, g.budget(budget).Used)
	if over := new(big.Rat).Sub(used, total); over.Sign() < 0 || over.Cmp(big.NewRat(7, 1e9)) > 0 {
		t.Errorf("the budget has %s, want %s and at most a billionth more for each call", used.FloatString(12), total.FloatString(12))
	}
	var overview struct{ Totals struct{ Cost string } }
	g.api(http.MethodGet, "/usage/overview?startTime=2020-01-01T00:00:00Z", "", &overview)
	if rational(t, overview.Totals.Cost).Cmp(total) != 0 {
		t.Errorf("the overview has %s, want %s", overview.Totals.Cost, total.FloatString(12))
	}
}

// TestRowsOfAttempts has a call that fails at one model and is answered by the next, in a stream: a row each.
func TestRowsOfAttempts(t *testing.T) {
	t.Parallel()
	f, g := metered(t, "")
	f.script("model=paid -> status=503;delay=20ms")
	id, token := g.key("ada", "")
	r := g.send(call{body: `{"models": ["paid", "cheap"], "stream": true, "max_tokens": 4, "messages": [{"role": "user", "content": "x"}]}`, header: bearer(token, "X-Weir-Tags", "project=atlas")})
	r.want(t, http.StatusOK)
	var rows []usageRow
	g.await("both are recorded", func() bool { rows = g.rows("&accessKeyId=" + id); return len(rows) == 2 })
	slices.SortFunc(rows, func(a, b usageRow) int { return a.AttemptNumber - b.AttemptNumber })
	first, last := rows[0], rows[1]
	if first.Model != "paid" || first.IsFinalAttempt || first.StatusCode == nil || *first.StatusCode != 503 || first.TotalCost != nil && *first.TotalCost != "0" || first.LatencyMS < 15 || first.Code == nil {
		t.Errorf("the first: got %+v", first)
	}
	if last.Model != "cheap" || !last.IsFinalAttempt || last.StatusCode == nil || *last.StatusCode != 200 || last.TotalCost == nil || *last.TotalCost != "0.000005" || last.TimeToFirstTokenMS == nil ||
		!last.IsStreaming || last.KeySource != "none" || last.RequestID != first.RequestID || last.StopReason == nil {
		t.Errorf("the last: got %+v", last)
	}
	if r.header.Get("X-Request-Id") != last.RequestID {
		t.Errorf("got request %s, the client was told %s", last.RequestID, r.header.Get("X-Request-Id"))
	}
	if text := g.must(http.MethodGet, "/usage?startTime=2020-01-01T00:00:00Z", "", http.StatusOK); strings.Count(text, `"requestId"`) != 1 || !strings.Contains(text, `"tags":{"project":"atlas"}`) {
		t.Errorf("without retries: got %s, want the last with its tag", text)
	}
	var overview struct{ Totals struct{ Requests int64 } }
	g.api(http.MethodGet, "/usage/overview?startTime=2020-01-01T00:00:00Z&groupBy=tag:project", "", &overview)
	if overview.Totals.Requests != 1 {
		t.Errorf("got %d requests, want one", overview.Totals.Requests)
	}
}
