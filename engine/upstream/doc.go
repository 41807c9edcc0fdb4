// Package upstream is the client side of Weir: it calls providers over HTTP/1.1 from the goroutine of the exchange.
//
// A Client keeps Endpoints (one origin with its TLS and limits), each with a pool of connections. A Call is one request
// at a time on such a connection; it can be cancelled from any goroutine, before, during and after, and its answer is
// read as it arrives. Nothing here follows redirects, keeps cookies or repeats a request, except that a pooled
// connection which the peer had already closed is replaced once.
//
// The head of the answer is read by this package and not by fasthttp's ResponseHeader: that one drops a content-length
// beside a transfer-encoding without a trace, where we must refuse the pair; it puts bytes of the answer into its errors;
// and it needs the whole head in one buffer, which would cost every idle stream 64 KiB.
package upstream
