//go:build unix

package upstream

import (
	"errors"

	"golang.org/x/sys/unix"
)

// prober asks the kernel about one connection; it lives in the sock so that asking allocates nothing.
type prober struct{ fds [1]unix.PollFd }

// isQuiet reports whether nothing waits to be read, neither bytes nor the end.
func (p *prober) isQuiet(fd uintptr) bool {
	//nolint:gosec // a file descriptor fits an int32
	p.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	for {
		n, err := unix.Poll(p.fds[:], 0)
		if !errors.Is(err, unix.EINTR) {
			return n == 0 && err == nil
		}
	}
}
