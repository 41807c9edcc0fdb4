package editor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"weir/actions"
	"weir/engine"
	"weir/engine/vars"
)

func newKnowledge(tb testing.TB) *knowledge {
	tb.Helper()
	words, err := newCELWords()
	if err != nil {
		tb.Fatal(err)
	}
	return &knowledge{actions: actions.Registry(), cel: words}
}

// cursor cuts the ‸ out of a text.
func cursor(tb testing.TB, text string) (string, int) {
	tb.Helper()
	at := strings.Index(text, "‸")
	if at < 0 {
		tb.Fatalf("no cursor in %q", text)
	}
	return strings.Replace(text, "‸", "", 1), at
}

func TestComplete(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // labels that must be there
		not        []string // labels that must not
		replaces   string
	}{
		{name: "empty document", text: "‸", want: []string{"on_request", "on_http_request", "route", "providers", "time_zone"}, not: []string{"actions"}},
		{name: "top key begun", text: "on_r‸", want: []string{"on_request"}, replaces: "on_r"},
		{name: "top key behind others", text: "time_zone: UTC\n‸", want: []string{"on_request"}, not: []string{"time_zone"}},
		{name: "either name of a phase", text: "on_http_request: []\n‸", want: []string{"route"}, not: []string{"on_request", "on_http_request"}},
		{name: "rule", text: "on_request:\n  - ‸", want: []string{"name", "expressions", "actions", "type"}, not: []string{"on_stream"}},
		{name: "rule of on_response", text: "on_response:\n  - name: a\n    ‸", want: []string{"on_stream", "actions"}, not: []string{"name", "type"}},
		{name: "action list", text: "on_request:\n  - actions:\n      - ‸", want: []string{"type", "config", "deny", "set-vars"}},
		{name: "action type", text: "on_request:\n  - actions:\n      - type: ‸", want: []string{"deny", "ai-gateway", "log"}},
		{name: "action type by phase", text: "on_response:\n  - actions:\n      - type: ‸", want: []string{"log"}, not: []string{"deny", "ai-gateway"}},
		{name: "action type in flow style", text: "on_request:\n  - actions: [{type: d‸}]\n", want: []string{"deny"}, replaces: "d"},
		{name: "action key in flow style", text: "on_request:\n  - actions: [{type: deny, ‸}]\n", want: []string{"config", "enforce"}, not: []string{"type"}},
		{name: "flow style that is open", text: "on_request:\n  - actions: [{type: deny, config: {‸\nroute: []\n", want: []string{"status_code", "message"}},
		{name: "config", text: "on_request:\n  - actions:\n      - type: deny\n        config:\n          ‸", want: []string{"status_code", "message"}, not: []string{"headers"}},
		{name: "config in front of the type", text: "on_request:\n  - actions:\n      - config:\n          ‸\n        type: deny\n", want: []string{"status_code"}},
		{name: "config of ai-gateway", text: "on_http_request:\n  - type: ai-gateway\n    config:\n      ‸", want: []string{"model_selection", "failover", "providers"}, not: []string{"expressions"}},
		{name: "bare action", text: "on_request:\n  - type: deny\n    ‸", want: []string{"config", "enforce"}, not: []string{"expressions"}},
		{name: "words", text: "on_request:\n  - on_error: ‸\n", want: []string{"halt", "continue"}, not: []string{"on_request"}},
		{name: "words of a route", text: "route:\n  - balance: le‸", want: []string{"least_busy"}, replaces: "le"},
		{name: "switch", text: "providers:\n  - id: a\n    disabled: ‸", want: []string{"true", "false"}},
		{name: "model", text: "providers:\n  - id: a\n    models:\n      - id: b\n        ‸", want: []string{"pricing", "max_context_window"}, not: []string{"api_keys"}},
		{name: "JSON", text: `{"on_request": [{"actions": [{"type": "deny", "config": {"‸"}}]}]}`, want: []string{"status_code"}},
		{name: "in a comment", text: "on_request:\n  # type: ‸\n  - name: a\n", not: []string{"deny", "name"}},
		{name: "in free keys", text: "providers:\n  - id: a\n    metadata:\n      ‸", not: []string{"id", "name"}},
		{name: "after a line that does not parse", text: "on_request:\n  - name: [a\n  - actions:\n      - type: ‸\n", want: []string{"deny"}},
		{name: "after a quote that is open", text: "on_request:\n  - name: \"a\n  - actions:\n      - type: ‸\n", want: []string{"deny"}},

		{name: "CEL", text: "on_request:\n  - expressions: [\"‸\"]", want: []string{"ai", "req", "vars", "hash", "inCidrRange", "secrets", "has", "getReqHeader"}, not: []string{"res", "attempt", "deny"}},
		{name: "CEL after a dot", text: "on_request:\n  - expressions:\n      - \"ai.request.‸\"", want: []string{"model", "stream", "max_output_tokens"}, not: []string{"req", "request", "contains"}},
		{name: "CEL by phase", text: "on_response:\n  - expressions:\n      - ai.‸", want: []string{"response", "request"}, not: []string{"models"}},
		{name: "CEL in the middle", text: "on_request:\n  - expressions:\n      - \"req.me‸ == 'POST'\"", want: []string{"method"}, replaces: "me"},
		{name: "members of a variable with names below it", text: "on_request:\n  - expressions: ['req.url.‸']", want: []string{"path", "host", "startsWith"}},
		{name: "members of a text", text: "on_request:\n  - expressions:\n      - ai.request.model.‸", want: []string{"startsWith", "lower"}, not: []string{"filter", "only"}},
		{name: "members of a call", text: "on_request:\n  - expressions:\n      - ai.request.model.lower().st‸", want: []string{"startsWith"}, replaces: "st"},
		{name: "members of an element", text: "on_request:\n  - expressions: [\"req.headers['x-a'][0].‸\"]", want: []string{"startsWith"}},
		{name: "members of what is rewritten", text: "on_request:\n  - expressions: [\"getReqHeader('x-a')[0].‸\"]", want: []string{"startsWith"}},
		{name: "quotes doubled", text: "on_request:\n  - expressions: ['req.headers[''x-a''][0].‸']", want: []string{"startsWith"}},
		{name: "in a string", text: "on_request:\n  - expressions: [\"req.method == 'P‸\"]", not: []string{"req", "ai"}},
		{name: "function of a namespace", text: "on_request:\n  - expressions: [\"hash.‸\"]", want: []string{"sha256", "md5"}},
		{name: "function of the load", text: "on_request:\n  - expressions: [\"secrets.‸\"]", want: []string{"get"}},
		{name: "models", text: "route:\n  - model_selection:\n      strategy:\n        - ai.models.‸", want: []string{"filter", "only", "sortBy", "onlyProviders"}, not: []string{"startsWith"}},
		{name: "fields of a model", text: "route:\n  - model_selection:\n      strategy:\n        - ai.models.filter(m, m.‸", want: []string{"provider_id", "pricing", "metrics"}},
		{name: "fields deeper in a model", text: "route:\n  - model_selection:\n      strategy:\n        - ai.models.filter(m, m.pricing.‸", want: []string{"input", "text"}},
		{name: "fields behind a chain", text: "route:\n  - model_selection:\n      strategy: [\"ai.models.onlyProviders(['a']).filter(m, m.known).sortBy(x, x.metrics.global.‸)\"]", want: []string{"latency", "error_rate"}},
		{name: "variable of a loop", text: "route:\n  - model_selection:\n      strategy: [\"ai.models.filter(mod, ‸)\"]", want: []string{"mod", "ai"}},
		{name: "keys", text: "route:\n  - api_key_selection:\n      strategy: [\"ai.keys.filter(k, k.‸\"]", want: []string{"quota", "error_rate"}, not: []string{"provider_id"}},
		{name: "require", text: "route:\n  - require: m.‸", want: []string{"provider_id", "supported_features"}},
		{name: "failover", text: "route:\n  - failover:\n      on: attempt.‸", want: []string{"retryable", "status"}},
		{name: "expression of an action", text: "on_request:\n  - type: rate-limit\n    config:\n      bucket_key:\n        - req.me‸", want: []string{"method"}, not: []string{"deny"}, replaces: "me"},
		{name: "expression of an action that is evaluated later", text: "on_request:\n  - type: rate-limit\n    config:\n      cost: ai.response.usage.‸", want: []string{"output_tokens"}},
		{name: "expression of an action about its own attempts", text: "on_request:\n  - type: http-request\n    config:\n      retry_condition: attempt.‸", want: []string{"status", "number"}},
		{name: "template", text: "on_request:\n  - actions:\n      - type: deny\n        config:\n          message: \"hello ${caller.‸\"", want: []string{"id", "name"}},
		{name: "outside of a template", text: "on_request:\n  - actions:\n      - type: deny\n        config:\n          message: \"${caller.id} ca‸\"", not: []string{"caller", "id"}},
		{name: "not a template", text: "on_request:\n  - actions:\n      - type: deny\n        config:\n          message: \"$${ca‸\"", not: []string{"caller"}},
		{name: "template in a header", text: "route:\n  - headers:\n      x-a: ${req.‸", want: []string{"method"}},
		{name: "template deep in a body", text: "route:\n  - body:\n      a: [{b: \"${req.‸\"}]", want: []string{"method"}},
		{name: "block scalar", text: "on_request:\n  - expressions:\n      - >-\n        req.method == 'POST' &&\n        ai.request.‸\n", want: []string{"model"}},
		{name: "names that are set", text: "on_request:\n  - type: set-vars\n    config: {vars: [{tier: gold}]}\n  - expressions: [\"vars.‸\"]", want: []string{"tier"}},
		{name: "results of actions", text: "on_request:\n  - type: set-vars\n    config: {vars: [{tier: gold}]}\n  - expressions: [\"actions.‸\"]", want: []string{"set_vars"}},
	}
	k := newKnowledge(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, offset := cursor(t, tt.text)
			items, from, to := k.complete(text, offset)
			got := make([]string, len(items))
			for i := range items {
				got[i] = items[i].Label
			}
			for _, want := range tt.want {
				if !slices.Contains(got, want) {
					t.Errorf("got %v, want %s among them", got, want)
				}
			}
			for _, not := range tt.not {
				if slices.Contains(got, not) {
					t.Errorf("got %s among %v, want it not to be", not, got)
				}
			}
			if len(tt.want) > 0 && text[from:to] != tt.replaces {
				t.Errorf("got %q replaced, want %q", text[from:to], tt.replaces)
			}
		})
	}
}

