package editor

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sourcegraph/jsonrpc2"
	"go.uber.org/goleak"

	"weir/actions"
	"weir/policies"
)

// client is a scripted editor.
type client struct {
	t         *testing.T
	conn      *jsonrpc2.Conn
	published chan publishDiagnosticsParams
	served    chan error
}

//nolint:contextcheck // the context under test is the server's
func newClient(ctx context.Context, t *testing.T) *client {
	t.Helper()
	here, there := net.Pipe()
	c := &client{t: t, published: make(chan publishDiagnosticsParams, 16), served: make(chan error, 1)}
	go func() {
		c.served <- Serve(ctx, there, Options{Version: "test", Actions: actions.Registry(), Check: func(in policies.Input) policies.FileReport {
			return policies.CheckInput(in, policies.Options{Actions: actions.Registry()})
		}})
	}()
	handler := jsonrpc2.HandlerWithError(func(_ context.Context, _ *jsonrpc2.Conn, req *jsonrpc2.Request) (any, error) {
		var p publishDiagnosticsParams
		if req.Method == "textDocument/publishDiagnostics" && json.Unmarshal(*req.Params, &p) == nil {
			c.published <- p
		}
		return nil, nil
	})
	c.conn = jsonrpc2.NewConn(t.Context(), jsonrpc2.NewBufferedStream(here, jsonrpc2.VSCodeObjectCodec{}), handler, jsonrpc2.SetLogger(noLog{}))
	return c
}

