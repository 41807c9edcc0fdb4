package actions

import "testing"

func TestGuardsAreCheckedAtLoad(t *testing.T) {
	const url = "url: 'https://guard.example.com/v1', "
	tests := []struct{ name, phase, config, want string }{
		{"moderation", "on_request", url + "guard: {shape: moderation, model: m, categories: [hate], threshold: 0.5, where: [user], parallel: true, status_code: 400, message: 'no ${req.host}'}", ""},
		{"webhook", "on_request", url + "guard: {shape: webhook}, method: POST, on_error: continue, timeout: 5s", ""},
		{"behind the answer", "on_response", url + "guard: {shape: webhook, where: [response], on_block: refusal}, on_stream: buffer", ""},
		{"streams pass", "on_response", url + "guard: {shape: webhook}, on_stream: skip", ""},
		{"streams are not thought of", "on_response", url + "guard: {shape: webhook}", "stream_guard"},
		{"streams in a window", "on_response", url + "guard: {shape: webhook}, on_stream: window", "stream_guard"},
		{"streams without a guard", "on_response", "url: 'https://example.com/', on_stream: buffer", ""},
		{"no shape", "on_request", url + "guard: {}", "missing_field"},
		{"a shape that is none", "on_request", url + "guard: {shape: round}", "bad_value"},
		{"a word in place of a mapping", "on_request", url + "guard: webhook", "wrong_type"},
		{"a field that is none", "on_request", url + "guard: {shape: webhook, side_by_side: true}", "unknown_key"},
		{"another method", "on_request", url + "guard: {shape: webhook}, method: GET", "conflicting_fields"},
		{"a body", "on_request", url + "guard: {shape: webhook}, body: x", "conflicting_fields"},
		{"redirects", "on_request", url + "guard: {shape: webhook}, max_redirects: 1", "conflicting_fields"},
		{"a webhook's categories", "on_request", url + "guard: {shape: webhook, categories: [a], threshold: 0.5, model: m}", "conflicting_fields conflicting_fields conflicting_fields"},
		{"no threshold", "on_request", url + "guard: {shape: moderation, threshold: 0}", "out_of_range"},
		{"a threshold over one", "on_request", url + "guard: {shape: moderation, threshold: 1.5}", "out_of_range"},
		{"a place that is none", "on_request", url + "guard: {shape: moderation, where: [nobody]}", "bad_value"},
		{"the answer in a request", "on_request", url + "guard: {shape: moderation, where: [response]}", "wrong_phase"},
		{"the user in an answer", "on_response", url + "guard: {shape: moderation, where: [user]}, on_stream: skip", "wrong_phase"},
		{"beside nothing", "on_response", url + "guard: {shape: moderation, parallel: true}, on_stream: skip", "wrong_phase"},
		{"the end of streams in a request", "on_request", url + "guard: {shape: moderation, on_block: refusal}", "wrong_phase"},
		{"a status that is no refusal", "on_request", url + "guard: {shape: moderation, status_code: 200}", "out_of_range"},
		{"a condition on the attempts beside", "on_request", url + "retry_condition: 'attempt.status >= 500 && size(attempts) < 2', guard: {shape: webhook, parallel: true}", ""},
		{"a condition on the exchange beside", "on_request", url + "retry_condition: \"attempt.status >= 500 && req.host == 'a'\", guard: {shape: webhook, parallel: true}", "conflicting_fields"},
		{"a condition on the exchange before", "on_request", url + "retry_condition: \"attempt.status >= 500 && req.host == 'a'\", guard: {shape: webhook}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, tt.phase+": [{type: http-request, config: {"+tt.config+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
