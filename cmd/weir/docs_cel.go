package main

import (
	"fmt"
	"strings"

	"weir/engine/expr"
	"weir/engine/vars"
)

// celIntro is what holds for all of it.
const celIntro = `# What expressions see

Policies are written with [CEL](https://cel.dev). These are the variables and functions there are; a name that is not here, or that
belongs to another phase, is an error when a policy loads, and so is an operand of the wrong type.

## How values are read

- Every variable has a value: what is not there reads as "", 0, false or nothing, and ` + "`has(req.url.port)`" + ` tells whether it is.
- Headers, query parameters and cookies are lists by name. A missing name is an empty list, and ` + "`[0]`" + ` of it is "". Names of headers ignore case.
- What is not typed (` + "`vars`, `caller.metadata`, `m.metadata`" + `, bodies, results of actions) gives null for what it lacks, however deep. Null equals
  nothing but null; to order it or to calculate with it is an error.
- Ints and doubles compare with each other. A number in quotes is a text: ` + "`int(...)`" + ` makes a number of it.
- ` + "`&&` and `||`" + ` take the side that decides, also where the other fails. The expressions of a rule run from left to right up to the first that
  does not hold; one that fails ends the rule as its ` + "`on_error`" + ` says.
- Conditions that can never hold, or always do, are warned of when a policy loads.
- An expression is at most 16 KiB long and 64 levels deep. One that cannot run for less than a million of CEL's cost units is refused; loops over
  what has no bound at load stop there while they run. Patterns are RE2.

`

// celTemplates explains ${...}.
const celTemplates = `
## Interpolation

Fields that take text may hold ` + "`${expression}`" + `, any number of times; braces and quotes inside the expression are understood. ` + "`$${`" + ` is a
literal ` + "`${`" + `. Where a field takes any value (` + "`set-vars`, `body`" + `) and is one ` + "`${...}`" + ` and nothing else, the value keeps its type; everywhere else it becomes text:

| Template | Text |
|---|---|
`

// celDifferences says which way is taken.
const celDifferences = `
## Where others differ

The documents that ngrok's policies are written by and CEL's Go library say different things about five functions. The documents win where CEL's own
definition agrees with them, or where the library has nothing.

| Expression | ngrok's documents | Go library | here |
|---|---|---|---|
`

// example is an expression or template and what comes of it. A test runs them.
type example struct{ code, want string }

func templateExamples() []example {
	return []example{
		{"${null}", ""},
		{"${true}", "true"},
		{"${42}", "42"},
		{"${1000000.0} ${0.5}", "1000000 0.5"},
		{"started at ${timestamp('2024-07-13T00:10:16Z')}", "started at 2024-07-13T00:10:16Z"},
		{"${duration('1m30s')}", "90s"},
		{"${['a', 1, null]}", `["a",1,null]`},
		{"${{'a': {'b': true}}}", `{"a":{"b":true}}`},
		{"${b'bytes'}", "bytes"},
		{"${'}' + \"{\"}", "}{"},
		{"$${literal}", "${literal}"},
	}
}

// difference is one of the places where documents and library differ.
type difference struct{ code, documents, library, here string }

func differences() []difference {
	return []difference{
		{"'a,b,c'.split(',', 2)", `["a","b"]`, `["a","b,c"]`, `["a","b,c"]`},
		{"string(base64.decode('aGVsbG8'))", "an error", `"hello"`, `"hello"`},
		{"'hello'.lastIndexOf('l', 20)", "an error", "-1", "an error"},
		{"duration('1.234s').getMilliseconds()", "234", "1234", "234"},
		{"' a  b '.split()", `["a","b"]`, "no such function", `["a","b"]`},
	}
}

