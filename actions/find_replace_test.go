package actions

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
	"weir/engine/vars"
	"weir/engine/wire"
)

// findReplaces are the three actions with the phase that each stands in.
func findReplaces() map[string]string {
	return map[string]string{
		"request-body-find-replace": "on_request", "response-body-find-replace": "on_response", "sse-find-replace": "on_event_stream_message",
	}
}

func TestFindReplaceProblems(t *testing.T) {
	tests := []struct {
		name, config, want string
	}{
		{"none", "", "missing_field"},
		{"an empty list", "replacements: []", "out_of_range"},
		{"too many", "replacements: [" + strings.Repeat("{from: a}, ", 65) + "]", "out_of_range"},
		{"no mapping", "replacements: [a]", "wrong_type"},
		{"no from", "replacements: [{to: a}]", "missing_field"},
		{"an empty from", "replacements: [{from: ''}]", "bad_value"},
		{"no pattern", "replacements: [{from: '(a'}]", "bad_regex"},
		{"no pattern beside an expression", "replacements: [{from: '(a'}, {from: \"${req.method}\"}]", "bad_regex"},
		{"a backreference", `replacements: [{from: '(a)\1'}]`, "bad_regex"},
		{"a long pattern", "replacements: [{from: '" + strings.Repeat("a", 9000) + "'}]", "bad_regex"},
		{"a costly pattern", "replacements: [{from: '((a{30}){30}){30}'}]", "bad_regex"},
		{"a long to", "replacements: [{from: a, to: '" + strings.Repeat("a", 5000) + "'}]", "too_long"},
		{"an unknown variable", "replacements: [{from: \"${req.nothing}\"}]", "unknown_variable"},
		{"an unknown field", "replacements: [{from: a, with: b}]", "unknown_key"},
		{"one replacement", "replacements: [{from: a}]", ""},
		{"numbers", "replacements: [{from: 1, to: 2}]", ""},
		{"a null for nothing", "replacements: [{from: a, to: null}]", ""},
	}
	for action, phase := range findReplaces() {
		for _, tt := range tests {
			t.Run(action+"/"+tt.name, func(t *testing.T) {
				if got := problems(t, phase+": [{type: "+action+", config: {"+tt.config+"}}]"); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		}
	}
	for name, tt := range map[string][2]string{
		"a window of a request":     {"on_request: [{type: request-body-find-replace, config: {replacements: [{from: a, max_length: 5}]}}]", "unknown_key"},
		"a long window":             {"on_response: [{type: response-body-find-replace, config: {replacements: [{from: a, max_length: 8193}]}}]", "out_of_range"},
		"another word":              {"on_response: [{type: response-body-find-replace, config: {replacements: [{from: a, undecided: pass}]}}]", "bad_value"},
		"another field":             {"on_response: [{type: sse-find-replace, config: {replacements: [{from: a, field: event}]}}]", "bad_value"},
		"another way of streams":    {"on_response: [{type: response-body-find-replace, config: {on_stream: some, replacements: [{from: a}]}}]", "bad_value"},
		"the phase of requests":     {"on_request: [{type: sse-find-replace, config: {replacements: [{from: a}]}}]", "wrong_phase"},
		"whole answers event-wise":  {"on_event_stream_message: [{type: response-body-find-replace, config: {replacements: [{from: a}]}}]", "wrong_phase"},
		"all that there is of them": {"on_response: [{type: sse-find-replace, config: {per_message: true, on_stream: buffer, replacements: [{from: a, field: retry, max_length: 9, undecided: block}]}}]", ""},
	} {
		if got := problems(t, tt[0]); got != tt[1] {
			t.Errorf("%s: got %q, want %q", name, got, tt[1])
		}
	}
}

// results are what an action left for expressions.
func results(x *engine.Exchange, name string) map[string]any {
	all, _ := x.Var(vars.Actions).Obj.(map[string]any)
	got, _ := all[name].(map[string]any)
	return got
}

// TestPatternsOfExchanges checks that patterns with expressions are made for each exchange and constant ones once.
func TestPatternsOfExchanges(t *testing.T) {
	cfg := compile(t, `on_response: [{type: response-body-find-replace, config: {replacements: [{from: "a${req.headers['x-word'][0]}", to: "<${req.headers['x-word'][0]}>"}]}}]`)
	tests := []struct{ word, body, want string }{
		{".", "ab a. ", "ab <.> "},
		{"b", "ab a. ", "<b> a. "},
		{"$0", "a$0", "<$0>"},
		{".", "ab a. ", "ab <.> "},
	}
	for _, tt := range tests {
		x := answered(tt.body)
		x.Reply.Synthetic = true
		x.Request.Headers = engine.Headers{{Name: "X-Word", Value: tt.word}}
		if _, err := run(t, x, cfg.OnResponse); err != nil {
			t.Fatal(err)
		}
		if got := string(x.Reply.Body); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestFindReplaceResults(t *testing.T) {
	cfg := compile(t, "on_response: [{type: response-body-find-replace, config: {replacements: [{from: none}, {from: 'a+'}, {from: 'b{300}', to: a}]}}]")
	x := answered("aaa a " + strings.Repeat("b", 300))
	x.Reply.Synthetic = true
	if _, err := run(t, x, cfg.OnResponse); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"replacements": []any{
		map[string]any{"replacement_index": int64(1), "matched_content": "aaa"},
		map[string]any{"replacement_index": int64(2), "matched_content": strings.Repeat("b", 256)},
	}}
	if diff := cmp.Diff(want, results(x, "response_body_find_replace")); diff != "" {
		t.Errorf("got a difference (-want +got):\n%s", diff)
	}
	if got := string(x.Reply.Body); got != "  a" {
		t.Errorf("got %q", got)
	}
}

// TestFindReplaceCannotGrow checks that a replacement a client has a part in cannot fill the memory.
func TestFindReplaceCannotGrow(t *testing.T) {
	cfg := compile(t, `on_response: [{type: response-body-find-replace, config: {replacements: [{from: a, to: "${req.headers['x-word'][0]}"}]}}]`)
	for name, tt := range map[string][2]string{
		"much of it": {strings.Repeat("b", 4<<10), "content_blocked"},
		"a long one": {strings.Repeat("b", 5<<10), "policy_failed"},
	} {
		x := answered(strings.Repeat("a", 64<<10))
		x.Request.API, x.Reply.Synthetic = wire.OpenAIChat, true
		x.Request.Headers = engine.Headers{{Name: "X-Word", Value: tt[0]}}
		_, err := run(t, x, cfg.OnResponse)
		failure, _ := results(x, "response_body_find_replace")["error"].(map[string]any)
		if err == nil || failure["code"] != tt[1] {
			t.Errorf("%s: got %v and %v, want %s", name, err, failure, tt[1])
		}
	}
}
