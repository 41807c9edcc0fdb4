package opa

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"weir/engine/vars"
)

func TestWhatIsKept(t *testing.T) {
	tests := []struct {
		name, rule string
		want       bool
	}{
		{"a header", `decision if input.req.headers["x-a"][0] == "1"`, true},
		{"all headers", `decision if count(input.req.headers) == 1`, true},
		{"the hour", `decision if input.time.hour > 8`, true},
		{"a member of the body", `decision if input.req.body.store`, true},
		{"nothing", `decision if data.a.on` + "\n\non := true", true},
		{"tokens of a name", `decision if weir.tokens(input.ai.request.model) > 1`, true},
		{"the body", `decision if count(input.req.body) > 1`, false},
		{"some member of the body", `decision if input.req.body[_] == 1`, false},
		{"the raw body", `decision if input.req.raw_body == "x"`, false},
		{"messages", `decision if count(input.ai.request.messages) > 1`, false},
		{"the id", `decision if input.req.id == "x"`, false},
		{"the time", `decision if input.time.now == "x"`, false},
		{"the clock", `decision if time.now_ns() > 1`, false},
		{"the clock, further down", "decision if f(1)\n\nf(x) if count([y | y := time.now_ns() + x]) > 0", false},
		{"random", `decision if rand.intn("x", 2) == 1`, false},
		{"print", `decision if print("x")`, false},
		{"tokens of a caller", `decision if io.jwt.decode_verify(input.caller.id, {"secret": "s"})[0]`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := query(t, compile(t, "package a\n\n"+tt.rule+"\n"), "data.a.decision", vars.PhaseRequest)
			if got := q.cache != nil; got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestCache(t *testing.T) {
	p := compile(t, `package a

default decision := {"allow": false}

decision := {"allow": true, "vars": {"tier": tier}} if tier != "none"

tier := input.req.headers["x-tier"][0]

tier := input.vars.tier if not input.req.headers["x-tier"]
`)
	q := query(t, p, "data.a.decision", vars.PhaseRequest)
	ask := func(src values) Result {
		t.Helper()
		r, err := q.Eval(context.Background(), Evaluation{Source: src, Deadline: time.Minute, WantInput: true})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	buffer := []byte("gold")
	src := values{
		"req.headers": vars.Multi(multi{"x-tier": {unsafe.String(&buffer[0], len(buffer))}, "x-request-id": {"1"}}),
		"vars":        vars.Dyn(map[string]any{"tier": "none"}),
	}
	first := ask(src)
	if first.Cached || !first.Decision.Allow || first.Decision.Vars["tier"] != "gold" {
		t.Errorf("got %+v", first)
	}
	copy(buffer, "XXXX") // as the connection's buffer is used again
	src["req.headers"] = vars.Multi(multi{"x-tier": {"gold"}, "x-request-id": {"2"}})
	again := ask(src)
	if !again.Cached || again.Decision != first.Decision || again.Decision.Vars["tier"] != "gold" {
		t.Errorf("the same input but for what is not read: got %+v", again)
	}
	want := map[string]any{"req": map[string]any{"headers": map[string]any{"x-tier": []any{"gold"}}}, "vars": map[string]any{"tier": "none"}}
	if d := cmp.Diff(want, again.Input); d != "" {
		t.Error(d)
	}
	src["req.headers"] = vars.Multi(multi{"x-tier": {"none"}})
	if r := ask(src); r.Cached || r.Decision.Allow {
		t.Errorf("another header: got %+v", r)
	}
	src["req.headers"] = vars.Multi(multi{})
	if r := ask(src); r.Cached || r.Decision.Allow {
		t.Errorf("no header: got %+v", r)
	}
	src["vars"] = vars.Dyn(map[string]any{"tier": "none", "other": true})
	if r := ask(src); !r.Cached {
		t.Errorf("another variable: got %+v", r)
	}
	src["vars"] = vars.Dyn(map[string]any{"tier": int64(1)})
	if r := ask(src); r.Cached || !r.Decision.Allow || r.Decision.Vars["tier"] != int64(1) {
		t.Errorf("a number: got %+v", r)
	}
	src["vars"] = vars.Dyn(map[string]any{"tier": strings.Repeat("x", maxKey)})
	for range 2 {
		if r := ask(src); r.Cached {
			t.Error("a large input is kept")
		}
	}
}

// TestKeys holds that inputs that differ have keys that differ.
func TestKeys(t *testing.T) {
	q := query(t, compile(t, "package a\n\nseen := {input.req.headers, input.caller.groups, input.vars, input.caller.metadata.a, input.caller.metadata.b, input.req.method, input.req.host}\n\ndecision := count(seen) > 0\n"), "data.a.decision", vars.PhaseRequest)
	inputs := []values{
		{},
		{"req.method": vars.String("")},
		{"req.method": vars.String("ab")},
		{"req.method": vars.String("a"), "req.host": vars.String("b")},
		{"req.host": vars.String("ab")},
		{"req.headers": vars.Multi(multi{"a": {"b"}})},
		{"req.headers": vars.Multi(multi{"a": {"b", ""}})},
		{"req.headers": vars.Multi(multi{"ab": {""}})},
		{"caller.groups": vars.Strings([]string{"a", "b"})},
		{"caller.groups": vars.Strings([]string{"ab"})},
		{"caller.groups": vars.Strings(nil)},
		{"vars": vars.Dyn(map[string]any{})},
		{"vars": vars.Dyn(map[string]any{"a": nil})},
		{"vars": vars.Dyn(map[string]any{"a": "1"})},
		{"vars": vars.Dyn(map[string]any{"a": int64(1)})},
		{"vars": vars.Dyn(map[string]any{"a": 1.0})},
		{"vars": vars.Dyn(map[string]any{"a": true})},
		{"vars": vars.Dyn(map[string]any{"a": false})},
		{"vars": vars.Dyn(map[string]any{"a": []any{"1"}})},
		{"vars": vars.Dyn(map[string]any{"a": []any{"1", nil}})},
		{"vars": vars.Dyn(map[string]any{"a": map[string]any{"b": "c"}})},
		{"vars": vars.Dyn(map[string]any{"a": map[string]any{}, "b": "c"})},
		{"caller.metadata": vars.Dyn(map[string]any{"a": "x"})},
		{"caller.metadata": vars.Dyn(map[string]any{"b": "x"})},
		{"caller.metadata": vars.Dyn(map[string]any{"a": nil, "b": "x"})},
	}
	seen := map[string]int{}
	for i, src := range inputs {
		key, ok := appendKey(nil, q.plan, src)
		if !ok {
			t.Errorf("%d has no key", i)
		}
		if j, found := seen[string(key)]; found {
			t.Errorf("%d and %d have one key: %q", j, i, key)
		}
		seen[string(key)] = i
		if again, _ := appendKey(nil, q.plan, src); !bytes.Equal(again, key) {
			t.Errorf("%d has two keys", i)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	for i := range 10 * cacheSlots {
		c.put(fmt.Append(nil, i), allowed, true)
		if i%7 == 0 && c.get(fmt.Append(nil, i)) == nil {
			t.Fatalf("%d is not kept", i)
		}
	}
	n := 0
	for i := range 10 * cacheSlots {
		if c.get(fmt.Append(nil, i)) != nil {
			n++
		}
	}
	if n > cacheSlots || n < cacheSlots*9/10 {
		t.Errorf("%d are kept, want at most %d", n, cacheSlots)
	}
}
