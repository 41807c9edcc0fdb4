// Package sim is a simulator of upstreams: it speaks the OpenAI, Anthropic and Gemini APIs over real sockets and answers
// from the request alone, so that demos, tests and benchmarks need no key and no network.
//
// Answers are deterministic: they echo the prompt. Faults come on order, from a request header, a default or a script
// (see sim.md for the words), and a journal keeps what was asked and how each call ended. It is meant for loopback:
// it authenticates nobody.
package sim
