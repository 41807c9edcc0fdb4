package access

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const quotaPolicy = `providers:
  - id: vendor
    base_url: %[1]s/v1
    models:
      - {id: paid, pricing: {input: 1000, output: 1000}}
      - {id: twin, pricing: {input: 1000, output: 1000}}
      - {id: cheap, pricing: {input: 1, output: 1}}
      - {id: free, pricing: {input: 0, output: 0}}
      - {id: unpriced}
  - id: other
    base_url: %[1]s/v1
    models: [{id: elsewhere, pricing: {input: 1, output: 1}}]
  - id: ant
    base_url: %[1]s/v1
    supported_api_surfaces: [{format: anthropic}]
    models: [{id: opus, pricing: {input: 1000, output: 1000}}]
  - id: gem
    base_url: %[1]s/v1beta
    supported_api_surfaces: [{format: gemini}]
    models: [{id: pro, pricing: {input: 1000, output: 1000}}]
`

// metered starts a gateway with models at several prices.
func metered(t *testing.T, more string) (*fleet, *gateway) {
	t.Helper()
	f := newFleet(t, "folder: FOLDER")
	write(t, f.policy, fmt.Sprintf(quotaPolicy, f.vendor.url)+more)
	g := f.start("")
	return f, g
}

// short is a chat of one word in and at most four tokens out: between $0.001 and $0.015 of the dear models.
func short(model string, more ...string) string {
	return fmt.Sprintf(`{"model": %q, "max_tokens": 4, "messages": [{"role": "user", "content": "x"}]%s}`, model, strings.Join(append([]string{""}, more...), ", "))
}

// TestRefusalsOfBudgets spends a budget and reads the refusal in each API: what is left, when it begins anew, the status.
func TestRefusalsOfBudgets(t *testing.T) {
	t.Parallel()
	_, g := metered(t, "")
	apis := []struct {
		name, model, path, body string
		shape                   *regexp.Regexp
	}{
		{"chat", "paid", "/v1/chat/completions", short("paid"), regexp.MustCompile(`^\{"error":\{"message":"budget .*","type":"[a-z_]+","param":null,"code":"budget_exceeded"`)},
		{"chat streamed", "paid", "/v1/chat/completions", short("paid", `"stream": true`), regexp.MustCompile(`^\{"error":\{"message":"budget .*"code":"budget_exceeded"`)},
		{"responses", "paid", "/v1/responses", `{"model": "paid", "max_output_tokens": 4, "input": "x"}`, regexp.MustCompile(`^\{"error":\{"message":"budget .*"code":"budget_exceeded"`)},
		{"messages", "opus", "/v1/messages", `{"model": "opus", "max_tokens": 4, "messages": [{"role": "user", "content": "x"}]}`, regexp.MustCompile(`^\{"type":"error","error":\{"type":"(billing|rate_limit)_error","message":"budget .*"request_id":"`)},
		{"gemini", "pro", "/v1beta/models/pro:generateContent", `{"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"maxOutputTokens": 4}}`, regexp.MustCompile(`^\{"error":\{"code":4(02|29),"message":"budget .*"status":"(RESOURCE_EXHAUSTED|FAILED_PRECONDITION)"`)},
	}
	for i, status := range []int{http.StatusPaymentRequired, http.StatusTooManyRequests} {
		for _, a := range apis {
			t.Run(fmt.Sprint(a.name, " ", status), func(t *testing.T) {
				id, token := g.key(a.name, "")
				window := []string{"day", "total"}[i]
				g.create("/budgets", fmt.Sprintf(`{"name": "tiny %s", "access_key_id": %q, "unit": "usd", "limit": "0.02", "window": %q, "status": %d}`, a.name, id, window, status))
				ask := call{path: a.path, body: a.body, header: bearer(token)}
				g.send(ask).want(t, http.StatusOK)
				r := g.send(ask)
				for r.status == http.StatusOK {
					r = g.send(ask)
				}
				r.want(t, status, `tiny `+a.name, "$0.02")
				if !a.shape.MatchString(r.body) {
					t.Errorf("got %s, want the shape of the API", r.body)
				}
				wait, err := strconv.Atoi(r.header.Get("Retry-After"))
				switch left := strings.Contains(r.body, " left"); {
				case !left:
					t.Errorf("got %s, want what is left", r.body)
				case window == "day" && (!strings.Contains(r.body, "begins anew at 20") || err != nil || wait < 1 || wait > 86400):
					t.Errorf("got %s and retry-after %q, want the end of the day", r.body, r.header.Get("Retry-After"))
				case window == "total" && (!strings.Contains(r.body, "does not begin anew") || err == nil):
					t.Errorf("got %s and retry-after %q, want that nothing comes back", r.body, r.header.Get("Retry-After"))
				}
				if got := r.header.Get("X-Should-Retry"); status == http.StatusTooManyRequests && got != "false" {
					t.Errorf("got x-should-retry %q, want false: no retry of an SDK helps", got)
				}
			})
		}
	}
}

