package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/server"
)

const okBody = `{"model":"m",` + turn + `}`

// raw is one request as bytes. %d is where the mark of its row goes, as a header of its own.
type raw struct {
	name string
	text string
	want verdict
	// status is what the client must see where that matters; 0 = any that fits the verdict.
	status int
}

// head is a chat request with these fields beside host and content type.
func head(line, body string, fields ...string) string {
	fields = append([]string{line, "Host: localhost", "Content-Type: application/json", "X-Row: %d"}, fields...)
	return strings.Join(fields, "\r\n") + "\r\n\r\n" + body
}

const chatLine = "POST /v1/chat/completions HTTP/1.1"

func length(body string) string { return fmt.Sprintf("Content-Length: %d", len(body)) }

// chunked cuts a body into chunks of n bytes.
func chunked(body string, n int, trailers ...string) string {
	var b strings.Builder
	for body != "" {
		piece := body[:min(n, len(body))]
		body = body[len(piece):]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
	}
	b.WriteString("0\r\n")
	for _, t := range trailers {
		b.WriteString(t + "\r\n")
	}
	return b.String() + "\r\n"
}

func framings() []raw {
	const te = "Transfer-Encoding: chunked"
	return []raw{
		{"a length", head(chatLine, okBody, length(okBody)), served, 200},
		{"chunks", head(chatLine, chunked(okBody, 7), te), served, 200},
		{"chunks with extensions", head(chatLine, strings.Replace(chunked(okBody, 1000), "\r\n", ";a=b\r\n", 1), te), either, 0},
		{"chunked in capitals", head(chatLine, chunked(okBody, 1000), "Transfer-Encoding: CHUNKED"), served, 200},
		{"a length and chunks", head(chatLine, chunked(okBody, 1000), length(okBody), te), refused, 400},
		{"chunks and a length", head(chatLine, chunked(okBody, 1000), te, "Content-Length: 5"), refused, 400},
		{"chunks and a length of nothing", head(chatLine, chunked(okBody, 1000), te, "Content-Length: 0"), refused, 400},
		{"two lengths, the same", head(chatLine, okBody, length(okBody), length(okBody)), refused, 400},
		{"two lengths", head(chatLine, okBody, length(okBody), "Content-Length: 5"), refused, 400},
		{"two lengths in a list", head(chatLine, okBody, "Content-Length: 5, 5"), refused, 400},
		{"a length with a plus", head(chatLine, okBody, fmt.Sprintf("Content-Length: +%d", len(okBody))), refused, 400},
		{"a length below nothing", head(chatLine, okBody, "Content-Length: -1"), refused, 400},
		{"a hexadecimal length", head(chatLine, okBody, "Content-Length: 0x30"), refused, 400},
		{"a length out of range", head(chatLine, okBody, "Content-Length: 99999999999999999999"), refused, 400},
		{"an empty length", head(chatLine, okBody, "Content-Length: "), refused, 400},
		{"no length at all", head(chatLine, okBody), refused, 400},
		{"chunked twice", head(chatLine, chunked(okBody, 1000), te, te), refused, 400},
		{"chunked twice in a list", head(chatLine, chunked(okBody, 1000), "Transfer-Encoding: chunked, chunked"), refused, 400},
		{"gzip and chunked", head(chatLine, chunked(okBody, 1000), "Transfer-Encoding: gzip, chunked"), refused, 400},
		{"identity", head(chatLine, okBody, "Transfer-Encoding: identity", length(okBody)), refused, 400},
		{"another coding", head(chatLine, chunked(okBody, 1000), "Transfer-Encoding: xchunked"), refused, 400},
		{"a coding behind a vertical tab", head(chatLine, chunked(okBody, 1000), "Transfer-Encoding:\vchunked"), refused, 400},
		{"an empty coding", head(chatLine, okBody, "Transfer-Encoding: ", length(okBody)), refused, 400},
		{"trailers", head(chatLine, chunked(okBody, 1000, "X-Late: 1"), te), refused, 400},
		{"a trailer that is a length", head(chatLine, chunked(okBody, 1000, "Content-Length: 5"), te), refused, 400},
		{"announced trailers", head(chatLine, chunked(okBody, 1000), te, "Trailer: X-Late"), refused, 400},
		{"a chunk of no size", head(chatLine, "\r\n"+okBody+"\r\n0\r\n\r\n", te), refused, 400},
		{"a chunk of a size below nothing", head(chatLine, "-5\r\n"+okBody+"\r\n0\r\n\r\n", te), refused, 400},
		{"a chunk of a size out of range", head(chatLine, "fffffffffffffffff\r\n"+okBody+"\r\n0\r\n\r\n", te), refused, 0},
		{"a chunk of a hexadecimal size with a prefix", head(chatLine, fmt.Sprintf("0x%x\r\n%s\r\n0\r\n\r\n", len(okBody), okBody), te), refused, 400},
		{"a chunk longer than it says", head(chatLine, "3\r\n"+okBody+"\r\n0\r\n\r\n", te), refused, 400},
		{"chunks that end in LF", head(chatLine, strings.ReplaceAll(chunked(okBody, 1000), "\r\n", "\n"), te), refused, 400},
		{"lines that end in LF", strings.ReplaceAll(head(chatLine, okBody, length(okBody)), "\r\n", "\n"), refused, 0},
		{"a folded field", head(chatLine, okBody, length(okBody), "X-A: 1\r\n 2"), refused, 400},
		{"a folded first field", strings.Replace(head(chatLine, okBody, length(okBody)), "Host:", " Host:", 1), refused, 400},
		{"a space before the colon", head(chatLine, okBody, fmt.Sprintf("Content-Length : %d", len(okBody))), refused, 400},
		{"a NUL in a value", head(chatLine, okBody, length(okBody), "X-A: a\x00b"), refused, 400},
		{"a CR in a value", head(chatLine, okBody, length(okBody), "X-A: a\rb"), refused, 400},
		{"a field without a name", head(chatLine, okBody, length(okBody), ": x"), refused, 400},
		{"a field without a colon", head(chatLine, okBody, length(okBody), "x"), refused, 400},
		{"a name with a bracket", head(chatLine, okBody, length(okBody), "X(A): 1"), refused, 400},
		{"a name with a NUL", head(chatLine, okBody, length(okBody), "X\x00A: 1"), refused, 400},
		{"two content types", head(chatLine, okBody, length(okBody), "Content-Type: text/plain"), refused, 400},
		{"two hosts", head(chatLine, okBody, length(okBody), "Host: localhost"), refused, 400},
		{"no host", strings.Replace(head(chatLine, okBody, length(okBody)), "Host: localhost\r\n", "", 1), refused, 400},
		{"an empty host", strings.Replace(head(chatLine, okBody, length(okBody)), "Host: localhost", "Host:", 1), refused, 400},
		{"a host with a user", strings.Replace(head(chatLine, okBody, length(okBody)), "localhost", "a@localhost", 1), refused, 400},
		{"a host with a path", strings.Replace(head(chatLine, okBody, length(okBody)), "localhost", "localhost/x", 1), refused, 400},
		{"two credentials", head(chatLine, okBody, length(okBody), "Authorization: Bearer a", "X-Api-Key: b"), refused, 400},
		{"one credential twice", head(chatLine, okBody, length(okBody), "Authorization: Bearer a", "X-Api-Key: a"), served, 200},
		{"two authorizations", head(chatLine, okBody, length(okBody), "Authorization: Bearer a", "authorization: Bearer b"), refused, 400},
		{"an expectation that is unknown", head(chatLine, okBody, length(okBody), "Expect: 200-ok"), refused, 417},
	}
}

