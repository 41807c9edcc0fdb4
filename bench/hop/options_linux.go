package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weir/bench"
)

// options are the flags of a measurement.
type options struct {
	rounds, slices, connections, pieces int
	duration, warm                      time.Duration
	targetCPU, loadCPU, provider        int
	weir, json, only                    string
	gate                                float64
	headers                             headers
	peers                               peers
	profile                             string
	dir                                 string // for policies, logs and outputs of targets
	token                               string // what clients send as their key
}

// target is one thing to measure.
type target struct {
	name string
	// argv is the command that listens on addr and asks the provider.
	argv func(addr, provider string) []string
	addr string // fixed, for peers that read it from a file; "" = any free port
}

// headers are fields that clients send as well.
type headers []string

// String is empty: there are none by default.
func (h *headers) String() string { return "" }

// Set adds a field.
func (h *headers) Set(text string) error {
	if !strings.Contains(text, ": ") {
		return errors.New("a header field is Name: value")
	}
	*h = append(*h, text)
	return nil
}

// peers are targets that are not ours: name=address=command.
type peers []target

// String is empty: there are no peers by default.
func (p *peers) String() string { return "" }

// Set adds a peer.
func (p *peers) Set(text string) error {
	parts := strings.SplitN(text, "=", 3)
	if len(parts) < 3 {
		return errors.New("a peer is name=address=command")
	}
	argv := strings.Fields(parts[2])
	*p = append(*p, target{name: parts[0], addr: parts[1], argv: func(string, string) []string { return argv }})
	return nil
}

func readOptions(args []string) (*options, error) {
	o := &options{token: "sk-client-0123456789abcdef"}
	f := flag.NewFlagSet("hop", flag.ExitOnError)
	f.IntVar(&o.rounds, "rounds", 5, "interleaved rounds")
	f.DurationVar(&o.duration, "duration", 2500*time.Millisecond, "time of one sample: one target under one load in one round")
	f.IntVar(&o.slices, "slices", 5, "parts of a sample; targets take turns after each")
	f.DurationVar(&o.warm, "warm", 100*time.Millisecond, "load before each part")
	f.IntVar(&o.connections, "connections", 64, "clients, each with one request at a time")
	f.IntVar(&o.pieces, "pieces", 50, "pieces of a stream")
	f.IntVar(&o.targetCPU, "target-cpu", 0, "CPU of the target")
	f.IntVar(&o.loadCPU, "load-cpu", 1, "CPU of the clients and the provider")
	f.IntVar(&o.provider, "provider-port", 0, "port of the provider, 0 = any")
	f.StringVar(&o.weir, "weir", "bin/weir", "the gateway's binary; where it is missing, the gateway is run in a process of this program")
	f.StringVar(&o.json, "json", "", "file for all samples")
	f.StringVar(&o.only, "only", "", "targets to measure beside the bare hop, with commas; empty = all")
	f.Float64Var(&o.gate, "gate", 0, "fail where ten rules cost more than this many times the bare hop; 0 = never")
	f.StringVar(&o.profile, "profile", "", "profile the ten rules in process instead of measuring: folder for cpu.prof and mem.prof")
	f.Var(&o.headers, "header", "a header field that clients send as well, as Name: value; may be repeated")
	f.Var(&o.peers, "peer", "another proxy as name=address=command; may be repeated")
	if err := f.Parse(args); err != nil {
		return nil, fmt.Errorf("reading the flags: %w", err)
	}
	if o.rounds < 1 || o.slices < 1 || o.connections < 1 || o.connections > 9999 || o.pieces < 1 || o.duration <= 0 {
		return nil, errors.New("rounds, slices, connections (up to 9999), pieces and duration must be positive")
	}
	dir, err := os.MkdirTemp("", "hop")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	o.dir = dir
	return o, nil
}

// names of our own targets.
const (
	nameBare  = "bare"
	nameEmpty = "weir-empty"
	nameRules = "weir-10-rules"
)

// targets lists what is measured, the bare hop first.
func (o *options) targets(provider string) ([]target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	out := []target{{name: nameBare, argv: func(addr, provider string) []string {
		return []string{self, "bare", "-listen", addr, "-upstream", provider}
	}}}
	for _, own := range [][2]string{{nameEmpty, "empty"}, {nameRules, "rules"}, {nameAccess, "access"}} {
		name, policy := own[0], own[1]
		path := filepath.Join(o.dir, policy+".yaml")
		text, err := bench.Policy(policy, provider)
		if err != nil {
			return nil, fmt.Errorf("preparing %s: %w", name, err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("preparing %s: %w", name, err)
		}
		t, ok, err := o.weirTarget(name, path, self)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, t)
		}
	}
	return o.wanted(append(out, o.peers...)), nil
}

func (o *options) wanted(all []target) []target {
	if o.only == "" {
		return all
	}
	out := all[:1]
	for _, t := range all[1:] {
		for name := range strings.SplitSeq(o.only, ",") {
			if t.name == name {
				out = append(out, t)
			}
		}
	}
	return out
}

// weirTarget is the real binary, with its access log in a file as in production. It is not ok where there is none to be had.
func (o *options) weirTarget(name, policy, self string) (t target, ok bool, err error) {
	if _, err := os.Stat(o.weir); err != nil {
		if name == nameAccess {
			fmt.Fprintf(os.Stderr, "hop: there is no %s; %s is left out\n", o.weir, name)
			return t, false, nil
		}
		fmt.Fprintf(os.Stderr, "hop: there is no %s; %s runs in process\n", o.weir, name)
		return target{name: name, argv: func(addr, _ string) []string {
			return []string{self, "weir", "-listen", addr, "-policy", policy, "-access", policy + ".log"}
		}}, true, nil
	}
	if name == nameAccess {
		t, err = o.accessTarget(policy)
		return t, err == nil, err
	}
	config := filepath.Join(o.dir, "weir.yaml")
	if err := os.WriteFile(config, []byte("open: true\ndrain: {wait: 0s, timeout: 2s}\n"), 0o600); err != nil {
		return t, false, fmt.Errorf("preparing %s: %w", name, err)
	}
	return target{name: name, argv: func(addr, _ string) []string {
		return []string{o.weir, "serve", policy, "--config", config, "--listen", addr, "--admin", "127.0.0.1:0"}
	}}, true, nil
}

// freeAddr is an address that nothing listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a port: %w", err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("finding a port: %w", err)
	}
	return addr, nil
}
