package access

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOpenModeIsNeverInferred starts gateways that know no key: they let nobody in, but where weir.yaml says so on loopback.
func TestOpenModeIsNeverInferred(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	for _, header := range []map[string]string{nil, bearer("wr-x"), bearer("sk-whatever-0123456789"), {"X-Api-Key": "anything"}} {
		g.send(call{header: header}).want(t, http.StatusUnauthorized)
	}
	g.send(call{path: "/v1/models"}).want(t, http.StatusUnauthorized)
	id, token := g.key("only", "")
	g.send(call{header: bearer(token)}).want(t, http.StatusOK)
	g.must(http.MethodDelete, "/access-keys/"+id, "", http.StatusNoContent)
	g.send(call{header: bearer(token)}).want(t, http.StatusUnauthorized)
	g.send(call{}).want(t, http.StatusUnauthorized)
	if len(f.vendor.Calls()) != 1 {
		t.Errorf("the vendor got %d calls, want one", len(f.vendor.Calls()))
	}

	start := func(config string) (string, error) {
		path := filepath.Join(t.TempDir(), "weir.yaml")
		write(t, path, strings.ReplaceAll(config, "FOLDER", t.TempDir()))
		cmd := exec.CommandContext(t.Context(), binary(t), "serve", f.policy, "--config", path)
		cmd.Env = append(cmd.Environ(), f.env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := start("open: true\nlisteners: [{address: '0.0.0.0:0'}]\nadmin: {address: '127.0.0.1:0'}\n"); err == nil || !strings.Contains(out, "loopback") {
		t.Errorf("open beyond loopback: got %v: %s", err, out)
	}
	if out, err := start("open: false\nlisteners: [{address: '127.0.0.1:0'}]\nadmin: {address: '127.0.0.1:0'}\naccess: {enabled: 'off'}\n"); err == nil {
		t.Errorf("neither keys nor open: got %s", out)
	}
}

// TestKeyGoesBeforeTheBody sends the head of a request and no body: who has no valid key is told so at once, and who has one
// is asked for the body.
func TestKeyGoesBeforeTheBody(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	_, token := g.key("ada", "")
	at, err := url.Parse(g.url)
	if err != nil {
		t.Fatal(err)
	}
	head := func(t *testing.T, token, more, begun string) (*bufio.Reader, net.Conn) {
		t.Helper()
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() }) // the gateway may have been faster
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n%s\r\n%s", at.Host, token, more, begun); err != nil {
			t.Fatal(err)
		}
		return bufio.NewReader(conn), conn
	}
	length := fmt.Sprintf("Content-Length: %d\r\n", len(freeCall))
	for _, tt := range []struct{ name, more, begun string }{
		{"asked for 100", length + "Expect: 100-continue\r\n", ""},
		{"slow", length, freeCall[:5]},
		{"slow in chunks", "Transfer-Encoding: chunked\r\n", "5\r\n" + freeCall[:5] + "\r\n"},
		{"far too long", "Content-Length: 99999999999\r\n", "{"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := head(t, "wr-wrong", tt.more, tt.begun)
			line, err := r.ReadString('\n')
			if err != nil || !strings.Contains(line, " 401 ") {
				t.Errorf("got %q, %v; want 401 before the body", line, err)
			}
		})
	}
	r, conn := head(t, token, length+"Expect: 100-continue\r\n", "")
	line, err := r.ReadString('\n')
	if err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("got %q, %v; want 100", line, err)
	}
	if _, err := io.WriteString(conn, freeCall); err != nil {
		t.Fatal(err)
	}
	_, _ = r.ReadString('\n') // the empty line behind 100
	if line, err = r.ReadString('\n'); err != nil || !strings.Contains(line, " 200 ") {
		t.Errorf("got %q, %v; want 200", line, err)
	}
}

// TestTokensGoToNobodyInOpenMode sends a token to a gateway that is open, for a provider that it has no key of: clients may
// bring that provider's key, and a token of the gateway's is none.
func TestTokensGoToNobodyInOpenMode(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	f.shell = `printf 'open: true\n' >> "$4"; exec "$0" "$@"` // the fourth argument is weir.yaml
	write(t, f.policy, fmt.Sprintf("providers: [{id: openai, base_url: '%s/v1'}]\n", f.vendor.url))
	g := f.start("")
	_, token := g.key("ada", "")
	ask := func(token string) reply {
		return g.send(call{body: `{"model": "openai:gpt-5", "messages": [{"role": "user", "content": "x"}]}`, header: bearer(token)})
	}
	ask("sk-own-openai-key-0001").want(t, http.StatusOK)
	f.vendor.Reset()
	ask(token).want(t, http.StatusBadRequest, "key")
	if n := len(f.vendor.Calls()); n != 0 {
		t.Errorf("the vendor got %d calls, want none", n)
	}
}
