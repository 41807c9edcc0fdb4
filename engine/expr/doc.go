// Package expr compiles and runs every CEL expression of a policy: conditions, ${...} templates and strategies. It is the
// only package that knows CEL. Common shapes become plain closures at load; the rest runs as CEL programs with the same
// results.
//
// An expression reads nothing but memory, so that its deadline is a bound on its work: what costs too much is refused at
// load, and what loops over lists of unknown length stops at a limit while it runs. A strategy, which runs for each model,
// has a deadline besides.
package expr