// TestCompleteEventActions looks at the one phase whose expressions and actions belong to different ones.
func TestCompleteEventActions(t *testing.T) {
	k := newKnowledge(t)
	k.actions = []engine.ActionSpec{{Name: "on-events", Phases: vars.PhaseEvent}, {Name: "on-answers", Phases: vars.PhaseResponse}}
	text, offset := cursor(t, "on_event_stream_message:\n  - type: ‸")
	items, _, _ := k.complete(text, offset)
	if len(items) != 1 || items[0].Label != "on-events" {
		t.Errorf("got %+v, want the one action of the phase", items)
	}
	text, offset = cursor(t, "on_event_stream_message:\n  - expressions: [res.‸]")
	if items, _, _ := k.complete(text, offset); len(items) == 0 {
		t.Error("got no variable of the answer, want some")
	}
}

// TestEveryPlace asks for help at every place of real policies, whole and cut off there, as while they are typed.
func TestEveryPlace(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/policy.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d policies and error %v, want some", len(files), err)
	}
	k := newKnowledge(t)
	helped := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		whole := string(text)
		for offset := range len(whole) {
			if !utf8.RuneStart(whole[offset]) {
				continue
			}
			_, from, to := k.complete(whole, offset)
			if from > to || from < 0 || to > len(whole) {
				t.Fatalf("%s at %d: got %d to %d replaced, want a part of the text", file, offset, from, to)
			}
			k.complete(whole[:offset], offset)
			if doc, from, to := k.hover(whole, offset); doc != "" {
				helped++
				if from > offset || offset > to || to > len(whole) {
					t.Fatalf("%s at %d: got help about %d to %d, want it to be about this place", file, offset, from, to)
				}
			}
		}
	}
	if helped < 500 {
		t.Errorf("got help at %d places, want it at most keys and names", helped)
	}
}
