package access

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// paidCall costs a tenth of a cent for each of its words and those of the answer.
	paidCall   = `{"model": "paid", "max_tokens": 8, "messages": [{"role": "user", "content": "a b c"}]}`
	paidStream = `{"model": "paid", "stream": true, "max_tokens": 8, "messages": [{"role": "user", "content": "a b c d e f"}]}`
	// prompt is what a call may take that has nothing to wait for, on a machine that runs other tests at the same time.
	prompt = time.Second
)

// calls are the answers that clients got.
type calls struct {
	mu  sync.Mutex
	ids []string // of requests that were answered
}

// note keeps a call that was answered to its end, and reports whether it was.
func (c *calls) note(r reply) bool {
	if r.err != nil || r.status != http.StatusOK || r.header.Get("X-Request-Id") == "" {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids = append(c.ids, r.header.Get("X-Request-Id"))
	return true
}

// ask makes a call that must be answered.
func (c *calls) ask(g *gateway, token, body string) {
	g.t.Helper()
	if r := g.chat(g.t.Context(), token, body, ""); !c.note(r) {
		g.t.Fatalf("got %d, %v: %s; want an answer", r.status, r.err, r.body)
	}
}

// record counts the rows of usage of each request.
func (g *gateway) record() map[string]int {
	g.t.Helper()
	rows := map[string]int{}
	page := "/usage?limit=100&includeRetries=true&startTime=" + url.QueryEscape(time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	for page != "" {
		var out struct {
			Usage []struct{ ID, RequestID string } `json:"aiGatewayUsage"`
			Next  string                           `json:"nextPageUri"`
		}
		if status, text := g.api(http.MethodGet, page, "", &out); status != http.StatusOK {
			g.t.Fatalf("reading the usage: got %d: %s", status, text)
		}
		for _, row := range out.Usage {
			rows[row.RequestID]++
		}
		next, err := url.Parse(out.Next)
		if err != nil {
			g.t.Fatal(err)
		}
		page = next.RequestURI()
		if out.Next == "" {
			break
		}
	}
	return rows
}

// awaitRecord waits until nothing is queued and each call that was answered has its row of usage, and wants no more than one.
func (g *gateway) awaitRecord(c *calls) {
	g.t.Helper()
	if len(c.ids) == 0 {
		g.t.Fatal("no call was answered")
	}
	var rows map[string]int
	g.await("every call is recorded", func() bool {
		rows = g.record()
		return g.metric("weir_usage_pending") == 0 && !slices.ContainsFunc(c.ids, func(id string) bool { return rows[id] == 0 })
	})
	for _, id := range c.ids {
		if rows[id] != 1 {
			g.t.Errorf("request %s was answered: got %d rows of usage, want 1", id, rows[id])
		}
	}
}

// awaitAgreement waits until nothing is reserved of a budget and what is used of it is what the record has.
func (g *gateway) awaitAgreement(budget string) {
	g.t.Helper()
	var state budgetState
	var usd float64
	defer func() {
		if g.t.Failed() {
			g.t.Logf("the budget is %+v, the record has $%f", state, usd)
		}
	}()
	g.await("budget and record agree", func() bool {
		var status int
		if status, _ = g.api(http.MethodGet, "/budgets/"+budget, "", &state); status != http.StatusOK {
			return false
		}
		usd, _ = g.spent()
		return state.Reserved == "0" && usd > 0 && near(state.Used, usd)
	})
}

// spentBy is what the usage of an access key costs by the record, in USD.
func (g *gateway) spentBy(key string) (float64, error) {
	g.t.Helper()
	var out struct{ Totals struct{ Cost string } }
	start := url.QueryEscape(time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	if status, text := g.api(http.MethodGet, "/usage/overview?accessKeyId="+key+"&startTime="+start, "", &out); status != http.StatusOK {
		return 0, fmt.Errorf("reading the usage: got %d: %s", status, text)
	}
	return strconv.ParseFloat(out.Totals.Cost, 64)
}

func near(text string, want float64) bool {
	got, err := strconv.ParseFloat(text, 64)
	return err == nil && got > want-1e-6 && got < want+1e-6
}

// metric is the value of a gauge, -2 where there is none.
func (g *gateway) metric(name string) int {
	g.t.Helper()
	_, text := g.api(http.MethodGet, "/-/metrics", "", nil)
	m := regexp.MustCompile(`(?m)^` + name + ` (-?\d+)$`).FindStringSubmatch(text)
	if m == nil {
		return -2
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		g.t.Fatal(err)
	}
	return n
}

// gauges wants gauges to have values, after a while.
func (g *gateway) gauges(want map[string]int) {
	g.t.Helper()
	for name, value := range want {
		g.await(fmt.Sprintf("%s is %d", name, value), func() bool { return g.metric(name) == value })
	}
}

// readiness asks whether traffic should come.
func (g *gateway) readiness() (status int, text string) {
	g.t.Helper()
	resp, err := http.Get(g.admin + "/readyz")
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// refused wants a call to be refused with 503 at once, in words that a client can do something with.
func (g *gateway) refused(t *testing.T, token, body, words string, within time.Duration) {
	t.Helper()
	began := time.Now()
	r := g.chat(t.Context(), token, body, "")
	took := time.Since(began)
	var out struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(r.body), &out); err != nil && r.err == nil {
		t.Errorf("the refusal reads %s: %v", r.body, err)
	}
	if r.err != nil || r.status != http.StatusServiceUnavailable || out.Error.Code != "store_unavailable" || !strings.Contains(out.Error.Message, words) {
		t.Errorf("got %d, %v: %s; want 503, store_unavailable and %q", r.status, r.err, r.body, words)
	}
	if r.header.Get("Retry-After") == "" {
		t.Errorf("the refusal does not say when to try again: %v", r.header)
	}
	if took > within {
		t.Errorf("the refusal took %s, want at most %s", took, within)
	}
}

// apiRefused wants a change by the Admin API to be refused because of the store.
func (g *gateway) apiRefused(t *testing.T, method, path, body string) {
	t.Helper()
	status, text := g.api(method, path, body, nil)
	if status != http.StatusServiceUnavailable || !strings.Contains(text, `"store_unavailable"`) || !strings.Contains(text, "the store") {
		t.Errorf("%s %s: got %d: %s; want 503 and store_unavailable", method, path, status, text)
	}
}

// ends waits for a gateway that cannot start, and returns what it said.
func (f *fleet) ends(folder string) string {
	f.t.Helper()
	g := f.run(folder)
	select {
	case <-g.ended:
	case <-time.After(patience):
		f.t.Fatalf("the gateway did not end:\n%s", g.out.tail())
	}
	if g.cmd.ProcessState.ExitCode() != 1 {
		f.t.Errorf("got exit status %d, want 1", g.cmd.ProcessState.ExitCode())
	}
	return g.out.String()
}
