// Package diag holds positions in policy files and the diagnostics that point at them. Everything that can be wrong with
// a policy is told in this one form: YAML, CEL, Rego and our own checks alike.
package diag
