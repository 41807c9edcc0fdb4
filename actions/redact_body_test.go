package actions

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
	"weir/engine/wire"
)

// sentBody is a request with a body that was read.
func sentBody(api wire.API, body string) *engine.Exchange {
	x := exchange()
	x.Request.API = api
	x.Loader = bodyOf(body)
	return x
}

// redactedRequest is what a redact action makes of a request.
func redactedRequest(t *testing.T, x *engine.Exchange, config string) (string, error) {
	t.Helper()
	cfg := compile(t, "on_request: [{type: redact, config: {"+config+"}}]")
	_, err := run(t, x, cfg.OnRequest)
	body, bodyErr := x.Body()
	if bodyErr != nil {
		t.Fatal(bodyErr)
	}
	return string(body), err
}

func TestRedactRequests(t *testing.T) {
	const entities = "entities: [email, credit_card]"
	tests := []struct {
		name   string
		api    wire.API
		config string
		in     string
		want   string
	}{
		{"a message", wire.OpenAIChat, entities, `{"messages":[{"role":"user","content":"to joe\u0040example.com "}] }`, `{"messages":[{"role":"user","content":"to [EMAIL] "}] }`},
		{"nothing found", wire.OpenAIChat, entities, `{"messages":[ {"role":"user","content":"\u0041 b"}] }`, `{"messages":[ {"role":"user","content":"\u0041 b"}] }`},
		{"a text of one's own", wire.OpenAIChat, entities + `, replace: '"<$1>"'`, `{"messages":[{"role":"user","content":"joe@example.com"}]}`, `{"messages":[{"role":"user","content":"\"<$1>\""}]}`},
		{"a text for one", wire.OpenAIChat, "entities: [{entity: email, replace: (mail)}, credit_card], replace: x", `{"messages":[{"role":"user","content":"joe@example.com 4111111111111111"}]}`, `{"messages":[{"role":"user","content":"(mail) x"}]}`},
		{"removed", wire.OpenAIChat, entities + ", mode: remove", `{"messages":[{"role":"user","content":"<joe@example.com>"}]}`, `{"messages":[{"role":"user","content":"<>"}]}`},
		{"tool arguments", wire.OpenAIChat, entities, `{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"joe@example.com","arguments":"{\"joe@example.com\":\"joe\\u0040example.com\",\"n\":4111111111111111}"}}]}]}`, `{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"joe@example.com","arguments":"{\"[EMAIL]\":\"[EMAIL]\",\"n\":\"[CREDIT_CARD]\"}"}}]}]}`},
		{"beside the conversation", wire.OpenAIChat, entities, `{"user":"joe@example.com","metadata":{"by":"joe@example.com"},"tools":[{"function":{"name":"f","description":"joe@example.com"}}]}`, `{"user":"[EMAIL]","metadata":{"by":"[EMAIL]"},"tools":[{"function":{"name":"f","description":"[EMAIL]"}}]}`},
		{"prompts", wire.OpenAICompletions, entities, `{"prompt":["joe@example.com","b"],"suffix":"joe@example.com"}`, `{"prompt":["[EMAIL]","b"],"suffix":"[EMAIL]"}`},
		{"embeddings", wire.OpenAIEmbeddings, entities, `{"input":["joe@example.com",[1,2]]}`, `{"input":["[EMAIL]",[1,2]]}`},
		{"responses", wire.OpenAIResponses, entities, `{"instructions":"joe@example.com","input":[{"type":"function_call_output","output":"joe@example.com"}]}`, `{"instructions":"[EMAIL]","input":[{"type":"function_call_output","output":"[EMAIL]"}]}`},
		{"anthropic", wire.AnthropicMessages, entities, `{"system":[{"type":"text","text":"joe@example.com"}],"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"joe@example.com"}]}]},{"role":"assistant","content":[{"type":"tool_use","input":{"to":"joe@example.com"}}]}]}`, `{"system":[{"type":"text","text":"[EMAIL]"}],"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"[EMAIL]"}]}]},{"role":"assistant","content":[{"type":"tool_use","input":{"to":"[EMAIL]"}}]}]}`},
		{"gemini", wire.GeminiGenerate, entities, `{"systemInstruction":{"parts":[{"text":"joe@example.com"}]},"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"to":"joe@example.com"}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"r":"joe@example.com"}}}]}]}`, `{"systemInstruction":{"parts":[{"text":"[EMAIL]"}]},"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"to":"[EMAIL]"}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"r":"[EMAIL]"}}}]}]}`},
		{"free JSON", wire.APIUnknown, entities + ", where: [system]", `{"joe@example.com": ["joe\u0040example.com", 4111111111111111, "b\u0041"] }`, `{"[EMAIL]": ["[EMAIL]", "[CREDIT_CARD]", "b\u0041"] }`},
		{"free text", wire.APIUnknown, entities, "by=joe@example.com", "by=[EMAIL]"},
		{"the system alone", wire.OpenAIChat, entities + ", where: [system]", `{"messages":[{"role":"system","content":"joe@example.com"},{"role":"user","content":"joe@example.com"}]}`, `{"messages":[{"role":"system","content":"[EMAIL]"},{"role":"user","content":"joe@example.com"}]}`},
		{"tools alone", wire.OpenAIChat, entities + ", where: [tool_results, tool_arguments]", `{"messages":[{"role":"user","content":"joe@example.com"},{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"joe@example.com\":\"joe@example.com\"}"}}]},{"role":"tool","content":"joe@example.com"}]}`, `{"messages":[{"role":"user","content":"joe@example.com"},{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"[EMAIL]\":\"[EMAIL]\"}"}}]},{"role":"tool","content":"[EMAIL]"}]}`},
		{"users and what stands beside", wire.OpenAIChat, entities + ", where: [user, other]", `{"user":"joe@example.com","messages":[{"role":"assistant","content":"joe@example.com"},{"role":"user","content":"joe@example.com"}]}`, `{"user":"[EMAIL]","messages":[{"role":"assistant","content":"joe@example.com"},{"role":"user","content":"[EMAIL]"}]}`},
		{"nothing at all", wire.OpenAIChat, entities, ``, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := redactedRequest(t, sentBody(tt.api, tt.in), tt.config)
			if err != nil || got != tt.want {
				t.Errorf("got %s and %v, want %s", got, err, tt.want)
			}
		})
	}
}

