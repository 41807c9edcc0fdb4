// Package policies reads policy documents: YAML or JSON with exact positions, checks, compilation to what package engine
// makes a plan of, secrets, the store of the current plan and the watcher that follows edits.
//
// It knows actions only by their specs and providers only by their names, and runs nothing.
package policies