func targets() []raw {
	at := func(target string) string { return head("POST "+target+" HTTP/1.1", okBody, length(okBody)) }
	return []raw{
		{"the absolute form", at("http://localhost/v1/chat/completions"), served, 200},
		{"the absolute form of another host", at("http://elsewhere/v1/chat/completions"), refused, 400},
		{"the absolute form with a user", at("http://a@localhost/v1/chat/completions"), refused, 400},
		{"the absolute form without a path", at("http://localhost"), refused, 400},
		{"the authority form", at("localhost:80"), refused, 400},
		{"the asterisk", at("*"), refused, 0},
		{"no slash", at("v1/chat/completions"), refused, 400},
		{"two slashes", at("//v1/chat/completions"), refused, 400},
		{"two slashes inside", at("/v1//chat/completions"), refused, 400},
		{"a slash behind", at("/v1/chat/completions/"), refused, 0},
		{"an encoded slash", at("/v1%2Fchat/completions"), refused, 400},
		{"an encoded slash in small letters", at("/v1/chat%2fcompletions"), refused, 400},
		{"a slash that is encoded twice", at("/v1/chat%252fcompletions"), refused, 404},
		{"an encoded letter", at("/v1/%63hat/completions"), served, 200},
		{"a dot segment", at("/v1/./chat/completions"), refused, 400},
		{"two dots", at("/v1/x/../chat/completions"), refused, 400},
		{"encoded dots", at("/v1/x/%2e%2E/chat/completions"), refused, 400},
		{"a backslash", at(`/v1\chat/completions`), refused, 400},
		{"an encoded backslash", at("/v1%5Cchat/completions"), refused, 400},
		{"an encoded NUL", at("/v1/chat/completions%00"), refused, 400},
		{"an encoded line break", at("/v1/chat/completions%0d%0aX:1"), refused, 400},
		{"a bad escape", at("/v1/chat/completions%zz"), refused, 400},
		{"a short escape", at("/v1/chat/completions%2"), refused, 400},
		{"bytes that are not UTF-8", at("/v1/chat/completions%ff"), refused, 400},
		{"a fragment", at("/v1/chat/completions#x"), refused, 400},
		{"another case", at("/V1/Chat/Completions"), refused, 404},
		{"a parameter of the path", at("/v1/chat/completions;x=1"), refused, 404},
		{"a query", at("/v1/chat/completions?a=1"), served, 200},
		{"a key in the query beside another", strings.Replace(at("/v1/chat/completions?key=a"), "X-Row", "X-Api-Key: b\r\nX-Row", 1), refused, 400},
		{"HTTP/1.0", strings.Replace(at("/v1/chat/completions"), "HTTP/1.1", "HTTP/1.0", 1), served, 200},
		{"HTTP/1.2", strings.Replace(at("/v1/chat/completions"), "HTTP/1.1", "HTTP/1.2", 1), refused, 400},
		{"HTTP/2.0", strings.Replace(at("/v1/chat/completions"), "HTTP/1.1", "HTTP/2.0", 1), refused, 400},
		{"HTTP/0.9", strings.Replace(at("/v1/chat/completions"), "HTTP/1.1", "HTTP/0.9", 1), refused, 400},
		{"no version", strings.Replace(at("/v1/chat/completions"), " HTTP/1.1", "", 1), refused, 400},
		{"a small version", strings.Replace(at("/v1/chat/completions"), "HTTP/1.1", "http/1.1", 1), refused, 400},
		{"a method in small letters", strings.Replace(at("/v1/chat/completions"), "POST", "post", 1), refused, 405},
		{"another method", strings.Replace(at("/v1/chat/completions"), "POST", "PUT", 1), refused, 405},
		{"another method in a field", strings.Replace(at("/v1/models"), "X-Row", "X-HTTP-Method-Override: GET\r\nX-Row", 1), refused, 405},
	}
}

