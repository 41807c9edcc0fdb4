package actions

import (
	"fmt"
	"strings"
	"testing"

	"weir/engine"
	"weir/engine/logline"
	"weir/engine/wire"
)

// canary is what no log and no error may hold.
const canary = "canary.one@example.com"

func logged(x *engine.Exchange) string {
	var l logline.Line
	l.Reset()
	x.AppendLog(&l)
	return string(l.End())
}

// TestRedactLogs checks that the log has counts and no value, whatever an action does and however it fails.
func TestRedactLogs(t *testing.T) {
	var many strings.Builder
	for i := range maxPlaceholders + 1 {
		fmt.Fprintf(&many, "a%d.%s ", i, canary)
	}
	tests := []struct {
		name, phase, config, text, want string
	}{
		{"mask", "on_request", "", canary, `"policy":{"redact":{"count":1,"entities":{"email":1}}}`},
		{"tokenise", "on_request", "mode: tokenise, restore: true", canary + " " + canary, `"policy":{"redact":{"count":2,"entities":{"email":2}}}`},
		{"hash", "on_request", "mode: hash", canary, `"policy":{"redact":{"count":1,"entities":{"email":1}}}`},
		{"an answer", "on_response", "mode: remove", canary, `"policy":{"redact":{"count":1,"entities":{"email":1}}}`},
		{"a value too many", "on_request", "mode: tokenise", many.String(), ""},
		{"a salt that fails", "on_request", `mode: hash, salt: "${req.headers['x-tier'][0]}"`, canary, ""},
		{"nothing", "on_request", "", "no address", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := compile(t, tt.phase+": [{type: redact, config: {entities: [email], "+tt.config+"}}]")
			x := sentBody(wire.OpenAIEmbeddings, `{"input":"`+tt.text+`"}`)
			rules := cfg.OnRequest
			if tt.phase == "on_response" {
				x.Request.API = wire.OpenAICompletions
				x.Reply = engine.Reply{Status: 200, Body: []byte(`{"choices":[{"text":"` + tt.text + `"}]}`)}
				rules = cfg.OnResponse
			}
			_, err := run(t, x, rules)
			x.Finish()
			got := logged(x)
			if err != nil {
				got += err.Error()
			}
			if strings.Contains(got, "canary") || !strings.Contains(got, tt.want) || tt.want == "" && strings.Contains(got, `"policy"`) && err == nil {
				t.Errorf("got %s, want %s and no value", got, tt.want)
			}
			if strings.HasPrefix(tt.name, "a ") != (err != nil) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRedactExchangesAreApart checks that nobody gets what another exchange left behind, not even where it was not ended.
func TestRedactExchangesAreApart(t *testing.T) {
	b := newRedactBook()
	x := exchange()
	first := b.of(x)
	p, err := first.placeholder("EMAIL", canary, true)
	if err != nil {
		t.Fatal(err)
	}
	if b.of(x) != first {
		t.Error("got another state within one exchange")
	}
	x.Reset()
	x.Request.ID = "req-2"
	second := b.of(x)
	if second == first {
		t.Fatal("got the state of the exchange before")
	}
	q, err := second.placeholder("EMAIL", canary, true)
	if err != nil || p == q {
		t.Errorf("got %s and %s with %v, want another word in each", p, q, err)
	}
	if got, err := newRestorer(second).ReplaceAll(wire.TextAssistant, p); err != nil || got != p {
		t.Errorf("got %s and %v, want %s to stay", got, err, p)
	}
	x.Finish()
	if len(b.open) != 0 {
		t.Errorf("got %d exchanges, want none after their end", len(b.open))
	}
}

// TestRedactRestoresWhatIsMarked checks that only values of actions with restore come back.
func TestRedactRestoresWhatIsMarked(t *testing.T) {
	r := &redacted{}
	kept, err := r.placeholder("IP", "192.0.2.1", false)
	if err != nil {
		t.Fatal(err)
	}
	back, err := r.placeholder("EMAIL", canary, true)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.placeholder("EMAIL", canary, false); err != nil || again != back {
		t.Errorf("got %s and %v, want %s", again, err, back)
	}
	if got, err := newRestorer(r).ReplaceAll(wire.TextAssistant, kept+back); err != nil || got != kept+canary {
		t.Errorf("got %s and %v", got, err)
	}
}

// TestRestoreUnfolds checks that a value that held a placeholder when it was found comes back as the client wrote it.
func TestRestoreUnfolds(t *testing.T) {
	x := sentBody(wire.OpenAIEmbeddings, `{"input":"ask <joe@example.com> or <<ann@example.com>>"}`)
	cfg := compile(t, `on_request:
  - {type: redact, config: {entities: [email], mode: tokenise, restore: true}}
  - {type: redact, config: {patterns: [{name: quoted, pattern: '<[^<>]*>'}], mode: tokenise, restore: true}}
  - {type: redact, config: {patterns: [{name: again, pattern: '<[^<>]*>'}], mode: tokenise, restore: true}}`)
	for i := range cfg.OnRequest { // outside of a gateway each action has a book of its own
		if a, ok := cfg.OnRequest[i].Actions[0].Action.(*redact); ok {
			a.book = bookOf(t, cfg)
		}
	}
	if _, err := run(t, x, cfg.OnRequest); err != nil {
		t.Fatal(err)
	}
	body := string(x.Request.Body)
	if strings.ContainsAny(body, "<>@") || !strings.Contains(body, "[QUOTED_1_") || !strings.Contains(body, "[AGAIN_1_") {
		t.Fatalf("got %s, want placeholders of placeholders", body)
	}
	r := bookOf(t, cfg).of(x)
	if got, err := newRestorer(r).ReplaceAll(wire.TextAssistant, body); err != nil || got != `{"input":"ask <joe@example.com> or <<ann@example.com>>"}` || r.restored != 2 {
		t.Errorf("got %s with %d values and %v", got, r.restored, err)
	}
}

// TestRestoreLeavesSignedThinking checks that thinking that its vendor has signed stays as it came.
func TestRestoreLeavesSignedThinking(t *testing.T) {
	for api, want := range map[wire.API]string{
		wire.AnthropicMessages: `{"content":[{"type":"thinking","thinking":"P","signature":"s"},{"type":"text","text":"V"}]}`,
		wire.OpenAIChat:        `{"content":[{"type":"thinking","thinking":"V","signature":"s"},{"type":"text","text":"V"}]}`,
	} {
		r, p := restorable(t, canary)
		x := answered(strings.ReplaceAll(`{"content":[{"type":"thinking","thinking":"P","signature":"s"},{"type":"text","text":"P"}]}`, "P", p[0]))
		x.Request.API = api
		if err := r.restore(x); err != nil {
			t.Fatal(err)
		}
		want = strings.ReplaceAll(strings.ReplaceAll(want, "P", p[0]), "V", canary)
		if got := string(x.Reply.Body); got != want {
			t.Errorf("%s: got %s, want %s", api, got, want)
		}
	}
}

// TestRestoreLeavesWhatItCannotRead checks that an answer that is no JSON keeps its placeholders and goes out.
func TestRestoreLeavesWhatItCannotRead(t *testing.T) {
	r, p := restorable(t, canary)
	x := answered("<html>" + p[0])
	x.Request.API = wire.OpenAIChat
	if err := r.restore(x); err != nil || string(x.Reply.Body) != "<html>"+p[0] {
		t.Errorf("got %s and %v, want it as it was", x.Reply.Body, err)
	}
}
