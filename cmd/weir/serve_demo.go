package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/engine"
	"weir/providers/sim"
)

// demoPace is slow enough to see a stream come, and fast enough not to wait for it.
const demoPace = 20 * time.Millisecond

// demoProvider is what the simulator is called as a provider.
const demoProvider = "sim"

// demo is the simulator that --demo starts in the process, over a real socket.
type demo struct {
	server *sim.Server
	addr   string
	tasks  sync.WaitGroup
	failed error
}

// demoModels are what the simulator does, by name.
func demoModels() []string { return []string{"echo", "fast", "slow", "tools", "think", "embed"} }

func startDemo() (*demo, error) {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the simulated providers: %w", err)
	}
	d := &demo{
		server: sim.New(sim.Options{Pace: demoPace, HeaderFaults: sim.ObeyHeader, Models: demoModels(), Logger: zerolog.Nop()}),
		addr:   ln.Addr().String(),
	}
	d.tasks.Go(func() { d.failed = d.server.Serve(ln) })
	return d, nil
}

func (d *demo) provider() *engine.DemoProvider {
	return &engine.DemoProvider{ID: demoProvider, BaseURL: "http://" + d.addr, Models: demoModels()}
}

func (d *demo) close(log zerolog.Logger) {
	err := d.server.Close()
	d.tasks.Wait()
	for _, err := range []error{err, d.failed} {
		if err != nil {
			log.Warn().Err(err).Msg("the simulated providers ended badly")
		}
	}
}
