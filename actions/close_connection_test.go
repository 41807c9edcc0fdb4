package actions

import (
	"testing"

	"weir/engine"
)

func TestCloseConnection(t *testing.T) {
	for _, phase := range []string{"on_request", "on_tcp_connect"} {
		t.Run(phase, func(t *testing.T) {
			plan := newGateway().plan(t, phase+": [{type: close-connection}]\non_response: [{type: add-headers, config: {headers: {x-a: b}}}]")
			x := exchange()
			if e := limited(t, plan, x); e == nil || e.Code != engine.CodeConnectionClosed {
				t.Errorf("got %v, want connection_closed", e)
			}
			if x.Reply.Headers.Has("x-a") {
				t.Error("got a header of on_response, want no rule of it run")
			}
			if got, want := plan.Admits(exchange()), phase != "on_tcp_connect"; got != want {
				t.Errorf("got %v at accept, want %v", got, want)
			}
		})
	}
}

func TestCloseConnectionProblems(t *testing.T) {
	tests := []struct{ name, policy, want string }{
		{"a field", "on_request: [{type: close-connection, config: {status_code: 400}}]", "unknown_key"},
		{"on_response", "on_response: [{type: close-connection}]", "wrong_phase"},
		{"what follows", "on_request: [{actions: [{type: close-connection}, {type: deny}]}]", "unreachable_action"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, tt.policy); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestConnectPhase holds the actions of on_tcp_connect to what they do there.
func TestConnectPhase(t *testing.T) {
	tests := []struct {
		name, policy string
		closed       bool
	}{
		{"deny", "on_tcp_connect: [{type: deny}]", true},
		{"deny after a variable", "on_tcp_connect: [{type: set-vars, config: {vars: [{a: \"${conn.client_port}\"}]}}, {expressions: ['vars.a == 0'], actions: [{type: deny}]}]", true},
		{"variable for later", "on_tcp_connect: [{type: set-vars, config: {vars: [{a: 1}]}}]\non_request: [{expressions: ['vars.a != 1'], actions: [{type: deny}]}]", false},
		{"log", "on_tcp_connect: [{type: log, config: {metadata: {port: \"${conn.client_port}\"}}}]", false},
		{"an expression that fails", "on_tcp_connect: [{expressions: ['1 / conn.client_port == 1'], actions: [{type: deny}]}]", true},
		{"a template that fails", "on_tcp_connect: [{on_error: halt, actions: [{type: log, config: {metadata: {a: \"${1 / conn.client_port}\"}}}]}]", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := newGateway().plan(t, tt.policy)
			if e := limited(t, plan, exchange()); (e != nil) != tt.closed {
				t.Errorf("got %v, want it closed: %v", e, tt.closed)
			}
			if got := plan.Admits(exchange()); got == tt.closed {
				t.Errorf("got %v at accept, want %v", got, !tt.closed)
			}
		})
	}
	for _, field := range []string{"status_code: 403", "message: no"} {
		if got := problems(t, "on_tcp_connect: [{type: deny, config: {"+field+"}}]"); got != "wrong_phase" {
			t.Errorf("got %q for %s, want wrong_phase: nothing is answered there", got, field)
		}
	}
}
