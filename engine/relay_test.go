package engine

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/engine/wire"
)

const (
	roleEvent = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
	textEvent = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"}}]}\n\n"
	stopEvent = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
	useEvent  = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":6,\"total_tokens\":10}}\n\n"
	doneEvent = "data: [DONE]\n\n"
	errEvent  = "data: {\"error\":{\"message\":\"overloaded CANARY\",\"type\":\"server_error\",\"code\":503}}\n\n"
)

func TestStreams(t *testing.T) {
	const body = `{"model":"big","stream":true,"messages":[]}`
	good := events(roleEvent, textEvent, stopEvent, useEvent, doneEvent)
	const want = roleEvent + textEvent + stopEvent + doneEvent
	before := []struct {
		name  string
		first http.HandlerFunc
	}{
		{"an error event before content", events(roleEvent, errEvent)},
		{"a cut before content", events(roleEvent, "CUT")},
		{"a clean end without an end of the answer", events(roleEvent)},
		{"an empty stream", events()},
		{"a malformed event", events("data: {\"id\n\n")},
		{"an answer that is no stream", answer(200, chatReply)},
		{"a status", answer(500, `{"error":{"message":"CANARY"}}`)},
	}
	for _, tt := range before {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, newFakeProvider(t, tt.first), newFakeProvider(t, good))
			x := chat(body)
			got, err := run(t, f.route(t, RouteConfig{}), x)
			if err != nil {
				t.Fatal(err)
			}
			if got != want || strings.Contains(got, "CANARY") {
				t.Errorf("got %q, want %q", got, want)
			}
			if len(x.attempts) != 2 || x.usage.Output != 6 {
				t.Errorf("got %s and usage %+v, want two attempts and the usage counted", attempts(x), x.usage)
			}
		})
	}
	after := []struct {
		name  string
		first http.HandlerFunc
		code  Code
	}{
		{"an error event after content", events(roleEvent, textEvent, errEvent), CodeUpstreamFailed},
		{"a cut after content", events(roleEvent, textEvent, "CUT"), CodeStreamCut},
		{"an end without an end of the answer", events(roleEvent, textEvent), CodeStreamCut},
		{"silence", events(roleEvent, textEvent, "WAIT"), CodeUpstreamTimeout},
	}
	for _, tt := range after {
		t.Run(tt.name, func(t *testing.T) {
			beta := newFakeProvider(t, good)
			f := newFixture(t, newFakeProvider(t, tt.first), beta)
			x := chat(body)
			got, err := run(t, f.route(t, RouteConfig{StreamIdleTimeout: 80 * time.Millisecond}), x)
			if e := AsError(err); err == nil || e.Code != tt.code {
				t.Errorf("got end %v, want %s", err, tt.code)
			}
			if !strings.HasPrefix(got, roleEvent+textEvent) || !strings.Contains(got, `"error"`) || strings.Contains(got, "[DONE]") {
				t.Errorf("got %q, want the text, one error event and no clean end", got)
			}
			if len(beta.made()) != 0 {
				t.Error("another target ran after the stream was committed")
			}
		})
	}
	t.Run("the client that asked for usage sees it", func(t *testing.T) {
		f := newFixture(t, newFakeProvider(t, good), nil)
		got, err := run(t, f.route(t, RouteConfig{}), chat(`{"model":"alpha:big","stream":true,"stream_options":{"include_usage":true},"messages":[]}`))
		if err != nil || !strings.Contains(got, useEvent) {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("a client that stops reading cancels the call and what came is counted", func(t *testing.T) {
		f := newFixture(t, newFakeProvider(t, events(roleEvent, textEvent, "WAIT")), nil)
		x := chat(body)
		if err := f.route(t, RouteConfig{}).Run(x); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		if _, err := x.Reply.Stream.Read(buf); err != nil {
			t.Fatal(err)
		}
		x.Finish()
		if _, err := x.Reply.Stream.Read(buf); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("got %v after the client went, want an error", err)
		}
	})
}

func TestRawBytesPassAndEndTheirCount(t *testing.T) {
	alpha := newFakeProvider(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = io.WriteString(w, "RIFF\x00bytes")
	})
	f := newFixture(t, alpha, nil)
	p := f.route(t, RouteConfig{})
	x := chat(`{"model":"alpha:small","input":"say it"}`)
	x.Request.API, x.Request.Path = wire.OpenAISpeech, "/v1/audio/speech"
	got, err := run(t, p, x)
	if err != nil || got != "RIFF\x00bytes" {
		t.Errorf("got %q, %v", got, err)
	}
	if busy := f.rt.modelStats("", "alpha", "small").busy.Load(); busy != 0 {
		t.Errorf("got %d calls in flight after the end, want 0", busy)
	}
}