func (c *client) call(method string, params, result any) {
	c.t.Helper()
	if err := c.conn.Call(c.t.Context(), method, params, result); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

func (c *client) notify(method string, params any) {
	c.t.Helper()
	if err := c.conn.Notify(c.t.Context(), method, params); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

func (c *client) open(uri, text string) {
	c.t.Helper()
	c.notify("textDocument/didOpen", didOpenParams{TextDocument: textDocumentItem{URI: uri, Version: 1, Text: text}})
}

func (c *client) change(uri string, version int, text string) {
	c.t.Helper()
	c.notify("textDocument/didChange", map[string]any{
		"textDocument": map[string]any{"uri": uri, "version": version}, "contentChanges": []any{map[string]any{"text": text}},
	})
}

// diagnostics waits for what is published next.
func (c *client) diagnostics() publishDiagnosticsParams {
	c.t.Helper()
	select {
	case p := <-c.published:
		return p
	case <-time.After(10 * time.Second):
		c.t.Fatal("got no diagnostics, want some")
		return publishDiagnosticsParams{}
	}
}

func (c *client) leave() error {
	c.t.Helper()
	c.call("shutdown", nil, nil)
	c.notify("exit", nil)
	return <-c.served
}

func at(uri string, d *document, offset int) documentParams {
	return documentParams{TextDocument: textDocumentItem{URI: uri}, Position: d.position(offset)}
}

const testURI = "file:///work/policy.yaml"

func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	c := newClient(t.Context(), t)
	var hello initializeResult
	c.call("initialize", map[string]any{"capabilities": map[string]any{"textDocument": map[string]any{
		"completion": map[string]any{"completionItem": map[string]any{"snippetSupport": true}},
	}}}, &hello)
	if !hello.Capabilities.HoverProvider || hello.Capabilities.TextDocumentSync.Change != syncFull || hello.ServerInfo.Version != "test" {
		t.Errorf("got %+v, want what the server can do", hello)
	}
	c.notify("initialized", struct{}{})

	text := "on_request:\n  - expressions: [\"req.host == 'ä𝄞' && ai.request.mdel == 'a'\"]\n    actions: [{type: deny}]\n"
	c.open(testURI, text)
	version := 1
	want := publishDiagnosticsParams{URI: testURI, Version: &version, Diagnostics: []lspDiagnostic{{
		Range:    textRange{Start: position{1, 40}, End: position{1, 55}}, // the 𝄞 counts two
		Severity: 1, Code: "unknown_variable", Source: "weir",
		Message: "\"ai.request.mdel\" is not a variable\ndid you mean \"ai.request.model\"?",
	}}}
	if diff := cmp.Diff(want, c.diagnostics()); diff != "" {
		t.Errorf("diagnostics differ (-want +got):\n%s", diff)
	}

	d := newDocument(testURI, 1, text)
	var items []completionItem
	c.call("textDocument/completion", at(testURI, d, strings.Index(text, "mdel")+2), &items)
	i := slices.IndexFunc(items, func(i completionItem) bool { return i.Label == "model" })
	if i < 0 {
		t.Fatalf("got %+v, want model among them", items)
	}
	edit := &textEdit{Range: textRange{Start: position{1, 51}, End: position{1, 53}}, NewText: "model"}
	if diff := cmp.Diff(edit, items[i].TextEdit); diff != "" {
		t.Errorf("the edit differs (-want +got):\n%s", diff)
	}
	var hover hoverResult
	c.call("textDocument/hover", at(testURI, d, strings.Index(text, "host")), &hover)
	if !strings.Contains(hover.Contents.Value, "`req.host`: string") || hover.Range.Start != (position{1, 19}) {
		t.Errorf("got %+v, want the variable", hover)
	}
	var tree []documentSymbol
	c.call("textDocument/documentSymbol", documentParams{TextDocument: textDocumentItem{URI: testURI}}, &tree)
	if len(tree) != 1 || len(tree[0].Children) != 1 || tree[0].Children[0].Detail != "deny" {
		t.Errorf("got %+v, want the phase with its rule", tree)
	}

	c.change(testURI, 2, strings.Replace(text, "mdel", "model", 1))
	if p := c.diagnostics(); len(p.Diagnostics) != 0 || p.Version == nil || *p.Version != 2 {
		t.Errorf("got %+v, want nothing wrong with version 2", p)
	}
	if err := c.leave(); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

func TestServeCompletesActions(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	tests := []struct {
		name, text, label, insert string
		snippets                  bool
	}{
		{name: "type", text: "on_request:\n  - actions:\n      - type: ‸\n", label: "deny", insert: "deny"},
		{name: "whole action", text: "on_request:\n  - actions:\n      - ‸\n", label: "add-headers", snippets: true, insert: "type: add-headers\nconfig:\n  headers:\n    $0"},
		{name: "whole action without snippets", text: "on_request:\n  - actions:\n      - ‸\n", label: "log", insert: "type: log"},
		{name: "list", text: "on_request:\n  - ‸\n", label: "expressions", snippets: true, insert: "expressions:\n  - $0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t.Context(), t)
			var p initializeParams
			p.Capabilities.TextDocument.Completion.CompletionItem.SnippetSupport = tt.snippets
			c.call("initialize", p, nil)
			text, offset := cursor(t, tt.text)
			c.open(testURI, text)
			var items []completionItem
			c.call("textDocument/completion", at(testURI, newDocument(testURI, 1, text), offset), &items)
			i := slices.IndexFunc(items, func(i completionItem) bool { return i.Label == tt.label })
			if i < 0 {
				t.Fatalf("got %+v, want %s among them", items, tt.label)
			}
			if got := items[i].TextEdit.NewText; got != tt.insert {
				t.Errorf("got %q inserted, want %q", got, tt.insert)
			}
			if err := c.leave(); err != nil {
				t.Errorf("got error %v, want none", err)
			}
		})
	}
}

// TestServeIncludes checks a document whose mistake stands in another file.
func TestServeIncludes(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	other := filepath.Join(dir, "other.yaml")
	if err := os.WriteFile(other, []byte("on_request: [{type: denny}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t.Context(), t)
	c.call("initialize", struct{}{}, nil)
	uri, text := uriOf(filepath.Join(dir, "policy.yaml")), "include: other.yaml\n"
	c.open(uri, text)
	got := map[string]publishDiagnosticsParams{}
	for range 2 {
		p := c.diagnostics()
		got[p.URI] = p
	}
	if d := got[uriOf(other)].Diagnostics; len(d) != 1 || d[0].Code != "unknown_action" || d[0].Range.Start != (position{0, 20}) {
		t.Errorf("got %+v, want the mistake in the other file", got)
	}
	if d := got[uri].Diagnostics; len(d) != 0 {
		t.Errorf("got %+v, want nothing wrong with the file itself", d)
	}
	var where location
	c.call("textDocument/definition", at(uri, newDocument(uri, 1, text), strings.Index(text, "other")), &where)
	if where.URI != uriOf(other) {
		t.Errorf("got %+v, want the file that is included", where)
	}
	c.notify("textDocument/didClose", documentParams{TextDocument: textDocumentItem{URI: uri}})
	for range 2 {
		if p := c.diagnostics(); len(p.Diagnostics) != 0 {
			t.Errorf("got %+v, want nothing after the file was closed", p)
		}
	}
	if err := c.leave(); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

// TestServeLeavesOthersAlone sends what editors send that take all YAML for one language.
func TestServeLeavesOthersAlone(t *testing.T) {
	tests := []struct {
		name, file, text string
		want             bool // that something is wrong with it
	}{
		{name: "another program's file", file: "compose.yaml", text: "services: {a: {image: b}}\n"},
		{name: "policy by its name", file: "policy.yaml", text: "services: {a: {image: b}}\n", want: true},
		{name: "policy by the end of its name", file: "eu.policy.yml", text: "services: {}\n", want: true},
		{name: "policy by its rules", file: "gateway.yaml", text: "on_http_request: []\nservices: {}\n", want: true},
		{name: "nothing yet", file: "new.yaml", text: "on_r", want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t.Context(), t)
			c.call("initialize", struct{}{}, nil)
			uri := "file:///work/" + tt.file
			c.open(uri, tt.text)
			if got := len(c.diagnostics().Diagnostics) > 0; got != tt.want {
				t.Errorf("got diagnostics %v, want %v", got, tt.want)
			}
			var items []completionItem
			c.call("textDocument/completion", at(uri, newDocument(uri, 1, tt.text), len(tt.text)), &items)
			if got := len(items) > 0; got != tt.want {
				t.Errorf("got completion %v, want %v", got, tt.want)
			}
			if err := c.leave(); err != nil {
				t.Errorf("got error %v, want none", err)
			}
		})
	}
}

func TestServeEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("exit without shutdown", func(t *testing.T) {
		c := newClient(t.Context(), t)
		c.notify("exit", nil)
		if err := <-c.served; !errors.Is(err, ErrNoShutdown) {
			t.Errorf("got error %v, want %v", err, ErrNoShutdown)
		}
	})
	t.Run("a client that is gone", func(t *testing.T) {
		c := newClient(t.Context(), t)
		_ = c.conn.Close()
		if err := <-c.served; !errors.Is(err, ErrNoShutdown) {
			t.Errorf("got error %v, want %v", err, ErrNoShutdown)
		}
	})
	t.Run("a context that ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newClient(ctx, t)
		c.call("initialize", struct{}{}, nil)
		cancel()
		if err := <-c.served; err != nil {
			t.Errorf("got error %v, want none", err)
		}
	})
	t.Run("after shutdown", func(t *testing.T) {
		c := newClient(t.Context(), t)
		c.call("shutdown", nil, nil)
		var e *jsonrpc2.Error
		if err := c.conn.Call(t.Context(), "textDocument/hover", documentParams{}, nil); !errors.As(err, &e) || e.Code != jsonrpc2.CodeInvalidRequest {
			t.Errorf("got error %v, want a refusal", err)
		}
		c.notify("exit", nil)
		if err := <-c.served; err != nil {
			t.Errorf("got error %v, want none", err)
		}
	})
	t.Run("an unknown method", func(t *testing.T) {
		c := newClient(t.Context(), t)
		var e *jsonrpc2.Error
		if err := c.conn.Call(t.Context(), "weir/nothing", struct{}{}, nil); !errors.As(err, &e) || e.Code != jsonrpc2.CodeMethodNotFound {
			t.Errorf("got error %v, want an unknown method", err)
		}
		if err := c.leave(); err != nil {
			t.Errorf("got error %v, want none", err)
		}
	})
}
