package engine

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/engine/wire"
)

// besideAction asks beside the provider's call.
type besideAction struct {
	ask func(ctx context.Context) error
}

// Do begins to ask.
func (a besideAction) Do(ctx context.Context, x *Exchange) (Verdict, error) {
	x.Beside(ctx, a.ask, func(x *Exchange) { x.AddLog("asked", true) })
	return VerdictContinue, nil
}

// doAction does what a test wants.
type doAction func(ctx context.Context, x *Exchange) (Verdict, error)

// Do does it.
func (f doAction) Do(ctx context.Context, x *Exchange) (Verdict, error) { return f(ctx, x) }

func beside(asks ...func(context.Context) error) Rule {
	r := Rule{Name: "ask"}
	for _, ask := range asks {
		r.Actions = append(r.Actions, RuleAction{Name: "http-request", Action: besideAction{ask}})
	}
	return r
}

func (f *fixture) rules(t *testing.T, cfg RouteConfig, rules ...Rule) *Plan {
	t.Helper()
	return f.plan(t, PlanConfig{Name: "test", Routes: []RouteConfig{cfg}, OnRequest: rules})
}

var errRefused = &Error{Code: CodeContentBlocked, Message: "the guard says no"}

func refuses(context.Context) error { return errRefused }

// gated is a handler that answers when it may, and tells when its client has left.
type gated struct {
	begun, gone chan struct{}
}

func newGated() *gated { return &gated{make(chan struct{}, 9), make(chan struct{}, 9)} }

func (g *gated) serve(w http.ResponseWriter, r *http.Request) {
	g.begun <- struct{}{}
	<-r.Context().Done()
	g.gone <- struct{}{}
	w.WriteHeader(http.StatusTeapot)
}

func wantSoon(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(5 * time.Second):
		t.Fatal(what + ": got nothing for 5s")
	}
}

const chatBody = `{"model":"big","messages":[{"role":"user","content":"hello"}]}`

const chatStream = `{"model":"big","stream":true,"messages":[{"role":"user","content":"hello"}]}`

const (
	deltaHi   = "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"
	deltaDone = "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
)

func TestBesideAllows(t *testing.T) {
	for name, body := range map[string]string{"whole": chatBody, "stream": chatStream} {
		t.Run(name, func(t *testing.T) {
			answered := make(chan struct{}, 1)
			reply := answer(200, chatReply)
			if name == "stream" {
				reply = events(deltaHi, deltaDone)
			}
			alpha := newFakeProvider(t, func(w http.ResponseWriter, r *http.Request) {
				reply(w, r)
				answered <- struct{}{}
			})
			f := newFixture(t, alpha, nil)
			said := false
			x := chat(body)
			got, err := run(t, f.rules(t, RouteConfig{}, beside(func(ctx context.Context) error {
				<-answered // the provider is done, and the client has nothing of it
				time.Sleep(20 * time.Millisecond)
				if x.sent > 0 {
					return errors.New("bytes went out before the verdict")
				}
				said = true
				return ctx.Err()
			})), x)
			if err != nil || !said || !strings.Contains(got, "hi") {
				t.Errorf("got %q, %v, verdict %t, want the answer behind the verdict", got, err, said)
			}
			if x.policy["asked"] != true {
				t.Error("got no call of then, want one")
			}
		})
	}
}

func TestBesideRefusesAndCutsTheCall(t *testing.T) {
	for name, body := range map[string]string{"whole": chatBody, "stream": chatStream} {
		t.Run(name, func(t *testing.T) {
			gate := newGated()
			alpha, beta := newFakeProvider(t, gate.serve), newFakeProvider(t, answer(200, chatReply))
			f := newFixture(t, alpha, beta)
			p := f.rules(t, RouteConfig{}, beside(func(context.Context) error {
				<-gate.begun
				return errRefused
			}))
			for range 8 { // more than the failures that send a provider to rest
				x := chat(body)
				started := time.Now()
				_, err := run(t, p, x)
				if e := wantCode(t, err, CodeContentBlocked); e.Message != errRefused.Message {
					t.Errorf("got %v, want the guard's words", e)
				}
				if took := time.Since(started); took > 2*time.Second {
					t.Errorf("got the refusal after %s, want it before the provider answers", took)
				}
				wantSoon(t, "the call to the provider ends", gate.gone)
				if got := attempts(x); got != "alpha:big=0" {
					t.Errorf("got attempts %s, want one, and no failover", got)
				}
				if x.ctx.Err() != nil {
					t.Error("got a cancelled exchange, want one whose rules on the refusal can still ask somebody")
				}
			}
			m := p.universe.byName["big"][0]
			if !m.provider.health.ready(time.Now()) || m.stats.metrics(time.Now().Add(time.Minute)).ErrorRate.Total != 0 {
				t.Error("got a failure of the provider, want none counted")
			}
			if n := len(beta.made()); n != 0 {
				t.Errorf("got %d calls of the next provider, want none", n)
			}
		})
	}
}

