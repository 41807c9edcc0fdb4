// Package vars is the table of variables that expressions see: path, type, phases, documentation and an example. The CEL
// environment, the schemas and the reference page are all made from it.
package vars
