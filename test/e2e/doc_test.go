// Package e2e proves the gateway from socket to socket: the real server, policy store, engine and upstream client in front
// of simulated providers on loopback ports. Nothing inside is replaced or looked at; a test sees what a client sees and what
// the providers noted in their journals.
package e2e

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// atOnce is how many tests run side by side: most of them wait for a timeout that is itself under test, so that two
// processors carry more than two.
const atOnce = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			os.Exit(2)
		}
	}
	goleak.VerifyTestMain(m,
		// fasthttp's pool of workers notices its end only after an idle period, and its clock runs as long as the process.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}
