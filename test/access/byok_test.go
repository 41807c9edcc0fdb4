package access

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"weir/providers/sim"
)

const byokPolicy = `providers:
  - id: vendor
    base_url: %[1]s/v1
    api_keys: [{value: "${secrets.get('VENDOR_KEY')}"}]
    models:
      - {id: paid, author_id: acme, pricing: {input: 1000, output: 1000}}
      - {id: cheap, pricing: {input: 1, output: 1}}
  - id: second
    base_url: %[1]s/v1
    models: [{id: twin, pricing: {input: 1, output: 1}}]
`

// owned starts a gateway and stores provider keys of the names and teams given, as NAME or NAME@TEAM; the values are
// sk-own-NAME-0123.
func owned(t *testing.T, keys ...string) (f *fleet, g *gateway, ids map[string]string) {
	t.Helper()
	f = newFleet(t, "folder: FOLDER")
	write(t, f.policy, fmt.Sprintf(byokPolicy, f.vendor.url))
	g = f.start("")
	ids = map[string]string{}
	for _, name := range keys {
		name, team, _ := strings.Cut(name, "@")
		fields := ""
		if team != "" {
			if ids[team] == "" {
				ids[team] = g.create("/teams", fmt.Sprintf(`{"name": %q}`, team))
			}
			fields = fmt.Sprintf(`, "teamId": %q`, ids[team])
		}
		provider, _, ok := strings.Cut(name, "-")
		if !ok {
			provider = "vendor"
		}
		ids[name] = g.create("/provider-keys", fmt.Sprintf(`{"providerId": %q, "name": %q, "value": %q%s}`, provider, name, value(name), fields))
	}
	return f, g, ids
}

func value(name string) string { return "sk-own-" + name + "-0123" }

// dead has the vendor refuse keys.
func (f *fleet) dead(values ...string) {
	f.t.Helper()
	var lines strings.Builder
	for _, v := range values {
		fmt.Fprintf(&lines, "key=%s -> status=401\n", v)
	}
	f.script(lines.String())
}

// script gives the vendor's calls faults.
func (f *fleet) script(text string) {
	f.t.Helper()
	s, err := sim.ParseScript(text)
	if err != nil {
		f.t.Fatal(err)
	}
	f.vendor.SetScript(s)
}

// used tells which keys the vendor was called with for one request, by the names that their values have, and the status.
func (f *fleet) used(g *gateway, token, model string, values map[string]string) string {
	f.t.Helper()
	f.vendor.Reset()
	r := g.send(call{body: fmt.Sprintf(`{"model": %q, "messages": [{"role": "user", "content": "x"}]}`, model), header: bearer(token)})
	marks := map[string]string{sim.Mark(vendorKey): "gateway", "": "none"}
	for v, name := range values {
		marks[sim.Mark(v)] = name
	}
	calls := f.vendor.Calls()
	out := make([]string, 0, len(calls))
	for i := range calls {
		out = append(out, orElse(marks[calls[i].Key], "unknown"))
	}
	return fmt.Sprint(strings.Join(out, ","), " ", r.status)
}

