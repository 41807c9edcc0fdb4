// Package engine runs one exchange through a plan: rules before the route, the route, the calls to providers, rules on
// the answer.
//
// It opens no listener and reads no policy text: package policies builds the plan, package server brings the bytes.
// What outlives a plan (connections, health, metrics, ids of stored answers) is in the Runtime; a Plan never changes.
package engine
