// Package policytest runs policy scripts: archives of a script and its files that say which policy is loaded, what a client
// sends, what it gets and which calls are made upstream.
//
// Each script has a gateway of its own on a loopback port, with the real store, watcher and engine, in front of simulated
// providers on real sockets. Secrets, the environment and the clock are the script's. The verbs are in docs/testing.md.
package policytest