// TestRedactForms checks that of a form only what a model reads is looked into.
func TestRedactForms(t *testing.T) {
	form := strings.ReplaceAll("--b\nContent-Disposition: form-data; name=\"model\"\n\nm@example.com\n--b\nContent-Disposition: form-data; name=\"prompt\"\n\nfor joe@example.com\n"+
		"--b\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\nContent-Type: audio/wav\n\njoe@example.com\n--b--\n", "\n", "\r\n")
	for config, want := range map[string]string{
		"":                        "for [EMAIL]",
		", where: [user]":         "for [EMAIL]",
		", where: [tool_results]": "for joe@example.com",
	} {
		x := sentBody(wire.OpenAITranscriptions, form)
		parts, problem := wire.ParseMultipart("multipart/form-data; boundary=b", []byte(form))
		if problem != nil {
			t.Fatal(problem)
		}
		x.Request.Form = parts
		got, err := redactedRequest(t, x, "entities: [email]"+config)
		if wanted := strings.Replace(form, "for joe@example.com", want, 1); err != nil || got != wanted {
			t.Errorf("%s: got %s and %v, want %s", config, got, err, wanted)
		}
	}
}

// TestRedactBytes checks what becomes of bodies that no API explains and that are no text.
func TestRedactBytes(t *testing.T) {
	for media, blocked := range map[string]bool{"image/png": false, "Application/Octet-Stream; a=b": false, "text/plain": true, "": true} {
		x := sentBody(wire.APIUnknown, "joe@example.com\xff")
		x.Request.Headers.Add("Content-Type", media)
		got, err := redactedRequest(t, x, "entities: [email]")
		if blocked != (err != nil && engine.AsError(err).Code == engine.CodeContentBlocked) || got != "joe@example.com\xff" {
			t.Errorf("%q: got %q and %v, want it blocked: %t", media, got, err, blocked)
		}
	}
}

