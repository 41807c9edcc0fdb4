// Package bench measures Weir: the policies, the traffic and the gateway in one process that its benchmarks share with
// bench/hop, the program that measures socket to socket.
package bench
