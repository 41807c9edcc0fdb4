package expr

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/catalog"
)

// Short names of the fixture's models.
const (
	g4, mini, turbo = "gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo"
	claude, gemini  = "claude-3-5-sonnet-20241022", "gemini-2.0-flash"
	llama           = "llama3.2:1b"
)

type strategyCase struct {
	expr string
	want string // ids in order, separated by spaces
}

func strategyCases() []strategyCase {
	all := strings.Join([]string{g4, mini, turbo, claude, gemini, llama}, " ")
	return []strategyCase{
		{"ai.models", all},
		{"ai.models.random()", llama},
		{"ai.models.sortBy(m, m.pricing.input)", "gemini-2.0-flash gpt-4o-mini gpt-3.5-turbo gpt-4o claude-3-5-sonnet-20241022 llama3.2:1b"},
		{"ai.models.sortBy('price')", "gemini-2.0-flash gpt-4o-mini gpt-3.5-turbo gpt-4o claude-3-5-sonnet-20241022 llama3.2:1b"},
		{"ai.models.filter(m, m.provider_id == 'openai')", "gpt-4o gpt-4o-mini gpt-3.5-turbo"},
		{"ai.models.filter(m, m.provider_id == 'anthropic')", claude},
		{"ai.models.filter(m, m.provider_id == 'ollama')", llama},
		{"ai.models.filter(m, m.provider_id == 'vllm')", ""},
		{"ai.models.filter(m, m.provider_id in ['ollama', 'google']).random()", llama},
		{"ai.models.filter(m, m.provider_id == 'openai' && m.metrics.global.error_rate.total < 0.01)", mini},
		{"ai.models.filter(m, m.id.contains('mini') || m.id.contains('turbo'))", "gpt-4o-mini gpt-3.5-turbo gemini-2.0-flash"},
		{"ai.models.filter(m, m.id.contains('turbo') || m.id.contains('mini')).filter(m, m.metrics.global.latency.upstream_ms_avg < 800 && m.metrics.global.error_rate.total < 0.02)", "gpt-4o-mini gemini-2.0-flash"},
		{"ai.models.filter(m, m.metadata.region == 'us-east')", llama},
		{"ai.models.filter(m, m.metadata.region == 'eu-west')", ""},
		{"ai.models.filter(m, m.metrics.global.error_rate.total < 0.01)", "gpt-4o-mini claude-3-5-sonnet-20241022 gemini-2.0-flash llama3.2:1b"},
		{"ai.models.filter(m, m.metrics.global.latency.upstream_ms_avg < 1000 && m.metrics.global.error_rate.total < 0.05)", "gpt-4o gpt-4o-mini gemini-2.0-flash llama3.2:1b"},
		{"ai.models.filter(m, m.metrics.global.latency.upstream_ms_p95 < 2000)", "gpt-4o gpt-4o-mini gpt-3.5-turbo gemini-2.0-flash llama3.2:1b"},
		{"ai.models.filter(m, m.metrics.global.request_count > 0 && m.metrics.global.latency.upstream_ms_avg < 500)", mini},
		{"ai.models.filter(m, m.metrics.endpoint.latency.upstream_ms_avg == 100)", g4},
		{"ai.models.filter(m, m.metrics.account.error_rate.total < 0.05)", "gpt-4o gpt-4o-mini claude-3-5-sonnet-20241022 gemini-2.0-flash llama3.2:1b"},
		{"ai.models.filter(m, m.metrics.region.error_rate.rate_limit < 0.05)", "gpt-4o gpt-4o-mini claude-3-5-sonnet-20241022 gemini-2.0-flash llama3.2:1b"},
		{"ai.models.filter(m, m.metrics.global.error_rate.total < 0.005 && m.metrics.global.error_rate.timeout < 0.001).filter(m, !m.id.contains('mini'))", "claude-3-5-sonnet-20241022 llama3.2:1b"},
		{"ai.models.filter(m, 'my-key-id' in m.metrics.api_keys && m.metrics.api_keys['my-key-id'].latency.upstream_ms_avg < 1000)", g4},
		{"ai.providers.get('openai').getModel('gpt-4o')", g4},
		{"ai.providers.get('OAI').getModel('GPT-4o-2024-11-20')", g4},
		{"ai.providers.get('mistral').getModel('x')", ""},
		{"ai.providers.get('openai').getModel('x')", ""},
		{"ai.models.get('openai', 'gpt-4o')", g4},
		{"ai.models.get('openai', 'nothing')", ""},
		{"ai.models.filter(m, 'image' in m.input_modalities)", "gpt-4o claude-3-5-sonnet-20241022"},
		{"ai.models.filter(m, 'tool-calling' in m.supported_features)", "gpt-4o claude-3-5-sonnet-20241022"},
		{"ai.models.filter(m, m.getMetadata('config.region') == 'us')", claude},
		{"ai.models.filter(m, m.getMetadata('tier') == 'premium')", g4},
		{"ai.models.filter(m, m.metadata.config.region == 'us')", claude},
		{"ai.models.filter(m, has(m.metadata.tier))", "gpt-4o gpt-4o-mini"},
		{"ai.models.filter(m, m.id.contains('3.5-turbo'))", turbo},
		{"ai.models.filter(m, m.known)", "gpt-4o gpt-4o-mini gpt-3.5-turbo claude-3-5-sonnet-20241022 gemini-2.0-flash"},
		{"ai.models.filter(m, m.metadata.compliance == 'hipaa')", claude},
		{"ai.models.filter(m, m.metadata.tier == 'budget')", mini},
		{"ai.models.filter(m, m.provider_id != 'google')", "gpt-4o gpt-4o-mini gpt-3.5-turbo claude-3-5-sonnet-20241022 llama3.2:1b"},
		{"ai.models.filter(m, m.provider_id == 'openai').random()", turbo},
		{"ai.models.filter(m, m.provider_id == 'openai')[0]", g4},
		{"ai.models.filter(m, m.provider_id == 'nobody')[0]", ""},
		{"ai.models.filter(m, m.provider_id == 'nobody').random()", ""},
		{"ai.models.ignore(['gpt-3.5-turbo', 'gpt-4-turbo'])", "gpt-4o gpt-4o-mini claude-3-5-sonnet-20241022 gemini-2.0-flash llama3.2:1b"},
		{"ai.models.ignoreAuthors(['meta-llama'])", "gpt-4o gpt-4o-mini gpt-3.5-turbo claude-3-5-sonnet-20241022 gemini-2.0-flash"},
		{"ai.models.ignoreProviders(['google'])", "gpt-4o gpt-4o-mini gpt-3.5-turbo claude-3-5-sonnet-20241022 llama3.2:1b"},
		{"ai.models.inCountryCode('DE')", claude},
		{"ai.models.inCountryCode('us')", "gpt-4o gpt-4o-mini claude-3-5-sonnet-20241022"},
		{"ai.models.inRegion('us-east-1')", "gpt-4o gpt-4o-mini"},
		{"ai.models.only(['gpt-4o', 'gpt-4o-mini', 'claude-3-5-sonnet'])", "gpt-4o gpt-4o-mini claude-3-5-sonnet-20241022"},
		{"ai.models.only(['OPENAI:GPT-4o'])", g4},
		{"ai.models.onlyAuthors(['openai'])", "gpt-4o gpt-4o-mini gpt-3.5-turbo"},
		{"ai.models.onlyProviders(['openai', 'anthropic'])", "gpt-4o gpt-4o-mini gpt-3.5-turbo claude-3-5-sonnet-20241022"},
		{"ai.models.randomize()", all},
		{"ai.models.sortBy(m, m.metrics.global.latency.upstream_ms_avg)", "gemini-2.0-flash llama3.2:1b gpt-4o-mini gpt-3.5-turbo gpt-4o claude-3-5-sonnet-20241022"},
		{"ai.models.sortBy(m, -m.metrics.global.latency.upstream_ms_avg)", "claude-3-5-sonnet-20241022 gpt-4o gpt-3.5-turbo gpt-4o-mini gemini-2.0-flash llama3.2:1b"},
		{"ai.models.underCost('text.input', 0.5).sortBy('price')", "gemini-2.0-flash gpt-4o-mini"},
		{"ai.models.underCost('text.input', 1)", "gpt-4o-mini gpt-3.5-turbo gemini-2.0-flash"},
		{"ai.models.underCost('text.output', 5.0)", "gpt-4o-mini gpt-3.5-turbo gemini-2.0-flash"},
		{`ai.models.filter(x, x.id in ["gpt-4o", "claude-3-5-sonnet-20241022"])`, "gpt-4o claude-3-5-sonnet-20241022"},
		{"ai.models.filter(m, m.pricing.text.input != null && m.pricing.text.input < 0.2)", "gpt-4o-mini gemini-2.0-flash"},
		{"ai.request.stream ? ai.models.onlyProviders(['google']) : ai.models", gemini},
		{"ai.models.filter(m, m.provider_id == 'google') + ai.models.filter(m, m.provider_id == 'ollama')", "gemini-2.0-flash llama3.2:1b"},
		{"ai.models.filter(m, m.id == ai.request.model)", g4},
		{"ai.models.filter(m, m.max_context_window >= ai.request.input_tokens)", "gpt-4o gpt-4o-mini"},
		{"ai.models.filter(m, m.datacenters.exists(d, d.country_code == 'DE'))", claude},
		{"ai.models.filter(m, m.metrics.global.quota.remaining_requests > 1000000)", ids2(func(m *catalog.Model) bool { return m.Live == nil })},
	}
}

