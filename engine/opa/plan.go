package opa

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/vars"
)

// reading is a name of the input that a query reads.
type reading struct {
	*name
	// fields are the names of a namespace that are read.
	fields []*reading
	// members are those parts of a value that are read.
	members *member
}

// member is a tree of names inside a value.
type member struct {
	name  string
	key   *ast.Term
	whole bool // all of it is read
	parts []*member
}

// add adds a path below m; what is read whole needs no parts.
func (m *member) add(names []string) {
	if m.whole {
		return
	}
	if len(names) == 0 {
		m.whole, m.parts = true, nil
		return
	}
	for _, p := range m.parts {
		if p.name == names[0] {
			p.add(names[1:])
			return
		}
	}
	p := &member{name: names[0], key: ast.StringTerm(names[0])}
	m.parts = append(m.parts, p)
	p.add(names[1:])
}

// plan gives what of the input has to be built for these places in a phase.
func plan(inputs []inputRef, phase vars.Phase) *reading {
	root := &reading{name: shape()}
	for _, r := range inputs {
		root.add(r.constants(), phase)
	}
	return root
}

func (r *reading) add(names []string, phase vars.Phase) {
	if r.kind != kindNamespace {
		if r.members == nil {
			r.members = &member{}
		}
		if r.kind != kindVariable || !narrows(r.v.Type) {
			names = nil
		}
		r.members.add(names)
		return
	}
	if len(names) == 0 {
		for _, c := range r.children {
			if c.within(phase) {
				r.field(c).add(nil, phase)
			}
		}
		return
	}
	if c := r.find(names[0]); c != nil && c.within(phase) {
		r.field(c).add(names[1:], phase)
	}
}

// narrows reports whether parts of a value of this type can be built alone.
func narrows(t vars.Type) bool {
	switch t {
	case vars.TypeMulti, vars.TypeCookies, vars.TypeStringMap, vars.TypeMap, vars.TypeDyn:
		return true
	default:
		return false
	}
}

func (r *reading) field(n *name) *reading {
	for _, f := range r.fields {
		if f.name == n {
			return f
		}
	}
	f := &reading{name: n}
	r.fields = append(r.fields, f)
	return f
}

// each calls f with every value that is read.
func (r *reading) each(f func(*reading)) {
	if r.kind != kindNamespace {
		f(r)
		return
	}
	for _, c := range r.fields {
		c.each(f)
	}
}

// variables are those that a plan reads. A part of a streamed answer counts as its text, the raw body as the body.
func (r *reading) variables() vars.Set {
	var set vars.Set
	r.each(func(r *reading) {
		switch r.kind {
		case kindVariable:
			set.Add(r.v.ID)
		case kindWindow:
			set.Add(vars.AIResponseText)
		case kindRawBody:
			set.Add(vars.ReqBody)
		case kindNamespace:
		}
	})
	return set
}
