package sim

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScript(t *testing.T) {
	script, err := ParseScript(`
# the first two calls with key one are too many
key=sk-one calls=1-2 -> status=429;retry-after=3
model=acme/* calls=2  -> status=503
path=/messages        -> status=529
model=slow calls=3-   -> status=500
`)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Options{Script: script})
	ask := func(model, key, path string) int {
		t.Helper()
		body := `{"model":"` + model + `","max_tokens":9,"messages":[{"role":"user","content":"x"}]}`
		return r.ask(t, "POST", path, body, "Authorization: Bearer "+key).status
	}
	run := func() []int {
		return []int{
			ask("m", "sk-one", chatPath), ask("m", "sk-one", chatPath), ask("m", "sk-one", chatPath), ask("m", "sk-two", chatPath),
			ask("acme/x", "sk-two", chatPath), ask("acme/y", "sk-two", chatPath), ask("acme/x", "sk-two", chatPath),
			ask("m", "sk-two", "/v1/messages"),
			ask("slow", "sk-two", chatPath), ask("slow", "sk-two", chatPath), ask("slow", "sk-two", chatPath), ask("slow", "sk-two", chatPath),
		}
	}
	want := []int{429, 429, 200, 200, 200, 503, 200, 529, 200, 200, 500, 500}
	if diff := cmp.Diff(want, run()); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if n := len(r.Calls()); n != 12 {
		t.Errorf("calls: got %d, want 12", n)
	}
	r.Reset()
	if diff := cmp.Diff(want, run()); diff != "" {
		t.Errorf("statuses after Reset (-want +got):\n%s", diff)
	}
	r.SetScript(nil)
	if got := ask("m", "sk-two", "/v1/messages"); got != 200 {
		t.Errorf("without a script: got %d, want 200", got)
	}
}

func TestParseScriptErrors(t *testing.T) {
	for _, text := range []string{"status=500", "calls=0 -> ok", "calls=3-2 -> ok", "who=x -> ok", "-> what", "model=[ -> ok"} {
		if _, err := ParseScript(text); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}

func TestJournalKeepsNoSecrets(t *testing.T) {
	r := newRig(t, Options{})
	const secret = "sk-verysecretindeed-0001"
	body := `{"model":"m","messages":[{"role":"user","content":"x"}]}`
	for _, header := range []string{"Authorization: Bearer " + secret, "x-api-key: " + secret, "x-goog-api-key: " + secret, "api-key: " + secret} {
		r.ok(t, "POST", chatPath, body, header, "X-Other: kept")
		c := r.lastCall(t)
		if c.Key != Mark(secret) || !strings.HasSuffix(c.Key, "0001") {
			t.Errorf("%s: got key %q, want %q", header, c.Key, Mark(secret))
		}
		if c.Header("x-other") != "kept" || string(c.Body) != body || c.Method != http.MethodPost || c.Path != chatPath {
			t.Errorf("got %+v", c)
		}
		for _, h := range c.Headers {
			if strings.Contains(h.Value, secret) {
				t.Errorf("%s holds the secret", h.Name)
			}
		}
	}
	r.ok(t, "POST", "/v1/models/m:generateContent?key="+secret+"&alt=json", `{"contents":[{"parts":[{"text":"x"}]}]}`)
	if c := r.lastCall(t); strings.Contains(c.Query, secret) || c.Key != Mark(secret) || !strings.Contains(c.Query, "alt=json") {
		t.Errorf("got query %q, key %q", c.Query, c.Key)
	}
	if got := Mark("short"); strings.Contains(got, "hort") {
		t.Errorf("mark of a short key: got %q", got)
	}
}

func TestPace(t *testing.T) {
	const server = 20 * time.Millisecond
	ordered, err := ParseFault("pace=5ms")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		model string
		fault Fault
		want  time.Duration
	}{
		{"echo", Fault{}, server},
		{"sim:slow", Fault{}, slowPace},
		{"sim:fast", Fault{}, 0},
		{"sim:fast", ordered, 5 * time.Millisecond},
	}
	s := New(Options{Pace: server})
	for _, tt := range tests {
		if got := s.pace(&ask{model: tt.model}, &tt.fault); got != tt.want {
			t.Errorf("%s with %q: got %v, want %v", tt.model, tt.fault.String(), got, tt.want)
		}
	}
}

func TestJournalIsBounded(t *testing.T) {
	var small, large journal
	for range 3 * maxCalls {
		small.add(&Call{})
		large.add(&Call{})
	}
	if n := len(small.calls); n > maxCalls || n < maxCalls*3/4 {
		t.Errorf("calls: got %d, want at most %d", n, maxCalls)
	}
	body := make([]byte, maxKeptBody)
	for range 2 * maxKeptBytes / maxKeptBody {
		large.add(&Call{Body: body})
	}
	if large.bytes > maxKeptBytes || large.bytes < maxKeptBytes/2 {
		t.Errorf("bytes: got %d, want at most %d", large.bytes, maxKeptBytes)
	}
}
