package policytest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// answer is what the client got.
type answer struct {
	status  int
	proto   string
	headers http.Header
	body    []byte
	broken  error // why the body did not end as it should have, nil = it did
}

// String shows the answer in a transcript.
func (a *answer) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %s\n", a.proto, a.status, http.StatusText(a.status))
	_ = a.headers.Write(&b) // a builder takes everything
	const shown = 2 << 10   // enough for any error and the beginning of a stream
	fmt.Fprintf(&b, "\n%s", a.body[:min(len(a.body), shown)])
	if len(a.body) > shown {
		fmt.Fprintf(&b, "\n[%d bytes in all]", len(a.body))
	}
	if a.broken != nil {
		fmt.Fprintf(&b, "\n[the answer broke off: %v]", a.broken)
	}
	return b.String()
}

// request is a request file: its head as it is written, and its body.
type request struct {
	method string
	line   string
	fields []string
	body   string
}

// parseRequest reads a request file: a method and a path, header fields, an empty line, the body. The line break that ends
// a file of an archive is not part of the body.
func parseRequest(text string) (*request, error) {
	head, body, _ := strings.Cut(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n")
	line, rest, _ := strings.Cut(strings.TrimRight(head, "\n"), "\n")
	words := strings.Fields(line)
	if len(words) < 2 || len(words) > 3 || strings.ContainsAny(words[0], `{"':`) {
		return nil, errors.New("a request begins with a method and a path, such as POST /v1/chat/completions")
	}
	if len(words) == 2 {
		words = append(words, "HTTP/1.1")
	}
	r := &request{method: words[0], line: strings.Join(words, " "), body: strings.TrimSuffix(body, "\n")}
	if rest != "" {
		r.fields = strings.Split(rest, "\n")
	}
	for _, f := range r.fields {
		if !strings.Contains(f, ":") {
			return nil, fmt.Errorf("%q is not a header field; an empty line goes before the body", f)
		}
	}
	return r, nil
}

func (r *request) has(name string) bool { return len(r.values(name)) > 0 }

func (r *request) values(name string) []string {
	var values []string
	for _, f := range r.fields {
		if n, v, _ := strings.Cut(f, ":"); strings.EqualFold(strings.TrimSpace(n), name) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

// bytes is the request as it goes over the wire, with the fields that every client sends.
func (r *request) bytes(host string) []byte {
	fields := r.fields
	add := func(name, value string) {
		if !r.has(name) {
			fields = append(slices.Clip(fields), name+": "+value)
		}
	}
	add("Host", host)
	if r.body != "" {
		add("Content-Type", "application/json")
		if !r.has("Transfer-Encoding") {
			add("Content-Length", strconv.Itoa(len(r.body)))
		}
	}
	return []byte(r.line + "\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n" + r.body)
}

// credentials are the keys in the request, which the script may see again in calls.
func (r *request) credentials() []string {
	var keys []string
	for _, name := range []string{"authorization", "x-api-key", "x-goog-api-key", "api-key"} {
		for _, v := range r.values(name) {
			scheme, rest, ok := strings.Cut(v, " ")
			if ok && strings.EqualFold(scheme, "bearer") {
				v = strings.TrimSpace(rest)
			}
			keys = append(keys, v)
		}
	}
	return keys
}

// send sends a request on a connection of its own and reads the answer to its end. The body is then in the file body.
func (w *world) send(text string) error {
	if w.gateway == nil {
		return errNoPolicy
	}
	r, err := parseRequest(text)
	if err != nil {
		return err
	}
	w.last, w.sent = nil, r.credentials()
	w.markCalls()
	host := w.gateway.Addrs()[0]
	conn, from, err := r.deliver(host)
	if conn != nil {
		defer func() { _ = conn.Close() }() // the answer was read
	}
	if errors.Is(err, errNoAnswer) {
		w.last = &answer{broken: err}
	}
	if err != nil {
		return err
	}
	if w.last, err = readAnswer(from, r.method); err != nil {
		return err
	}
	body := w.last.body
	if !bytes.HasSuffix(body, []byte("\n")) {
		body = append(bytes.Clone(body), '\n') // as every file of an archive ends
	}
	if err := os.WriteFile(filepath.Join(w.dir, "body"), body, 0o600); err != nil {
		return fmt.Errorf("keeping the answer: %w", err)
	}
	if names := w.strays(); len(names) > 0 {
		return fmt.Errorf("the gateway called %s, which the script does not simulate: add provider %s",
			strings.Join(names, ", "), names[0])
	}
	return w.last.broken
}

// errNoAnswer says that the gateway closed the connection without a byte.
var errNoAnswer = errors.New("the connection was closed without an answer")

// deliver sends the request on a connection of its own and waits for the first byte of the answer.
func (r *request) deliver(host string) (net.Conn, *bufio.Reader, error) {
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.Dial("tcp", host)
	if err != nil {
		return nil, nil, unanswered(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return conn, nil, fmt.Errorf("calling the gateway: %w", err)
	}
	from := bufio.NewReader(conn)
	if _, err = conn.Write(r.bytes(host)); err == nil {
		_, err = from.Peek(1)
	}
	if err != nil {
		return conn, nil, unanswered(err)
	}
	return conn, from, nil
}

// unanswered tells a connection that was closed, or reset before it was there, from a gateway that cannot be called.
func unanswered(err error) error {
	for _, closed := range []error{io.EOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, closed) {
			return fmt.Errorf("%w: %w", errNoAnswer, err)
		}
	}
	return fmt.Errorf("calling the gateway: %w", err)
}

func readAnswer(from *bufio.Reader, method string) (*answer, error) {
	for {
		got, err := http.ReadResponse(from, &http.Request{Method: method})
		if err != nil {
			return nil, fmt.Errorf("reading the answer: %w", err)
		}
		if got.StatusCode < http.StatusOK {
			_ = got.Body.Close() // an interim answer has no body
			continue
		}
		a := &answer{status: got.StatusCode, proto: got.Proto, headers: got.Header}
		a.body, err = io.ReadAll(got.Body)
		if err != nil {
			a.broken = fmt.Errorf("reading the answer to its end: %w", err)
		}
		_ = got.Body.Close() // it was read
		return a, nil
	}
}
