//go:build !linux

package server

import "net"

// pollSet finds nothing here: without POLLRDHUP there is no look at a socket that leaves its bytes, so a client that hung
// up is noticed at the next write.
type pollSet struct{}

func (*pollSet) gone([]*conn) []*conn { return nil }

func descriptor(net.Conn) int { return -1 }
