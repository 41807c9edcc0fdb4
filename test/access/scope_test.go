package access

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const scopePolicy = `providers:
  - id: house
    id_aliases: [home]
    base_url: %[1]s/v1
    models:
      - {id: big, id_aliases: [large], author_id: acme, pricing: {input: 10, output: 10}}
      - {id: small, author_id: acme, pricing: {input: 1, output: 1}}
      - {id: small-preview, author_id: acme, pricing: {input: 1, output: 1}}
      - {id: lone, pricing: {input: 1, output: 1}}
  - id: barn
    base_url: %[1]s/v1
    models:
      - {id: small, author_id: acme, pricing: {input: 1, output: 1}}
      - {id: hay, author_id: farm, pricing: {input: 1, output: 1}}
  - {id: openai, base_url: "%[1]s/v1", api_keys: [{value: sk-openai-test-0001}]}
  - {id: anthropic, base_url: "%[1]s/v1", api_keys: [{value: sk-anthropic-test-0001}]}
  - {id: google, base_url: "%[1]s/v1beta", api_keys: [{value: sk-google-test-0001}]}
  - {id: openrouter, base_url: "%[1]s/v1", api_keys: [{value: sk-openrouter-test-0001}]}
`

// scoped starts a gateway with many models.
func scoped(t *testing.T) (*fleet, *gateway) {
	t.Helper()
	f := newFleet(t, "folder: FOLDER")
	write(t, f.policy, fmt.Sprintf(scopePolicy, f.vendor.url))
	g := f.start("")
	return f, g
}

// scopedKey makes a key with a configuration.
func (g *gateway) scopedKey(name, fields string) (id, token string) {
	g.t.Helper()
	conf := g.create("/access-key-configurations", fmt.Sprintf(`{"name": %q, %s}`, name, fields))
	_, token = g.key(name, `, "accessKeyConfigurationId": "`+conf+`"`)
	return conf, token
}

// asked asks for models and tells which answered: provider:model, or the status and code of a refusal.
func (g *gateway) asked(token, fields string) string {
	g.t.Helper()
	r := g.send(call{body: `{"messages": [{"role": "user", "content": "x"}], ` + fields + `}`, header: bearer(token)})
	if r.status == http.StatusOK {
		return r.header.Get("X-Weir-Provider") + ":" + r.header.Get("X-Weir-Model")
	}
	var out struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(r.body), &out) // what it is not is no code
	return fmt.Sprint(r.status, " ", out.Error.Code)
}

const refusedModel = "403 model_not_allowed"