func TestRedactHashes(t *testing.T) {
	hashed := func(config string) []string {
		t.Helper()
		got, err := redactedRequest(t, sentBody(wire.OpenAIEmbeddings, `{"input":"joe@example.com ann@example.com joe@example.com"}`), "entities: [email], mode: hash"+config)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`\[EMAIL_[0-9a-f]{16}\]`).FindAllString(got, -1)
		if len(found) != 3 || found[0] != found[2] || found[0] == found[1] {
			t.Fatalf("%s: got %s, want two hashes in three places", config, got)
		}
		return found
	}
	salted, again, other := hashed(", salt: a salt of some length"), hashed(", salt: a salt of some length"), hashed(", salt: another salt of some length")
	if diff := cmp.Diff(salted, again); diff != "" {
		t.Errorf("got other hashes with the same salt:\n%s", diff)
	}
	one, two := hashed(""), hashed("")
	if salted[0] == other[0] || one[0] == two[0] {
		t.Error("got the same hash with another salt, or in another gateway without one")
	}
	short := sentBody(wire.OpenAIEmbeddings, `{"input":"joe@example.com"}`)
	short.Request.Headers = engine.Headers{{Name: "X-Salt", Value: "short"}}
	if got, err := redactedRequest(t, short, `entities: [email], mode: hash, salt: "${req.headers['x-salt'][0]}"`); err == nil || strings.Contains(err.Error(), "joe") {
		t.Errorf("got %s and %v, want an error without values", got, err)
	}
}

func TestRedactPlaceholders(t *testing.T) {
	const body = `{"input":"joe@example.com ann@example.com joe@example.com 4111111111111111"}`
	cfg := compile(t, "on_request: [{type: redact, config: {entities: [email, credit_card], mode: tokenise}}]")
	tags := map[string]bool{}
	for range 8 {
		x := sentBody(wire.OpenAIEmbeddings, body)
		if _, err := run(t, x, cfg.OnRequest); err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`^\{"input":"\[EMAIL_1_([a-z2-7]{8})\] \[EMAIL_2_([a-z2-7]{8})\] \[EMAIL_1_([a-z2-7]{8})\] \[CREDIT_CARD_1_([a-z2-7]{8})\]"\}$`).FindStringSubmatch(string(x.Request.Body))
		if len(m) != 5 || m[1] != m[2] || m[1] != m[3] || m[1] != m[4] {
			t.Fatalf("got %s, want placeholders of one exchange", x.Request.Body)
		}
		tags[m[1]] = true
		x.Finish()
		x.Reset()
	}
	if len(tags) != 8 {
		t.Errorf("got %d random words for 8 exchanges, want as many", len(tags))
	}
}

// TestRedactTooMany checks that what one exchange remembers is bounded.
func TestRedactTooMany(t *testing.T) {
	var b strings.Builder
	for i := range maxPlaceholders + 1 {
		fmt.Fprintf(&b, "a%d@example.com ", i)
	}
	_, err := redactedRequest(t, sentBody(wire.OpenAIEmbeddings, `{"input":"`+b.String()+`"}`), "entities: [email], mode: tokenise")
	if engine.AsError(err).Code != engine.CodeContentBlocked || strings.Contains(err.Error(), "example") {
		t.Errorf("got %v, want it blocked", err)
	}
}

func TestRedactResults(t *testing.T) {
	x := sentBody(wire.OpenAIChat, `{"messages":[{"role":"user","content":"joe@example.com, ann@example.com"},{"role":"user","content":"4111111111111111"}]}`)
	if _, err := redactedRequest(t, x, "entities: [email, credit_card, ip]"); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"count": int64(3), "entities": map[string]any{"email": int64(2), "credit_card": int64(1)}}
	if diff := cmp.Diff(want, results(x, "redact")); diff != "" {
		t.Errorf("got a difference (-want +got):\n%s", diff)
	}
	x = answered(`{"choices":[{"message":{"content":"nothing"}}]}`)
	x.Request.API = wire.OpenAIChat
	if _, err := run(t, x, compile(t, "on_response: [{type: redact, config: {entities: [email]}}]").OnResponse); err != nil {
		t.Fatal(err)
	}
	want = map[string]any{"count": int64(0), "entities": map[string]any{}}
	if diff := cmp.Diff(want, results(x, "redact")); diff != "" {
		t.Errorf("got a difference (-want +got):\n%s", diff)
	}
}

