// Package server is the listener: it turns bytes into exchanges, runs them through a plan, and turns replies back into
// bytes.
//
// Everything that touches a client's socket is here: strict reading of request heads, the limits of bodies, the shapes of
// errors, streams with a deadline per write, the sweep for clients that hung up, the drain at the end. It holds no rule
// of a policy and calls no provider.
package server