func TestBesideRefusesAnAnswerThatIsThere(t *testing.T) {
	gone := make(chan struct{}, 1)
	tests := []struct {
		name, body string
		handler    http.HandlerFunc
		cut        bool
	}{
		{"whole", chatBody, answer(200, chatReply, "x-vendor", "v"), false},
		{"a stream that goes on", chatStream, func(w http.ResponseWriter, r *http.Request) {
			events(deltaHi, "WAIT")(w, r)
			gone <- struct{}{}
		}, true},
		{"a stream that has ended", chatStream, events(deltaHi, deltaDone), false},
		{"an error", chatBody, answer(400, `{"error":{"message":"words of the provider"}}`), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha := newFakeProvider(t, tt.handler)
			f := newFixture(t, alpha, nil)
			x := chat(tt.body)
			asked := make(chan struct{})
			p := f.rules(t, RouteConfig{}, beside(func(context.Context) error {
				<-asked
				time.Sleep(50 * time.Millisecond) // the answer is there by now
				return errRefused
			}))
			close(asked)
			err := p.Run(x)
			e := wantCode(t, err, CodeContentBlocked)
			if x.Reply.Stream != nil || len(x.Reply.Body) > 0 || len(e.Upstream) > 0 || strings.Contains(e.Message, "provider") {
				t.Errorf("got %+v and %v, want nothing of the answer", x.Reply, e)
			}
			if x.Reply.Headers.Has("x-vendor") || x.Reply.Headers.Has("x-weir-provider") {
				t.Errorf("got the headers %v, want none of the answer", x.Reply.Headers)
			}
			if x.Context().Err() != nil {
				t.Error("got a cancelled exchange, want one that ends as any other refusal")
			}
			if tt.cut {
				wantSoon(t, "the stream of the provider ends", gone)
			}
			if x.sent != 0 {
				t.Errorf("got %d bytes sent, want none", x.sent)
			}
			x.Finish()
			if !p.universe.byName["big"][0].provider.health.ready(time.Now()) {
				t.Error("got a provider that rests, want none")
			}
			if f := x.Failure(); f == nil || f.Code != CodeContentBlocked {
				t.Errorf("got the failure %v in the log, want the refusal", f)
			}
		})
	}
}

func TestBesideRefusesBeforeTheCall(t *testing.T) {
	alpha := newFakeProvider(t, answer(200, chatReply))
	f := newFixture(t, alpha, nil)
	rule := beside(refuses)
	rule.Actions = append(rule.Actions, RuleAction{Name: "wait", Action: doAction(func(_ context.Context, x *Exchange) (Verdict, error) {
		<-x.ctx.stopped()
		return VerdictContinue, nil
	})})
	_, err := run(t, f.rules(t, RouteConfig{}, rule), chat(chatBody))
	wantCode(t, err, CodeContentBlocked)
	if n := len(alpha.made()); n != 0 {
		t.Errorf("got %d calls, want none", n)
	}
}

func TestBesideCutsTheWaitBetweenAttempts(t *testing.T) {
	alpha := newFakeProvider(t, answer(500, `{}`))
	f := newFixture(t, alpha, nil)
	cfg := RouteConfig{Failover: Failover{Backoff: 20 * time.Second, MaxBackoff: 20 * time.Second}}
	started := time.Now()
	_, err := run(t, f.rules(t, cfg, beside(func(context.Context) error {
		for len(alpha.made()) == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		return errRefused
	})), chat(`{"model":"big","models":["small"]}`))
	wantCode(t, err, CodeContentBlocked)
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("got the refusal after %s, want it at once", took)
	}
}