func TestRedactAnswers(t *testing.T) {
	tests := []struct {
		name    string
		api     wire.API
		config  string
		in      string
		want    string
		blocked bool
	}{
		{"choices", wire.OpenAIChat, "", `{"choices":[{"message":{"content":"joe\u0040example.com"}},{"message":{"content":"b","reasoning_content":"joe@example.com"}}]}`, `{"choices":[{"message":{"content":"[EMAIL]"}},{"message":{"content":"b","reasoning_content":"[EMAIL]"}}]}`, false},
		{"log probabilities", wire.OpenAIChat, "", `{"choices":[{"message":{"content":"joe@example.com"},"logprobs":{"content":[{"token":"joe"}]}}]}`, `{"choices":[{"message":{"content":"[EMAIL]"},"logprobs":null}]}`, false},
		{"tool arguments alone", wire.OpenAIChat, ", where: [tool_arguments]", `{"choices":[{"message":{"content":"joe@example.com","tool_calls":[{"function":{"arguments":"{\"to\":\"joe@example.com\"}"}}]}}]}`, `{"choices":[{"message":{"content":"joe@example.com","tool_calls":[{"function":{"arguments":"{\"to\":\"[EMAIL]\"}"}}]}}]}`, false},
		{"annotations", wire.OpenAIChat, "", `{"choices":[{"message":{"content":"b","annotations":[{"type":"url_citation","url_citation":{"title":"joe@example.com"}}]}}]}`, `{"choices":[{"message":{"content":"b","annotations":[{"type":"url_citation","url_citation":{"title":"[EMAIL]"}}]}}]}`, false},
		{"completions", wire.OpenAICompletions, "", `{"choices":[{"text":"joe@example.com"}]}`, `{"choices":[{"text":"[EMAIL]"}]}`, false},
		{"responses", wire.OpenAIResponses, "", `{"instructions":"joe@example.com","output":[{"type":"message","content":[{"type":"output_text","text":"joe@example.com"}]}]}`, `{"instructions":"[EMAIL]","output":[{"type":"message","content":[{"type":"output_text","text":"[EMAIL]"}]}]}`, false},
		{"anthropic", wire.AnthropicMessages, "", `{"content":[{"type":"thinking","thinking":"joe@example.com"},{"type":"tool_use","input":{"to":"joe@example.com"}}]}`, `{"content":[{"type":"thinking","thinking":"[EMAIL]"},{"type":"tool_use","input":{"to":"[EMAIL]"}}]}`, false},
		{"gemini", wire.GeminiGenerate, "", `{"candidates":[{"content":{"parts":[{"text":"joe@example.com"},{"functionCall":{"args":{"to":"joe@example.com"}}}]}}]}`, `{"candidates":[{"content":{"parts":[{"text":"[EMAIL]"},{"functionCall":{"args":{"to":"[EMAIL]"}}}]}}]}`, false},
		{"a transcript", wire.OpenAITranscriptions, "", "joe@example.com", "[EMAIL]", false},
		{"no JSON", wire.OpenAIChat, "", "joe@example.com", "", true},
		{"no API", wire.APIUnknown, "", `{"a":"joe\u0040example.com"}`, `{"a":"[EMAIL]"}`, false},
		{"placeholders", wire.OpenAICompletions, ", mode: tokenise", `{"choices":[{"text":"joe@example.com"},{"text":"joe@example.com"}]}`, `{"choices":[{"text":"[EMAIL_1_TAG]"},{"text":"[EMAIL_1_TAG]"}]}`, false},
		{"nothing", wire.OpenAIChat, "", "", "", false},
	}
	tag := regexp.MustCompile(`_[a-z2-7]{8}\]`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := answered(tt.in)
			x.Request.API = tt.api
			_, err := run(t, x, compile(t, "on_response: [{type: redact, config: {entities: [email]"+tt.config+"}}]").OnResponse)
			if tt.blocked {
				if engine.AsError(err).Code != engine.CodeContentBlocked {
					t.Errorf("got %v, want it blocked", err)
				}
				return
			}
			if got := tag.ReplaceAllString(string(x.Reply.Body), "_TAG]"); err != nil || got != tt.want {
				t.Errorf("got %s and %v, want %s", got, err, tt.want)
			}
		})
	}
}

// TestRedactStreamsThatCannotBeRead checks that text in a form that nothing is found in is refused, and sound is not.
func TestRedactStreamsThatCannotBeRead(t *testing.T) {
	for media, pass := range map[string]bool{"audio/mpeg": true, "text/event-stream": false, "text/plain": false, "": false} {
		for config, skips := range map[string]bool{"": false, ", on_stream: skip": true} {
			cfg := compile(t, "on_response: [{type: redact, config: {entities: [email]"+config+"}}]")
			_, err := run(t, streamed(media), cfg.OnResponse)
			if want := pass || skips; want != (err == nil) || err != nil && engine.AsError(err).Code != engine.CodeContentBlocked {
				t.Errorf("%q%s: got %v, want it to pass: %t", media, config, err, want)
			}
		}
	}
}

