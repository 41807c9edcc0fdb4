package server

import (
	"strings"
	"testing"

	"weir/engine"
)

const chat = `{"model":"m","messages":[]}`

func TestHeadIsReadOneWay(t *testing.T) {
	t.Parallel()
	g := start(t, testConfig(), echo)
	tests := []struct {
		name, send string
		status     string
		open       bool // the connection is kept
	}{
		{name: "plain", send: post(chat, "connection: close"), status: "200"},
		{name: "chunked", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"mod\r\n16\r\nel\":\"m\",\"messages\":[]}\r\n0\r\n\r\n", status: "200"},
		{name: "content-length with transfer-encoding", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", status: "400"},
		{name: "transfer-encoding then content-length", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", status: "400"},
		{name: "transfer-encoding gzip, chunked", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", status: "400"},
		{name: "transfer-encoding identity", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: identity\r\n\r\n", status: "400"},
		{name: "transfer-encoding with a tab", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\x0b\r\n\r\n0\r\n\r\n", status: "400"},
		{name: "transfer-encoding twice", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", status: "400"},
		{name: "transfer-encoding on HTTP/1.0", send: "POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", status: "400"},
		{name: "two content-lengths", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}", status: "400"},
		{name: "the same content-length twice", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}", status: "400"},
		{name: "list of content-lengths", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2, 2\r\n\r\n{}", status: "400"},
		{name: "signed content-length", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: +2\r\n\r\n{}", status: "400"},
		{name: "trailer announced", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ntrailer: x-a\r\n\r\n0\r\n\r\n", status: "400"},
		{name: "trailer not announced", send: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1b\r\n" + chat + "\r\n0\r\nx-a: b\r\n\r\n", status: "400"},
		{name: "absolute target of this host", send: "GET http://localhost/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", status: "200"},
		{name: "absolute target of another host", send: "GET http://other/ HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "absolute target with user", send: "GET http://a@localhost/ HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "user in host", send: "GET / HTTP/1.1\r\nhost: a@localhost\r\n\r\n", status: "400"},
		{name: "no host", send: "GET / HTTP/1.1\r\naccept: */*\r\n\r\n", status: "400"},
		{name: "two hosts", send: "GET / HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "no host on HTTP/1.0", send: "GET / HTTP/1.0\r\n\r\n", status: "200"},
		{name: "dot segment", send: "GET /v1/../v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "encoded dot segment", send: "GET /v1/%2e%2E/models HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "single dot", send: "GET /v1/./models HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "backslash", send: "GET /v1\\models HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "encoded backslash", send: "GET /v1/%5cmodels HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "encoded slash", send: "GET /v1/models/a%2Fb HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "encoded NUL", send: "GET /v1/models/a%00b HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "encoded line feed", send: "GET /v1/models/a%0ab HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "broken escape", send: "GET /v1/models/a%2 HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "not UTF-8", send: "GET /v1/models/a%ff HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "empty segment", send: "GET /v1//models HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "fragment", send: "GET /v1/models#a HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "raw NUL in the path", send: "GET /v1/mo\x00dels HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "folded header", send: "GET / HTTP/1.1\r\nhost: localhost\r\nx-a: b\r\n c\r\n\r\n", status: "400"},
		{name: "first header folded", send: "GET / HTTP/1.1\r\n host: localhost\r\n\r\n", status: "400"},
		{name: "space before the colon", send: "GET / HTTP/1.1\r\nhost : localhost\r\n\r\n", status: "400"},
		{name: "space in a name", send: "GET / HTTP/1.1\r\nhost: localhost\r\nx a: b\r\n\r\n", status: "400"},
		{name: "NUL in a value", send: "GET / HTTP/1.1\r\nhost: localhost\r\nx-a: b\x00c\r\n\r\n", status: "400"},
		{name: "carriage return in a value", send: "GET / HTTP/1.1\r\nhost: localhost\r\nx-a: b\rc\r\n\r\n", status: "400"},
		{name: "bare line feed", send: "GET / HTTP/1.1\r\nhost: localhost\nx-a: b\r\n\r\n", status: "400"},
		{name: "block ends in bare line feeds", send: "GET / HTTP/1.1\r\nhost: localhost\n\n\r\n\r\n", status: "400"},
		{name: "no colon", send: "GET / HTTP/1.1\r\nhost: localhost\r\nx-a\r\n\r\n", status: "400"},
		{name: "no method", send: " / HTTP/1.1\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "HTTP/2.0", send: "GET / HTTP/2.0\r\nhost: localhost\r\n\r\n", status: "400"},
		{name: "odd expectation", send: "GET / HTTP/1.1\r\nhost: localhost\r\nexpect: tea\r\n\r\n", status: "417"},
		{name: "content-type twice", send: post(chat, "content-type: application/json", "content-type: text/plain"), status: "400"},
		{name: "two credentials", send: post(chat, "authorization: Bearer a", "x-api-key: b", "connection: close"), status: "400"},
		{name: "two authorizations", send: post(chat, "authorization: Bearer a", "authorization: Bearer b", "connection: close"), status: "400"},
		{name: "one credential twice", send: post(chat, "authorization: Bearer a", "x-api-key: a", "connection: close"), status: "200"},
		{name: "key in the query", send: strings.Replace(post(chat, "authorization: Bearer a", "connection: close"), "completions", "completions?key=b", 1), status: "400"},
		{name: "foreign host", send: "GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n", status: "403"},
		{name: "loopback address", send: "GET / HTTP/1.1\r\nhost: 127.0.0.1:80\r\nconnection: close\r\n\r\n", status: "200"},
		{name: "loopback address of version 6", send: "GET / HTTP/1.1\r\nhost: [::1]:80\r\nconnection: close\r\n\r\n", status: "200"},
		{name: "foreign origin", send: "GET / HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n\r\n", status: "403"},
		{name: "null origin", send: "GET / HTTP/1.1\r\nhost: localhost\r\norigin: null\r\n\r\n", status: "403"},
		{name: "own origin", send: "GET / HTTP/1.1\r\nhost: localhost:80\r\norigin: http://localhost:80\r\nconnection: close\r\n\r\n", status: "200"},
		{name: "large head", send: "GET / HTTP/1.1\r\nhost: localhost\r\nx-a: " + strings.Repeat("a", 17<<10) + "\r\n\r\n", status: "431"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := talk(t, g.addr, tt.send)
			line, _, _ := strings.Cut(got, "\r\n")
			if !strings.HasPrefix(line, "HTTP/1.1 "+tt.status+" ") {
				t.Fatalf("got %q, want status %s", got, tt.status)
			}
			if strings.Count(got, "x-request-id") != 1 {
				t.Errorf("got %q, want one answer", got)
			}
			if !strings.Contains(strings.ToLower(got), "connection: close") {
				t.Errorf("got %q, want connection: close", got)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	g := start(t, testConfig(), func(x *engine.Exchange) error {
		r := &x.Request
		x.Reply.Body = []byte(r.API.String() + " " + itoa(int(r.Operation)) + " " + r.StoredID + " " + r.PathModel +
			" " + itoa(int(r.Framing)))
		if r.PathStream {
			x.Reply.Body = append(x.Reply.Body, " stream"...)
		}
		x.Reply.Status = 200
		return nil
	})
	tests := []struct{ name, line, want string }{
		{"chat", "POST /v1/chat/completions", "openai.chat 0   0"},
		{"completions", "POST /v1/completions", "openai.completions 0   0"},
		{"embeddings", "POST /v1/embeddings", "openai.embeddings 0   0"},
		{"responses", "POST /v1/responses", "openai.responses 0   0"},
		{"response", "GET /v1/responses/resp_1", "openai.responses 1 resp_1  0"},
		{"response deleted", "DELETE /v1/responses/resp_1", "openai.responses 3 resp_1  0"},
		{"response cancelled", "POST /v1/responses/resp_1/cancel", "openai.responses 4 resp_1  0"},
		{"odd response", "GET /v1/responses/a;b", "404"},
		{"images", "POST /v1/images/generations", "openai.images 0   0"},
		{"speech", "POST /v1/audio/speech", "openai.speech 0   0"},
		{"transcriptions", "POST /v1/audio/transcriptions", "openai.transcriptions 0   0"},
		{"moderations", "POST /v1/moderations", "openai.moderations 0   0"},
		{"rerank", "POST /v1/rerank", "openai.rerank 0   0"},
		{"messages", "POST /v1/messages?beta=true", "anthropic.messages 0   0"},
		{"count_tokens", "POST /v1/messages/count_tokens", "anthropic.count_tokens 0   0"},
		{"generate", "POST /v1beta/models/gemini-2.0-flash:generateContent", "gemini.generate 0  gemini-2.0-flash 0"},
		{"generate under v1", "POST /v1/models/gemini-2.0-flash:generateContent", "gemini.generate 0  gemini-2.0-flash 0"},
		{"encoded colon", "POST /v1/models/gemini-2.0-flash%3AgenerateContent", "gemini.generate 0  gemini-2.0-flash 0"},
		{"model with provider", "POST /v1beta/models/openrouter:google/gemini:countTokens", "gemini.count_tokens 0  openrouter:google/gemini 0"},
		{"stream as array", "POST /v1beta/models/g:streamGenerateContent", "gemini.generate 0  g 1 stream"},
		{"stream as events", "POST /v1beta/models/g:streamGenerateContent?x=1&alt=sse", "gemini.generate 0  g 0 stream"},
		{"embed", "POST /v1beta/models/g:embedContent", "gemini.embed 0  g 0"},
		{"batch embed", "POST /v1beta/models/g:batchEmbedContents", "gemini.batch_embed 0  g 0"},
		{"models", "GET /v1/models", "models 2   0"},
		{"models of Gemini", "GET /v1beta/models", "models 2   0"},
		{"a model", "GET /v1/models/gpt-4o", "models 1 gpt-4o  0"},
		{"a model with slashes", "GET /v1/models/openrouter:anthropic/claude", "models 1 openrouter:anthropic/claude  0"},
		{"root", "GET /", `{"name":"weir","object":"gateway"}`},
		{"trailing slash", "POST /v1/chat/completions/", "404"},
		{"unknown", "POST /v1/unknown", "404"},
		{"unknown verb", "POST /v1beta/models/g:tune", "405"},
		{"wrong method", "GET /v1/chat/completions", "405"},
		{"delete models", "DELETE /v1/models", "405"},
		{"post root", "POST /", "405"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := talk(t, g.addr, tt.line+" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
			head, body, _ := strings.Cut(got, "\r\n\r\n")
			if len(tt.want) == 3 {
				if !strings.HasPrefix(head, "HTTP/1.1 "+tt.want) {
					t.Errorf("got %q, want status %s", got, tt.want)
				}
				if tt.want == "405" && !strings.Contains(head, "\r\nallow: ") {
					t.Errorf("got %q, want allow", got)
				}
				return
			}
			if body != tt.want {
				t.Errorf("got %q, want %q", body, tt.want)
			}
		})
	}
}
