package opa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/rs/zerolog"

	"weir/engine/vars"
)

func TestFailures(t *testing.T) {
	src := values{"req.method": vars.String("x"), "vars": vars.Dyn(map[string]any{"n": int64(0)})}
	tests := []struct {
		name, rules string
		want        error
		text        string
	}{
		{"undefined", `decision if input.req.method == "y"`, ErrUndefined, ""},
		{"conflict", "decision := {\"allow\": true} if input.req.method == \"x\"\n\ndecision := {\"allow\": false} if input.vars.n == 0", ErrConflict, "a.rego:"},
		{"conflicting keys", "decision[\"allow\"] := true if input.vars.n == 0\n\ndecision[\"allow\"] := false if input.req.method == \"x\"", ErrConflict, ""},
		// Undefined would make the negation true and allow.
		{"a function that fails under not", "decision := true if not bad\n\nbad if to_number(input.req.method) > 1", nil, "eval_builtin_error: to_number"},
		{"division by zero", "decision := true if not bad\n\nbad if 1 / input.vars.n > 1", nil, "divide by zero"},
		{"a shape", `decision := "yes"`, ErrShape, "it is string"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ask(t, "package a\n\n"+tt.rules+"\n", src)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || r.Decision != nil {
				t.Errorf("got %+v, %v, want %v", r, err, tt.want)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	src := values{"vars": vars.Dyn(map[string]any{"n": int64(1e9)})}
	for name, rule := range map[string]string{
		"a range":         `decision if count(numbers.range(1, input.vars.n)) == 0`,
		"a comprehension": "decision if count({[x, y] |\n\tsome x in numbers.range(1, 3000)\n\tsome y in numbers.range(1, 3000)\n\tinput.vars.n > 1\n}) == 0",
	} {
		t.Run(name, func(t *testing.T) {
			q := query(t, compile(t, "package a\n\n"+rule+"\n"), "data.a.decision", vars.PhaseRequest)
			start := time.Now()
			_, err := q.Eval(context.Background(), Evaluation{Source: src, Deadline: 20 * time.Millisecond})
			if !errors.Is(err, ErrDeadline) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// replaced compiles a module whose weir.tokens is another function.
func replaced(t *testing.T, call func()) *Query {
	t.Helper()
	p := compile(t, "package a\n\ndecision if weir.tokens(input.req.id) == 1\n")
	known := p.builtins["weir.tokens"]
	p.builtins["weir.tokens"] = &topdown.Builtin{Decl: known.Decl, Func: func(_ topdown.BuiltinContext, _ []*ast.Term, iter func(*ast.Term) error) error {
		call()
		return iter(ast.InternedTerm(1))
	}}
	return query(t, p, "data.a.decision", vars.PhaseRequest)
}

func TestFunctionIgnoresDeadline(t *testing.T) {
	q := replaced(t, func() { time.Sleep(50 * time.Millisecond) })
	e := Evaluation{Source: values{"req.id": vars.String("x")}, Deadline: 5 * time.Millisecond}
	if r, err := q.Eval(context.Background(), e); !errors.Is(err, ErrDeadline) || r.Decision != nil {
		t.Errorf("got %+v, %v", r, err)
	}
	e.Deadline = time.Minute
	if r, err := q.Eval(context.Background(), e); err != nil || !r.Decision.Allow {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestPanic(t *testing.T) {
	fail := true
	q := replaced(t, func() {
		if fail {
			panic("broken")
		}
	})
	e := Evaluation{Source: values{"req.id": vars.String("x")}}
	if _, err := q.Eval(context.Background(), e); !errors.Is(err, ErrPanic) || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v", err)
	}
	fail = false
	if r, err := q.Eval(context.Background(), e); err != nil || !r.Decision.Allow {
		t.Errorf("the turn was not given back: got %+v, %v", r, err)
	}
}

func TestBusy(t *testing.T) {
	p := compile(t, "package a\n\ndecision if input.req.id == \"x\"\n")
	q := query(t, p, "data.a.decision", vars.PhaseRequest)
	for range cap(p.turns) {
		p.turns <- struct{}{}
	}
	e := Evaluation{Source: values{"req.id": vars.String("x")}, Deadline: 5 * time.Millisecond}
	if _, err := q.Eval(context.Background(), e); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	e.Deadline = time.Minute
	time.AfterFunc(5*time.Millisecond, func() { <-p.turns })
	if r, err := q.Eval(context.Background(), e); err != nil || !r.Decision.Allow {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestTooLarge(t *testing.T) {
	many := make([]any, maxInput/nodeSize)
	for name, v := range map[string]any{"text": strings.Repeat("x", maxInput), "values": many} {
		_, err := ask(t, "package a\n\ndecision if count(input.vars.v) > 1\n", values{"vars": vars.Dyn(map[string]any{"v": v})})
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestFunctions(t *testing.T) {
	tests := []struct{ name, rule, err string }{
		{"tokens", `decision if weir.tokens("hello world") == 2`, ""},
		{"tokens of too much", "decision if { some i in numbers.range(1, 5); weir.tokens(sprintf(\"%d%s\", [i, input.req.id])) == 1 }", "more than 4194304 bytes"},
		{"detect", `decision if { [f] = weir.detect("mail a@example.com now", ["email"]); f == {"entity": "email", "start": 5, "end": 18, "text": "a@example.com"} }`, ""},
		{"detect in a set", `decision if weir.detect("mail a@example.com", {"email", "ssn"})[0].entity == "email"`, ""},
		{"detect nothing", `decision if weir.detect("nothing", ["email"]) == []`, ""},
		{"detect the unknown", `decision if not weir.detect("x", [input.req.id])`, "no such entity"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ask(t, "package a\n\n"+tt.rule+"\n", values{"req.id": vars.String(strings.Repeat("xy ", 1<<19))})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil || !r.Decision.Allow {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

// roundTrip is a transport of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestHTTPSend(t *testing.T) {
	answer := func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		body := `{"ok": true}`
		if r.URL.Path == "/large" {
			body = strings.Repeat(" ", maxAnswer) + body
		}
		res := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
		if r.URL.Path == "/away" {
			res.StatusCode, res.Header = 302, http.Header{"Location": {"https://evil.example/"}}
		}
		return res, nil
	}
	tests := []struct{ name, request, err string }{
		{"allowed", `{"method": "get", "url": "https://api.example.com/x"}`, ""},
		{"another host", `{"method": "get", "url": "https://evil.example/x"}`, "disallowed host"},
		{"userinfo", `{"method": "get", "url": "https://api.example.com@evil.example/x"}`, "disallowed host"},
		{"a redirect", `{"method": "get", "url": "https://api.example.com/away", "enable_redirect": true}`, "disallowed host"},
		{"a certificate of its own", `{"method": "get", "url": "https://api.example.com/x", "tls_insecure_skip_verify": true}`, errOwnTransport.Error()},
		{"a socket", `{"method": "get", "url": "unix://api.example.com/x?socket=%2Ftmp%2Fx"}`, errOwnTransport.Error()},
		{"too large", `{"method": "get", "url": "https://api.example.com/large"}`, errAnswerSize.Error()},
		{"too slow", `{"method": "get", "url": "https://api.example.com/slow"}`, ErrDeadline.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := compile(t, "package a\n\ndecision if http.send("+tt.request+").body.ok\n", func(o *Options) {
				o.Hosts, o.Transport = []string{"API.example.com"}, roundTrip(answer)
			})
			q := query(t, p, "data.a.decision", vars.PhaseRequest)
			if q.cache != nil {
				t.Error("decisions that asked somebody else are kept")
			}
			deadline := time.Minute
			if tt.err == ErrDeadline.Error() {
				deadline = 100 * time.Millisecond
			}
			r, err := q.Eval(context.Background(), Evaluation{Source: values{}, Deadline: deadline})
			if tt.err == "" {
				if err != nil || !r.Decision.Allow {
					t.Errorf("got %+v, %v", r, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %s", err, tt.err)
			}
		})
	}
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	_, err := ask(t, "package a\n\ndecision if {\n\tprint(\"id\", input.req.id)\n\tinput.req.id == \"x\"\n}\n", values{"req.id": vars.String("x")}, func(o *Options) { o.Log = zerolog.New(&out) })
	want := `{"level":"info","file":"a.rego","line":4,"text":"id x","message":"rego print"}` + "\n"
	if err != nil || out.String() != want {
		t.Errorf("got %q, %v, want %q", out.String(), err, want)
	}
}

func TestTime(t *testing.T) {
	now := time.Unix(1234, 0)
	r, err := ask(t, "package a\n\ndecision if time.now_ns() == 1234000000000\n", values{}, func(o *Options) { o.Now = func() time.Time { return now } })
	if err != nil || !r.Decision.Allow {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestConcurrently(t *testing.T) {
	q := query(t, compile(t, tenRules), "data.access.decision", vars.PhaseRequest)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 200 {
				src := benchSource()
				src["ai.request.model"] = vars.String(fmt.Sprintf("claude-%d", n%50))
				if n%2 == i%2 {
					src["ai.request.model"] = vars.String("other")
				}
				r, err := q.Eval(context.Background(), Evaluation{Source: src, Deadline: time.Minute})
				if want := n%2 != i%2; err != nil || r.Decision.Allow != want {
					t.Errorf("got %+v, %v, want %t", r, err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}
