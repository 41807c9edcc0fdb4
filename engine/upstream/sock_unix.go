//go:build unix

package upstream

import (
	"errors"

	"golang.org/x/sys/unix"
)

// prober asks the kernel about one connection; it lives in the sock so that asking allocates nothing.
type prober struct{ fds [1]unix.PollFd }

// asker writes a request from within the wait for its answer.
type asker struct {
	out   []byte
	done  int
	asked bool
}

// step is called once before the wait, which it asks for when everything is written, and once behind it.
func (a *asker) step(fd uintptr) bool {
	if a.asked {
		return true
	}
	a.asked = true
	for a.done < len(a.out) {
		n, err := unix.Write(int(fd), a.out[a.done:])
		switch {
		case err == nil:
			a.done += n
		case !errors.Is(err, unix.EINTR):
			return true // Write says what it is, or waits until there is room
		}
	}
	return false
}

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
