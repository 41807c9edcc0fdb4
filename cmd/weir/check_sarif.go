package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"weir/engine/diag"
	"weir/policies"
)

// What follows is the part of SARIF 2.1.0 that a report of weir check uses; the names are those of the standard.

const (
	sarifVersion = "2.1.0"
	sarifSchema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	// codeNotEnforced is the rule of what a policy says is not enforced.
	codeNotEnforced = "not_enforced"
)

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Artifacts   []sarifArtifact   `json:"artifacts"`
	Results     []sarifResult     `json:"results"`
	ColumnKind  string            `json:"columnKind"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID                   string       `json:"id"`
	ShortDescription     sarifText    `json:"shortDescription"`
	DefaultConfiguration sarifDefault `json:"defaultConfiguration"`
}

type sarifDefault struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool `json:"executionSuccessful"`
}

type sarifArtifact struct {
	Location sarifPlace `json:"location"`
}

type sarifPlace struct {
	URI string `json:"uri"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifLocation struct {
	PhysicalLocation sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	ArtifactLocation sarifPlace   `json:"artifactLocation"`
	Region           *sarifRegion `json:"region,omitempty"`
}

// sarifRegion counts lines and columns from 1; the end is exclusive, as in a diagnostic.
type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
	EndLine     int `json:"endLine,omitempty"`
	EndColumn   int `json:"endColumn,omitempty"`
}

// sarifBuilder makes the log of one report.
type sarifBuilder struct {
	run   sarifRun
	dir   string         // the working folder, which paths are told relative to
	rules map[string]int // index by code
	seen  map[string]bool
}

// newSARIF tells a report in the form of code review tools.
func newSARIF(r *policies.Report, strict bool) *sarifLog {
	dir, err := os.Getwd()
	if err != nil {
		dir = "" // paths are then told as they are
	}
	b := &sarifBuilder{dir: dir, rules: map[string]int{}, seen: map[string]bool{}}
	b.run = sarifRun{
		Tool:        sarifTool{Driver: sarifDriver{Name: "weir", Version: version, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: true}}, Artifacts: []sarifArtifact{}, Results: []sarifResult{},
		ColumnKind: "unicodeCodePoints",
	}
	for _, fact := range policies.DiagnosticCodes() {
		level := fact.Severity.String()
		if fact.Code == codeNotEnforced {
			level = "note"
		}
		b.rule(fact.Code, strings.ReplaceAll(fact.Doc, "`", ""), level)
	}
	level := "note"
	if strict {
		level = diag.Error.String()
	}
	for i := range r.Files {
		f := &r.Files[i]
		b.artifact(f.Path)
		for k := range f.Diagnostics {
			b.diagnostic(&f.Diagnostics[k])
		}
		for _, e := range f.Exceptions {
			text := fmt.Sprintf("%s: rule %q is not enforced", e.Kind, e.Rule)
			if e.Action != "" {
				text = fmt.Sprintf("%s: action %q of rule %q is not enforced", e.Kind, e.Action, e.Rule)
			}
			b.result(codeNotEnforced, level, text, diag.Pos{File: e.File, Line: e.Line}, diag.Pos{})
		}
	}
	return &sarifLog{Schema: sarifSchema, Version: sarifVersion, Runs: []sarifRun{b.run}}
}

func (b *sarifBuilder) rule(code, doc, level string) int {
	b.rules[code] = len(b.run.Tool.Driver.Rules)
	b.run.Tool.Driver.Rules = append(b.run.Tool.Driver.Rules, sarifRule{
		ID: code, ShortDescription: sarifText{Text: doc}, DefaultConfiguration: sarifDefault{Level: level},
	})
	return b.rules[code]
}

func (b *sarifBuilder) diagnostic(d *diag.Diagnostic) {
	text := d.Message
	if d.Hint != "" {
		text += ". " + strings.ToUpper(d.Hint[:1]) + d.Hint[1:]
	}
	b.result(d.Code, d.Severity.String(), text, d.Pos, d.End)
}

func (b *sarifBuilder) result(code, level, text string, pos, end diag.Pos) {
	index, known := b.rules[code]
	if !known {
		index = b.rule(code, code, diag.Error.String())
	}
	b.artifact(pos.File)
	place := sarifPhysical{ArtifactLocation: sarifPlace{URI: b.uri(pos.File)}}
	if pos.IsValid() {
		place.Region = &sarifRegion{StartLine: pos.Line, StartColumn: pos.Col}
		if end.IsValid() && pos.Before(end) {
			place.Region.EndLine, place.Region.EndColumn = end.Line, end.Col
		}
	}
	b.run.Results = append(b.run.Results, sarifResult{
		RuleID: code, RuleIndex: index, Level: level, Message: sarifText{Text: text},
		Locations: []sarifLocation{{PhysicalLocation: place}},
	})
}

func (b *sarifBuilder) artifact(path string) {
	if path == "" || b.seen[path] {
		return
	}
	b.seen[path] = true
	b.run.Artifacts = append(b.run.Artifacts, sarifArtifact{Location: sarifPlace{URI: b.uri(path)}})
}

// uri is a path below the working folder as a relative reference, and any other as a file URL.
func (b *sarifBuilder) uri(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	if rel, err := filepath.Rel(b.dir, abs); err == nil && filepath.IsLocal(rel) {
		parts := strings.Split(filepath.ToSlash(rel), "/")
		for i := range parts {
			parts[i] = url.PathEscape(parts[i])
		}
		return strings.Join(parts, "/")
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	return (&url.URL{Scheme: "file", Path: slashed}).String()
}
