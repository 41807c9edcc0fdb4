//go:build unix

package sim

import (
	"errors"

	"golang.org/x/sys/unix"
)

// peerClosed looks at the socket without taking anything from it.
func peerClosed(fd uintptr) bool {
	var b [1]byte
	for {
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return false
		case err != nil:
			return true
		default:
			return n == 0
		}
	}
}