// TestRedactKeepsJSON checks with documents made at random that what is redacted is JSON of the same shape, that no
// value stays, and that restoring gives the document back.
func TestRedactKeepsJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, mode := range redactModes() {
		cfg := compile(t, "on_request: [{type: redact, config: {patterns: [{name: secret, pattern: 'S[\"\\\\é😀\\n]{1,3}E'}], mode: "+mode+", "+map[bool]string{true: "restore: true"}[mode == "tokenise"]+"}}]")
		found := 0
		for range 300 {
			doc := randomRequest(r)
			x := sentBody(wire.AnthropicMessages, doc)
			if _, err := run(t, x, cfg.OnRequest); err != nil {
				t.Fatalf("%s: %v", doc, err)
			}
			got := string(x.Request.Body)
			before, after := decoded(t, doc), decoded(t, got)
			if diff := cmp.Diff(shapeOf(before), shapeOf(after)); diff != "" {
				t.Fatalf("%s: got another shape:\n%s", doc, diff)
			}
			if leaked(after) {
				t.Fatalf("%s: got a value in %s", doc, got)
			}
			n, _ := results(x, "redact")["count"].(int64)
			found += int(n)
			if mode == "tokenise" && n > 0 {
				back, _, err := editFree(x.Request.Body, newRestorer(bookOf(t, cfg).of(x)).ReplaceAll)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, decoded(t, string(back))); diff != "" {
					t.Fatalf("%s: got another document back:\n%s", doc, diff)
				}
			}
		}
		if found < 100 {
			t.Errorf("%s: got %d values in all, want some", mode, found)
		}
	}
}

// bookOf is what the first redact action of a policy knows.
func bookOf(t *testing.T, cfg engine.PlanConfig) *redactBook {
	t.Helper()
	a, ok := cfg.OnRequest[0].Actions[0].Action.(*redact)
	if !ok {
		t.Fatalf("got %T, want redact", cfg.OnRequest[0].Actions[0].Action)
	}
	return a.book
}

func decoded(t *testing.T, doc string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return v
}

// shapeOf is a value without its texts.
func shapeOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			out = append(out, shapeOf(e))
		}
		return len(out)
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			out = append(out, shapeOf(e))
		}
		return out
	case string:
		return ""
	default:
		return v
	}
}

func leaked(v any) bool {
	b, _ := json.Marshal(v)
	var s string
	for {
		if regexp.MustCompile(`S(\\.|é|😀|\\u[0-9a-f]{4})+E`).Match(b) {
			return true
		}
		if json.Unmarshal(b, &s) != nil {
			return false
		}
		b = []byte(s)
	}
}

// randomText is a text with quotes, escapes and values in it.
func randomText(r *rand.Rand) string {
	pieces := []string{"a", `"`, `\`, "é", "😀", "\n", `S"E`, `S\\E`, "SéE", "S😀\nE", "[", "]", "SE", "{}", ","}
	var b strings.Builder
	for range r.IntN(8) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func randomValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(7); {
	case n < 3 || depth > 3:
		return randomText(r)
	case n == 3:
		return float64(r.IntN(1000))
	case n == 4:
		return r.IntN(2) == 0
	case n == 5:
		out := []any{}
		for range r.IntN(4) {
			out = append(out, randomValue(r, depth+1))
		}
		return out
	default:
		out := map[string]any{}
		for i := range r.IntN(4) {
			out[fmt.Sprintf("k%d", i)] = randomValue(r, depth+1)
		}
		return out
	}
}

func randomRequest(r *rand.Rand) string {
	messages := []any{}
	for range r.IntN(4) {
		switch r.IntN(3) {
		case 0:
			messages = append(messages, map[string]any{"role": "user", "content": randomText(r)})
		case 1:
			messages = append(messages, map[string]any{"role": "assistant", "content": []any{map[string]any{"type": "text", "text": randomText(r)}, map[string]any{"type": "tool_use", "id": "t", "name": "f", "input": randomValue(r, 0)}}})
		default:
			messages = append(messages, map[string]any{"role": "user", "content": []any{map[string]any{"type": "tool_result", "tool_use_id": "t", "content": randomText(r)}}})
		}
	}
	b, _ := json.Marshal(map[string]any{"model": "m", "system": randomText(r), "messages": messages})
	return string(b)
}