func ids2(keep func(*catalog.Model) bool) string {
	var out []string
	for _, m := range fixtureModels() {
		if keep(m) {
			out = append(out, m.ID)
		}
	}
	return strings.Join(out, " ")
}

func TestStrategy(t *testing.T) {
	e := newEnv(t, Options{})
	models := fixtureModels()
	for _, tt := range strategyCases() {
		t.Run(tt.expr, func(t *testing.T) {
			s, diags := e.Strategy(Text{Value: tt.expr})
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			want := strings.Fields(tt.want)
			got, err := s.Select(fixtureSource(), models)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, ids(got)); d != "" {
				t.Errorf("Select (-want +got):\n%s", d)
			}
			got, err = s.interpret(fixtureSource(), models)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, ids(got)); d != "" {
				t.Errorf("as a CEL program (-want +got):\n%s", d)
			}
		})
	}
}

func TestStrategyFails(t *testing.T) {
	e := newEnv(t, Options{})
	for _, expr := range []string{
		"ai.models.filter(m, m.metrics.api_keys['my-key-id'].latency.upstream_ms_avg < 1000)",
		"ai.models.filter(m, m.pricing.input < 1.0)", // unknown for one model
		"ai.models.filter(m, m.metadata.n > 1)",
	} {
		t.Run(expr, func(t *testing.T) {
			s, diags := e.Strategy(Text{Value: expr})
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			if got, err := s.Select(fixtureSource(), fixtureModels()); err == nil {
				t.Errorf("got %v, want an error", ids(got))
			}
			if got, err := s.interpret(fixtureSource(), fixtureModels()); err == nil {
				t.Errorf("as a CEL program: got %v, want an error", ids(got))
			}
		})
	}
}

