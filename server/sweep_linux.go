package server

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// pollBatch is how many sockets one system call looks at: a page of the kernel's and enough for any batch to be cheap.
const pollBatch = 1024

// pollSet asks the kernel which sockets their peers have closed. It reads nothing, so bytes of a pipelined request stay.
type pollSet struct {
	fds  []unix.PollFd
	hits []*conn
}

// gone returns those of conns whose peer closed, at least its sending half. Descriptors are looked at in batches without
// holding the connections, and those that seem gone once more while they are held: a number may have been reused.
func (p *pollSet) gone(conns []*conn) []*conn {
	p.hits = p.hits[:0]
	for len(conns) > 0 {
		batch := conns[:min(pollBatch, len(conns))]
		conns = conns[len(batch):]
		p.fds = p.fds[:0]
		for _, c := range batch {
			p.fds = append(p.fds, unix.PollFd{Fd: int32(c.fd), Events: unix.POLLRDHUP}) //nolint:gosec // descriptors are small
		}
		if n, err := unix.Poll(p.fds, 0); err != nil || n == 0 {
			continue
		}
		for i := range p.fds {
			if p.fds[i].Revents != 0 && hungUp(batch[i]) {
				p.hits = append(p.hits, batch[i])
			}
		}
	}
	return p.hits
}

func hungUp(c *conn) bool {
	sock, ok := c.socket().(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sock.SyscallConn()
	if err != nil {
		return false
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		one := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} //nolint:gosec // descriptors are small
		n, pollErr := unix.Poll(one[:], 0)
		gone = pollErr == nil && n == 1 && one[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
	})
	return err == nil && gone
}

// descriptor is the number of the socket's descriptor, -1 where it has none.
func descriptor(c net.Conn) int {
	sock, ok := c.(syscall.Conn)
	if !ok {
		return -1
	}
	raw, err := sock.SyscallConn()
	if err != nil {
		return -1
	}
	fd := -1
	if raw.Control(func(n uintptr) { fd = int(n) }) != nil { // descriptors are small
		return -1
	}
	return fd
}
