package actions

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/corazawaf/coraza/v3/types"
	"github.com/google/go-cmp/cmp"

	"weir/engine"
	"weir/engine/wire"
	"weir/policies"
)

// argumentList keeps what the rules would be given.
type argumentList struct {
	types.Transaction

	got []string
}

func (l *argumentList) AddPostRequestArgument(key, value string) {
	l.got = append(l.got, key+"="+value)
}

func TestOWASPCRSRequestJSON(t *testing.T) {
	long, longer := strings.Repeat("n", 120), strings.Repeat("n", 130)
	tests := []struct {
		name, text string
		cut        int // behind how many bytes, or not at all
		want       []string
		fails      bool
	}{
		{"a string", `"a"`, 0, []string{"json=a"}, false},
		{"nested", `{"a": {"b": ["x", {"c": "y"}]}, "d": "z"}`, 0, []string{"json.a.b.0=x", "json.a.b.1.c=y", "json.d=z"}, false},
		{"numbers in lists are nothing", `{"input": [1, 2.5, -3e7, true, null, "x"]}`, 0, []string{"json.input.5=x"}, false},
		{"members without a string have a name", `{"a": 1, "b": null, "c": {}, "d": []}`, 0, []string{"json.a=", "json.b="}, false},
		{"both of a name that is there twice", `{"a": "x", "a": "y"}`, 0, []string{"json.a=x", "json.a=y"}, false},
		{"escapes", `{"\u0061": "\u003cb\u003e\n\""}`, 0, []string{"json.a=<b>\n\""}, false},
		{"long names by themselves", `{"` + long + `": {"a": "x"}, "b": "y"}`, 0, []string{"json." + long + ".a=x", "json.b=y"}, false},
		{"longer names once", `{"` + longer + `": [{"` + longer + `": "x"}, "y"]}`, 0, []string{longer + "=", longer + "=", "json.0=x", "json.1=y"}, false},
		{"cut in a string", `{"a": "hello", "b": "x"}`, 10, []string{"json.a=hel"}, false},
		{"cut in an escape", `{"a": "x\u003cscript", "b": "x"}`, 11, []string{"json.a=x"}, false},
		{"cut behind a backslash", `{"a": "x\n", "b": "x"}`, 9, []string{"json.a=x"}, false},
		{"cut in a name", `{"hello": "x"}`, 5, []string{"hel="}, false},
		{"cut in a number", `{"a": "x", "b": 123}`, 18, []string{"json.a=x", "json.b="}, false},
		{"cut between", `{"a": "x", "b": "y"}`, 10, []string{"json.a=x"}, false},
		{"cut before a value", `{"a": "x"}`, 5, nil, false},
		{"not cut", `{"a": "x`, 0, []string{"json.a="}, true},
		{"no end", `{"a": ["x"`, 0, []string{"json.a.0=x"}, true},
		{"two values", `{} "x"`, 0, nil, true},
		{"no colon", `{"a" "x"}`, 0, nil, true},
		{"no comma", `["a" "b"]`, 0, []string{"json.0=a"}, true},
		{"no name", `{1: "x"}`, 0, nil, true},
		{"a word", `[nothing]`, 0, nil, true},
		{"a bad escape", `["\x"]`, 0, []string{"json.0="}, true},
		{"nothing", ``, 0, nil, true},
		{"too deep", strings.Repeat("[", 65) + strings.Repeat("]", 65), 0, nil, true},
		{"deep", strings.Repeat("[", 64) + `"x"` + strings.Repeat("]", 64), 0, []string{"json" + strings.Repeat(".0", 64) + "=x"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := []byte(tt.text)
			if tt.cut > 0 {
				text = text[:tt.cut]
			}
			var l argumentList
			err := addJSON(&l, text, tt.cut > 0)
			if diff := cmp.Diff(tt.want, l.got); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			if (err != nil) != tt.fails {
				t.Errorf("got %v, want failure %v", err, tt.fails)
			}
		})
	}
}

