package access

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weir/access/seal"
	"weir/engine/diag"
)

// FileOptions is what LoadFile needs beside the file.
type FileOptions struct {
	// Secret looks a secret up that the file refers to; an empty or missing one is an error.
	Secret func(name string) (string, error)
	Box    *seal.Box
	// The rest is as in ManagerOptions.
	BuiltIn             func(id string) bool
	KnownProvider       func(id string) bool
	CheckWhen, CheckPer func(text string) error
	WebhookHosts        []string // as in ManagerOptions
}

// maxFile bounds a file of resources: ten thousand keys with some words about each. More belong into a store.
const maxFile = 4 << 20

// fileActor is who made what comes from a file.
const fileActor = "file"

// LoadFile reads resources from a YAML file. The error is a diag.List that tells every mistake with its line and column, and
// nothing is returned beside it. No secret is in it, not even one that stands in the file where only a reference may.
func LoadFile(path string, o FileOptions) (*Static, error) {
	text, changed, err := readFile(path)
	if err != nil {
		return nil, diag.List{{Pos: diag.Pos{File: path}, Code: "unreadable", Message: "the file of access keys cannot be read: " + err.Error()}}
	}
	r := &fileReader{path: path, o: o, changed: changed}
	out := r.read(string(text))
	r.diags.Mask(r.secrets)
	if err := r.diags.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

func readFile(path string) (text []byte, changed time.Time, err error) {
	f, err := os.Open(path) //nolint:gosec // the file that the operator named
	if err != nil {
		return nil, time.Time{}, unpath(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, time.Time{}, unpath(err)
	case !info.Mode().IsRegular():
		return nil, time.Time{}, errors.New("it is not a file")
	}
	text, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, time.Time{}, unpath(err)
	case len(text) > maxFile:
		return nil, time.Time{}, fmt.Errorf("it is over %d bytes", maxFile)
	}
	return text, info.ModTime().UTC().Truncate(time.Second), nil
}

// unpath leaves out the path, which the diagnostic names.
func unpath(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// fileReader turns a file into resources and collects what is wrong with it.
type fileReader struct {
	path    string
	o       FileOptions
	changed time.Time
	diags   diag.List
	secrets []string // never to be shown

	entries map[Kind][]*entry
	tokens  map[string]string // lookup to the name of the key
	store   *Snapshot         // stand-ins for what the file refers to in the store
}

// entry is one resource of the file while it is read.
type entry struct {
	m    *fileMap
	meta Meta
}

func (r *fileReader) report(n *yaml.Node, code, hint, format string, args ...any) {
	pos := diag.Pos{File: r.path, Line: max(n.Line, 1), Col: max(n.Column, 1)}
	r.diags = append(r.diags, diag.Diagnostic{Pos: pos, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (r *fileReader) read(text string) *Static {
	doc, line, err := parseFile(text)
	if err != nil {
		r.report(&yaml.Node{Line: line}, "bad_yaml", "", "%s", err)
		return nil
	}
	if doc == nil {
		r.report(&yaml.Node{}, "empty_document", "a file without resources is written {}", "the file is empty")
		return nil
	}
	top := r.mapping(doc, "access_keys", "access_key_configurations", "teams", "budgets", "limits", "provider_keys")
	if top == nil {
		return nil
	}
	r.entries, r.tokens = make(map[Kind][]*entry), make(map[string]string)
	r.store = &Snapshot{
		ProviderKeys: map[string]*ProviderKey{}, Teams: map[string]*Team{}, AccessKeys: map[string]*AccessKey{},
		Configurations: map[string]*Configuration{}, Providers: map[string]*Provider{},
	}
	r.identify(top, "provider_keys", KindProviderKey, "provider", "value", "team")
	r.identify(top, "teams", KindTeam, "disabled", "provider_keys")
	r.identify(top, "access_key_configurations", KindConfiguration, "access", "router")
	r.identify(top, "access_keys", KindAccessKey, "token", "token_hash", "configuration", "team", "groups", "expires_at", "not_before",
		"disabled", "allowed_networks", "provider_keys")
	quota := []string{
		"team", "access_key", "when", "per", "unit", "limit", "window", "rolling", "timezone", "warn_at", "webhook_url", "status", "disabled",
	}
	r.identify(top, "budgets", KindBudget, quota...)
	r.identify(top, "limits", KindLimit, quota...)
	out := &Static{
		ProviderKeys:   each(r, KindProviderKey, r.providerKey),
		Teams:          each(r, KindTeam, r.team),
		Configurations: each(r, KindConfiguration, r.configuration),
		AccessKeys:     each(r, KindAccessKey, r.accessKey),
		Budgets:        each(r, KindBudget, r.quota),
		Limits:         each(r, KindLimit, r.quota),
	}
	if !r.diags.HasErrors() {
		r.check(out) // of resources that were read in part it would tell what is not so
	}
	return out
}

func each[T any](r *fileReader, k Kind, read func(*entry) *T) []*T {
	out := make([]*T, 0, len(r.entries[k]))
	for _, e := range r.entries[k] {
		out = append(out, read(e))
	}
	return out
}

// parseFile parses the one document of a file; nil where there is none. Errors quote nothing of the file, which may hold what
// should not be in it.
func parseFile(text string) (doc *yaml.Node, line int, err error) {
	defer func() {
		if p := recover(); p != nil { // the parser is known to panic on some malformed input
			doc, line, err = nil, 1, errors.New("it cannot be parsed as YAML")
		}
	}()
	dec := yaml.NewDecoder(strings.NewReader(text))
	var n, second yaml.Node
	switch err := dec.Decode(&n); {
	case errors.Is(err, io.EOF):
		return nil, 0, nil
	case err != nil:
		line, err = yamlError(err)
		return nil, line, err
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, second.Line, errors.New("a second document begins here; a file has one")
	case !errors.Is(err, io.EOF):
		line, err = yamlError(err)
		return nil, line, err
	}
	if len(n.Content) == 0 || n.Content[0].Tag == "!!null" {
		return nil, 0, nil
	}
	return n.Content[0], 0, nil
}

func yamlError(err error) (line int, plain error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := regexp.MustCompile(`^(?s)line (\d+): (.*)$`).FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1]) // the pattern matched digits; too many of them give line 0
		message = m[2]
	}
	if strings.HasPrefix(message, "did not find expected") {
		line++ // these errors count lines from 0
	}
	// What the parser quotes beyond a character or two comes from the file.
	return line, errors.New(regexp.MustCompile(`(?s)(['"]).{4,}['"]|`+"`.*`").ReplaceAllString(message, "…"))
}
