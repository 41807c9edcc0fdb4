//go:build !linux

// Command hop measures Weir socket to socket. It needs Linux: it pins processes to CPUs and reads /proc.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "hop: it runs on Linux only")
	os.Exit(1)
}
