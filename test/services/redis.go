package services

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis starts a private Redis, or a Valkey where that is what is installed, and returns its address. It keeps nothing on
// disk: started again after Stop or Kill it is empty.
func Redis(tb testing.TB) (addr string, server *Server) {
	tb.Helper()
	s := startRedis(tb, func(int) []string { return nil })
	addr = s.Addr()
	return addr, s
}

// RedisCluster starts a private cluster of one node, which refuses commands for keys of different slots as every cluster does.
func RedisCluster(tb testing.TB) (addr string, server *Server) {
	tb.Helper()
	s := startRedis(tb, func(port int) []string {
		bus, err := freePort()
		if err != nil || bus == port {
			bus = 0 // its choice
		}
		return []string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus)}
	})
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	if line, err := tellRedis(ctx, s.port, "CLUSTER ADDSLOTSRANGE 0 16383"); err != nil || line != "+OK" {
		tb.Fatalf("giving the node its slots: it said %q: %v", line, err)
	}
	for {
		// A node takes a moment to find that all slots are served.
		line, err := tellRedis(ctx, s.port, "DEL nothing")
		if err == nil && line == ":0" {
			addr = s.Addr()
			return addr, s
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("waiting for the cluster: it said %q: %v", line, err)
		case <-time.After(readyPoll):
		}
	}
}

func startRedis(tb testing.TB, more func(port int) []string) *Server {
	tb.Helper()
	name := "redis-server"
	if _, err := exec.LookPath(name); err != nil {
		if _, err := exec.LookPath("valkey-server"); err == nil {
			name = "valkey-server"
		}
	}
	binary, dir := find(tb, name), folder(tb)
	return start(tb, program{
		name: name,
		dir:  dir,
		stop: syscall.SIGTERM,
		args: func(port int) []string {
			return append([]string{
				binary, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no",
				"--daemonize", "no",
			}, more(port)...)
		},
		ok: func(ctx context.Context, port int) error {
			line, err := tellRedis(ctx, port, "PING")
			if err == nil && line != "+PONG" {
				err = fmt.Errorf("it said %q", line)
			}
			return err
		},
	})
}

// tellRedis sends a command on a connection of its own and returns the first line of the answer.
func tellRedis(ctx context.Context, port int, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return "", fmt.Errorf("connecting: %w", err)
	}
	defer c.Close() //nolint:errcheck // nothing was promised to it
	if end, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(end); err != nil {
			return "", fmt.Errorf("setting a deadline: %w", err)
		}
	}
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		return "", fmt.Errorf("asking: %w", err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("reading: %w", err)
	}
	return strings.TrimSuffix(line, "\r\n"), nil
}
