package engine

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"weir/engine/vars"
	"weir/engine/wire"
)

// TestVarsOfStreams pins that nothing of a streamed answer is read before it is there.
func TestVarsOfStreams(t *testing.T) {
	alpha := newFakeProvider(t, events("data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n", "data: [DONE]\n\n"))
	f := newFixture(t, alpha, nil)
	x := chat(`{"model":"big","stream":true,"messages":[]}`)
	if err := f.route(t, RouteConfig{}).Run(x); err != nil {
		t.Fatal(err)
	}
	defer x.Finish()
	for path, want := range map[string]string{
		"res.body": "null", "ai.response.text": `""`, "ai.response.tool_calls": "[]", "ai.response.cost_usd": "null", "res.content_length": "0",
		"res.ts.body_received": `"1970-01-01T00:00:00Z"`, "ai.response.model": `"big"`,
	} {
		if got := show(t, f.env, vars.PhaseResponse, path, x); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// TestMalformedBodies pins that a rule which reads a malformed request or answer fails, and does not see less than there
// is. Requests that no rule reads pass as they are.
func TestMalformedBodies(t *testing.T) {
	ok := answer(200, chatReply)
	tests := []struct {
		name, rule, body, reply string
		phase                   vars.Phase
		code                    Code
		param                   string
	}{
		{name: "messages", rule: "ai.request.messages == []", body: `{"model":"big","messages":{"role":"user"}}`, code: CodeBadRequest, param: "messages"},
		{name: "nested", rule: "ai.request.has_images", body: `{"model":"big","messages":[{"role":"user","content":[{"type":"text","text":1}]}]}`, code: CodeBadRequest, param: "messages[0].content[0].text"},
		{name: "body", rule: "req.body.metadata.a == 1", body: `{"model":"big","messages":[],"metadata":{"a":1,"a":2}}`, code: CodeBadRequest, param: "metadata.a"},
		{name: "answer", phase: vars.PhaseResponse, rule: "ai.response.text == ''", body: `{"model":"big","messages":[]}`, reply: `{"choices":{"a":1}}`, code: CodeUpstreamFailed},
		{name: "answer's body", phase: vars.PhaseResponse, rule: "res.body.a == 1", body: `{"model":"big","messages":[]}`, reply: `{"choices":[],"a":{"b":1,"b":2}}`, code: CodeUpstreamFailed},
		{name: "unread", rule: "req.method == 'GET'", body: `{"model":"big","messages":[{"role":7}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			handler := ok
			if tt.reply != "" {
				handler = answer(200, tt.reply)
			}
			f := newFixture(t, newFakeProvider(t, handler), nil)
			cfg := PlanConfig{Name: "test", Routes: []RouteConfig{{}}}
			phase := vars.PhaseRequest
			if tt.phase != 0 {
				phase = tt.phase
			}
			rule := Rule{Name: "r", When: f.predicate(t, phase, tt.rule)}
			if phase == vars.PhaseResponse {
				cfg.OnResponse = []Rule{rule}
			} else {
				cfg.OnRequest = []Rule{rule}
			}
			_, err := run(t, f.plan(t, cfg), chat(tt.body))
			if tt.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if e := wantCode(t, err, tt.code); e.Param != tt.param {
				t.Errorf("got param %q, want %q", e.Param, tt.param)
			}
		})
	}
}

func TestDerivedOnce(t *testing.T) {
	x := chat(`{"messages":[{"role":"user","content":"a"}]}`)
	first := x.conversation()
	if second := x.conversation(); first != second || len(first.Messages) != 1 {
		t.Fatalf("got %p and %p, want one conversation of one message", first, second)
	}
	if err := x.ReplaceBody([]byte(`{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}`)); err != nil {
		t.Fatal(err)
	}
	if got := len(x.messageList()); got != 2 {
		t.Errorf("got %d messages after the body was replaced, want 2", got)
	}
	x.Reset()
	x.Loader = bodyOf(`{"messages":[]}`)
	x.Request.API = wire.OpenAIChat
	if got := len(x.messageList()); got != 0 {
		t.Errorf("got %d messages in the next exchange, want 0", got)
	}
}

func TestCost(t *testing.T) {
	price := func(f float64) *float64 { return &f }
	tests := []struct {
		name                string
		usage               wire.Usage
		in, out, read, make *float64
		want                string
	}{
		{name: "all", usage: wire.Usage{Input: 1000, CacheRead: 200, CacheWrite: 300, Output: 10, Known: true}, in: price(2), out: price(8), read: price(1), make: price(4), want: "0.00248"},
		{name: "cache by the input's price", usage: wire.Usage{Input: 1000, CacheRead: 200, Known: true}, in: price(2), out: price(8), want: "0.002"},
		{name: "free", usage: wire.Usage{Input: 1000, Output: 1, Known: true}, in: price(0), out: price(0), want: "0"},
		{name: "unknown usage", in: price(2), out: price(8), want: "none"},
		{name: "unknown price", usage: wire.Usage{Input: 1, Known: true}, want: "none"},
		{name: "unknown price of what was used", usage: wire.Usage{Input: 1, Output: 1, Known: true}, in: price(2), want: "none"},
	}
	for _, tt := range tests {
		x := NewExchange()
		x.usage, x.chosen = tt.usage, &model{}
		p := &x.chosen.cat.Pricing
		p.Input, p.Output, p.CacheRead, p.CacheWrite = tt.in, tt.out, tt.read, tt.make
		got := "none"
		if usd, known := x.cost(); known {
			got = fmt.Sprintf("%.9g", usd)
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestUserAgents(t *testing.T) {
	tests := []struct{ agent, want string }{
		{"OpenAI/Python 1.68.2", "OpenAI/Python 1.68.2"},
		{"Anthropic/JS 0.70.0", "Anthropic/JS 0.70.0"},
		{"google-genai-sdk/1.2.0 gl-python/3.12", "google-genai-sdk 1.2.0"},
		{"curl/8.5.0", "curl 8.5.0"},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot 2.1 http://www.google.com/bot.html bot"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36", "Chrome 120.0.0.0 Windows 10.0 desktop"},
		{"Mozilla/5.0 (iPad; CPU OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1", "Safari 17.2 iOS 17.2 iPad tablet"},
		{"", ""},
	}
	for _, tt := range tests {
		x := NewExchange()
		x.Request.Headers.Add("User-Agent", tt.agent)
		a := x.userAgent()
		parts := []string{a.Name, a.Version, a.OS, a.OSVersion, a.Device, a.URL}
		for is, name := range map[string]bool{"mobile": a.Mobile, "tablet": a.Tablet, "desktop": a.Desktop, "bot": a.Bot} {
			if name {
				parts = append(parts, is)
			}
		}
		if got := strings.Join(strings.Fields(strings.Join(parts, " ")), " "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.agent, got, tt.want)
		}
	}
}

func BenchmarkUserAgent(b *testing.B) {
	for name, agent := range map[string]string{
		"sdk": "OpenAI/Python 1.68.2", "semicolons": strings.Repeat(";", maxAgent), "parens": strings.Repeat("(a;", maxAgent/3),
		"words": strings.Repeat("a/1 ", maxAgent/4), "nested": "Mozilla/5.0 " + strings.Repeat("(", maxAgent),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x := Exchange{Request: Request{Headers: Headers{{"User-Agent", agent}}}}
				_ = x.userAgent()
			}
		})
	}
}

// FuzzUserAgent pins that no header makes the library that reads it panic.
func FuzzUserAgent(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64; rv:1) Gecko/1 Firefox/1 (compatible; bot/1; +http://a)")
	f.Add("(((;;)/ Android 9; Build/ Mobile")
	f.Fuzz(func(_ *testing.T, agent string) {
		x := NewExchange()
		x.Request.Headers.Add("User-Agent", agent)
		_ = x.userAgent()
	})
}

func TestJA4(t *testing.T) {
	tests := []struct {
		name  string
		hello tls.ClientHelloInfo
		want  string
	}{
		{name: "the published example", want: "t13d1516h2_8daaf6152771_e5627efa2ab1", hello: tls.ClientHelloInfo{
			CipherSuites: []uint16{0x5a5a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035},
			Extensions: []uint16{
				0xaaaa, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
			},
			SupportedVersions: []uint16{0xdada, tls.VersionTLS13, tls.VersionTLS12}, SupportedProtos: []string{"h2", "http/1.1"},
			SignatureSchemes: []tls.SignatureScheme{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601},
		}},
		{name: "nothing", want: "t00i000000_000000000000_000000000000"},
		{name: "an odd protocol", want: "t12i000022_000000000000_000000000000", hello: tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS12}, SupportedProtos: []string{"\x20a\x12"}}},
	}
	for _, tt := range tests {
		if got := JA4(&tt.hello); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
