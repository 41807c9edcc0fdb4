// Package editor helps people to write policies: the JSON Schema of the language, and a language server with completion,
// hover and diagnostics, inside expressions too.
//
// It lists nothing by itself. Keys come from the field tables of package policies and the specs of actions, variables and
// functions from the tables that expressions are compiled with.
package editor