// celReference is the page of everything that expressions can name.
func celReference() string {
	var b strings.Builder
	b.WriteString(celIntro)
	writeVariables(&b)
	writeFields(&b)
	writeFunctions(&b)
	b.WriteString(celTemplates)
	for _, x := range templateExamples() {
		fmt.Fprintf(&b, "| %s | %s |\n", code(x.code), said(x.want))
	}
	b.WriteString(celDifferences)
	for _, d := range differences() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code(d.code), said(d.documents), said(d.library), said(d.here))
	}
	return b.String()
}

// said shows a result as code and what is no result as words.
func said(s string) string {
	if s == "" {
		return "nothing"
	}
	if strings.HasPrefix(s, "an ") || strings.HasPrefix(s, "no ") {
		return s
	}
	return code(s)
}

// writeVariables writes a table for each first part of a name, in the order of the first of each.
func writeVariables(b *strings.Builder) {
	b.WriteString("## Variables\n\nWhat on_response sees is there in on_event_stream_message as well.\n")
	var groups []string
	rows := make(map[string][]vars.Var)
	for _, v := range vars.All() {
		group, _, _ := strings.Cut(v.Path, ".")
		if len(rows[group]) == 0 {
			groups = append(groups, group)
		}
		rows[group] = append(rows[group], v)
	}
	for _, group := range groups {
		fmt.Fprintf(b, "\n### %s\n\n| Name | Type | Phases | Meaning | Example |\n|---|---|---|---|---|\n", group)
		for _, v := range rows[group] {
			fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", v.Path, cell(v.Type.String()), phasesText(v.Phases), cell(v.Doc), code(v.Example))
		}
	}
}

// phasesText says in which phases a variable is there, shortly where it is in nearly all of them.
func phasesText(p vars.Phase) string {
	const requests = vars.PhaseRequest | vars.PhaseRoute | vars.PhaseKeys | vars.PhaseFailover | vars.PhaseResponse
	switch {
	case p&requests != requests:
		return p.String()
	case p&vars.PhaseTCPConnect != 0:
		return "all"
	default:
		return "all but on_tcp_connect"
	}
}

// writeFields lists what models and the like consist of.
func writeFields(b *strings.Builder) {
	env, err := expr.New(expr.Options{})
	if err != nil {
		return // the examples of the page are run with the same environment, so that a test fails before this matters
	}
	b.WriteString("\n## Fields\n\nPrices are null where they are unknown; metrics of a model without traffic are 0, and an unknown quota is the largest int.\n")
	for _, o := range []struct{ name, of string }{
		{"model", "ai.models[0]"},
		{"metrics", "ai.models[0].metrics.global"},
		{"datacenter", "ai.models[0].datacenters[0]"},
		{"provider", "ai.providers[0]"},
		{"author", "ai.authors[0]"},
		{"key", "ai.keys[0]"},
		{"cookie", "req.cookies['x'][0]"},
		{"set_cookie", "res.cookies['x'][0]"},
	} {
		fmt.Fprintf(b, "\n### %s\n\n| Field | Type |\n|---|---|\n", o.name)
		writeMembers(b, env, o.name, o.of, "")
	}
}

// writeMembers writes the fields of an expression, those of its groups by their dotted paths.
func writeMembers(b *strings.Builder, env *expr.Env, group, of, path string) {
	t, _ := env.TypeOf(of+path, nil)
	for _, m := range env.Members(t) {
		switch {
		case m.Call:
		case strings.HasPrefix(m.Type, group+"."):
			writeMembers(b, env, group, of, path+"."+m.Name)
		default:
			fmt.Fprintf(b, "| `%s` | %s |\n", (path + "." + m.Name)[1:], cell(strings.ReplaceAll(m.Type, "wrapper(double)", "double or null")))
		}
	}
}

func writeFunctions(b *strings.Builder) {
	b.WriteString("\n## Functions\n")
	last := ""
	for _, f := range expr.Functions() {
		if f.Group != last {
			last = f.Group
			fmt.Fprintf(b, "\n### %s\n\n| Function | Meaning | Example | gives |\n|---|---|---|---|\n", last)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", code(f.Signature), cell(f.Doc), code(f.Example), code(f.Want))
	}
}
