package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"weir/providers"
)

// routingPolicy has a provider that speaks everything, one that speaks OpenAI only, and an aggregator.
const routingPolicy = `providers:
  - id: alpha
    base_url: "{{alpha}}"
    supported_api_surfaces: [{format: openai}, {format: anthropic}, {format: gemini}]
    api_keys: [{value: ` + keyOne + `}]
    models: [{id: m, id_aliases: [mm]}, {id: acme/org-model}, {id: "llama3.2:1b"}, {id: text-embed}]
  - id: beta
    id_aliases: [second]
    base_url: "{{beta}}"
    models: [{id: m}, {id: only-b}, {id: off, disabled: true}]
  - id: openrouter
    base_url: "{{router}}/api/v1"
    api_keys: [{value: sk-or-0123456789abcdef}]
`

// limited restricts the routing policy, so that a vendor's own choice of models must be checked or taken out.
const limited = `route:
  - require: "m.provider_id != 'openrouter' || m.id != 'c/d'"
`

func routingWorld(t *testing.T, more string) *world {
	t.Helper()
	return newWorld(t, setup{
		policy: routingPolicy + more, specs: providers.Registry(), sims: map[string]string{"alpha": "", "beta": "", "router": ""},
	})
}

// naming is a name that a client may write, and where it leads.
type naming struct {
	name string
	// openAI and others are who is asked for which model, or a word of the error.
	openAI, others string
	status         int // of the error where nobody is asked
}

func namings() []naming {
	both := func(name, target string) naming { return naming{name: name, openAI: target, others: target} }
	unknown := func(name, hint string) naming {
		return naming{name: name, openAI: hint, others: hint, status: http.StatusNotFound}
	}
	return []naming{
		both("m", "alpha m"), both("M", "alpha m"), both("mm", "alpha m"), both("Alpha:MM", "alpha m"),
		both("auto", "alpha m"), both("AUTO", "alpha m"), both("weir/auto", "alpha m"), both("ngrok/auto", "alpha m"),
		both("acme/org-model", "alpha acme/org-model"), both("alpha:acme/org-model", "alpha acme/org-model"),
		both("llama3.2:1b", "alpha llama3.2:1b"), both("alpha:llama3.2:1b", "alpha llama3.2:1b"),
		both("alpha:Brand-New", "alpha Brand-New"), both("alpha:acme/New:2", "alpha acme/New:2"),
		both("alpha:模型", "alpha 模型"), both("alpha:a b+c&d=e", "alpha a b+c&d=e"), both("alpha:100%", "alpha 100%"),
		both("alpha:x?y=1", "alpha x?y=1"),
		{name: "beta:m", openAI: "beta m", others: "speaks", status: http.StatusBadRequest},
		{name: "SECOND:m", openAI: "beta m", others: "speaks", status: http.StatusBadRequest},
		{name: "only-b", openAI: "beta only-b", others: "speaks", status: http.StatusBadRequest},
		unknown("nope", `"nope"`), unknown("only-c", `did you mean "only-b"?`), unknown("alpa:m", `did you mean "alpha"?`),
		unknown("nobody:m", "nobody:m"), unknown(":m", `":m"`), unknown("alpha:", "alpha"), unknown("off", "off"),
		unknown("beta:off", "off"), unknown("anthropic/claude-3.5-sonnet", `"openrouter:anthropic/claude-3.5-sonnet"`),
		unknown(strings.Repeat("x", 5000), "xxx..."),
	}
}

// escaped is a name as it stands in a path.
func escaped(name string) string {
	return strings.NewReplacer("%2F", "/", "%3A", ":").Replace(url.PathEscape(name))
}

func TestNames(t *testing.T) {
	t.Parallel()
	w := routingWorld(t, "")
	row := 0
	for _, n := range namings() {
		for _, m := range manners() {
			row++
			t.Run(fmt.Sprintf("%.60s by %s", n.name, m), func(t *testing.T) {
				mark := row
				name, want := n.name, n.others
				if m.family() == "gemini" {
					name = escaped(n.name)
				}
				if m.name == "chat" || m.name == "responses" {
					want = n.openAI
				}
				a := w.send(t, m.request(name, "hi", fmt.Sprintf("X-Row: %d", mark)))
				sent := w.row(mark)
				if n.status != 0 && want != "beta m" && want != "beta only-b" {
					if a.status != n.status || len(sent) != 0 {
						t.Errorf("got %d calls and %s, want status %d", len(sent), a, n.status)
					}
					if message := m.wantProblem(t, a); !strings.Contains(message, want) || len(message) > 2000 {
						t.Errorf("got message %q, want %q in it", message, want)
					}
					return
				}
				if a.status != http.StatusOK || len(sent) != 1 {
					t.Fatalf("got %d calls and %s, want %s", len(sent), a, want)
				}
				m.wantWhole(t, a)
				if got := sent[0].at + " " + sent[0].Model; got != want || sent[0].Query != m.query() {
					t.Errorf("got %s?%s, want %s", got, sent[0].Query, want)
				}
				if got := a.header.Get("X-Weir-Provider"); got != sent[0].at {
					t.Errorf("got x-weir-provider %q, want %q", got, sent[0].at)
				}
			})
		}
	}
}

