package opa

import (
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/vars"
)

// kind says where the value of a name of the input comes from.
type kind uint8

const (
	kindNamespace kind = iota // other names
	kindVariable              // the table of variables
	kindRawBody               // Evaluation.RawBody
	kindWindow                // Evaluation.Window
)

// name is one name of the input document.
type name struct {
	path     string // dotted, from input
	part     string // the last of path
	key      *ast.Term
	kind     kind
	v        vars.Var // of a variable; of another kind its Phases alone
	children []*name  // of a namespace, in order of the table
}

// valueName is where a name that is a namespace too has its value.
const valueName = "value"

// shape is the input document, made from the table of variables.
//
//nolint:gochecknoglobals // a constant table, which Go cannot write as a constant
var shape = sync.OnceValue(func() *name {
	root := &name{path: "input"}
	for _, v := range vars.All() {
		if !forRego(v) {
			continue
		}
		at := root
		for part := range strings.SplitSeq(v.Path, ".") {
			at = at.namespace().child(part)
		}
		if len(at.children) > 0 {
			at = at.child(valueName)
		}
		at.kind, at.v = kindVariable, v
	}
	body, _ := vars.ByPath("req.body")
	root.child("req").leaf("raw_body", kindRawBody, body.Phases)
	text, _ := vars.ByPath("ai.response.text")
	root.child("ai").child("response").leaf("window", kindWindow, text.Phases)
	return root
})

// forRego reports whether a variable is in the input: collections of models and keys are for the strategies of routes,
// where no Rego runs.
func forRego(v vars.Var) bool {
	switch v.Type {
	case vars.TypeModels, vars.TypeProviders, vars.TypeAuthors, vars.TypeKeys:
		return false
	default:
		return true
	}
}

// namespace makes n a namespace; the value that it has already moves below it.
func (n *name) namespace() *name {
	if n.kind == kindVariable {
		v := n.v
		n.kind, n.v = kindNamespace, vars.Var{}
		n.leaf(valueName, kindVariable, 0).v = v
	}
	return n
}

// leaf adds a name that has a value.
func (n *name) leaf(part string, k kind, phases vars.Phase) *name {
	c := n.child(part)
	c.kind, c.v.Phases = k, phases
	return c
}

// find returns the child with this name, nil where there is none.
func (n *name) find(part string) *name {
	for _, c := range n.children {
		if c.part == part {
			return c
		}
	}
	return nil
}

// child returns the child with this name, a new one where there is none.
func (n *name) child(part string) *name {
	if c := n.find(part); c != nil {
		return c
	}
	c := &name{path: n.path + "." + part, part: part, key: ast.StringTerm(part)}
	n.children = append(n.children, c)
	return c
}

// within reports whether any value at or below n exists in a phase.
func (n *name) within(phase vars.Phase) bool {
	if n.kind != kindNamespace {
		return n.v.Phases&phase != 0
	}
	for _, c := range n.children {
		if c.within(phase) {
			return true
		}
	}
	return false
}

// lookUp returns the name of the input with this path, nil where there is none.
func lookUp(path []string) *name {
	n := shape()
	for _, part := range path {
		if n = n.find(part); n == nil {
			return nil
		}
	}
	return n
}
