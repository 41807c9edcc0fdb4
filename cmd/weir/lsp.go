package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"weir/policies"
	"weir/policies/editor"
)

type lspCmd struct {
	Config string `type:"existingfile" help:"weir.yaml, for where secrets are."`
	Stdio  bool   `help:"Speak over standard input and output, which is the only way there is; editors like to say so."`
}

// Run serves one editor, which started this process and ends it.
func (c *lspCmd) Run(a *app) error {
	opts, done, err := a.checkOptions(c.Config)
	if err != nil {
		return err
	}
	defer done()
	opts.Offline = true // an editor checks with each key that is pressed
	ctx, stop := a.untilStopped(nil)
	defer stop()
	err = editor.Serve(ctx, stdio{Reader: os.Stdin, Writer: a.out}, editor.Options{
		Version: version, Actions: opts.Actions,
		Check: func(in policies.Input) policies.FileReport { return policies.CheckInput(in, opts) },
	})
	if errors.Is(err, editor.ErrNoShutdown) {
		return errFailed // the protocol asks for status 1, and nobody is left to read why
	}
	if err != nil {
		return fmt.Errorf("serving an editor: %w", err)
	}
	return nil
}

// stdio is the two ends of a process as one connection. The process ends with it, so there is nothing to close.
type stdio struct {
	io.Reader
	io.Writer
}

// Close implements io.Closer.
func (stdio) Close() error { return nil }