// TestRouterRules has rules of every form, and looks at the keys that the vendor was called with.
func TestRouterRules(t *testing.T) {
	t.Parallel()
	names := []string{"one", "two", "three", "second-four", "five"}
	f, g, ids := owned(t, "one", "two", "three", "second-four", "five@lab")
	user := func(names ...string) string {
		keys := make([]string, 0, len(names))
		for _, name := range names {
			keys = append(keys, fmt.Sprintf(`{"id": %q}`, ids[name]))
		}
		return `{"type": "user", "keySelectionStrategy": "ordered", "keys": [` + strings.Join(keys, ",") + `]}`
	}
	rule := func(of string, steps ...string) string {
		return `{` + of + `, "steps": [` + strings.Join(steps, ",") + `]}`
	}
	const gatewayStep, ngrokStep, vendorRule = `{"type": "gateway"}`, `{"type": "ngrok"}`, `"provider": "vendor"`
	tests := []struct {
		name, fields string // of the access key
		rules        []string
		dead         []string
		model, want  string
	}{
		{"no rule", "", nil, nil, "paid", "gateway 200"},
		{"no rule for the provider", "", []string{rule(`"provider": "second"`, user("second-four"))}, nil, "paid", "gateway 200"},
		{"user", "", []string{rule(vendorRule, user("one"))}, nil, "paid", "one 200"},
		{"in order", "", []string{rule(vendorRule, user("two", "one"))}, nil, "paid", "two 200"},
		{"the first is dead", "", []string{rule(vendorRule, user("one", "two"))}, []string{"one"}, "paid", "one,two 200"},
		{"the second step", "", []string{rule(vendorRule, user("one"), user("two"))}, []string{"one"}, "paid", "one,two 200"},
		{"then the gateway", "", []string{rule(vendorRule, user("one", "two"), gatewayStep)}, []string{"one", "two"}, "paid", "one,two,gateway 200"},
		{"not the gateway", "", []string{rule(vendorRule, user("one", "two"))}, []string{"one", "two"}, "paid", "one,two 502"},
		{"by its other name", "", []string{rule(vendorRule, ngrokStep, user("one"))}, nil, "paid", "gateway 200"},
		{"model before provider", "", []string{rule(vendorRule, user("one")), rule(`"model": "vendor:paid"`, user("two"))}, nil, "paid", "two 200"},
		{"model with author", "", []string{rule(vendorRule, user("one")), rule(`"model": "vendor:acme/paid"`, user("two"))}, nil, "vendor:paid", "two 200"},
		{"another model", "", []string{rule(vendorRule, user("one")), rule(`"model": "vendor:paid"`, user("two"))}, nil, "cheap", "one 200"},
		{"model and provider", "", []string{rule(`"provider": "vendor", "model": "vendor:paid"`, user("three"))}, nil, "paid", "three 200"},
		{"a model rule never falls to that of the provider", "", []string{rule(vendorRule, gatewayStep), rule(`"model": "vendor:paid"`, user("two"))}, []string{"two"}, "paid", "two 502"},
		{"each provider its own", "", []string{rule(vendorRule, user("one")), rule(`"provider": "second"`, user("second-four"))}, nil, "twin", "second-four 200"},
		{"attached", `, "providerKeyIds": ["` + ids["one"] + `", "` + ids["two"] + `"]`, nil, []string{"one"}, "paid", "one,two 200"},
		{"attached and dead", `, "providerKeyIds": ["` + ids["one"] + `"]`, nil, []string{"one"}, "paid", "one,gateway 200"},
		{"a rule before what is attached", `, "providerKeyIds": ["` + ids["one"] + `"]`, []string{rule(vendorRule, user("two"))}, nil, "paid", "two 200"},
		{"attached for another provider", `, "providerKeyIds": ["` + ids["second-four"] + `"]`, nil, nil, "paid", "gateway 200"},
		{"of another team", "", []string{rule(vendorRule, user("five"), user("one"))}, nil, "paid", "one 200"},
		{"of another team alone", "", []string{rule(vendorRule, user("five"))}, nil, "paid", " 403"},
		{"of its team", `, "teamId": "` + ids["lab"] + `"`, []string{rule(vendorRule, user("five"), user("one"))}, nil, "paid", "five 200"},
		{"the gateway first", "", []string{rule(vendorRule, gatewayStep, user("one"))}, []string{"gateway"}, "paid", "gateway,one 200"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			values, dead := map[string]string{}, []string{}
			for _, name := range names { // anew for each case, as keys that were refused rest
				v := fmt.Sprint(value(name), i)
				values[v] = name
				g.must(http.MethodPost, "/provider-keys/"+ids[name]+"/rotate", fmt.Sprintf(`{"value": %q}`, v), http.StatusOK)
				if slices.Contains(tt.dead, name) {
					dead = append(dead, v)
				}
			}
			if slices.Contains(tt.dead, "gateway") {
				dead = append(dead, vendorKey)
			}
			f.dead(dead...)
			fields := tt.fields
			if tt.rules != nil {
				conf := g.create("/access-key-configurations", fmt.Sprintf(`{"name": %q, "router": {"rules": [%s]}}`, tt.name, strings.Join(tt.rules, ",")))
				fields += `, "accessKeyConfigurationId": "` + conf + `"`
			}
			_, token := g.key(tt.name, fields)
			if got := f.used(g, token, tt.model, values); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestProviderKeysAreNotShown stores, rotates and lists keys, in configurations too, and looks for their values in every answer.
func TestProviderKeysAreNotShown(t *testing.T) {
	t.Parallel()
	f, g, ids := owned(t, "one")
	var answers strings.Builder
	keep := func(method, path, body string, want int) string {
		t.Helper()
		text := g.must(method, path, body, want)
		answers.WriteString(text)
		return text
	}
	keep(http.MethodPost, "/provider-keys", `{"providerId": "vendor", "name": "shown", "value": "sk-own-shown-0123"}`, http.StatusCreated)
	if text := keep(http.MethodGet, "/provider-keys/"+ids["one"], "", http.StatusOK); !strings.Contains(text, `"keyRedacted":"`) || strings.Contains(text, `"keyRedacted":""`) {
		t.Errorf("got %s, want a redacted form", text)
	}
	conf := `{"name": "inline", "router": {"rules": [{"provider": "vendor", "steps": [{"type": "user", "keys": [{"name": "inline", "value": "sk-own-inline-0123"}]}]}]}}`
	text := keep(http.MethodPost, "/access-key-configurations", conf, http.StatusCreated)
	if !strings.Contains(text, `"id":"aigpk_`) {
		t.Errorf("got %s, want the inline key stored under an id", text)
	}
	token := g.tokenOf(text)
	if got := f.used(g, token, "paid", map[string]string{"sk-own-inline-0123": "inline"}); got != "inline 200" {
		t.Errorf("got %s, want the inline key used", got)
	}
	keep(http.MethodPost, "/provider-keys/"+ids["one"]+"/rotate", `{"value": "sk-own-rotated-0123"}`, http.StatusOK)
	keep(http.MethodPost, "/provider-keys", `{"providerId": "vendor", "name": "bad\n", "value": "sk-own-bad\n-0123", "x": 1}`, http.StatusBadRequest)
	for _, path := range []string{"/provider-keys", "/access-key-configurations", "/audit", "/access-keys", "/teams", "/usage?startTime=2020-01-01T00:00:00Z"} {
		keep(http.MethodGet, path, "", http.StatusOK)
	}
	for _, v := range []string{"sk-own-shown-0123", "sk-own-inline-0123", "sk-own-rotated-0123", value("one"), "sk-own-bad", token} {
		if strings.Contains(answers.String(), v) || strings.Contains(g.out.String(), v) {
			t.Errorf("%s is shown or logged", v)
		}
	}
	g.must(http.MethodPost, "/access-key-configurations", `{"name": "bad", "router": {"rules": [{"provider": "second", "steps": [{"type": "user", "keys": [{"id": "`+ids["one"]+`"}]}]}]}}`, http.StatusBadRequest)
}

// tokenOf makes a key with a configuration that an answer shows.
func (g *gateway) tokenOf(configuration string) string {
	g.t.Helper()
	_, rest, _ := strings.Cut(configuration, `"aigac_`)
	id, _, _ := strings.Cut(rest, `"`)
	_, token := g.key("of aigac_"+id, `, "accessKeyConfigurationId": "aigac_`+id+`"`)
	return token
}

// TestProviderKeysOfTeams attaches keys to access keys and teams, moves and rotates them, and looks at what the next call is
// made with; usage rows say the same.
func TestProviderKeysOfTeams(t *testing.T) {
	t.Parallel()
	f, g, ids := owned(t, "lab@red", "own", "foe@blue")
	values := map[string]string{value("lab"): "lab", value("own"): "own", value("foe"): "foe", "sk-own-newer-0123": "newer"}
	ada, adas := g.key("ada", `, "teamId": "`+ids["red"]+`"`)
	_, bobs := g.key("bob", `, "teamId": "`+ids["blue"]+`"`)
	want := func(token, want string) {
		t.Helper()
		if got := f.used(g, token, "paid", values); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	want(adas, "gateway 200")
	g.must(http.MethodPatch, "/teams/"+ids["red"], `{"provider_key_ids": ["`+ids["lab"]+`"]}`, http.StatusOK)
	want(adas, "lab 200")
	want(bobs, "gateway 200")
	g.must(http.MethodPatch, "/access-keys/"+ada, `{"providerKeyIds": ["`+ids["own"]+`"]}`, http.StatusOK)
	want(adas, "own 200")
	g.must(http.MethodPost, "/provider-keys/"+ids["own"]+"/rotate", `{"value": "sk-own-newer-0123"}`, http.StatusOK)
	want(adas, "newer 200")
	for _, body := range []string{`{"provider_key_ids": ["` + ids["foe"] + `"]}`, `{"provider_key_ids": ["` + ids["lab"] + `", "aigpk_00000000000000000000000000"]}`} {
		if status, text := g.api(http.MethodPatch, "/teams/"+ids["red"], body, nil); status != http.StatusBadRequest {
			t.Errorf("%s: got %d: %s; want 400", body, status, text)
		}
	}
	if status, text := g.api(http.MethodPatch, "/access-keys/"+ada, `{"providerKeyIds": ["`+ids["foe"]+`"]}`, nil); status != http.StatusBadRequest {
		t.Errorf("a key of another team attached: got %d: %s; want 400", status, text)
	}
	g.must(http.MethodDelete, "/provider-keys/"+ids["own"], "", http.StatusConflict)
	g.must(http.MethodPatch, "/access-keys/"+ada, `{"providerKeyIds": null}`, http.StatusOK)
	want(adas, "lab 200")
	g.must(http.MethodDelete, "/provider-keys/"+ids["own"], "", http.StatusNoContent)
	g.must(http.MethodPatch, "/access-keys/"+ada, `{"teamId": "`+ids["blue"]+`"}`, http.StatusOK)
	want(adas, "gateway 200")

	var rows struct {
		AIGatewayUsage []struct {
			KeySource                      string
			ProviderKeyID, ProviderKeyName *string
			StatusCode                     *int
			LatencyMS                      int64
			TeamID                         string
		}
	}
	g.await("all is recorded", func() bool {
		g.api(http.MethodGet, "/usage?startTime=2020-01-01T00:00:00Z&accessKeyId="+ada, "", &rows)
		return len(rows.AIGatewayUsage) == 6
	})
	var got []string
	for _, r := range slices.Backward(rows.AIGatewayUsage) {
		id := ""
		if r.ProviderKeyID != nil {
			id = *r.ProviderKeyID
		}
		got = append(got, r.KeySource+" "+id)
	}
	user := func(name string) string { return "user " + ids[name] }
	if w := []string{"gateway ", user("lab"), user("own"), user("own"), user("lab"), "gateway "}; !slices.Equal(got, w) {
		t.Errorf("got usage %v, want %v", got, w)
	}
	if rows.AIGatewayUsage[0].TeamID != ids["blue"] || rows.AIGatewayUsage[5].TeamID != ids["red"] {
		t.Errorf("got teams %v, want the one of the time of the call", rows.AIGatewayUsage)
	}
}

// TestProvidersAtRunTime adds a provider by the API, with a key of the user's, and takes it away.
func TestProvidersAtRunTime(t *testing.T) {
	t.Parallel()
	f, g, _ := owned(t)
	body := fmt.Sprintf(`{"name": "Mine", "providerId": "mine", "baseUrl": "%s/v1", "models": [{"modelId": "tiny", "inputPrice": "2", "outputPrice": "4"}]}`, f.vendor.url)
	var made struct{ ID string }
	if status, text := g.api(http.MethodPost, "/providers", body, &made); status != http.StatusCreated {
		t.Fatalf("got %d: %s", status, text)
	}
	key := g.create("/provider-keys", `{"providerId": "mine", "name": "mine", "value": "sk-own-mine-0123"}`)
	_, token := g.scopedKey("mine", `"access": {"providers": {"allow": ["`+made.ID+`"]}}, "router": {"rules": [{"provider": "mine", "steps": [{"type": "user", "keys": [{"id": "`+key+`"}]}]}]}`)
	values := map[string]string{"sk-own-mine-0123": "mine"}
	g.await("the provider answers", func() bool { return f.used(g, token, "mine:tiny", values) == "mine 200" })
	if got := f.used(g, token, "paid", values); got != " 403" {
		t.Errorf("another provider: got %s, want 403", got)
	}
	g.send(call{path: "/v1/models", header: bearer(token)}).want(t, http.StatusOK, "tiny")
	g.must(http.MethodDelete, "/providers/"+made.ID, "", http.StatusConflict)
}
