package engine

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"weir/engine/catalog"
)

// fakeMeter writes down what it is told, and refuses some models.
type fakeMeter struct {
	view   MeterView
	counts bool
	refuse string // provider:model
	mu     sync.Mutex
	log    []string
}

func (m *fakeMeter) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

func (m *fakeMeter) Reserve(_ *Exchange, c *Call) error {
	name := c.Model.ProviderID + ":" + c.Model.ID
	if name == m.refuse {
		m.note("refused %s", name)
		return Errorf(CodeBudgetExceeded, "the budget is used up")
	}
	m.note("reserve %s", name)
	c.Hold = name
	return nil
}

func (m *fakeMeter) Settle(_ *Exchange, c *Call) {
	m.note("settle %v answered=%v tokens=%d source=%d", c.Hold, c.Answered, c.Usage.Input+c.Usage.Output, c.KeySource)
}

func (m *fakeMeter) Finish(x *Exchange) { m.note("finish %d", len(x.Calls())) }

func (m *fakeMeter) CountsModels(*Exchange) bool { return m.counts }

func (m *fakeMeter) View(*Exchange) MeterView { return m.view }

func TestCallsAreMetered(t *testing.T) {
	tests := []struct {
		name, model, refuse string
		alpha               int
		want                string
		code                Code
	}{
		{"one call", "small", "", 200, "reserve alpha:small, settle alpha:small answered=true tokens=5 source=1, finish 1", ""},
		{
			"a failed call is settled at once", "big", "", 503,
			"reserve alpha:big, settle alpha:big answered=false tokens=0 source=1, reserve beta:big, settle beta:big answered=true tokens=5 source=1, finish 2", "",
		},
		{"what is refused is not called", "big", "alpha:big", 200, "refused alpha:big, reserve beta:big, settle beta:big answered=true tokens=5 source=1, finish 1", ""},
		{"nothing is left", "small", "alpha:small", 200, "refused alpha:small", CodeBudgetExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const reply = `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}`
			alpha, beta := newFakeProvider(t, answer(tt.alpha, reply)), newFakeProvider(t, answer(200, reply))
			f := newFixture(t, alpha, beta)
			m := &fakeMeter{refuse: tt.refuse}
			f.rt.SetMeter(m)
			x := chat(`{"model":"` + tt.model + `","messages":[]}`)
			_, err := run(t, f.route(t, RouteConfig{}), x)
			if tt.code != "" {
				wantCode(t, err, tt.code)
			} else if err != nil {
				t.Fatal(err)
			}
			x.Finish()
			if got := strings.Join(m.log, ", "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// ring has keys for one provider.
type ring map[string][]RingKey

func (r ring) Keys(m *catalog.Model) ([]RingKey, bool) {
	keys, ok := r[m.ProviderID]
	return keys, ok
}

func TestKeyring(t *testing.T) {
	gateway := RingKey{Gateway: true}
	own := func(name string) RingKey {
		return NewRingKey("aigpk_"+name, name, "sk-own-"+name+"-0123456789")
	}
	tests := []struct {
		name string
		ring ring
		want []string // what the provider was sent, in order
		code Code
	}{
		{"nothing to say", ring{}, []string{"Bearer sk-alpha_key-0123456789"}, ""},
		{"an own key", ring{"alpha": {own("a")}}, []string{"Bearer sk-own-a-0123456789"}, ""},
		{"in order, then the gateway's", ring{"alpha": {own("dead"), own("gone"), gateway}}, []string{"Bearer sk-own-dead-0123456789", "Bearer sk-own-gone-0123456789", "Bearer sk-alpha_key-0123456789"}, ""},
		{"no key at all", ring{"alpha": {}}, nil, CodeModelNotAllowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha := newFakeProvider(t, refusing("dead", "gone"))
			f := newFixture(t, alpha, nil)
			m := &fakeMeter{}
			f.rt.SetMeter(m)
			x := chat(`{"model":"small","messages":[]}`)
			x.UseKeyring(tt.ring)
			_, err := run(t, f.route(t, RouteConfig{}), x)
			if tt.code != "" {
				wantCode(t, err, tt.code)
			} else if err != nil {
				t.Fatal(err)
			}
			got := make([]string, 0, len(tt.want))
			for _, c := range alpha.made() {
				got = append(got, c.Auth)
			}
			if strings.Join(got, ", ") != strings.Join(tt.want, ", ") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.name == "an own key" && (x.Calls()[0].KeySource != KeySourceUser || x.Calls()[0].KeyID != "aigpk_a") {
				t.Errorf("got %+v, want the own key's id", x.Calls()[0])
			}
		})
	}
}

// refusing answers 401 to keys that hold one of the words.
func refusing(words ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, word := range words {
			if strings.Contains(r.Header.Get("Authorization"), word) {
				answer(401, `{"error":{"message":"bad key"}}`)(w, r)
				return
			}
		}
		answer(200, chatReply)(w, r)
	}
}

// TestMetricsByAccessKey counts for a caller once an expression has asked.
func TestMetricsByAccessKey(t *testing.T) {
	alpha := newFakeProvider(t, answer(200, chatReply))
	f := newFixture(t, alpha, nil)
	p := f.route(t, RouteConfig{})
	ask := func(id string) {
		x := chat(`{"model":"small","messages":[]}`)
		x.Caller = Caller{ID: id, Kind: "access_key"}
		if _, err := run(t, p, x); err != nil {
			t.Fatal(err)
		}
		x.Finish()
	}
	m := p.universe.byName["small"][0]
	ask("before")
	if got := m.Keys(); len(got) != 0 {
		t.Errorf("got %v before anybody asked, want none", got)
	}
	ask("aigk_a")
	ask("aigk_a")
	if got := m.Keys(); len(got) != 1 || got[0] != "aigk_a" {
		t.Fatalf("got %v, want aigk_a", got)
	}
	if got := m.Metrics(catalog.ScopeKey, "aigk_a"); got == nil || got.RequestCount != 2 {
		t.Errorf("got %+v, want 2 requests", got)
	}
	if got := m.Metrics(catalog.ScopeKey, "aigk_b"); got != nil {
		t.Errorf("got %+v for a key without traffic, want nil", got)
	}
}

// keyed knows one token.
type keyed struct{}

func (keyed) Authenticate(x *Exchange, token string) error {
	if token != "good" {
		return Errorf(CodeUnauthorized, "no")
	}
	x.Caller = Caller{ID: "aigk_a", Name: "ada", Kind: "access_key"}
	return nil
}

// TestProvenCallersStayProven: an endpoint that asks for a key takes the word of the one that forwarded to it, which took
// the key out of the request; others are asked for one.
func TestProvenCallersStayProven(t *testing.T) {
	f := newFixture(t, nil, nil)
	f.rt.SetAccess(keyed{})
	who := does(func(x *Exchange) (Verdict, error) {
		x.Respond(200, nil, []byte(x.Caller.Name))
		return VerdictRespond, nil
	})
	endpoints(f, map[string]*Plan{"plain": f.plan(t, PlanConfig{Name: "plain", OnRequest: []Rule{AccessRule(), who}})})
	asks := f.plan(t, PlanConfig{Name: "asks", OnRequest: []Rule{AccessRule(), inside("http://plain.internal")}})
	open := f.plan(t, PlanConfig{Name: "open", OnRequest: []Rule{inside("http://plain.internal")}})
	x := chat(`{"model":"small","messages":[]}`, Header{"Authorization", "Bearer good"})
	if got, err := run(t, asks, x); err != nil || got != "ada" {
		t.Errorf("got %q and %v, want ada", got, err)
	}
	_, err := run(t, open, chat(`{"model":"small","messages":[]}`))
	wantCode(t, err, CodeUnauthorized)
}

// TestAddedProviders are not reached by routes that are limited to what their policy configures.
func TestAddedProviders(t *testing.T) {
	f := newFixture(t, nil, nil)
	added := ProviderConfig{ID: "late", BaseURL: "http://127.0.0.1:1", Added: true, Models: []ModelConfig{{ID: "new"}}}
	for _, tt := range []struct {
		name string
		cfg  RouteConfig
		want bool
	}{
		{"any", RouteConfig{}, true},
		{"configured providers", RouteConfig{OnlyConfiguredProviders: true}, false},
		{"configured models", RouteConfig{OnlyConfiguredModels: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := f.plan(t, PlanConfig{Name: "p", Providers: []ProviderConfig{added}, Routes: []RouteConfig{tt.cfg}})
			if got := len(p.routes[0].universe.byName["new"]) > 0; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