// TestUnknownPrices refuses a model without a price where dollars are counted, and nowhere else.
func TestUnknownPrices(t *testing.T) {
	t.Parallel()
	f, g := metered(t, "")
	id, token := g.key("ada", "")
	ask := call{body: short("unpriced"), header: bearer(token)}
	r := g.send(ask)
	r.want(t, http.StatusOK)
	if got := r.header.Get("X-Weir-Cost-Usd"); got != "unknown" {
		t.Errorf("got cost %q, want unknown", got)
	}
	g.create("/budgets", `{"name": "tokens", "access_key_id": "`+id+`", "unit": "tokens", "limit": "100000", "window": "day"}`)
	g.send(ask).want(t, http.StatusOK)
	budget := g.create("/budgets", `{"name": "dollars", "access_key_id": "`+id+`", "unit": "usd", "limit": "100", "window": "day"}`)
	f.vendor.Reset()
	r = g.send(ask)
	if r.status < 400 || !strings.Contains(r.body, "price") || len(f.vendor.Calls()) != 0 {
		t.Errorf("got %d: %s and %d calls, want a refusal for the price", r.status, r.body, len(f.vendor.Calls()))
	}
	g.send(call{body: short("vendor:never-heard-of"), header: bearer(token)}).want(t, r.status, "price")
	r = g.send(call{body: `{"models": ["unpriced", "cheap"], "messages": [{"role": "user", "content": "x"}]}`, header: bearer(token)})
	r.want(t, http.StatusOK)
	if r.header.Get("X-Weir-Model") != "cheap" {
		t.Errorf("got model %q, want the one with a price", r.header.Get("X-Weir-Model"))
	}
	g.must(http.MethodPatch, "/budgets/"+budget, `{"when": "m.id == 'paid'"}`, http.StatusOK)
	g.send(ask).want(t, http.StatusOK)
	var rows struct {
		AIGatewayUsage []struct {
			Model     string
			TotalCost *string
			CostKnown bool
		}
	}
	g.api(http.MethodGet, "/usage?startTime=2020-01-01T00:00:00Z&model=unpriced", "", &rows)
	for _, r := range rows.AIGatewayUsage {
		if r.CostKnown || r.TotalCost != nil {
			t.Errorf("got row %+v, want an unknown cost", r)
		}
	}
	if len(rows.AIGatewayUsage) != 3 {
		t.Errorf("got %d rows of the model without a price, want 3", len(rows.AIGatewayUsage))
	}
}

const budgetRoutes = `
route:
  - name: the last half goes to a small model
    expressions: [caller.budget.used_percent >= 50.0]
    model_selection: {strategy: ["ai.models.filter(m, m.id == 'cheap')"]}
  - name: before that, what was asked for
on_response:
  - actions: [{type: add-headers, config: {headers: {x-left: "${caller.budget.remaining_usd}"}}}]
`

