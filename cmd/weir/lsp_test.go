package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// editorProcess is weir lsp with the two ends that an editor holds.
type editorProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	next int
}

func startLSP(t *testing.T) *editorProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0], "lsp", "--stdio")
	cmd.Env = append(os.Environ(), asMain+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &editorProcess{t: t, cmd: cmd, in: in, out: bufio.NewReader(out)}
}

// message is one JSON-RPC message as far as these tests look at it.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
}

func (p *editorProcess) send(id int, method, params string) {
	p.t.Helper()
	text := fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, method, params)
	if id > 0 {
		text = fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params)
	}
	if _, err := fmt.Fprintf(p.in, "Content-Length: %d\r\n\r\n%s", len(text), text); err != nil {
		p.t.Fatal(err)
	}
}

// receive reads up to the message that want accepts.
func (p *editorProcess) receive(want func(*message) bool) *message {
	p.t.Helper()
	for {
		size := 0
		for {
			line, err := p.out.ReadString('\n')
			if err != nil {
				p.t.Fatalf("reading a message: %v", err)
			}
			line = strings.TrimSpace(line)
			if line == "" {
				break
			}
			if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
				if size, err = strconv.Atoi(v); err != nil {
					p.t.Fatal(err)
				}
			}
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(p.out, body); err != nil {
			p.t.Fatal(err)
		}
		m := &message{}
		if err := json.Unmarshal(body, m); err != nil {
			p.t.Fatalf("got %q, want a message: %v", body, err)
		}
		if want(m) {
			return m
		}
	}
}

func (p *editorProcess) ask(method, params string) string {
	p.t.Helper()
	p.next++
	p.send(p.next, method, params)
	return string(p.receive(func(m *message) bool { return m.ID == p.next && m.Method == "" }).Result)
}

func (p *editorProcess) diagnostics() string {
	p.t.Helper()
	return string(p.receive(func(m *message) bool { return m.Method == "textDocument/publishDiagnostics" }).Params)
}

// status waits for the end of the process.
func (p *editorProcess) status() int {
	p.t.Helper()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func TestLSP(t *testing.T) {
	p := startLSP(t)
	if got := p.ask("initialize", `{"capabilities": {}}`); !strings.Contains(got, `"completionProvider"`) {
		t.Errorf("got %s, want what the server can do", got)
	}
	p.send(0, "initialized", "{}")
	open := `{"textDocument": {"uri": "file:///work/policy.yaml", "languageId": "yaml", "version": 1, "text": %q}}`
	p.send(0, "textDocument/didOpen", fmt.Sprintf(open, "on_request:\n  - type: denny\n"))
	got := p.diagnostics()
	for _, want := range []string{`"range":{"start":{"line":1,"character":10},"end":{"line":1,"character":15}}`, `"code":"unknown_action"`, `did you mean \"deny\"?`} {
		if !strings.Contains(got, want) {
			t.Errorf("got diagnostics %s, want %s", got, want)
		}
	}
	got = p.ask("textDocument/completion", `{"textDocument": {"uri": "file:///work/policy.yaml"}, "position": {"line": 1, "character": 12}}`)
	if !strings.Contains(got, `"label":"deny"`) || !strings.Contains(got, `"label":"ai-gateway"`) {
		t.Errorf("got completion %s, want the actions", got)
	}
	p.send(0, "textDocument/didChange", `{"textDocument": {"uri": "file:///work/policy.yaml", "version": 2}, "contentChanges": [{"text": "on_request:\n  - type: deny\n"}]}`)
	if got := p.diagnostics(); !strings.Contains(got, `"diagnostics":[]`) {
		t.Errorf("got diagnostics %s, want none", got)
	}
	if got := p.ask("shutdown", "null"); got != "null" {
		t.Errorf("got %s, want null", got)
	}
	p.send(0, "exit", "null")
	if got := p.status(); got != 0 {
		t.Errorf("got status %d, want 0", got)
	}
}

func TestLSPWithoutShutdown(t *testing.T) {
	p := startLSP(t)
	p.ask("initialize", `{"capabilities": {}}`)
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	if got := p.status(); got != 1 {
		t.Errorf("got status %d, want 1", got)
	}
}
