package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"

	"weir/bench"
)

// runWeir is the gateway in this process, with profiles of it where asked for.
func runWeir(args []string) error {
	flags := flag.NewFlagSet("weir", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address to listen on")
	policy := flags.String("policy", "", "policy file")
	access := flags.String("access", os.DevNull, "file for the access log")
	cpu := flags.String("cpuprofile", "", "file for a CPU profile")
	mem := flags.String("memprofile", "", "file for a profile of all allocations")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	if *mem != "" {
		runtime.MemProfileRate = 512 // every other small object: exact enough, and the gateway still runs
	}
	text, err := os.ReadFile(*policy)
	if err != nil {
		return fmt.Errorf("reading the policy: %w", err)
	}
	log, err := os.Create(*access)
	if err != nil {
		return fmt.Errorf("opening the access log: %w", err)
	}
	g, err := bench.NewGateway(string(text), *listen, log)
	if err != nil {
		return fmt.Errorf("making the gateway: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	end, err := profileCPU(*cpu)
	if err != nil {
		return err
	}
	defer end()
	if err := g.Run(ctx); err != nil {
		return fmt.Errorf("running the gateway: %w", err)
	}
	return writeAllocations(*mem)
}

// profileCPU begins a CPU profile where a path is given; end writes it.
func profileCPU(path string) (end func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("writing the CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, fmt.Errorf("writing the CPU profile: %w", err)
	}
	return pprof.StopCPUProfile, nil
}

func writeAllocations(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the allocation profile: %w", err)
	}
	if err := pprof.Lookup("allocs").WriteTo(f, 0); err != nil {
		return fmt.Errorf("writing the allocation profile: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("writing the allocation profile: %w", err)
	}
	return nil
}
