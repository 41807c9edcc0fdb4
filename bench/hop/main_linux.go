// Command hop measures Weir socket to socket on one machine: CPU time a request, beside a bare fasthttp hop in the same
// round. See bench/README.md.
package main

import (
	"fmt"
	"os"
)

func main() {
	run, args := runMeasure, os.Args[1:]
	if len(args) > 0 {
		switch args[0] {
		case "bare":
			run, args = runBare, args[1:]
		case "weir":
			run, args = runWeir, args[1:]
		}
	}
	if err := run(args); err != nil {
		fmt.Fprintln(os.Stderr, "hop:", err)
		os.Exit(1)
	}
}