// TestScopes asks by every name that a model goes by, with lists of every form.
func TestScopes(t *testing.T) {
	t.Parallel()
	f, g := scoped(t)
	type ask struct{ fields, want string }
	one := func(name, want string) ask { return ask{fmt.Sprintf(`"model": %q`, name), want} }
	tests := []struct {
		name, access string
		asks         []ask
	}{
		{"nothing said", `null`, []ask{one("big", "house:big"), one("HOME:Large", "house:big"), one("openai:never-heard-of", "openai:never-heard-of")}},
		{"nothing restricted", `{}`, []ask{one("big", "house:big")}},
		{"nothing allowed", `{"models": {"allow": []}}`, []ask{one("big", refusedModel), one("auto", refusedModel), one("house:never-heard-of", refusedModel)}},
		{"no provider allowed", `{"providers": {"allow": []}}`, []ask{one("big", refusedModel), one("openai:gpt-5", refusedModel)}},
		{"providers", `{"providers": {"allow": ["house"]}}`, []ask{
			one("big", "house:big"), one("small", "house:small"), one("barn:small", refusedModel), one("hay", refusedModel), one("openai:gpt-5", refusedModel),
			one("house:never-heard-of", "house:never-heard-of"),
		}},
		{"providers by alias and case", `{"providers": {"allow": ["home"], "deny": ["barn"]}}`, []ask{one("LARGE", "house:big"), one("BARN:hay", refusedModel)}},
		{"providers denied", `{"providers": {"deny": ["house", "open*"]}}`, []ask{
			one("small", "barn:small"), one("Home:small", refusedModel), one("gpt-5", refusedModel), one("openrouter:openai/gpt-5", refusedModel),
			one("anthropic:claude-sonnet-4-5", "anthropic:claude-sonnet-4-5"),
		}},
		{"models", `{"models": {"allow": ["big", "barn:small"]}}`, []ask{
			one("big", "house:big"), one("Large", "house:big"), one("house:large", "house:big"), one("small", "barn:small"), one("house:small", refusedModel),
			one("house:never-heard-of", refusedModel), one("never-heard-of", "404 model_not_found"), one(" big ", "house:big"), one(" small-preview ", refusedModel),
		}},
		{"models by alias", `{"models": {"allow": ["home:LARGE"]}}`, []ask{one("big", "house:big"), one("small", refusedModel)}},
		{"models with authors", `{"models": {"allow": ["acme/small", "openai:openai/gpt-5*"]}}`, []ask{
			one("small", "house:small"), one("barn:small", "barn:small"), one("small-preview", refusedModel), one("openai:gpt-5-mini", "openai:gpt-5-mini"),
			one("openai:gpt-4o", refusedModel), one("hay", refusedModel), one("lone", refusedModel), one("openai:gpt-9-unheard-of", refusedModel),
		}},
		{"all of an author", `{"models": {"allow": ["acme/*"]}}`, []ask{one("big", "house:big"), one("hay", refusedModel), one("lone", refusedModel), one("house:acme/unheard-of", refusedModel)}},
		{"stars and denial", `{"models": {"allow": ["small*"], "deny": ["*-preview"]}}`, []ask{one("small", "house:small"), one("SMALL-PREVIEW", refusedModel), one("house:small-preview", refusedModel), one("big", refusedModel)}},
		{"denied by alias", `{"models": {"deny": ["large"]}}`, []ask{one("big", refusedModel), one("house:BIG", refusedModel), one("small", "house:small")}},
		{"denied author", `{"models": {"deny": ["acme/*"]}}`, []ask{one("big", refusedModel), one("hay", "barn:hay"), one("lone", refusedModel)}},
		{"unknown by name", `{"models": {"allow": ["openai:gpt-9*"]}}`, []ask{one("openai:gpt-9-unheard-of", "openai:gpt-9-unheard-of"), one("openai:gpt-8-unheard-of", refusedModel)}},
		{"both dimensions", `{"providers": {"allow": ["barn"]}, "models": {"allow": ["small", "big"]}}`, []ask{one("small", "barn:small"), one("big", refusedModel), one("hay", refusedModel)}},
		{"fallbacks", `{"models": {"allow": ["big", "hay"]}}`, []ask{
			{`"models": ["small", "lone", "hay"]`, "barn:hay"},
			{`"model": "small", "models": ["big"]`, "house:big"},
			{`"models": ["small", "lone"]`, refusedModel},
			{`"model": "big", "models": ["small"]`, "house:big"},
		}},
		{"auto", `{"models": {"allow": ["hay"]}}`, []ask{one("auto", "barn:hay"), one("weir/auto", "barn:hay"), one("ngrok/auto", "barn:hay"), {`"stream": false`, "barn:hay"}}},
		{"a router behind", `{"models": {"allow": ["openrouter:*"]}}`, []ask{
			one("openrouter:openrouter/auto", refusedModel), one("openrouter:openai/gpt-5-mini", "openrouter:openai/gpt-5-mini"), one("openai:gpt-5-mini", refusedModel),
			one("openrouter:@preset/mine", refusedModel),
		}},
		{"a router's fields", `{"models": {"allow": ["openrouter:openai/gpt-5*"]}}`, []ask{
			{`"model": "openrouter:openai/gpt-5", "models": ["openai/gpt-5-mini"]`, "openrouter:openai/gpt-5"},
			{`"model": "openrouter:openai/gpt-5", "models": ["openai/gpt-5-mini", "anthropic/claude-opus-4.5"]`, refusedModel},
			{`"model": "openrouter:openai/gpt-5", "models": ["openrouter/auto"]`, refusedModel},
		}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, token := g.scopedKey(fmt.Sprint("scope ", i), `"access": `+tt.access)
			for _, a := range tt.asks {
				if got := g.asked(token, a.fields); got != a.want {
					t.Errorf("%s: got %s, want %s", a.fields, got, a.want)
				}
			}
		})
	}
	_, token := g.scopedKey("no fields", `"access": {"models": {"allow": ["openrouter:openai/gpt-5"]}}`)
	f.vendor.Reset()
	got := g.asked(token, `"model": "openrouter:openai/gpt-5", "provider": {"order": ["azure"], "allow_fallbacks": true}, "route": "fallback", "plugins": [{"id": "web"}], "preset": "mine"`)
	if sent := f.vendor.Calls(); len(sent) == 1 {
		for _, field := range []string{"provider", "route", "plugins", "preset"} {
			if strings.Contains(string(sent[0].Body), `"`+field+`"`) {
				t.Errorf("the vendor got the field %s: %s", field, sent[0].Body)
			}
		}
	} else if got == "" || !strings.HasPrefix(got, "4") {
		t.Errorf("got %s and %d calls, want the fields taken out or the request refused", got, len(sent))
	}
}

