package vars

import (
	"math/bits"
	"strings"
	"sync"
)

// ID names a variable.
type ID uint16

// Path returns the dotted path of the variable, "" for an id outside the table.
func (id ID) Path() string {
	t := load()
	if int(id) >= len(t.all) {
		return ""
	}
	return t.all[id].Path
}

// Type is the static type of a variable.
type Type uint8

// The types of variables.
const (
	TypeBool Type = iota
	TypeInt
	TypeDouble
	TypeString
	TypeTimestamp
	TypeStrings   // list of strings
	TypeMulti     // map from a string to a list of strings, total
	TypeCookies   // map from a string to a list of cookies, total
	TypeStringMap // map from a string to a string, total
	TypeMap       // map from a string to anything, total
	TypeList      // list of anything
	TypeDyn       // anything
	TypeModels    // list of models
	TypeProviders // list of providers
	TypeAuthors   // list of authors
	TypeKeys      // list of provider keys
)

// String returns the type as the reference page writes it.
func (t Type) String() string {
	names := [...]string{
		"bool", "int", "double", "string", "timestamp", "list(string)", "map(string, list(string))",
		"map(string, list(cookie))", "map(string, string)", "map(string, any)", "list(any)", "any",
		"list(model)", "list(provider)", "list(author)", "list(key)",
	}
	if int(t) >= len(names) {
		return "any"
	}
	return names[t]
}

// Phase is a set of the places where expressions stand.
type Phase uint16

// The phases.
const (
	PhaseTCPConnect Phase = 1 << iota // on_tcp_connect
	PhaseRequest                      // on_request
	PhaseRoute                        // expressions, require and strategies of route rules
	PhaseKeys                         // api_key_selection
	PhaseFailover                     // failover.on
	PhaseResponse                     // on_response
	PhaseEvent                        // on_event_stream_message; its expressions see what those of on_response see
)

const (
	phasesHTTP = PhaseRequest | PhaseRoute | PhaseKeys | PhaseFailover | PhaseResponse
	phasesAll  = phasesHTTP | PhaseTCPConnect
)

// String lists the phases of the set.
func (p Phase) String() string {
	names := [...]string{"on_tcp_connect", "on_request", "route", "api_key_selection", "failover", "on_response", "on_event_stream_message"}
	var out []string
	for i, name := range names {
		if p&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// Var is one row of the table.
type Var struct {
	ID      ID
	Path    string
	Type    Type
	Phases  Phase
	Doc     string
	Example string // a CEL expression that compiles in each of Phases
}

type index struct {
	all    []Var
	byPath map[string]ID
}

// load builds the index once; nothing changes it afterwards.
//
//nolint:gochecknoglobals // a constant table, which Go cannot write as a constant
var load = sync.OnceValue(func() *index {
	t := &index{all: make([]Var, Count), byPath: make(map[string]ID, Count)}
	for _, part := range [][]Var{requestVars(), connVars(), aiVars(), attemptVars(), responseVars(), families()} {
		for i := range part {
			t.all[part[i].ID] = part[i]
			t.byPath[part[i].Path] = part[i].ID
		}
	}
	return t
})

// All returns the table in order of ids. The caller must not change it.
func All() []Var { return load().all }

// ByPath returns the variable with exactly this path.
func ByPath(path string) (Var, bool) {
	t := load()
	id, ok := t.byPath[path]
	if !ok {
		return Var{}, false
	}
	return t.all[id], true
}

// Planned reports whether path, or a part of it in front, is a documented variable that this version does not have yet.
func Planned(path string) (string, bool) {
	for _, p := range [...]string{"conn.k8s", "last_attempt"} {
		if path == p || strings.HasPrefix(path, p) && path[len(p)] == '.' {
			return p, true
		}
	}
	return "", false
}

// Set is a set of variables. The zero value is empty.
type Set struct {
	words [(Count + 63) / 64]uint64
}

// Add puts id into the set.
func (s *Set) Add(id ID) { s.words[id/64] |= 1 << (id % 64) }

// Has reports whether id is in the set.
func (s Set) Has(id ID) bool { return s.words[id/64]&(1<<(id%64)) != 0 }

// Union puts all of other into the set.
func (s *Set) Union(other Set) {
	for i := range s.words {
		s.words[i] |= other.words[i]
	}
}

// Len returns how many variables are in the set.
func (s Set) Len() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}
