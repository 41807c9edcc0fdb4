package server

import "unsafe"

// view reads b as a string without copying it. The string is valid as long as the buffer is, which for a request is until
// its exchange ends.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // the exchange's strings alias the connection's buffer by contract
}
