package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// sample is one target under one kind of load in one round.
type sample struct {
	Target string `json:"target"`
	Load   string `json:"load"` // whole or stream
	Round  int    `json:"round"`
	counts

	Elapsed time.Duration `json:"elapsed_ns"`
	CPU     time.Duration `json:"cpu_ns"`  // of the target
	Foreign float64       `json:"foreign"` // share of the target's CPU that other work took
	Core    float64       `json:"core"`    // share of the target's CPU that the target took
	Calls   int           `json:"calls"`   // reads and writes
	all     time.Duration // of the target's CPU, whoever used it
	PerUnit float64       `json:"cpu_us"` // a request, or a piece of a stream
	// CallsPer is the reads and writes a request, or a piece.
	CallsPer float64 `json:"calls_per"`
	PerAsk   float64 `json:"cpu_us_ask"` // a request or a whole stream
	Rate     float64 `json:"rate"`       // requests or streams a second
}

// kinds of load.
const (
	loadWhole  = "whole"
	loadStream = "stream"
)

// runMeasure measures all targets in interleaved rounds and prints what they cost.
func runMeasure(args []string) error {
	o, err := readOptions(args)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(o.dir) }() // a folder of our own under the system's
	runtime.LockOSThread()                     // the loop lives on the thread that is bound to its CPU
	runtime.GOMAXPROCS(1)
	if err := errors.Join(pin(o.targetCPU), pin(o.loadCPU)); err != nil {
		return fmt.Errorf("two CPUs are needed: %w", err)
	}
	l, err := newLoop()
	if err != nil {
		return err
	}
	p, err := l.serve(o.provider, o.pieces)
	if err != nil {
		return err
	}
	targets, err := o.targets(p.addr.String())
	if err != nil {
		return err
	}
	if o.profile != "" {
		return o.profiles(l)
	}
	var samples []sample
	for round := range o.rounds {
		got, err := o.round(l, targets, round)
		if err != nil {
			return err
		}
		samples = append(samples, got...)
		fmt.Fprintf(os.Stderr, "hop: round %d of %d\n", round+1, o.rounds)
	}
	if err := writeJSON(o.json, samples); err != nil {
		return err
	}
	return report(os.Stdout, o, targets, samples)
}

func writeJSON(path string, samples []sample) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(samples, "", " ")
	if err != nil {
		return fmt.Errorf("writing the samples: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the samples: %w", err)
	}
	return nil
}

// launch starts a target and waits until it listens.
func (o *options) launch(l *loop, t target) (*process, netip.AddrPort, error) {
	addr := t.addr
	if addr == "" {
		var err error
		if addr, err = freeAddr(); err != nil {
			return nil, netip.AddrPort{}, err
		}
	}
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, to, fmt.Errorf("reading the address: %w", err)
	}
	argv := t.argv(addr, l.provider.addr.String())
	p, err := start(argv, o.targetCPU, o.loadCPU, filepath.Join(o.dir, t.name+".out"))
	if err != nil {
		return nil, to, err
	}
	if err := p.await(addr); err != nil {
		p.stop()
		return nil, to, err
	}
	return p, to, nil
}

// round starts every target and loads one at a time, in turn and in short slices, so that what else the machine does in
// these seconds meets all of them alike.
func (o *options) round(l *loop, targets []target, round int) ([]sample, error) {
	running := make([]*process, len(targets))
	addrs := make([]netip.AddrPort, len(targets))
	defer func() {
		for _, p := range running {
			if p != nil {
				p.stop()
			}
		}
	}()
	for i, t := range targets {
		var err error
		if running[i], addrs[i], err = o.launch(l, t); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	var out []sample
	for _, load := range []string{loadWhole, loadStream} {
		samples := make([]sample, len(targets))
		for slice := range o.slices {
			for n := range targets {
				i := (n + round + slice) % len(targets) // nobody always runs behind the same neighbour
				if err := o.slice(l, running[i], addrs[i], load, &samples[i]); err != nil {
					return nil, fmt.Errorf("%s, %s, its output: %s: %w", targets[i].name, load, running[i].output(), err)
				}
			}
		}
		for i := range samples {
			samples[i].Target, samples[i].Load, samples[i].Round = targets[i].name, load, round
			samples[i].figures()
		}
		out = append(out, samples...)
	}
	return out, nil
}

// slice loads a target for a part of a sample and adds what it took.
func (o *options) slice(l *loop, p *process, to netip.AddrPort, load string, s *sample) error {
	if err := l.connect(to, o, load); err != nil {
		return err
	}
	if err := l.run(o.warm); err != nil {
		return err
	}
	l.counts = counts{}
	before, err := o.used(p)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := l.run(o.duration / time.Duration(o.slices)); err != nil {
		return err
	}
	elapsed, got := time.Since(began), l.counts
	after, err := o.used(p)
	if err != nil {
		return err
	}
	if err := l.finish(); err != nil {
		return err
	}
	if got.Answers == 0 {
		return errors.New("no answer came")
	}
	s.Elapsed, s.CPU, s.all = s.Elapsed+elapsed, s.CPU+after.target-before.target, s.all+after.all-before.all
	s.Calls += after.calls - before.calls
	s.Answers, s.Bad, s.Pieces, s.Errors = s.Answers+got.Answers, s.Bad+got.Bad, s.Pieces+got.Pieces, s.Errors+l.counts.Errors
	return nil
}

// usage is what a target has used up to now.
type usage struct {
	target, all time.Duration // of its CPU: by the target, by everybody
	calls       int
}

func (o *options) used(p *process) (u usage, err error) {
	if u.target, err = cpu(p.cmd.Process.Pid); err != nil {
		return u, err
	}
	if u.all, err = busy(o.targetCPU); err != nil {
		return u, err
	}
	u.calls, err = calls(p.cmd.Process.Pid)
	return u, err
}

// figures works out the sample's figures from its sums.
func (s *sample) figures() {
	units := s.Answers
	if s.Load == loadStream {
		units = s.Pieces
	}
	us := float64(s.CPU) / float64(time.Microsecond)
	s.CallsPer = float64(s.Calls) / float64(units)
	s.PerUnit, s.PerAsk = us/float64(units), us/float64(s.Answers)
	s.Rate = float64(s.Answers) / s.Elapsed.Seconds()
	s.Core = float64(s.CPU) / float64(s.Elapsed)
	s.Foreign = max(0, float64(s.all-s.CPU)/float64(s.Elapsed))
}

// profiles runs the bare hop and the ten rules in processes of this program under load, once for each profile: the
// profile of allocations would show in that of the CPU.
func (o *options) profiles(l *loop) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	policy := filepath.Join(o.dir, "rules.yaml")
	for _, load := range []string{loadWhole, loadStream} {
		for _, kind := range []string{"bare", "cpu", "mem"} {
			t := target{name: kind, argv: func(addr, provider string) []string {
				file := filepath.Join(o.profile, kind+"-"+load+".prof")
				if kind == "bare" {
					return []string{self, "bare", "-listen", addr, "-upstream", provider, "-cpuprofile", file}
				}
				return []string{
					self, "weir", "-listen", addr, "-policy", policy, "-access", policy + ".log", "-" + kind + "profile", file,
				}
			}}
			p, to, err := o.launch(l, t)
			if err != nil {
				return err
			}
			var s sample
			err = o.slice(l, p, to, load, &s)
			p.stop()
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(os.Stdout, load, kind, s.Answers, "answers while measured, warm-up not counted"); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
		}
	}
	return nil
}
