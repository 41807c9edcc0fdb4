// Package opa is everything Rego: it compiles modules, data and bundles, checks them against the table of variables, and
// evaluates decisions on an exchange. It is the only package that imports OPA.
package opa
