package editor

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weir/engine/diag"
	"weir/policies"
)

// checker checks documents that changed, once nothing has changed for a moment.
func (s *server) checker(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-s.wake:
			timer.Reset(quiet)
		case <-timer.C:
			s.mu.Lock()
			uris := s.dirty
			s.dirty = nil
			s.mu.Unlock()
			slices.Sort(uris)
			for _, uri := range slices.Compact(uris) {
				s.check(ctx, uri)
			}
		}
	}
}

// check publishes what is wrong with a document. A result that came too late, behind a further change, is dropped.
func (s *server) check(ctx context.Context, uri string) {
	byFile := map[string][]lspDiagnostic{}
	var version *int
	if d, open := s.document(uri); open && !isPolicy(d) {
		version, byFile[uri] = &d.version, []lspDiagnostic{}
	} else if open {
		report := s.opts.Check(policies.Input{Path: d.path, Text: []byte(d.text)})
		if now, _ := s.document(uri); now != d {
			return
		}
		version = &d.version
		byFile[uri] = []lspDiagnostic{}
		for i := range report.Diagnostics {
			of := &report.Diagnostics[i]
			target := uri
			if of.Pos.File != d.path && of.Pos.File != "" {
				target = uriOf(of.Pos.File)
			}
			byFile[target] = append(byFile[target], s.diagnostic(of, target))
		}
	}
	files := make([]string, 0, len(byFile))
	s.mu.Lock()
	for _, file := range append(s.published[uri], uri) {
		if _, still := byFile[file]; !still {
			byFile[file] = []lspDiagnostic{} // nothing is wrong there any more
		}
	}
	for file := range byFile {
		files = append(files, file)
	}
	s.published[uri] = files
	s.mu.Unlock()
	slices.Sort(files)
	for _, file := range files {
		p := publishDiagnosticsParams{URI: file, Diagnostics: byFile[file]}
		if file == uri {
			p.Version = version
		}
		if s.conn.Notify(ctx, "textDocument/publishDiagnostics", p) != nil {
			return // the client has left, which Serve is told as well
		}
	}
}

// isPolicy tells policies from other files of their language, which some editors send as well: by their name, or by a key
// that holds rules. A text that is no mapping yet may become anything.
func isPolicy(d *document) bool {
	name := filepath.Base(d.path)
	name = strings.TrimSuffix(name, filepath.Ext(name))
	if name == "policy" || strings.HasSuffix(name, ".policy") {
		return true
	}
	root := outline(d.text)
	if root == nil || root.kind != nodeMapping {
		return true
	}
	return slices.ContainsFunc(policies.Language(), func(f policies.Field) bool {
		return f.Kind == policies.KindRule && (root.has(f.Name) || f.Alias != "" && root.has(f.Alias))
	})
}

// diagnostic turns a diagnostic into the client's form.
func (s *server) diagnostic(d *diag.Diagnostic, uri string) lspDiagnostic {
	out := lspDiagnostic{Severity: 1, Code: d.Code, Source: "weir", Message: d.Message}
	if d.Severity == diag.Warning {
		out.Severity = 2
	}
	if d.Hint != "" {
		out.Message += "\n" + d.Hint
	}
	if !d.Pos.IsValid() {
		return out
	}
	line := func(n int) string {
		if doc, open := s.document(uri); open {
			return doc.line(n - 1)
		}
		if n == d.Pos.Line {
			return d.Line
		}
		return ""
	}
	out.Range.Start = position{Line: d.Pos.Line - 1, Character: column(line(d.Pos.Line), d.Pos.Col)}
	end := d.End
	if !end.IsValid() || !d.Pos.Before(diag.Pos{File: d.Pos.File, Line: end.Line, Col: end.Col}) {
		end = diag.Pos{Line: d.Pos.Line, Col: d.Pos.Col + 1}
	}
	out.Range.End = position{Line: end.Line - 1, Character: column(line(end.Line), end.Col)}
	return out
}