// TestPoliciesReadBudgets has a route fall to a cheaper model when half of a budget is spent.
func TestPoliciesReadBudgets(t *testing.T) {
	t.Parallel()
	_, g := metered(t, budgetRoutes)
	id, token := g.key("ada", "")
	g.create("/budgets", `{"name": "half", "access_key_id": "`+id+`", "unit": "usd", "limit": "0.1", "window": "total"}`)
	const calls = 14
	models := make([]string, 0, calls)
	for range calls {
		r := g.send(call{body: `{"model": "auto", "max_tokens": 4, "models": ["paid", "cheap"], "messages": [{"role": "user", "content": "x"}]}`, header: bearer(token)})
		r.want(t, http.StatusOK)
		left, err := strconv.ParseFloat(r.header.Get("X-Left"), 64)
		model := r.header.Get("X-Weir-Model")
		if models = append(models, model); err != nil || (left > 0.0501) != (model != "cheap") && (left < 0.0449 || left > 0.0501) {
			t.Errorf("call %d: got %q left and model %s", len(models), r.header.Get("X-Left"), model)
		}
	}
	if models[0] == "cheap" || models[calls-1] != "cheap" {
		t.Errorf("got %v, want it to change", models)
	}
	_, other := g.key("without", "")
	if r := g.send(call{body: short("paid"), header: bearer(other)}); r.status != http.StatusOK || r.header.Get("X-Weir-Model") != "paid" {
		t.Errorf("a key without a budget: got %d, %s", r.status, r.body)
	}
}

// TestSelectors counts calls by team, tags, model and their combinations, each by its own budget, and falls to another model
// where one is spent.
func TestSelectors(t *testing.T) {
	t.Parallel()
	_, g := metered(t, "")
	team := g.create("/teams", `{"name": "research"}`)
	_, ada := g.key("ada", `, "teamId": "`+team+`", "groups": ["staff"]`)
	_, bob := g.key("bob", "")
	budget := func(name, fields string) string {
		return g.create("/budgets", fmt.Sprintf(`{"name": %q, "unit": "tokens", "limit": "1000000", "window": "total", %s}`, name, fields))
	}
	ids := map[string]string{
		"everybody": budget("everybody", `"when": null`), "team": budget("team", `"team_id": "`+team+`"`), "model": budget("model", `"when": "m.id.startsWith('pai')"`),
		"team and model": budget("team and model", `"team_id": "`+team+`", "when": "m.id == 'paid'"`), "tag": budget("tag", `"when": "caller.tags.project == 'atlas'"`),
		"group": budget("group", `"when": "'staff' in caller.groups"`), "streams": budget("streams", `"when": "ai.request.stream"`),
		"header": budget("header", `"when": "req.headers['x-plan'][0] == 'trial'"`),
	}
	g.create("/budgets", `{"name": "disabled", "unit": "tokens", "limit": "1", "window": "day", "disabled": true}`)
	atlas := `"metadata": {"project": "atlas"}`
	tests := []struct {
		name, token, body string
		header            []string
		counted           []string
	}{
		{"nobody's", bob, short("cheap"), nil, []string{"everybody"}},
		{"of the team", ada, short("cheap"), nil, []string{"everybody", "team", "group"}},
		{"of team and model", ada, short("paid"), nil, []string{"everybody", "team", "group", "model", "team and model"}},
		{"tag in the header", bob, short("cheap"), []string{"X-Weir-Tags", "a=b, Project = atlas"}, []string{"everybody", "tag"}},
		{"tag in metadata", bob, short("cheap", atlas), nil, []string{"everybody", "tag"}},
		{"the header goes before", bob, short("cheap", atlas), []string{"X-Weir-Tags", "project=other"}, []string{"everybody"}},
		{"another tag", bob, short("cheap", `"metadata": {"project": ["atlas"]}`), nil, []string{"everybody"}},
		{"a stream", bob, short("cheap", `"stream": true`), nil, []string{"everybody", "streams"}},
		{"by a header", bob, short("cheap"), []string{"X-Plan", "trial"}, []string{"everybody", "header"}},
	}
	total := map[string]int64{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g.send(call{body: tt.body, header: bearer(tt.token, tt.header...)}).want(t, http.StatusOK)
			for _, name := range tt.counted {
				total[name]++
			}
			for name, id := range ids {
				g.await(name, func() bool {
					s := g.budget(id)
					used, err := strconv.ParseInt(s.Used, 10, 64)
					return err == nil && s.Reserved == "0" && (used == 5*total[name] || used > 5*total[name] && func() bool { t.Errorf("%s: got %s, want %d", name, s.Used, 5*total[name]); return true }())
				})
			}
		})
	}
	if text := g.must(http.MethodGet, "/usage?startTime=2020-01-01T00:00:00Z&tag=project:atlas", "", http.StatusOK); strings.Count(text, `"requestId"`) != 2 {
		t.Errorf("got %s, want the two rows with the tag", text)
	}
	g.create("/budgets", `{"name": "the dear ones", "team_id": "`+team+`", "unit": "usd", "limit": "0.001", "window": "week", "when": "m.pricing.input > 100.0"}`)
	g.send(call{body: short("paid"), header: bearer(ada)}).want(t, http.StatusOK) // the one that goes over it
	r := g.send(call{body: short("paid", `"models": ["twin", "cheap"]`), header: bearer(ada)})
	r.want(t, http.StatusOK)
	if r.header.Get("X-Weir-Model") != "cheap" {
		t.Errorf("got %s, want the fallback that costs less", r.header.Get("X-Weir-Model"))
	}
	g.send(call{body: short("paid"), header: bearer(ada)}).want(t, http.StatusPaymentRequired, "the dear ones")
	g.send(call{body: short("paid"), header: bearer(bob)}).want(t, http.StatusOK)
}