func TestStrategyKinds(t *testing.T) {
	e := newEnv(t, Options{})
	tests := []struct {
		expr                string
		static, elementwise bool
	}{
		{"ai.models", true, true},
		{"ai.models.filter(m, m.known)", true, true},
		{"ai.models.onlyProviders(['a']).inRegion('x').underCost('text.input', 1)", true, true},
		{"ai.models.sortBy('price')", true, false},
		{"ai.models.random()", false, false},
		{"ai.models.filter(m, m.id == ai.request.model)", false, true},
		{"ai.models[0]", true, false},
		{"ai.models.filter(m, size(ai.models) > 3 && m.known)", true, false},
		{"ai.providers.get('a').getModel('b')", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			s, diags := e.Strategy(Text{Value: tt.expr})
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			if s.Static() != tt.static || s.Elementwise() != tt.elementwise {
				t.Errorf("got static %v, elementwise %v, want %v, %v", s.Static(), s.Elementwise(), tt.static, tt.elementwise)
			}
		})
	}
}

func TestKeyStrategy(t *testing.T) {
	keys := []Key{
		{ID: "a", Quota: catalog.Quota{RemainingRequests: 50}, ErrorRate: catalog.ErrorRate{Total: 0.1, RateLimit: 0.2}, Index: 0},
		{ID: "b", Quota: catalog.Quota{RemainingRequests: -1}, ErrorRate: catalog.ErrorRate{Total: 0.4}, Index: 1},
		{ID: "c", Quota: catalog.Quota{RemainingRequests: 700}, ErrorRate: catalog.ErrorRate{Total: 0.6}, Index: 2},
	}
	tests := []struct{ expr, want string }{
		{"ai.keys", "a b c"},
		{"ai.keys.filter(k, k.quota.remaining_requests > 100)", "b c"},
		{"ai.keys.filter(k, k.error_rate.rate_limit < 0.1)", "b c"},
		{"ai.keys.filter(k, k.error_rate.total < 0.3)", "a"},
		{"ai.keys.filter(k, k.error_rate.total < 0.5)", "a b"},
		{"ai.keys.filter(k, k.quota.remaining_requests > 100).randomize()", "b c"},
		{"ai.keys.filter(k, k.quota.remaining_requests > 500 && k.error_rate.rate_limit < 0.05)", "b c"},
		{"ai.keys.randomize()", "a b c"},
		{"ai.keys.random()", "c"},
		{"ai.keys[1]", "b"},
		{"ai.keys.sortBy(k, -k.error_rate.total)", "c b a"},
	}
	e := newEnv(t, Options{})
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			s, diags := e.KeyStrategy(Text{Value: tt.expr})
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			got, err := s.Select(fixtureSource(), keys)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, k := range got {
				names = append(names, k.ID)
			}
			if d := cmp.Diff(strings.Fields(tt.want), names); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestModelPredicate(t *testing.T) {
	e := newEnv(t, Options{})
	for expr, want := range map[string]string{
		"m.provider_id == 'openai'": "gpt-4o gpt-4o-mini gpt-3.5-turbo",
		"m.known":                   "gpt-4o gpt-4o-mini gpt-3.5-turbo claude-3-5-sonnet-20241022 gemini-2.0-flash",
		"m.datacenters.exists(d, d.country_code == 'DE')":   claude,
		"m.id == ai.request.model || m.metadata.n.x == 'a'": g4,
	} {
		t.Run(expr, func(t *testing.T) {
			p, diags := e.ModelPredicate(Text{Value: expr})
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			var got []string
			for _, m := range fixtureModels() {
				ok, err := p.Match(fixtureSource(), m)
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					got = append(got, m.ID)
				}
			}
			if d := cmp.Diff(strings.Fields(want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
