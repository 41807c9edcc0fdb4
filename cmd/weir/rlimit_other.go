//go:build !unix

package main

import (
	"github.com/rs/zerolog"

	"weir/server"
)

// checkFiles has nothing to check: there is no limit of open files here.
func checkFiles(zerolog.Logger, *server.Config) {}