// TestCalendars compares when budgets begin anew with the calendar of their time zone.
func TestCalendars(t *testing.T) {
	t.Parallel()
	_, g := metered(t, "")
	for _, zone := range []string{"UTC", "Pacific/Kiritimati", "America/St_Johns", "Europe/Berlin"} {
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, window := range []string{"hour", "day", "week", "month", "total"} {
			in := fmt.Sprintf(`, "timezone": %q`, zone)
			if window == "total" {
				in = ""
			}
			id := g.create("/budgets", fmt.Sprintf(`{"name": "%s %s", "unit": "usd", "limit": "1", "window": %q%s}`, window, zone, window, in))
			var state struct {
				ResetsAt *time.Time `json:"resets_at"`
			}
			before := nextWindow(window, time.Now().In(place))
			if status, text := g.api(http.MethodGet, "/budgets/"+id, "", &state); status != http.StatusOK {
				t.Fatalf("got %d: %s", status, text)
			}
			after := nextWindow(window, time.Now().In(place))
			if window == "total" {
				if state.ResetsAt != nil {
					t.Errorf("total: got %s, want never", state.ResetsAt)
				}
				continue
			}
			if state.ResetsAt == nil || !state.ResetsAt.Equal(before) && !state.ResetsAt.Equal(after) {
				t.Errorf("%s in %s: got %v, want %s", window, zone, state.ResetsAt, before.UTC())
			}
		}
	}
}

// nextWindow is when a window of the calendar ends; weeks begin on Monday.
func nextWindow(window string, now time.Time) time.Time {
	y, m, d := now.Date()
	switch window {
	case "hour":
		return time.Date(y, m, d, now.Hour()+1, 0, 0, 0, now.Location())
	case "day":
		return time.Date(y, m, d+1, 0, 0, 0, 0, now.Location())
	case "week":
		return time.Date(y, m, d+7-(int(now.Weekday())+6)%7, 0, 0, 0, 0, now.Location())
	default:
		return time.Date(y, m+1, 1, 0, 0, 0, 0, now.Location())
	}
}
