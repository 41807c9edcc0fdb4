package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// runBare is the hop that Weir is compared with: a fasthttp server that hands each request to a fasthttp client and each
// answer back, with a deadline and nothing else.
func runBare(args []string) error {
	flags := flag.NewFlagSet("bare", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address to listen on")
	upstream := flags.String("upstream", "", "address of the provider")
	cpu := flags.String("cpuprofile", "", "file for a CPU profile")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	end, err := profileCPU(*cpu)
	if err != nil {
		return err
	}
	defer end()
	const (
		connections = 1024 // far more than the clients have
		limit       = time.Minute
	)
	whole := &fasthttp.HostClient{Addr: *upstream, MaxConns: connections}
	stream := &fasthttp.HostClient{Addr: *upstream, MaxConns: connections, StreamResponseBody: true}
	s := &fasthttp.Server{NoDefaultServerHeader: true, Handler: func(ctx *fasthttp.RequestCtx) {
		client := whole
		if bytes.Equal(ctx.Request.Header.Peek(fasthttp.HeaderAccept), []byte("text/event-stream")) {
			client = stream
		}
		ctx.Request.SetHost(*upstream)
		if err := client.DoDeadline(&ctx.Request, &ctx.Response, time.Now().Add(limit)); err != nil {
			ctx.Error(err.Error(), http.StatusBadGateway)
		}
	}}
	failed := make(chan error, 1)
	go func() { failed <- s.ListenAndServe(*listen) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
		return nil
	}
}
