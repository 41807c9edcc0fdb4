package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/rs/zerolog"

	"weir/providers/sim"
)

type simCmd struct {
	Listen string        `default:"127.0.0.1:9100" help:"Address to listen on."`
	Pace   time.Duration `help:"Wait between two pieces of a stream."`
	Chunks int           `help:"Pieces of text in a stream; 0 = one for each word."`
	Fault  string        `help:"What befalls every call, such as 'status=503;retry-after=2'; see providers/sim/sim.md."`
	Script string        `type:"existingfile" help:"File that says which calls fail, and how."`
	Log    bool          `help:"Tell each call on standard error."`
}

// Run serves simulated providers until it is told to stop.
func (c *simCmd) Run(a *app) error {
	opts := sim.Options{Pace: c.Pace, Chunks: c.Chunks, HeaderFaults: sim.ObeyHeader, Logger: zerolog.Nop()}
	if c.Log {
		opts.Logger = zerolog.New(a.err).With().Timestamp().Logger()
	}
	var err error
	if opts.Fault, err = sim.ParseFault(c.Fault); err != nil {
		return fmt.Errorf("reading --fault: %w", err)
	}
	if c.Script != "" {
		text, err := os.ReadFile(c.Script)
		if err != nil {
			return fmt.Errorf("reading --script: %w", err)
		}
		if opts.Script, err = sim.ParseScript(string(text)); err != nil {
			return fmt.Errorf("reading --script: %w", err)
		}
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("opening --listen: %w", err)
	}
	s := sim.New(opts)
	if err := a.printf("simulated providers on http://%s (OpenAI, Anthropic, Gemini); any key, any model\n", ln.Addr()); err != nil {
		return err
	}
	ctx, stop := a.untilStopped(nil)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	select {
	case err = <-served:
	case <-ctx.Done():
	}
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("simulating providers: %w", err)
	}
	return nil
}