// TestRefusalsNameNothingElse checks that a refused caller is not told of models that it may not see.
func TestRefusalsNameNothingElse(t *testing.T) {
	t.Parallel()
	_, g := scoped(t)
	_, token := g.scopedKey("narrow", `"access": {"models": {"allow": ["hay"]}}`)
	for _, name := range []string{"bigg", "small-previe", "house:smal", "barn:smalll"} {
		r := g.send(call{body: fmt.Sprintf(`{"model": %q, "messages": []}`, name), header: bearer(token)})
		if r.status < 400 {
			t.Errorf("%s: got %d", name, r.status)
		}
		for _, hidden := range []string{`"big"`, "house:small", "small-preview", "barn:small "} {
			if strings.Contains(strings.ReplaceAll(r.body, name, ""), hidden) {
				t.Errorf("%s: got %s, which names a model that the caller may not see", name, r.body)
			}
		}
	}
}

// TestListsShowTheScope asks for models, all and one, in the shape of each SDK.
func TestListsShowTheScope(t *testing.T) {
	t.Parallel()
	_, g := scoped(t)
	conf, token := g.scopedKey("lists", `"access": {"models": {"allow": ["house:big", "barn:*", "claude-sonnet-4-5", "gemini-2.5-flash"], "deny": ["hay"]}}`)
	ids := func(header map[string]string, path, list, id string) []string {
		t.Helper()
		r := g.send(call{path: path, header: header})
		var out map[string]json.RawMessage
		var entries []map[string]any
		if err := json.Unmarshal([]byte(r.body), &out); err != nil || r.status != http.StatusOK {
			t.Fatalf("%s: got %d, %v: %s", path, r.status, err, r.body)
		}
		if err := json.Unmarshal(out[list], &entries); err != nil {
			t.Fatalf("%s: %v in %s", path, err, r.body)
		}
		names := make([]string, 0, len(entries))
		for _, e := range entries {
			names = append(names, fmt.Sprint(e[id]))
		}
		slices.Sort(names)
		return names
	}
	shapes := []struct {
		name, path, list, id, prefix string
		header                       map[string]string
	}{
		{"openai", "/v1/models", "data", "id", "", bearer(token)},
		{"anthropic", "/v1/models", "data", "id", "", map[string]string{"X-Api-Key": token, "Anthropic-Version": "2023-06-01"}},
		{"gemini", "/v1beta/models", "models", "name", "models/", map[string]string{"X-Goog-Api-Key": token}},
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			got := ids(s.header, s.path, s.list, s.id)
			got = slices.DeleteFunc(got, func(name string) bool { return name == s.prefix+"auto" }) // which chooses among the others
			for _, name := range got {
				short := name[strings.LastIndexAny(name, ":/")+1:]
				if !slices.Contains([]string{"big", "small", "claude-sonnet-4-5", "gemini-2.5-flash"}, short) || strings.Contains(name, "house:small") {
					t.Errorf("the list has %s", name)
				}
				g.send(call{path: s.path + "/" + strings.TrimPrefix(name, s.prefix), header: s.header}).want(t, http.StatusOK, name)
			}
			if len(got) == 0 {
				t.Error("the list is empty")
			}
			for _, name := range []string{"hay", "barn:hay", "house:small", "lone", "gpt-5", "openai:gpt-5", "house:unheard-of", "nonsense"} {
				r := g.send(call{path: s.path + "/" + name, header: s.header})
				if r.status != http.StatusNotFound && r.status != http.StatusForbidden {
					t.Errorf("%s: got %d: %s", name, r.status, r.body)
				}
			}
			g.send(call{path: s.path}).want(t, http.StatusUnauthorized)
		})
	}
	g.must(http.MethodPatch, "/access-key-configurations/"+conf, `{"access": {"models": {"allow": []}}}`, http.StatusOK)
	if got := ids(bearer(token), "/v1/models", "data", "id"); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
	g.must(http.MethodPatch, "/access-key-configurations/"+conf, `{"access": null}`, http.StatusOK)
	if got := ids(bearer(token), "/v1/models", "data", "id"); len(got) < 10 {
		t.Errorf("got %v, want everything", got)
	}
}