// query is what a manner asks for behind the path.
func (m manner) query() string {
	_, query, found := strings.Cut(m.path("m", m.stream), "?")
	if !found {
		return ""
	}
	return query
}

// TestLists: the three SDKs ask one path, and what each is shown is what it can ask.
func TestLists(t *testing.T) {
	t.Parallel()
	w := routingWorld(t, "")
	type lister struct {
		manner
		path   string
		fields []string
	}
	for _, l := range []lister{
		{manner{chatDialect(), false}, "/v1/models", nil},
		{manner{messagesDialect(), false}, "/v1/models", []string{"anthropic-version: 2023-06-01"}},
		{manner{geminiDialect(), false}, "/v1beta/models", []string{"x-goog-api-client: genai/1"}},
		{manner{geminiDialect(), false}, "/v1/models", []string{"x-goog-api-key: k"}},
		{manner{geminiDialect(), false}, "/v1beta/models", nil},
	} {
		t.Run(l.name+" "+l.path+" "+strings.Join(l.fields, " "), func(t *testing.T) {
			a := w.send(t, get(l.path, l.fields...))
			if a.status != http.StatusOK {
				t.Fatalf("got %s", a)
			}
			ids := l.ids(t, a.body)
			for _, id := range []string{"auto", "m", "acme/org-model", "llama3.2:1b"} {
				if !slices.Contains(ids, id) {
					t.Errorf("got %v, want %s in it", ids, id)
				}
			}
			for _, id := range []string{"off", "beta:off", "mm"} {
				if slices.Contains(ids, id) {
					t.Errorf("got %v with %s", ids, id)
				}
			}
			if got := slices.Contains(ids, "only-b"); got != (l.name == "chat") {
				t.Errorf("only-b listed: %t, for %s", got, l.name)
			}
			if slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, "openrouter:") }) && l.name == "gemini" {
				t.Errorf("an aggregator that speaks no Gemini is listed: %v", ids)
			}
			for i, id := range ids {
				if i < 12 && id != "text-embed" {
					l.wantUsable(t, w, id)
				}
			}
		})
	}
}