func TestRequestsThatServersCouldReadDifferently(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][]raw{
		"framing": framings(), "target": targets(), "content type": contentTypes(), "content encoding": encodings(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{
				policy: differentialPolicy, sims: map[string]string{"alpha": ""},
				config: func(c *server.Config) { c.Limits.BodyTimeout, c.Limits.HeaderTimeout = short, short },
			})
			for i, r := range rows {
				t.Run(r.name, func(t *testing.T) { r.run(t, w, i) })
			}
		})
	}
}

func (r *raw) run(t *testing.T, w *world, i int) {
	t.Helper()
	a := w.send(t, strings.Replace(r.text, "X-Row: %d", fmt.Sprintf("X-Row: %d", i), 1))
	sent := w.row(i)
	ok := wantVerdict(t, r.want, a, sent)
	if r.status != 0 && a.status != r.status {
		t.Errorf("got status %d, want %d: %s", a.status, r.status, a)
	}
	if !ok {
		return
	}
	// What arrives is framed by Weir, whatever the client's framing was.
	c := &sent[0]
	if got := string(c.Body); got != okBody {
		t.Errorf("got body %s, want %s", got, okBody)
	}
	if c.Path != "/v1/chat/completions" {
		t.Errorf("got path %s", c.Path)
	}
	for _, field := range []string{"Transfer-Encoding", "Content-Encoding", "Expect", "Authorization", "X-Api-Key"} {
		if got := c.Header(field); got != "" {
			t.Errorf("got %s %q upstream, want none", field, got)
		}
	}
	if got := c.Header("Content-Length"); got != strconv.Itoa(len(okBody)) {
		t.Errorf("got content-length %s upstream, want %d", got, len(okBody))
	}
	if a.status == http.StatusOK && strings.Contains(r.text, "HTTP/1.0") && a.header.Get("Transfer-Encoding") != "" {
		t.Error("a client of HTTP/1.0 got chunks")
	}
}

