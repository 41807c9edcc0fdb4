// Package expr compiles and runs every CEL expression of a policy: conditions, ${...} templates and strategies. It is the
// only package that knows CEL. Common shapes become plain closures at load; the rest runs as CEL programs with the same
// results.
package expr
