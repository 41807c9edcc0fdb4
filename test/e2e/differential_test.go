package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/providers/sim"
)

// verdict is what must become of a request that readers could read differently.
type verdict uint8

const (
	// refused is a 4xx, and no provider hears of the request.
	refused verdict = iota
	// served reaches the provider, and every reader finds the same in what was sent and in what arrived.
	served
	// either of the two.
	either
)

// reading is one body that a client sends.
type reading struct {
	name string
	body string
	want verdict
}

// differentialPolicy names two models, so that a reading that picks the other one shows.
const differentialPolicy = `providers:
  - id: alpha
    base_url: "{{alpha}}"
    supported_api_surfaces: [{format: openai}, {format: anthropic}, {format: gemini}]
    models: [{id: m, id_aliases: [mm]}, {id: other}]
on_request:
  - expressions: ["'x-deny' in req.headers"]
    actions: [{type: deny, config: {status_code: 403}}]
`

const turn = `"messages":[{"role":"user","content":"hi"}]`

func ambiguousBodies() []reading {
	return slices.Concat(keysTwice(), badJSON(), oddModels())
}

// keysTwice are bodies in which a reader may pick either of two members.
func keysTwice() []reading {
	return []reading{
		{"a model twice", `{"model":"m",` + turn + `,"model":"other"}`, refused},
		{"a model twice, the same", `{"model":"m",` + turn + `,"model":"m"}`, refused},
		{"a model twice, once escaped", `{"model":"m",` + turn + `,"\u006dodel":"other"}`, refused},
		{"a model twice, once escaped in upper case", `{"\u006Dodel":"m",` + turn + `,"model":"other"}`, refused},
		{"messages twice", `{"model":"m",` + turn + `,"messages":[]}`, refused},
		{"messages twice, once escaped", `{"model":"m",` + turn + `,"me\u0073sages":[]}`, refused},
		{"stream twice", `{"model":"m","stream":false,` + turn + `,"stream":true}`, refused},
		{"an unknown key twice", `{"model":"m","x":1,` + turn + `,"x":2}`, refused},
		{"stream options twice", `{"model":"m","stream":true,"stream_options":{"include_usage":true,"include_usage":false},` + turn + `}`, refused},
		{"a role twice in a message", `{"model":"m","messages":[{"role":"user","content":"a","content":"b"}]}`, either},
		{"Model beside model", `{"model":"m","Model":"other",` + turn + `}`, refused},
		{"Model alone", `{"Model":"m",` + turn + `}`, refused},
		{"MODEL before model", `{"MODEL":"other","model":"m",` + turn + `}`, refused},
		{"Models beside models", `{"model":"m","Models":["other"],` + turn + `}`, refused},
		{"Stream beside stream", `{"model":"m","stream":false,"Stream":true,` + turn + `}`, refused},
		{"a long s in stream", `{"model":"m","\u017ftream":true,` + turn + `}`, refused},
		{"a raw long s in stream", "{\"model\":\"m\",\"\u017ftream\":true," + turn + `}`, refused},
		{"Messages beside messages", `{"model":"m",` + turn + `,"Messages":[{"role":"user","content":"other"}]}`, either},
		{"a long s in messages", `{"model":"m",` + turn + `,"me\u017fsages":[{"role":"user","content":"other"}]}`, either},
	}
}