// TestScopeHoldsInEveryAPI asks for a model that is not allowed in each API that names one, and in their paths.
func TestScopeHoldsInEveryAPI(t *testing.T) {
	t.Parallel()
	f, g := scoped(t)
	_, token := g.scopedKey("one", `"access": {"models": {"allow": ["house:small"]}}`)
	multipart := "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nx\r\n--b--\r\n"
	for _, c := range []call{
		{path: "/v1/chat/completions", body: `{"model": "big", "messages": []}`},
		{path: "/v1/completions", body: `{"model": "big", "prompt": "x"}`},
		{path: "/v1/responses", body: `{"model": "big", "input": "x"}`},
		{path: "/v1/embeddings", body: `{"model": "openai:text-embedding-3-small", "input": "x"}`},
		{path: "/v1/images/generations", body: `{"model": "openai:gpt-image-1", "prompt": "x"}`},
		{path: "/v1/audio/speech", body: `{"model": "openai:tts-1", "input": "x", "voice": "a"}`},
		{path: "/v1/moderations", body: `{"model": "openai:omni-moderation-latest", "input": "x"}`},
		{path: "/v1/messages", body: `{"model": "claude-sonnet-4-5", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}`},
		{path: "/v1/messages/count_tokens", body: `{"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "x"}]}`},
		{path: "/v1beta/models/gemini-2.5-flash:generateContent", body: `{"contents": [{"parts": [{"text": "x"}]}]}`},
		{path: "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", body: `{"contents": [{"parts": [{"text": "x"}]}]}`},
		{path: "/v1beta/models/gemini-2.5-flash:countTokens", body: `{"contents": [{"parts": [{"text": "x"}]}]}`},
		{path: "/v1beta/models/google:gemini-2.5-flash:generateContent", body: `{"contents": [{"parts": [{"text": "x"}]}]}`},
		{path: "/v1/audio/transcriptions", body: multipart},
	} {
		c.header = bearer(token)
		if strings.HasPrefix(c.body, "--b") {
			c.header["Content-Type"] = "multipart/form-data; boundary=b"
		}
		if r := g.send(c); r.status != http.StatusForbidden && r.status != http.StatusNotFound || !strings.Contains(r.body, "allowed") {
			t.Errorf("%s: got %d: %s; want a refusal", c.path, r.status, r.body)
		}
	}
	if n := len(f.vendor.Calls()); n != 0 {
		t.Errorf("the vendor got %d calls", n)
	}
}

// TestBudgetsSeeModelsOfARouter has an aggregator's own list of fallbacks under a budget for one of them: it is no way around
// that, with no list of models to check it against.
func TestBudgetsSeeModelsOfARouter(t *testing.T) {
	t.Parallel()
	f, g := scoped(t)
	_, token := g.key("ada", "")
	g.create("/budgets", `{"name": "opus", "unit": "usd", "limit": "0.0001", "window": "total", "when": "m.id.contains('opus')"}`)
	if got := g.asked(token, `"model": "openrouter:anthropic/claude-opus-4.5", "max_tokens": 5`); got != "openrouter:anthropic/claude-opus-4.5" {
		t.Fatalf("the call that spends it: got %s", got)
	}
	f.vendor.Reset()
	got := g.asked(token, `"model": "openrouter:openai/gpt-5-mini", "models": ["anthropic/claude-opus-4.5"], "preset": "mine", "plugins": [{"id": "web"}], "max_tokens": 5`)
	for _, c := range f.vendor.Calls() {
		for _, chooses := range []string{"opus", "preset", "plugins"} {
			if strings.Contains(string(c.Body), chooses) {
				t.Errorf("got %s, and the vendor %s: it may choose a model that no budget has seen", got, c.Body)
			}
		}
	}
}
