// Package wire knows the bytes of every API that Weir speaks: bodies, events of streams, usage, errors.
//
// It reads and edits them in place and never re-serialises what it was not asked to change. It opens no socket,
// knows no policy and imports nothing else of Weir. The server parses requests with it, the engine edits bodies and
// watches streams with it.
package wire