// FuzzOWASPCRSRequestJSON cuts a text wherever: reading never panics, and where nothing was cut, what is JSON is taken and
// what is not is not.
func FuzzOWASPCRSRequestJSON(f *testing.F) {
	f.Add([]byte(`{"a": [1, "x\u00e9", {"b": null}], "c": "d"}`), 20)
	f.Add([]byte(`"\ud83d\ude00"`), 8)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		err := addJSON(&argumentList{}, text, false)
		if valid := json.Valid(text); valid && err != nil && !strings.Contains(string(text), strings.Repeat("[", 8)) && strings.Count(string(text), "{") < maxJSONDepth {
			t.Errorf("got %v for %q, want JSON taken", err, text)
		} else if !valid && err == nil {
			t.Errorf("got no error for %q, want one", text)
		}
		if cut >= 0 && cut < len(text) && err == nil {
			if err := addJSON(&argumentList{}, text[:cut], true); err != nil {
				t.Errorf("got %v for %q cut at %d, want none", err, text, cut)
			}
		}
	})
}

// webRequest is a request that the rules find nothing in.
func webRequest(body string) *engine.Exchange {
	x := exchange()
	x.Request.Host, x.Request.RawPath, x.Request.Version = "api.example.com", "/v1/chat/completions", "HTTP/1.1"
	x.Request.API = wire.OpenAIChat
	x.Request.Body = []byte(body)
	x.Request.Headers = engine.Headers{
		{Name: "User-Agent", Value: "OpenAI/Python 2.1.0"},
		{Name: "Content-Type", Value: "application/json"},
		{Name: "Accept", Value: "application/json"},
		{Name: "Content-Length", Value: strconv.Itoa(len(body))},
	}
	x.Conn.ClientIP = netip.MustParseAddr("192.0.2.7")
	x.Conn.Client = netip.AddrPortFrom(x.Conn.ClientIP, 40000)
	x.Conn.Server = netip.MustParseAddrPort("192.0.2.1:8080")
	return x
}

const inspectBodies = "on_request: [{type: owasp-crs-request, config: {process_body: true}}]"

func TestOWASPCRSRequestAtOnce(t *testing.T) {
	t.Parallel()
	cfg := compile(t, inspectBodies)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 4 {
				body, want := `{"messages": [{"content": "good morning"}]}`, engine.VerdictContinue
				if (i+j)%2 == 0 {
					body, want = `{"messages": [{"content": "<script>alert(1)</script>"}]}`, engine.VerdictDeny
				}
				if got, err := run(t, webRequest(body), cfg.OnRequest); got != want || err != nil {
					t.Errorf("got %v and %v for %s, want %v", got, err, body, want)
				}
			}
		})
	}
	wg.Wait()
}

// TestOWASPCRSRequestShares holds rules to be compiled once for all that use the same settings, over reloads as well.
func TestOWASPCRSRequestShares(t *testing.T) {
	t.Parallel()
	rt := engine.NewRuntime(engine.RuntimeOptions{})
	load := func(config string) *crsWalls {
		cfg, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte("on_request: [{type: owasp-crs-request, config: {" + config + "}}]")},
			policies.Options{Actions: Registry(), Services: rt.Services})
		if diags.HasErrors() {
			t.Fatalf("got %v, want a policy that compiles", diags)
		}
		a, ok := cfg.OnRequest[0].Actions[0].Action.(*owaspCRSRequest)
		if !ok {
			t.Fatalf("got %T, want the action", cfg.OnRequest[0].Actions[0].Action)
		}
		return a.walls
	}
	first := load("exclude_rule_ids: [941100, 920350]")
	if first.waf == nil {
		t.Error("got no rules, want them compiled when the policy loads")
	}
	if again := load("exclude_rule_ids: [920350, 941100], process_body: true, on_error: continue"); again != first {
		t.Error("got rules of its own for the same settings, want them shared")
	}
	if other := load("exclude_rule_ids: [920350]"); other == first {
		t.Error("got the same rules for other settings, want others")
	}
}

