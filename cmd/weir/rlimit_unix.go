//go:build unix

package main

import (
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/server"
)

// filesSpare is what the process opens beside connections: listeners, policy files, logs.
const filesSpare = 128

// checkFiles warns where the limit of open files is below what the limits on connections allow: each exchange may hold
// one to its client and one to its provider.
func checkFiles(log zerolog.Logger, c *server.Config) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return
	}
	want := uint64(c.Limits.Connections) + uint64(c.Limits.Exchanges) + filesSpare //nolint:gosec // both are positive
	if have := uint64(limit.Cur); have < want {                                    //nolint:unconvert // it is signed on some systems
		log.Warn().Uint64("have", have).Uint64("want", want).
			Msg("the limit of open files (ulimit -n) is below what limits.connections and limits.exchanges allow")
	}
}
