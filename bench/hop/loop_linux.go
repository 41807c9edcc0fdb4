package main

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// loop plays both ends of the measured hop on one thread: the clients and the provider. One epoll loop with no goroutines
// and no allocations costs about a third of what a Go server and a Go client cost, so that the target, with a CPU of its
// own, is the one that has no time left.
type loop struct {
	epoll   int
	sockets []socket // by file descriptor; nil = not ours
	events  [256]unix.EpollEvent
	buf     [64 << 10]byte

	clients  []*client
	provider *provider
	counts   counts
	stopping bool // answers are waited for, nothing new is asked
}

// socket is one open descriptor of the loop.
type socket interface {
	// readable is called when there is something to read; an error closes the socket.
	readable() error
	// closed is called once, when the descriptor is gone.
	closed()
}

// counts is what a run adds up.
type counts struct {
	Answers int `json:"answers"`
	Bad     int `json:"bad"`    // answers with another status than 200
	Errors  int `json:"errors"` // connections that ended early, streams that stalled
	Pieces  int `json:"pieces"` // of streams, as the provider wrote them
}

var errClosed = errors.New("the other side closed the connection")

func newLoop() (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making an epoll descriptor: %w", err)
	}
	return &loop{epoll: fd}, nil
}

func (l *loop) add(fd int, s socket) error {
	for fd >= len(l.sockets) {
		l.sockets = append(l.sockets, nil)
	}
	l.sockets[fd] = s
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("watching a socket: %w", err)
	}
	return nil
}

func (l *loop) close(fd int) {
	s := l.sockets[fd]
	if s == nil {
		return
	}
	l.sockets[fd] = nil
	_ = unix.Close(fd) // it is gone either way
	s.closed()
}

// turn waits for sockets for at most the given time and serves those that are ready.
func (l *loop) turn(wait time.Duration) error {
	n, err := unix.EpollWait(l.epoll, l.events[:], int(wait.Milliseconds()))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("waiting for sockets: %w", err)
	}
	for i := range max(n, 0) {
		fd := int(l.events[i].Fd)
		s := l.sockets[fd]
		if s == nil {
			continue // closed by one served before it
		}
		if err := s.readable(); err != nil {
			l.close(fd)
		}
	}
	return nil
}

// run serves for a time.
func (l *loop) run(d time.Duration) error {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := l.turn(min(left, 100*time.Millisecond) + time.Millisecond); err != nil {
			return err
		}
	}
}

// read reads what is there into the loop's buffer.
func (l *loop) read(fd int) ([]byte, error) {
	n, err := unix.Read(fd, l.buf[:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading: %w", err)
	case n == 0:
		return nil, errClosed
	}
	return l.buf[:n], nil
}

// write writes at once: what is written here is far smaller than a socket's buffer and the buffer is empty, so that a
// short write means that the other side does not read.
func write(fd int, b []byte) error {
	n, err := unix.Write(fd, b)
	if err == nil && n < len(b) {
		err = unix.EAGAIN
	}
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

func noDelay(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("setting TCP_NODELAY: %w", err)
	}
	return nil
}
