package actions

import (
	"errors"
	"io"
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

// plainStream is a streamed answer that is not made of an API's events.
type plainStream struct{ io.Reader }

func (plainStream) Close() error { return nil }

func streamed(media string) *engine.Exchange {
	x := exchange()
	x.Request.API = wire.OpenAIChat
	x.Reply = engine.Reply{Status: 200, Stream: plainStream{}, Headers: engine.Headers{{Name: "content-type", Value: media}}}
	return x
}

// TestStreamsThatCannotBeRead checks that text in a form that nothing is found in is refused, and sound is not.
func TestStreamsThatCannotBeRead(t *testing.T) {
	tests := []struct {
		media      string
		whole, sse bool // let pass
	}{
		{"audio/mpeg", true, true},
		{"application/octet-stream", true, true},
		{"text/event-stream; charset=utf-8", false, false},
		{"text/plain", false, true},
		{"", false, true},
	}
	whole := compile(t, "on_response: [{type: response-body-find-replace, config: {replacements: [{from: a}]}}]")
	sse := compile(t, "on_response: [{type: sse-find-replace, config: {replacements: [{from: a}]}}]")
	skip := compile(t, "on_response: [{type: response-body-find-replace, config: {on_stream: skip, replacements: [{from: a}]}}, {type: sse-find-replace, config: {on_stream: skip, replacements: [{from: a}]}}]")
	for _, tt := range tests {
		for _, c := range []struct {
			policy engine.PlanConfig
			pass   bool
		}{{whole, tt.whole}, {sse, tt.sse}, {skip, true}} {
			_, err := run(t, streamed(tt.media), c.policy.OnResponse)
			if (err == nil) != c.pass {
				t.Errorf("%q: got %v, want it to pass: %t", tt.media, err, c.pass)
			}
			if own, ok := errors.AsType[*engine.Error](err); err != nil && (!ok || own.Code != engine.CodeContentBlocked) {
				t.Errorf("%q: got %v, want %s", tt.media, err, engine.CodeContentBlocked)
			}
		}
	}
}

func TestWholeAnswers(t *testing.T) {
	cfg := compile(t, "on_response: [{type: response-body-find-replace, config: {replacements: [{from: secret, to: '\"'}]}}]")
	tests := []struct {
		name    string
		api     wire.API
		in      string
		want    string
		blocked bool
	}{
		{"a text", wire.OpenAIChat, `{"choices":[{"message":{"content":"s\u0065cret"}}] }`, `{"choices":[{"message":{"content":"\""}}] }`, false},
		{"log probabilities", wire.OpenAIChat, `{"choices":[{"message":{"content":"secret"},"logprobs":{"content":[{"token":"secret"}]}}]}`, `{"choices":[{"message":{"content":"\""},"logprobs":null}]}`, false},
		{"tool arguments", wire.OpenAIChat, `{"choices":[{"message":{"tool_calls":[{"function":{"arguments":"{\"secret\":\"secret\"}"}}]}}]}`, `{"choices":[{"message":{"tool_calls":[{"function":{"arguments":"{\"secret\":\"\\\"\"}"}}]}}]}`, false},
		{"an error", wire.AnthropicMessages, `{"type":"error","error":{"type":"x","message":"a secret"}}`, `{"type":"error","error":{"type":"x","message":"a \""}}`, false},
		{"no JSON", wire.OpenAIChat, `a secret`, "", true},
		{"a transcript", wire.OpenAITranscriptions, "a secret", `a "`, false},
		{"no API", wire.APIUnknown, `{"a":"secret"}`, `{"a":"""}`, false},
		{"nothing", wire.OpenAIChat, "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := answered(tt.in)
			x.Request.API = tt.api
			_, err := run(t, x, cfg.OnResponse)
			if tt.blocked {
				if engine.AsError(err).Code != engine.CodeContentBlocked {
					t.Errorf("got %v, want it blocked", err)
				}
				return
			}
			if got := string(x.Reply.Body); err != nil || got != tt.want {
				t.Errorf("got %q and %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestFindReplaceBehindCompression checks that an answer that will be compressed as it is sent is edited all the same.
func TestFindReplaceBehindCompression(t *testing.T) {
	cfg := compile(t, `on_response:
  - {type: compress-response, config: {min_size: 1}}
  - {type: response-body-find-replace, config: {raw: true, replacements: [{from: secret, to: hidden}]}}`)
	x := answered(`{"a":"secret"}`, "gzip")
	if _, err := run(t, x, cfg.OnResponse); err != nil {
		t.Fatal(err)
	}
	got, err := unpack(t, "gzip", x.Reply.Stream)
	if err != nil || got != `{"a":"hidden"}` {
		t.Errorf("got %q and %v", got, err)
	}
}