func (m manner) ids(t *testing.T, body []byte) []string {
	t.Helper()
	var got struct {
		Object  string
		Data    []struct{ ID, Type, Object string }
		Models  []struct{ Name string }
		HasMore *bool `json:"has_more"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 0, len(got.Data)+len(got.Models))
	for _, e := range got.Data {
		if (m.name == "chat" && e.Object != "model") || (m.name == "messages" && e.Type != "model") {
			t.Errorf("got entry %+v for %s", e, m.name)
		}
		ids = append(ids, e.ID)
	}
	for _, e := range got.Models {
		ids = append(ids, strings.TrimPrefix(e.Name, "models/"))
	}
	if (m.name == "chat") != (got.Object == "list") || (m.name == "messages") != (got.HasMore != nil) || (m.name == "gemini") != (got.Models != nil) {
		t.Errorf("the list has not the shape of %s: %.300s", m.name, body)
	}
	return ids
}

// wantUsable asks a listed model, and for its own entry.
func (m manner) wantUsable(t *testing.T, w *world, id string) {
	t.Helper()
	name, path, fields := id, "/v1/models/", []string{}
	switch m.name {
	case "gemini":
		name, path = escaped(id), "/v1beta/models/"
	case "messages":
		fields = []string{"anthropic-version: 2023-06-01"}
	}
	if a := w.send(t, m.request(name, "hi")); a.status != http.StatusOK {
		t.Errorf("the list shows %s, but asking it gets %s", id, a)
	}
	a := w.send(t, get(path+escaped(id), fields...))
	if a.status != http.StatusOK || !strings.Contains(string(a.body), id) {
		t.Errorf("the list shows %s, but its entry is %s", id, a)
	}
}

func TestUnknownEntriesAndPaths(t *testing.T) {
	t.Parallel()
	w := routingWorld(t, "")
	tests := []struct {
		request string
		manner
		status int
		says   string
	}{
		{get("/v1/models/nope"), manner{chatDialect(), false}, 404, "nope"},
		{get("/v1/models/nope", "anthropic-version: 2023-06-01"), manner{messagesDialect(), false}, 404, "nope"},
		{get("/v1beta/models/nope", "x-goog-api-client: genai/1"), manner{geminiDialect(), false}, 404, "nope"},
		{get("/v1beta/models/nope"), manner{geminiDialect(), false}, 404, "nope"},
		{get("/v1/models/only-b", "anthropic-version: 2023-06-01"), manner{messagesDialect(), false}, 404, "only-b"},
		{get("/nothing"), manner{chatDialect(), false}, 404, "/v1/chat/completions"},
		{get("/v1/nothing", "x-api-key: k"), manner{messagesDialect(), false}, 404, "/v1/messages"},
		{get("/v1beta/nothing", "x-goog-api-key: k"), manner{geminiDialect(), false}, 404, "/v1beta/models"},
		{get("/v1/chat/completions"), manner{chatDialect(), false}, 405, "POST"},
		{get("/v1/messages"), manner{messagesDialect(), false}, 405, "POST"},
		{get("/v1beta/models/m:generateContent"), manner{geminiDialect(), false}, 405, "POST"},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprint(i, " ", strings.SplitN(tt.request, "\r\n", 2)[0]), func(t *testing.T) {
			a := w.send(t, tt.request)
			if a.status != tt.status {
				t.Errorf("got %s, want status %d", a, tt.status)
			}
			if message := tt.wantProblem(t, a); !strings.Contains(message, tt.says) {
				t.Errorf("got message %q, want %q in it", message, tt.says)
			}
		})
	}
}

// fallback is a request with a list of models of its own.
type fallback struct {
	name, script, fields string
	policy, want         string
	keeps, drops         []string
	status               int
}

func fallbacks() []fallback {
	return []fallback{
		{name: "the first answers", fields: `"model":"m","models":["only-b"]`, want: "alpha m", drops: []string{"models"}},
		{name: "the first fails", script: "-> status=503", fields: `"model":"alpha:m","models":["only-b"]`, want: "alpha m,beta only-b", drops: []string{"models"}},
		{name: "the same model elsewhere first", script: "-> status=503", fields: `"model":"m","models":["only-b"]`, want: "alpha m,beta m", drops: []string{"models"}},
		{name: "an unknown first", fields: `"model":"nope","models":["nope2","second:m"]`, want: "beta m", drops: []string{"models"}},
		{name: "the same twice", script: "-> status=503", fields: `"model":"alpha:m","models":["mm","ALPHA:m","beta:m"]`, want: "alpha m,beta m"},
		{name: "only a list", fields: `"models":["beta:m","m"]`, want: "beta m", drops: []string{"models"}},
		{
			name: "of the aggregator", fields: `"model":"openrouter:a/b","models":["c/d","e/f"],"route":"fallback","provider":{"order":["x"]},"usage":{"include":true}`,
			want: "router a/b", keeps: []string{"models", "route", "provider", "usage"},
		},
		{
			name: "of the aggregator, one of which is not allowed", policy: limited, fields: `"model":"openrouter:a/b","models":["c/d"]`,
			status: http.StatusForbidden,
		},
		{
			name: "of the aggregator, all of which are allowed", policy: limited, want: "router a/b", keeps: []string{"models"},
			fields: `"model":"openrouter:a/b","models":["e/f"],"route":"fallback","provider":{"order":["x"]},"plugins":[{"id":"web"}]`,
			drops:  []string{"route", "provider", "plugins"},
		},
		{
			name: "with a provider among the aggregator's", script: "-> status=503", fields: `"model":"alpha:m","models":["openrouter:c/d"]`,
			want: "alpha m,router c/d", drops: []string{"models"},
		},
	}
}

// TestFallbackLists: the client's own list is its order, and the providers never see it unless it is theirs.
func TestFallbackLists(t *testing.T) {
	t.Parallel()
	for _, tt := range fallbacks() {
		for _, d := range []dialect{chatDialect(), responsesDialect()} {
			t.Run(tt.name+" "+d.name, func(t *testing.T) {
				t.Parallel()
				tt.run(t, d)
			})
		}
	}
}

func (tt *fallback) run(t *testing.T, d dialect) {
	t.Helper()
	w := routingWorld(t, tt.policy)
	w.sims["alpha"].SetScript(script(t, tt.script))
	prompt := turn
	if d.name == "responses" {
		prompt = `"input":"hi"`
	}
	a := w.send(t, post(d.path("", false), `{`+tt.fields+`,`+prompt+`}`, "HTTP-Referer: https://app.example", "X-Title: app"))
	if want := cmp.Or(tt.status, http.StatusOK); a.status != want {
		t.Errorf("got %s, want status %d", a, want)
	}
	calls := w.ended(t)
	got := make([]string, len(calls))
	for i := range calls {
		got[i] = calls[i].at + " " + calls[i].Model
	}
	if s := strings.Join(got, ","); s != tt.want {
		t.Fatalf("got calls %s, want %s", s, tt.want)
	}
	if len(calls) == 0 {
		return
	}
	last := calls[len(calls)-1]
	var body map[string]json.RawMessage
	if err := json.Unmarshal(last.Body, &body); err != nil {
		t.Fatal(err)
	}
	for _, key := range tt.keeps {
		if body[key] == nil {
			t.Errorf("%s did not arrive: %s", key, last.Body)
		}
	}
	for _, key := range tt.drops {
		if body[key] != nil {
			t.Errorf("%s arrived: %s", key, last.Body)
		}
	}
	if last.at == "router" && (last.Header("HTTP-Referer") == "" || last.Header("X-Title") == "" || !strings.HasPrefix(last.Path, "/api/v1/")) {
		t.Errorf("got path %s, referer %q and title %q", last.Path, last.Header("HTTP-Referer"), last.Header("X-Title"))
	}
}
