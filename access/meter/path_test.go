//go:build !race

package meter

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/access"
	"weir/access/counter"
	"weir/access/gate"
	"weir/access/seal"
	"weir/engine"
)

const (
	// pathTime and pathAllocs are what a call may be slowed by: the key, three budgets and two limits together.
	pathTime   = 3 * time.Microsecond
	pathAllocs = 10
	// pathReached is the number of allocations that are left: the text that the headers of limits are cut from.
	pathReached = 1
)

// path is what stands between a request and its call: the gate with a thousand keys, and the meter with five quotas over
// counters in memory.
type path struct {
	gate  *gate.Gate
	meter *Meter
	x     *engine.Exchange
	call  *engine.Call
	from  netip.Addr
	token string
}

func newPath(tb testing.TB, scoped bool) *path {
	tb.Helper()
	box, err := seal.New(slices.Repeat([]byte{7, 11, 13, 17, 19, 23, 29, 31}, seal.KeySize/8))
	if err != nil {
		tb.Fatal(err)
	}
	p := &path{x: engine.NewExchange(), call: call("claude-opus-4", 1000, 0.01), from: netip.MustParseAddr("192.0.2.1")}
	conf := &access.Configuration{Meta: access.Meta{ID: "aigac_1"}, Access: &access.Scope{
		Providers: &access.NameList{Allow: []string{"sim", "openai"}}, Models: &access.NameList{Allow: []string{"*opus*"}, Deny: []string{"*-mini"}},
	}}
	static := &access.Static{
		Teams: []*access.Team{{Meta: access.Meta{ID: "team_research", Name: "research"}}}, Configurations: []*access.Configuration{conf},
	}
	static.Budgets, static.Limits = five()
	for n := range 1000 {
		id := fmt.Sprintf("%026d", n)
		p.token = seal.NewToken(id) // the last one is the caller's
		k := &access.AccessKey{
			Meta: access.Meta{ID: "aigk_" + id, Name: "one", Metadata: `{"place":"here"}`}, TeamID: "team_research",
			Tokens: []access.TokenHash{{Lookup: box.Lookup(nil, p.token)[0], Hash: box.Hash(p.token)}},
		}
		if scoped {
			k.ConfigurationID = conf.ID
		}
		static.AccessKeys = append(static.AccessKeys, k)
	}
	dir := access.NewDirectory(access.DirectoryOptions{})
	p.gate = gate.New(gate.Options{Directory: dir, Box: box, StaleFor: time.Hour, Log: zerolog.Nop()})
	p.meter, err = New(Options{Directory: dir, Counters: counter.NewMemory(counter.MemoryOptions{}), Journal: &queue{}, Log: zerolog.Nop()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.meter.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	dir.SetStatic(static)
	return p
}

// once is one call's way: who it is, what it may use, and what it used.
func (p *path) once() error {
	x, c := p.x, p.call
	x.Request.ID, x.Conn.ClientIP = "req-1", p.from
	if err := p.gate.Authenticate(x, p.token); err != nil {
		return fmt.Errorf("authenticating: %w", err)
	}
	if err := p.meter.Reserve(x, c); err != nil {
		return fmt.Errorf("reserving: %w", err)
	}
	h, ok := c.Hold.(*hold)
	if !ok || len(h.quotas) != 5 || x.Caller.TeamID != "team_research" {
		return fmt.Errorf("got %+v, want five quotas and a caller", c.Hold)
	}
	c.Usage, c.Cost = c.Estimate, c.EstimatedCost
	p.meter.settle(h, c, endAnswered)
	p.meter.warnSettled(h)
	p.meter.freeHold(h)
	c.Hold = nil
	p.meter.freeLedger(x)
	x.Finish()
	x.Reset()
	return nil
}

func eachPath(tb testing.TB, run func(name string, p *path)) {
	tb.Helper()
	run("plain", newPath(tb, false))
	run("scoped", newPath(tb, true))
}

func TestPathAllocates(t *testing.T) {
	eachPath(t, func(name string, p *path) {
		got := testing.AllocsPerRun(1000, func() {
			if err := p.once(); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %v allocations", name, got)
		if got > pathReached || got >= pathAllocs {
			t.Errorf("%s: got %v allocations, want at most %d", name, got, pathReached)
		}
	})
}

// BenchmarkPath is the whole of it. Its processor time says more than the time on the clock where others work as well.
func BenchmarkPath(b *testing.B) {
	eachPath(b, func(name string, p *path) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				if err := p.once(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(pathTime.Nanoseconds()), "target-ns/op")
		})
	})
}

func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
