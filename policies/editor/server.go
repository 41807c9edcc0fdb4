package editor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"weir/engine"
	"weir/policies"
)

// quiet is how long nothing is typed before a document is checked: shorter than people notice, longer than the pause
// between two keys.
const quiet = 150 * time.Millisecond

// Options is what a language server knows of the program it is part of.
type Options struct {
	// Version is what clients are told.
	Version string
	// Actions are the actions that rules may use.
	Actions []engine.ActionSpec
	// Check checks a document whose text may not be saved yet.
	Check func(policies.Input) policies.FileReport
}

// ErrNoShutdown is how Serve ends where the client left without saying so.
var ErrNoShutdown = errors.New("the client left without asking to shut down")

// Serve speaks the Language Server Protocol over a connection until the client leaves or the context ends.
func Serve(ctx context.Context, conn io.ReadWriteCloser, opts Options) error {
	words, err := newCELWords()
	if err != nil {
		return err
	}
	s := &server{
		opts: opts, knows: &knowledge{actions: opts.Actions, cel: words},
		documents: map[string]*document{}, published: map[string][]string{}, wake: make(chan string, 1), stop: make(chan struct{}),
	}
	var checking sync.WaitGroup
	handler := jsonrpc2.HandlerWithError(s.handle).SuppressErrClosed()
	stream := jsonrpc2.NewBufferedStream(conn, jsonrpc2.VSCodeObjectCodec{})
	s.conn = jsonrpc2.NewConn(ctx, stream, handler, jsonrpc2.SetLogger(noLog{}))
	checking.Go(func() { s.checker(ctx) })
	<-s.conn.DisconnectNotify()
	close(s.stop)
	checking.Wait()
	if !s.down() && ctx.Err() == nil {
		return ErrNoShutdown
	}
	return nil
}

// noLog keeps what clients send out of standard error, where some editors show it to people.
type noLog struct{}

// Printf implements jsonrpc2.Logger.
func (noLog) Printf(string, ...any) {}

// server is one conversation with one client.
type server struct {
	opts  Options
	knows *knowledge
	conn  *jsonrpc2.Conn
	wake  chan string // the URI of a document that changed; one is enough to wake the checker
	stop  chan struct{}

	mu        sync.Mutex
	documents map[string]*document
	dirty     []string            // URIs to be checked
	published map[string][]string // by document: the files that its diagnostics stand in
	shutdown  bool
	snippets  bool
}

func (s *server) down() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shutdown
}

// handle answers one message. Messages come one after another.
func (s *server) handle(_ context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) (any, error) {
	if req.Method == "exit" {
		return nil, conn.Close()
	}
	if s.down() {
		return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidRequest, Message: "the server is shutting down"}
	}
	switch req.Method {
	case "initialize":
		return call(req, s.initialize)
	case "shutdown":
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shutdown = true
		return nil, nil //nolint:nilnil // the protocol's answer is null
	case "textDocument/didOpen":
		return call(req, s.didOpen)
	case "textDocument/didChange":
		return call(req, s.didChange)
	case "textDocument/didClose":
		return call(req, s.didClose)
	case "textDocument/completion":
		return call(req, s.completion)
	case "textDocument/hover":
		return call(req, s.hover)
	case "textDocument/documentSymbol":
		return call(req, s.documentSymbol)
	case "textDocument/definition":
		return call(req, s.definition)
	case "initialized", "textDocument/didSave":
		return nil, nil //nolint:nilnil // notifications have no answer
	}
	return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeMethodNotFound, Message: "there is no method " + req.Method}
}

// call decodes the parameters of a method and calls it.
func call[P any](req *jsonrpc2.Request, method func(*P) any) (any, error) {
	params := new(P)
	if req.Params != nil {
		if err := json.Unmarshal(*req.Params, params); err != nil {
			return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: err.Error()}
		}
	}
	return method(params), nil
}

