package opa

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"

	"weir/engine/diag"
)

// Bundle is one OPA bundle, read and verified. It does not change once it is made.
type Bundle struct {
	// Name is what the policy calls it: a file or a URL.
	Name string
	// Revision is what its manifest says, "" where it says nothing.
	Revision string
	// Roots are the paths below data that belong to the bundle alone, such as access/roles; one that is empty is all of data.
	Roots []string
	// Modules are its modules less its tests.
	Modules []Text
	// Tests are its modules whose names end in _test.rego.
	Tests []Text

	// data is its data documents as one, numbers are json.Number.
	data map[string]any
}

// BundleOptions is how a bundle is read.
type BundleOptions struct {
	Name string
	// Keys are those that may have signed the bundle. With any, a bundle without a good signature is refused; without, one
	// with a signature is, since nothing could be told from it.
	Keys []BundleKey
	// Scope is what the signature must say; the key's own where it is empty.
	Scope string
	// ExcludeFiles are patterns of the files that the signature does not cover.
	ExcludeFiles []string
}

// What can be wrong with a bundle.
const (
	codeBadBundle         = "bad_bundle"
	codeBundleSignature   = "bundle_signature"
	codeUnsupportedBundle = "unsupported_bundle"
)

// ReadBundle reads and verifies a bundle: a tar archive, compressed with gzip. Diagnostics without a position are about the
// bundle as a whole.
func ReadBundle(data []byte, opts BundleOptions) (*Bundle, diag.List) {
	files, err := readArchive(data)
	if err != nil {
		return nil, bundleProblem(codeBadBundle, "", "the bundle cannot be read: %v", err)
	}
	if d := unsupported(files); d != nil {
		return nil, d
	}
	if len(opts.Keys) == 0 && slices.ContainsFunc(files, func(f archiveFile) bool { return bundle.IsSignaturesFile(f.name) }) {
		return nil, bundleProblem(codeBundleSignature, "give the keys that it may be signed with", "the bundle is signed, and no keys are given to check that")
	}
	if d := checkSignature(files, opts); d != nil {
		return nil, d
	}
	b, err := newReader(files, opts).Read()
	if err != nil {
		return nil, readProblem(err, opts.Name)
	}
	return newBundle(&b, opts.Name)
}

func newReader(files []archiveFile, opts BundleOptions) *bundle.Reader {
	return bundle.NewCustomReader(&archiveLoader{files: files}).
		WithSkipBundleVerification(true). // it was verified as a whole
		WithBundleName(opts.Name).WithSizeLimitBytes(maxBundleFile).
		WithRegoVersion(ast.RegoV1).WithLazyLoadingMode(false)
}

// unsupported refuses what a bundle may hold that nothing here would read, so that it is not left out silently.
func unsupported(files []archiveFile) diag.List {
	for _, f := range files {
		switch path.Base(f.name) {
		case "patch.json":
			return bundleProblem(codeUnsupportedBundle, "serve a snapshot", "the bundle is a delta (%s), and only snapshots are supported", f.name)
		case bundle.WasmFile, bundle.PlanFile, bundle.PlanProtoFile:
			return bundleProblem(codeUnsupportedBundle, "build it with the target rego", "the bundle holds compiled rules (%s), and only Rego is supported", f.name)
		}
	}
	return nil
}

// newBundle takes over what was read.
func newBundle(b *bundle.Bundle, name string) (*Bundle, diag.List) {
	out := &Bundle{Name: name, Revision: b.Manifest.Revision, Roots: slices.Clone(*b.Manifest.Roots), data: b.Data}
	for i := range b.Modules {
		m := &b.Modules[i]
		version, err := b.RegoVersionForFile(m.RelativePath, ast.RegoV1)
		if err != nil {
			return nil, bundleProblem(codeBadBundle, "", "the manifest's file_rego_versions: %v", err)
		}
		if version != ast.RegoV1 {
			return nil, bundleProblem(codeUnsupportedBundle, "bring its modules up to date with opa fmt and build it again",
				"the bundle says that %s is written in Rego of before OPA 1.0", m.RelativePath)
		}
		text := Text{Name: fileName(name, m.RelativePath), Text: m.Raw}
		if IsTest(m.RelativePath) {
			out.Tests = append(out.Tests, text)
		} else {
			out.Modules = append(out.Modules, text)
		}
	}
	if len(out.Modules) == 0 && len(out.data) == 0 {
		return nil, bundleProblem(codeBadBundle, "", "the bundle holds neither modules nor data")
	}
	return out, nil
}

// IsTest reports whether a module is one of tests, by its name.
func IsTest(name string) bool { return strings.HasSuffix(name, "_test.rego") }

// fileName is what diagnostics call a file of a bundle.
func fileName(name, file string) string {
	return name + "/" + strings.TrimPrefix(path.Clean("/"+file), "/")
}

func bundleProblem(code, hint, format string, args ...any) diag.List {
	return diag.List{{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}}
}

// readProblem turns an error of the reader into diagnostics: those of modules have a place.
func readProblem(err error, name string) diag.List {
	list, ok := errors.AsType[ast.Errors](err)
	if !ok {
		if one, is := errors.AsType[*ast.Error](err); is {
			list = ast.Errors{one}
		}
	}
	if len(list) == 0 {
		return bundleProblem(codeBadBundle, "", "the bundle cannot be read: %v", err)
	}
	out := make(diag.List, 0, len(list))
	for _, e := range list {
		d := diag.Diagnostic{Code: codeBadBundle, Message: e.Message}
		if e.Location != nil {
			d.Pos = diag.Pos{File: fileName(name, e.Location.File), Line: e.Location.Row, Col: max(e.Location.Col, 1)}
		}
		out = append(out, d)
	}
	return out
}
