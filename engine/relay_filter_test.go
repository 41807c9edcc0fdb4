package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"weir/engine/wire"
)

// doFunc is an action made of a function.
type doFunc func(x *Exchange) (Verdict, error)

func (f doFunc) Do(_ context.Context, x *Exchange) (Verdict, error) { return f(x) }

// upper writes the text of events in capitals and holds the last event back until the end.
type upper struct {
	held []byte
	fail string // an event that holds it fails
	own  *Error
}

func (u *upper) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	if u.fail != "" && bytes.Contains(ev.Raw, []byte(u.fail)) {
		if u.own != nil {
			return dst, u.own
		}
		return dst, errors.New("CANARY of the filter")
	}
	dst = append(dst, u.held...)
	u.held = append(u.held[:0], bytes.ReplaceAll(ev.Raw, []byte("hello"), []byte("HELLO"))...)
	return dst, nil
}

func (u *upper) End(dst []byte) ([]byte, error) { return append(dst, u.held...), nil }

// double sends every event twice.
type double struct{}

func (double) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	return append(append(dst, ev.Raw...), ev.Raw...), nil
}

func (double) End(dst []byte) ([]byte, error) { return append(dst, "data: end\n\n"...), nil }

func filtering(filters ...StreamFilter) doFunc {
	return func(x *Exchange) (Verdict, error) {
		for _, f := range filters {
			if err := x.FilterStream(f); err != nil {
				return VerdictDeny, err
			}
		}
		return VerdictContinue, nil
	}
}

func TestStreamFilters(t *testing.T) {
	const body = `{"model":"big","stream":true,"messages":[]}`
	up := func(s string) string { return strings.ReplaceAll(s, "hello", "HELLO") }
	twice := func(parts ...string) string {
		var sb strings.Builder
		for _, p := range parts {
			sb.WriteString(p + p)
		}
		return sb.String()
	}
	tests := []struct {
		name    string
		stream  []string
		filters []StreamFilter
		want    string
		code    Code
	}{
		{
			"what is held back passes the filter too",
			[]string{roleEvent, textEvent, textEvent, stopEvent, useEvent, doneEvent},
			[]StreamFilter{&upper{}},
			up(roleEvent + textEvent + textEvent + stopEvent + doneEvent), "",
		},
		{
			"a stream that came in one piece",
			[]string{roleEvent + textEvent + stopEvent + doneEvent},
			[]StreamFilter{&upper{}},
			up(roleEvent + textEvent + stopEvent + doneEvent), "",
		},
		{
			"two filters, the second on what the first made",
			[]string{roleEvent, textEvent, stopEvent, doneEvent},
			[]StreamFilter{&upper{}, double{}},
			up(twice(roleEvent, textEvent, stopEvent, doneEvent)) + "data: end\n\n", "",
		},
		{
			"a filter that fails",
			[]string{roleEvent, textEvent, stopEvent, "data: {\"choices\":[{\"delta\":{\"content\":\"bad\"}}]}\n\n", doneEvent},
			[]StreamFilter{&upper{fail: "bad"}},
			up(roleEvent + textEvent), CodePolicyFailed,
		},
		{
			"a filter that blocks",
			[]string{roleEvent, textEvent, "data: {\"choices\":[{\"delta\":{\"content\":\"bad\"}}]}\n\n", doneEvent},
			[]StreamFilter{&upper{fail: "bad", own: Errorf(CodeContentBlocked, "not here")}},
			up(roleEvent), CodeContentBlocked,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, newFakeProvider(t, events(tt.stream...)), nil)
			p := f.plan(t, PlanConfig{Name: "test", OnEvent: []Rule{{Actions: []RuleAction{{Name: "test", Action: filtering(tt.filters...)}}}}})
			x := chat(body)
			got, err := run(t, p, x)
			if tt.code == "" {
				if err != nil || got != tt.want {
					t.Errorf("got %q and %v, want %q", got, err, tt.want)
				}
				return
			}
			if AsError(err).Code != tt.code || x.failed == nil || x.failed.Code != tt.code {
				t.Errorf("got error %v and failure %v, want code %s", err, x.failed, tt.code)
			}
			if strings.Contains(got, "bad") || strings.Contains(got, "CANARY") {
				t.Errorf("got %q", got)
			}
			if got == "" { // the whole stream was there before it was committed: the error is the answer
				return
			}
			if rest, ok := strings.CutPrefix(got, tt.want); !ok || !strings.Contains(rest, string(tt.code)) || strings.Contains(got, "CANARY") {
				t.Errorf("got %q, want %q and an error event of %s", got, tt.want, tt.code)
			}
			if !f.rt.providers["alpha "+f.rt.specs[0].BaseURL].ready(f.rt.now()) {
				t.Error("the provider rests for what a rule did")
			}
		})
	}
}

func TestFiltersNeedEvents(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, answer(200, chatReply)), nil)
	p := f.plan(t, PlanConfig{Name: "test", OnResponse: []Rule{{Actions: []RuleAction{{Name: "test", Action: filtering(double{})}}}}})
	if _, err := run(t, p, chat(`{"model":"big","messages":[]}`)); AsError(err).Code != CodePolicyFailed {
		t.Errorf("got %v, want a rule that failed", err)
	}
}

func TestReadsAfterTheEndOfAFilteredStream(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, events(roleEvent, textEvent, stopEvent, doneEvent)), nil)
	p := f.plan(t, PlanConfig{Name: "test", OnEvent: []Rule{{Actions: []RuleAction{{Name: "test", Action: filtering(&upper{})}}}}})
	x := chat(`{"model":"big","stream":true,"messages":[]}`)
	if err := p.Run(x); err != nil {
		t.Fatal(err)
	}
	defer x.Finish()
	one := make([]byte, 1)
	var got []byte
	for {
		n, err := x.Reply.Stream.Read(one)
		got = append(got, one[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := x.Reply.Stream.Read(one); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("got %d and %v after the end, want none and EOF", n, err)
	}
	if !strings.HasSuffix(string(got), doneEvent) || x.usage.Output != 0 || x.finish != "stop" {
		t.Errorf("got %q, finish %q", got, x.finish)
	}
}

// TestFailedFilterLeavesTheStream: a rule that says on_error: continue goes on with what it had.
func TestFailedFilterLeavesTheStream(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, events(roleEvent+textEvent+stopEvent+doneEvent)), nil)
	p := f.plan(t, PlanConfig{Name: "test", OnEvent: []Rule{{
		OnError: OnErrorContinue, Actions: []RuleAction{{Name: "test", Action: filtering(&upper{fail: "stop"})}},
	}}})
	got, err := run(t, p, chat(`{"model":"big","stream":true,"messages":[]}`))
	if want := roleEvent + textEvent + stopEvent + doneEvent; err != nil || got != want {
		t.Errorf("got %q and %v, want %q", got, err, want)
	}
}