func (s *server) initialize(p *initializeParams) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snippets = p.Capabilities.TextDocument.Completion.CompletionItem.SnippetSupport
	return initializeResult{
		Capabilities: serverCapabilities{
			PositionEncoding: "utf-16", TextDocumentSync: syncOptions{OpenClose: true, Change: syncFull},
			CompletionProvider: completionOptions{TriggerCharacters: []string{".", " ", "{", "("}},
			HoverProvider:      true, DocumentSymbolProvider: true, DefinitionProvider: true,
		},
		ServerInfo: serverInfo{Name: "weir", Version: s.opts.Version},
	}
}

func (s *server) didOpen(p *didOpenParams) any {
	s.put(newDocument(p.TextDocument.URI, p.TextDocument.Version, p.TextDocument.Text))
	return nil
}

func (s *server) didChange(p *didChangeParams) any {
	if n := len(p.ContentChanges); n > 0 {
		s.put(newDocument(p.TextDocument.URI, p.TextDocument.Version, p.ContentChanges[n-1].Text))
	}
	return nil
}

func (s *server) put(d *document) {
	s.mu.Lock()
	s.documents[d.uri] = d
	s.dirty = append(s.dirty, d.uri)
	s.mu.Unlock()
	s.signal(d.uri)
}

// signal wakes the checker; where it is awake already, it will see what is dirty.
func (s *server) signal(uri string) {
	select {
	case s.wake <- uri:
	default:
	}
}

func (s *server) didClose(p *documentParams) any {
	s.mu.Lock()
	delete(s.documents, p.TextDocument.URI)
	s.dirty = append(s.dirty, p.TextDocument.URI)
	s.mu.Unlock()
	s.signal(p.TextDocument.URI)
	return nil
}

func (s *server) document(uri string) (*document, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.documents[uri]
	return d, ok
}

func (s *server) completion(p *documentParams) any {
	d, ok := s.document(p.TextDocument.URI)
	if !ok || !isPolicy(d) {
		return []completionItem{}
	}
	items, from, to := s.knows.complete(d.text, d.offset(p.Position))
	at := d.span(from, to)
	for i := range items {
		item := &items[i]
		if item.insert == "" {
			item.insert = item.Label
		}
		switch {
		case !strings.Contains(item.insert, "\n"):
		case s.snippets:
			item.InsertTextFormat, item.InsertTextMode = formatSnippet, adjustIndent
		default:
			item.insert, _, _ = strings.Cut(item.insert, "\n")
		}
		item.TextEdit = &textEdit{Range: at, NewText: item.insert}
	}
	if items == nil {
		return []completionItem{} // the protocol knows no null here
	}
	return items
}

func (s *server) hover(p *documentParams) any {
	d, ok := s.document(p.TextDocument.URI)
	if !ok || !isPolicy(d) {
		return nil
	}
	doc, from, to := s.knows.hover(d.text, d.offset(p.Position))
	if doc == "" {
		return nil
	}
	return hoverResult{Contents: *markdown(doc), Range: d.span(from, to)}
}

func (s *server) documentSymbol(p *documentParams) any {
	d, ok := s.document(p.TextDocument.URI)
	if !ok {
		return []documentSymbol{}
	}
	return symbols(d)
}

func (s *server) definition(p *documentParams) any {
	d, ok := s.document(p.TextDocument.URI)
	if !ok {
		return nil
	}
	path, ok := s.knows.definition(d, d.offset(p.Position))
	if !ok {
		return nil
	}
	return location{URI: uriOf(path)}
}

// pathOf is the path of a file URI; documents that are not files keep their URI as their name.
func pathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return uri
	}
	path := u.Path
	if len(path) > 2 && path[0] == '/' && path[2] == ':' { // a drive of Windows
		path = path[1:]
	}
	return filepath.FromSlash(path)
}

func uriOf(path string) string {
	if strings.Contains(path, ":") && !filepath.IsAbs(path) {
		return path // the name of a document that is no file
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