// TestPipelining: answers come in the order of the requests, and what follows a refused head is no request.
func TestPipelining(t *testing.T) {
	t.Parallel()
	ask := func(i int, text string) string {
		return post("/v1/chat/completions", fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":%q}]}`, text), fmt.Sprintf("X-Row: %d", i))
	}
	tests := []struct {
		name  string
		text  string
		want  []string // what each answer holds
		calls int
	}{
		{"three at once", ask(1, "first") + ask(2, "second") + ask(3, "third"), []string{"sim: first", "sim: second", "sim: third"}, 3},
		{
			"a refusal that leaves the framing clear",
			post("/v1/chat/completions", `{"model":"nobody",`+turn+`}`) + ask(2, "second"),
			[]string{"nobody", "sim: second"},
			1,
		},
		{"a length and chunks before another", head(chatLine, chunked(okBody, 1000), length(okBody), "Transfer-Encoding: chunked") + ask(2, "second"), []string{"transfer-encoding"}, 0},
		{"trailers before another", head(chatLine, chunked(okBody, 1000, "X: 1"), "Transfer-Encoding: chunked") + ask(2, "second"), []string{"trailers"}, 0},
		{"two lengths before another", head(chatLine, okBody, length(okBody), "Content-Length: 0") + ask(2, "second"), []string{"bad_request"}, 0},
		{"a body that nobody asked for", get("/v1/models", "Content-Length: 4") + "GET " + ask(2, "second"), []string{`"object":"list"`, "sim: second"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{policy: differentialPolicy, sims: map[string]string{"alpha": ""}})
			c := w.dial(t)
			if _, err := io.WriteString(c, tt.text); err != nil {
				t.Fatal(err)
			}
			from := bufio.NewReader(c)
			for _, want := range tt.want {
				a, err := readAnswer(from, http.MethodPost)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(a.body), want) {
					t.Errorf("got %s, want %q in it", a, want)
				}
			}
			if len(tt.want) == 1 {
				if _, err := from.ReadByte(); err == nil {
					t.Error("the connection goes on after a refused head")
				}
			}
			if got := len(w.calls()); got != tt.calls {
				t.Errorf("got %d calls, want %d", got, tt.calls)
			}
		})
	}
}

// TestExpectContinue: the body is asked for only once the rules on headers have let the request in.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		fields []string
		status int
		asked  bool
	}{
		{"let in", nil, http.StatusOK, true},
		{"refused by a rule on headers", []string{"X-Deny: 1"}, http.StatusForbidden, false},
		{"of another type", []string{"Content-Encoding: rot13"}, http.StatusUnsupportedMediaType, false},
		{"with two credentials", []string{"X-Api-Key: a", "Api-Key: b"}, http.StatusBadRequest, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{policy: differentialPolicy, sims: map[string]string{"alpha": ""}})
			c := w.dial(t)
			fields := append([]string{length(okBody), "Expect: 100-continue"}, tt.fields...)
			if _, err := io.WriteString(c, strings.Replace(head(chatLine, "", fields...), "%d", "1", 1)); err != nil {
				t.Fatal(err)
			}
			from := bufio.NewReader(c)
			if tt.asked {
				line, err := from.ReadString('\n')
				if err != nil || line != "HTTP/1.1 100 Continue\r\n" {
					t.Fatalf("got %q and %v, want 100", line, err)
				}
				if _, err := from.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(c, okBody); err != nil {
					t.Fatal(err)
				}
			} else if begin, err := from.Peek(12); err != nil || strings.HasSuffix(string(begin), "100") {
				t.Fatalf("got %q and %v, want a refusal", begin, err)
			}
			a, err := readAnswer(from, http.MethodPost)
			if err != nil {
				t.Fatal(err)
			}
			if a.status != tt.status {
				t.Errorf("got %s, want status %d", a, tt.status)
			}
		})
	}
}

// TestStreamsForHTTP10: the end of the connection is the end of the answer, and a broken one is a reset.
func TestStreamsForHTTP10(t *testing.T) {
	t.Parallel()
	for _, broken := range []bool{false, true} {
		t.Run(fmt.Sprintf("broken %t", broken), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{policy: differentialPolicy, sims: map[string]string{"alpha": ""}})
			if broken {
				w.sims["alpha"].SetScript(script(t, "-> say=a b c d;pace=10ms;cut-after=2"))
			}
			m := manner{chatDialect(), true}
			c := w.dial(t)
			if _, err := io.WriteString(c, strings.Replace(m.request("m", "hi"), "HTTP/1.1", "HTTP/1.0", 1)); err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(c)
			if clean := err == nil; clean == broken {
				t.Errorf("got %v at the end of %s", err, got)
			}
			if !broken && (strings.Contains(string(got), "ransfer-") || !strings.HasSuffix(string(got), "data: [DONE]\n\n")) {
				t.Errorf("got %s, want a stream without chunks to its end", got)
			}
		})
	}
}