// TestOWASPCRSRequestKeepsOffTheDisk sends what the firewall's own reader would keep in files.
func TestOWASPCRSRequestKeepsOffTheDisk(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	cfg := compile(t, "on_request: [{type: owasp-crs-request, config: {process_body: true, body_limit: 65536}}]")
	watch := func(body, contentType string) {
		x := webRequest(body)
		x.Request.API = wire.APIUnknown
		x.Request.Headers.Set("content-type", contentType)
		if _, err := run(t, x, cfg.OnRequest); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) > 0 {
			t.Errorf("got %v and %v, want no file", files, err)
		}
	}
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	watch("{}", "application/json") // compiles the rules, and looks whether the folder can be written to
	after, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	watch("a="+strings.Repeat("good morning ", 2000), "application/x-www-form-urlencoded")
	watch("--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\n"+strings.Repeat("good morning ", 2000)+"\r\n--x--\r\n", "multipart/form-data; boundary=x")
	last, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !last.ModTime().Equal(after.ModTime()) {
		t.Errorf("got a folder changed at %v, %v and %v, want it left alone", before.ModTime(), after.ModTime(), last.ModTime())
	}
}

// TestOWASPCRSRequestBoundsWork counts what the worst bodies of 4 KiB give the rules to look at.
func TestOWASPCRSRequestBoundsWork(t *testing.T) {
	tests := []struct{ name, text string }{
		{"many values", "[" + strings.TrimSuffix(strings.Repeat(`"",`, 1300), ",") + "]"},
		{"many values below a long name", `{"` + strings.Repeat("n", 2048) + `": [` + strings.TrimSuffix(strings.Repeat(`"",`, 660), ",") + "]}"},
		{"many values deep down", strings.Repeat(`{"aaaaaaaaaaaa":`, 60) + "[" + strings.TrimSuffix(strings.Repeat(`"",`, 900), ",") + "]" + strings.Repeat("}", 60)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l argumentList
			if err := addJSON(&l, []byte(tt.text), false); err != nil {
				t.Fatal(err)
			}
			size := 0
			for _, a := range l.got[:min(len(l.got), maxArguments)] {
				size += len(a)
			}
			if size > 16*4096 {
				t.Errorf("got %d bytes to look at, want at most 16 times the body", size)
			}
		})
	}
}

func BenchmarkOWASPCRSRequest(b *testing.B) {
	text := strings.Repeat("Tell me about the weather in Paris, please. ", 100)
	tests := []struct{ name, config, body string }{
		{"head", "", "{}"},
		{"body-100B", "process_body: true", `{"model": "gpt-4o", "messages": [{"role": "user", "content": "` + text[:40] + `"}]}`},
		{"body-1KiB", "process_body: true", `{"model": "gpt-4o", "messages": [{"role": "user", "content": "` + text[:960] + `"}]}`},
		{"body-4KiB", "process_body: true", `{"model": "gpt-4o", "messages": [{"role": "user", "content": "` + text[:4000] + `"}]}`},
		{"body-values", "process_body: true", "[" + strings.TrimSuffix(strings.Repeat(`"word",`, 250), ",") + "]"},
		{"body-numbers", "process_body: true", "[" + strings.TrimSuffix(strings.Repeat(`1234,`, 800), ",") + "]"},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			cfg, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte("on_request: [{type: owasp-crs-request, config: {" + tt.config + "}}]")}, policies.Options{Actions: Registry()})
			if diags.HasErrors() {
				b.Fatal(diags)
			}
			action := cfg.OnRequest[0].Actions[0].Action
			x := webRequest(tt.body)
			if v, err := action.Do(b.Context(), x); err != nil || v != engine.VerdictContinue {
				b.Fatalf("got %v and %v, want a request that passes", v, err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := action.Do(b.Context(), x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