// badJSON are bodies that some readers refuse and others repair, and good ones that look like them.
func badJSON() []reading {
	deep := func(n int) string {
		return `{"model":"m",` + turn + `,"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	return []reading{
		{"a byte order mark", "\xef\xbb\xbf" + `{"model":"m",` + turn + `}`, refused},
		{"UTF-16", "\xff\xfe{\x00}\x00", refused},
		{"bytes behind the end", `{"model":"m",` + turn + `}x`, refused},
		{"a second object", `{"model":"m",` + turn + `}{"model":"other"}`, refused},
		{"a NUL behind the end", `{"model":"m",` + turn + "}\x00", refused},
		{"space around", " \t\r\n" + `{"model":"m",` + turn + "}\r\n\t ", served},
		{"a vertical tab in front", "\v" + `{"model":"m",` + turn + `}`, refused},
		{"a no-break space in front", "\u00a0" + `{"model":"m",` + turn + `}`, refused},
		{"NaN", `{"model":"m","temperature":NaN,` + turn + `}`, refused},
		{"Infinity", `{"model":"m","temperature":-Infinity,` + turn + `}`, refused},
		{"a number out of range", `{"model":"m","temperature":1e999,` + turn + `}`, either},
		{"a number with a leading zero", `{"model":"m","seed":01,` + turn + `}`, refused},
		{"a number with a plus", `{"model":"m","seed":+1,` + turn + `}`, refused},
		{"a number without its front", `{"model":"m","seed":.5,` + turn + `}`, refused},
		{"a number without its end", `{"model":"m","seed":1.,` + turn + `}`, refused},
		{"a hexadecimal number", `{"model":"m","seed":0x1,` + turn + `}`, refused},
		{"a limit out of range", `{"model":"m","max_tokens":99999999999999999999,` + turn + `}`, refused},
		{"a limit with a fraction", `{"model":"m","max_tokens":1.5,` + turn + `}`, refused},
		{"a lone surrogate in the text", `{"model":"m","messages":[{"role":"user","content":"\ud800"}]}`, refused},
		{"a lone surrogate in a key", `{"model":"m","\udc00":1,` + turn + `}`, refused},
		{"surrogates the wrong way round", `{"model":"m","messages":[{"role":"user","content":"\udc00\ud800"}]}`, refused},
		{"bytes that are not UTF-8", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", refused},
		{"an overlong slash", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xc0\xaf\"}]}", refused},
		{"a surrogate in UTF-8", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xed\xa0\x80\"}]}", refused},
		{"a raw line break in a string", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\nb\"}]}", refused},
		{"a raw NUL in a string", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\x00b\"}]}", refused},
		{"a raw DEL in a string", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\x7fb\"}]}", served},
		{"an escaped NUL in a string", `{"model":"m","messages":[{"role":"user","content":"a\u0000b"}]}`, served},
		{"an unknown escape", `{"model":"m","messages":[{"role":"user","content":"\x41"}]}`, refused},
		{"a short escape", `{"model":"m","messages":[{"role":"user","content":"\u00e"}]}`, refused},
		{"every escape", `{"model":"m","messages":[{"role":"user","content":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}]}`, served},
		{"line separators", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\u2028b\u2029c\U0001f600\"}]}", served},
		{"a comment", `{"model":"m",/* "model":"other", */` + turn + `}`, refused},
		{"a trailing comma", `{"model":"m",` + turn + `,}`, refused},
		{"single quotes", `{'model':'m'}`, refused},
		{"keys without quotes", `{model:"m"}`, refused},
		{"depth 60", deep(60), served},
		{"depth 66", deep(66), refused},
		{"depth 50000", deep(50000), refused},
		{"nothing", "", refused},
		{"null", "null", refused},
		{"an array", `[{"model":"m"}]`, refused},
		{"a string", `"m"`, refused},
		{"an object that does not end", `{"model":"m",` + turn, refused},
	}
}

// oddModels are bodies whose model is written in an unusual way, or is none.
func oddModels() []reading {
	return []reading{
		{"a model that is a number", `{"model":1,` + turn + `}`, refused},
		{"a model that is null", `{"model":null,` + turn + `}`, refused},
		{"a model that is a list", `{"model":["m"],` + turn + `}`, refused},
		{"a model that is empty", `{"model":"",` + turn + `}`, either},
		{"models that are a string", `{"model":"m","models":"other",` + turn + `}`, refused},
		{"models that are numbers", `{"model":"m","models":[1],` + turn + `}`, refused},
		{"models without end", `{"model":"m","models":[` + strings.TrimSuffix(strings.Repeat(`"m",`, 1000), ",") + `],` + turn + `}`, refused},
		{"a stream that is a string", `{"model":"m","stream":"true",` + turn + `}`, refused},
		{"a stream that is a number", `{"model":"m","stream":1,` + turn + `}`, refused},
		{"an escaped model", `{"model":"\u006d",` + turn + `}`, served},
		{"an escaped key", `{"\u006dodel":"m",` + turn + `}`, served},
		{"a model in upper case", `{"model":"M",` + turn + `}`, served},
		{"a model behind its provider", `{"model":"alpha:m",` + turn + `}`, served},
		{"a model behind its provider in upper case", `{"model":"ALPHA:M",` + turn + `}`, served},
		{"an alias", `{"model":"MM",` + turn + `}`, served},
		{"a model with space around", `{"model":" m ",` + turn + `}`, either},
		{"a model with a NUL behind", `{"model":"m\u0000",` + turn + `}`, refused},
		{"a model with a full-width letter", `{"model":"\uff4d",` + turn + `}`, refused},
		{"a model named like a prototype", `{"model":"__proto__",` + turn + `}`, refused},
		{"a prototype", `{"__proto__":{"model":"other"},"model":"m",` + turn + `}`, served},
		{"a key with a NUL behind", `{"model\u0000":"other","model":"m",` + turn + `}`, served},
		{"a key with a space behind", `{"model ":"other","model":"m",` + turn + `}`, served},
		{"an empty key", `{"":"other","model":"m",` + turn + `}`, served},
		{"models beside a model", `{"model":"m","models":["other"],` + turn + `}`, served},
		{"a model at the very end", `{` + turn + `,"x":{"model":"other"},"model":"m"}`, served},
		{"a model inside a string", `{"x":"\",\"model\":\"other","model":"m",` + turn + `}`, served},
	}
}

func TestBodiesThatReadersCouldReadDifferently(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{policy: differentialPolicy, sims: map[string]string{"alpha": ""}})
	c := &comparison{}
	for i, r := range ambiguousBodies() {
		t.Run(r.name, func(t *testing.T) {
			a := w.send(t, post("/v1/chat/completions", r.body, fmt.Sprintf("X-Row: %d", i)))
			sent := w.row(i)
			if wantVerdict(t, r.want, a, sent) {
				c.add(r.name, r.body, string(sent[0].Body))
			}
		})
	}
	c.run(t)
}

// row finds the upstream calls of one row of a table by the mark that its request carries.
func (w *world) row(i int) []call {
	return slices.DeleteFunc(w.calls(), func(c call) bool { return c.Header("X-Row") != strconv.Itoa(i) })
}

// wantVerdict checks what became of a request, and reports whether it was served.
func wantVerdict(t *testing.T, want verdict, a *answer, sent []call) bool {
	t.Helper()
	ok := a.status == http.StatusOK && len(sent) == 1
	no := a.status >= 400 && a.status < 500 && len(sent) == 0
	switch {
	case want == served && !ok:
		t.Errorf("got %d calls and %s, want the request served", len(sent), a)
	case want == refused && !no:
		t.Errorf("got %d calls and %s, want a 4xx and no call", len(sent), a)
	case !ok && !no:
		t.Errorf("got %d calls and %s, want the request served or refused", len(sent), a)
	}
	if no {
		if _, err := openAIProblem(a.body); err != nil {
			t.Errorf("the refusal has not the shape of the API: %v", err)
		}
	}
	return ok
}

// upload is one multipart body.
type upload struct {
	name   string
	parts  []string
	want   verdict
	models int // parts called model that arrive
}

const boundary = "b0undary"

func part(disposition, value string) string {
	return "Content-Disposition: form-data; " + disposition + "\r\n\r\n" + value
}

func uploads() []upload {
	file := part(`name="file"; filename="a.wav"`, "RIFF")
	return []upload{
		{"one model", []string{part(`name="model"`, "m"), file}, served, 1},
		{"a model behind its provider", []string{part(`name="model"`, "alpha:m"), file}, served, 1},
		{"a model behind the file", []string{file, part(`name="model"`, "MM")}, served, 1},
		{"two models", []string{part(`name="model"`, "m"), part(`name="model"`, "other"), file}, refused, 0},
		{"two models, the same", []string{part(`name="model"`, "m"), file, part(`name="model"`, "m")}, refused, 0},
		{"a model and a Model", []string{part(`name="model"`, "m"), part(`name="Model"`, "other"), file}, either, 1},
		{"a model without quotes beside one with", []string{part(`name="model"`, "m"), part(`name=model`, "other"), file}, refused, 0},
		{"a model with an extended name", []string{part(`name="model"`, "m"), part(`name*=utf-8''model`, "other"), file}, refused, 0},
		{"a model with two names", []string{part(`name="x"; name="model"`, "other"), part(`name="model"`, "m"), file}, refused, 0},
		{"an escaped name", []string{part(`name="mod\el"`, "other"), part(`name="model"`, "m"), file}, either, 1},
		{"no model", []string{file}, refused, 0},
		{"an empty model", []string{part(`name="model"`, ""), file}, refused, 0},
		{"a model that is a file", []string{part(`name="model"; filename="x"`, "m"), file}, either, 1},
		{"a model as base64", []string{"Content-Transfer-Encoding: base64\r\n" + part(`name="model"`, "bQ=="), file}, refused, 0},
		{"a part without a name", []string{part(`filename="x"`, "other"), part(`name="model"`, "m"), file}, either, 1},
		{"a folded head", []string{"Content-Disposition: form-data;\r\n name=\"model\"\r\n\r\nother", part(`name="model"`, "m"), file}, refused, 0},
	}
}

func TestUploadsThatReadersCouldReadDifferently(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{policy: differentialPolicy, sims: map[string]string{"alpha": ""}})
	for i, u := range uploads() {
		t.Run(u.name, func(t *testing.T) {
			var b strings.Builder
			for _, p := range u.parts {
				b.WriteString("--" + boundary + "\r\n" + p + "\r\n")
			}
			b.WriteString("--" + boundary + "--\r\n")
			request := post("/v1/audio/transcriptions", b.String(), fmt.Sprintf("X-Row: %d", i))
			request = strings.Replace(request, "application/json", "multipart/form-data; boundary="+boundary, 1)
			a := w.send(t, request)
			sent := w.row(i)
			if !wantVerdict(t, u.want, a, sent) {
				return
			}
			if got := strings.Count(string(sent[0].Body), `name="model"`); got != u.models {
				t.Errorf("got %d parts called model upstream, want %d: %s", got, u.models, sent[0].Body)
			}
			if sent[0].Model != "m" {
				t.Errorf("the provider read model %q, want m", sent[0].Model)
			}
		})
	}
}

// TestModelInPathAndBody: Gemini's path names the model, and what its body repeats must not name another.
func TestModelInPathAndBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{policy: differentialPolicy, sims: map[string]string{"alpha": ""}})
	const contents = `"contents":[{"role":"user","parts":[{"text":"hi"}]}]`
	tests := []struct {
		name, path, body string
		want             verdict
	}{
		{"the same", "models/m:countTokens", `{"model":"models/m",` + contents + `}`, served},
		{"another", "models/m:countTokens", `{"model":"models/other",` + contents + `}`, either},
		{"another inside", "models/m:countTokens", `{"generateContentRequest":{"model":"models/other",` + contents + `}}`, either},
		{"another twice inside", "models/m:countTokens", `{"generateContentRequest":{"model":"models/m","model":"models/other",` + contents + `}}`, refused},
		{"both spellings", "models/m:countTokens", `{"generateContentRequest":{"model":"models/m"},"generate_content_request":{"model":"models/other"}}`, refused},
		{"an encoded slash", "models/a%2Fm:generateContent", `{` + contents + `}`, refused},
		{"an encoded colon", "models/m%3AgenerateContent", `{` + contents + `}`, either},
		{"an encoded letter", "models/%6D:generateContent", `{` + contents + `}`, served},
		{"two verbs", "models/m:countTokens:generateContent", `{` + contents + `}`, refused},
		{"a dot segment", "models/../models/m:generateContent", `{` + contents + `}`, refused},
		{"an encoded dot segment", "models/%2e%2e/m:generateContent", `{` + contents + `}`, refused},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := w.send(t, post("/v1beta/"+tt.path, tt.body, fmt.Sprintf("X-Row: %d", i), "X-Goog-Api-Client: test"))
			sent := w.row(i)
			ok := a.status == http.StatusOK && len(sent) == 1
			no := a.status >= 400 && a.status < 500 && len(sent) == 0
			if (tt.want == served && !ok) || (tt.want == refused && !no) || (!ok && !no) {
				t.Fatalf("got %d calls and %s", len(sent), a)
			}
			if ok && (sent[0].Model != "m" || strings.Contains(string(sent[0].Body), "other")) {
				t.Errorf("the provider was asked for %s %s?%s %s, want m alone", sent[0].Model, sent[0].Path, sent[0].Query, sent[0].Body)
			}
			if ok && sent[0].End == sim.Running {
				t.Error("the call has not ended")
			}
		})
	}
}
