package opa

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/rs/zerolog"

	"weir/engine/diag"
)

// Text is a module or a data document as it stands somewhere.
type Text struct {
	// Name is the file's name as diagnostics show it. Its ending tells JSON from YAML.
	Name string
	Text []byte
	// At gives the place of a character of Text, counted from 0, where the text stands inside another file; nil = in Name
	// itself.
	At func(offset int) diag.Pos
	// Path is where a data document stands below data; empty = at the root.
	Path []string
}

// Options is what a policy is compiled from.
type Options struct {
	Modules []Text
	Data    []Text
	Bundles []*Bundle
	// Hosts are those that http.send may call; empty = there is no http.send.
	Hosts []string
	// Transport carries the requests of http.send; it must guard what it dials.
	Transport http.RoundTripper
	Log       zerolog.Logger // takes what print writes
	Now       func() time.Time
	// Deadline bounds evaluations that do not say how long they may take; 0 = DefaultDeadline.
	Deadline time.Duration
}

// Policy is the compiled Rego of one policy. It is immutable and may be asked by many exchanges at once.
type Policy struct {
	compiler *ast.Compiler
	store    storage.Store
	txn      storage.Transaction // read-only, open as long as the policy lives
	data     ast.Object
	sources  *sources
	bundles  []*Bundle
	own      []*ast.Module // those outside the bundles
	builtins map[string]*topdown.Builtin
	metadata map[string]any // empty: without it every evaluation makes one
	printer  printer
	sender   *sender
	now      func() time.Time
	deadline time.Duration
	turns    chan struct{} // holds one entry per evaluation at work
	mask     *Query        // nil where nothing masks the decision log
	drop     *Query        // nil where nothing drops events of it
}

// Bundles returns the bundles that the policy was compiled with, in order.
func (p *Policy) Bundles() []*Bundle { return slices.Clone(p.bundles) }

// decisionName is the rule that the default query asks for.
const decisionName = "decision"

// DefaultQuery is data.<package>.decision of the only package outside the bundles and tests that has a decision; an error
// says why there is none.
func (p *Policy) DefaultQuery() (string, error) {
	var names []string
	for _, m := range p.own {
		for _, r := range m.Rules {
			if head := r.Head.Ref(); len(head) > 0 && head[0].Value.Compare(ast.Var(decisionName)) == 0 {
				names = append(names, m.Package.Path.String()+"."+decisionName)
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch len(names) {
	case 0:
		return "", errors.New("no package has a rule called decision")
	case 1:
		return names[0], nil
	default:
		return "", fmt.Errorf("several packages have a decision: %s", strings.Join(names, ", "))
	}
}
