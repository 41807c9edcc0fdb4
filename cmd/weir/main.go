// Command weir is an AI gateway driven by policy. Every subcommand has a file of its own; what they do is in the packages
// they call.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "dev"

// app is what the commands know of the process.
type app struct {
	in       io.Reader // nil = nothing
	out, err io.Writer
	getenv   func(string) (string, bool)
	signals  <-chan os.Signal
}

// commands are the subcommands.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run the gateway."`
	Check   checkCmd   `cmd:"" help:"Check policies without running them."`
	Test    testCmd    `cmd:"" help:"Run policy scripts (txtar)."`
	Sim     simCmd     `cmd:"" help:"Run simulated providers, for demos and tests."`
	Keys    keysCmd    `cmd:"" help:"Access keys: who may call the gateway."`
	Teams   teamsCmd   `cmd:"" help:"Teams that access keys, budgets and limits belong to."`
	Budgets budgetsCmd `cmd:"" help:"Budgets in USD or tokens."`
	Limits  limitsCmd  `cmd:"" help:"Limits of requests, tokens, cost and calls at once."`
	Usage   usageCmd   `cmd:"" help:"What was used, by whom, and what it cost."`

	ProviderKeys providerKeysCmd `cmd:"" name:"provider-keys" help:"Keys at providers, stored sealed."`
	KeyConfigs   keyConfigsCmd   `cmd:"" name:"key-configs" help:"Access key configurations: what keys may use, and with which provider keys."`

	Catalog catalogCmd `cmd:"" help:"Look at the catalog of models, or import one."`
	Docs    docsCmd    `cmd:"" help:"Write the generated reference."`
	Schema  schemaCmd  `cmd:"" help:"Print the JSON Schema of policies, for editors."`
	LSP     lspCmd     `cmd:"" name:"lsp" help:"Serve an editor: the language server of policies, on standard input and output."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// errFailed ends a command with status 1 after it has said why.
var errFailed = errors.New("failed")

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.LookupEnv, signals: signals}
	os.Exit(a.run(os.Args[1:]))
}

// run parses the command line and runs the command; the result is the status of the process.
func (a *app) run(args []string) int {
	exited := -1
	parser, err := kong.New(&commands{}, kong.Name("weir"), kong.Description("An AI gateway driven by policy."),
		kong.Writers(a.out, a.err), kong.Exit(func(code int) { exited = code }), kong.UsageOnError(), kong.Bind(a))
	if err != nil {
		return a.fail(err)
	}
	call, err := parser.Parse(args)
	switch {
	case exited >= 0:
		return exited
	case err != nil:
		return a.fail(err)
	}
	if err := call.Run(a); err != nil {
		return a.fail(err)
	}
	return 0
}

func (a *app) fail(err error) int {
	if !errors.Is(err, errFailed) {
		a.warnf("weir: %v\n", err)
	}
	return 1
}

// printf writes to standard output.
func (a *app) printf(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.out, format, args...); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// warnf writes to standard error, of which nobody can be told that it failed.
func (a *app) warnf(format string, args ...any) { _, _ = fmt.Fprintf(a.err, format, args...) }

// untilStopped gives a context that ends with the first signal to stop. The second ends the process. reload is called for
// the signal to reload; it may be nil.
func (a *app) untilStopped(reload func()) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		stopping := false
		for {
			select {
			case <-done:
				return
			case s := <-a.signals:
				switch {
				case s == syscall.SIGHUP:
					if reload != nil {
						reload()
					}
				case stopping:
					os.Exit(1)
				default:
					stopping = true
					stop()
				}
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		stop()
		close(done)
	})
}