func TestBesideEndsWithTheExchange(t *testing.T) {
	ended := make(chan struct{}, 1)
	waits := func(ctx context.Context) error {
		<-ctx.Done()
		ended <- struct{}{}
		return ctx.Err()
	}
	denies := Rule{Name: "deny", Actions: []RuleAction{{Name: "deny", Action: doAction(func(_ context.Context, x *Exchange) (Verdict, error) {
		x.Deny(401, CodeUnauthorized, "no")
		return VerdictDeny, nil
	})}}}
	panics := Rule{Name: "panic", Actions: []RuleAction{{Name: "panic", Action: doAction(func(context.Context, *Exchange) (Verdict, error) {
		panic("a bug")
	})}}}
	leaves := func(cause error) Rule {
		return Rule{Name: "leave", Actions: []RuleAction{{Name: "leave", Action: doAction(func(_ context.Context, x *Exchange) (Verdict, error) {
			go x.Cancel(cause)
			return VerdictContinue, nil
		})}}}
	}
	tests := []struct {
		name string
		rule Rule
		code Code
	}{
		{"the client went away", leaves(ClientGone()), CodeClientGone},
		{"the gateway drains", leaves(&Error{Code: CodeDraining, Message: "draining"}), CodeDraining},
		{"another rule refuses", denies, CodeUnauthorized},
		{"another rule panics", panics, CodeInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha := newFakeProvider(t, answer(200, chatReply))
			f := newFixture(t, alpha, nil)
			_, err := run(t, f.rules(t, RouteConfig{}, beside(waits), tt.rule), chat(chatBody))
			wantCode(t, err, tt.code)
			wantSoon(t, "the question ends", ended)
		})
	}
}

func TestBesideOneRefusalEndsTheOtherQuestions(t *testing.T) {
	alpha := newFakeProvider(t, newGated().serve)
	f := newFixture(t, alpha, nil)
	waits := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	_, err := run(t, f.rules(t, RouteConfig{}, beside(waits, refuses)), chat(chatBody))
	wantCode(t, err, CodeContentBlocked)
}

func TestBesideFailures(t *testing.T) {
	broken := func(context.Context) error { return errors.New("no answer") }
	failed := func(context.Context) error { return &Error{Code: CodePolicyFailed, Message: "no answer"} }
	panics := func(context.Context) error { panic("a bug") }
	tests := []struct {
		name    string
		ask     func(context.Context) error
		onError OnError
		code    Code // "" = the answer
	}{
		{"fails", broken, OnErrorHalt, CodePolicyFailed},
		{"fails by a code", failed, OnErrorHalt, CodePolicyFailed},
		{"panics", panics, OnErrorHalt, CodePolicyFailed},
		{"fails, and the rule goes on", broken, OnErrorContinue, ""},
		{"fails by a code, and the rule goes on", failed, OnErrorContinue, ""},
		{"panics, and the rule goes on", panics, OnErrorContinue, ""},
		{"refuses, whatever the rule says", refuses, OnErrorContinue, CodeContentBlocked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha := newFakeProvider(t, answer(200, chatReply))
			f := newFixture(t, alpha, nil)
			rule := beside(tt.ask)
			rule.OnError = tt.onError
			got, err := run(t, f.rules(t, RouteConfig{}, rule), chat(chatBody))
			if tt.code != "" {
				wantCode(t, err, tt.code)
				return
			}
			if err != nil || got != chatReply {
				t.Errorf("got %q, %v, want the answer", got, err)
			}
		})
	}
}

func TestBesideWaitsForTheVerdictOnFailuresToo(t *testing.T) {
	for name, want := range map[string]Code{"allows": CodeUpstreamFailed, "refuses": CodeContentBlocked} {
		t.Run(name, func(t *testing.T) {
			alpha := newFakeProvider(t, answer(500, `{"error":{"message":"broken"}}`))
			f := newFixture(t, alpha, nil)
			_, err := run(t, f.rules(t, RouteConfig{}, beside(func(context.Context) error {
				time.Sleep(50 * time.Millisecond)
				if name == "refuses" {
					return errRefused
				}
				return nil
			})), chat(`{"model":"small","messages":[]}`))
			wantCode(t, err, want)
		})
	}
}

func TestBesideHoldsForAnswersOfRules(t *testing.T) {
	f := newFixture(t, nil, nil)
	own := Rule{Name: "own", Actions: []RuleAction{{Name: "custom-response", Action: doAction(func(_ context.Context, x *Exchange) (Verdict, error) {
		x.Respond(200, nil, []byte("own"))
		return VerdictRespond, nil
	})}}}
	x := chat(chatBody)
	x.Request.API = wire.OpenAIChat
	_, err := run(t, f.rules(t, RouteConfig{}, beside(func(context.Context) error {
		time.Sleep(20 * time.Millisecond)
		return errRefused
	}), own), x)
	wantCode(t, err, CodeContentBlocked)
}
