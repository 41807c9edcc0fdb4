package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/access"
	"weir/access/counter"
	"weir/access/gate"
	"weir/access/journal"
	"weir/access/meter"
	"weir/access/seal"
	"weir/access/store"
)

// callers is who may call in the exchanges of this folder.
type callers uint8

const (
	callersAnybody callers = iota // nobody is asked, nothing is counted
	callersKeys                   // access keys, three budgets and two limits
	callersScoped                 // the same, and a configuration that says which models may be used
	callersRinged                 // the same with a provider key of the caller's own instead
)

// accessPolicy is a provider with prices, and what begins its rules.
func accessPolicy(provider string, who callers) string {
	text := `
providers:
  - id: bench
    base_url: http://PROVIDER/v1
    api_keys: [{value: sk-bench-0123456789abcdefghijklmnop}]
    models: [{id: bench-1, pricing: {input: 1, output: 2}}]
`
	if who != callersAnybody {
		text += "on_request:\n  - actions: [{type: access-key}]\n"
	}
	return strings.ReplaceAll(text, "PROVIDER", provider)
}

// resources are a thousand keys with a team, and quotas that never end. The token is that of the last key.
func resources(tb testing.TB, box *seal.Box, who callers) (static *access.Static, token string) {
	tb.Helper()
	quota := func(id, unit, window string) *access.Quota {
		return &access.Quota{Meta: access.Meta{ID: id, Name: id}, Unit: unit, Limit: "1000000000", Window: window}
	}
	week, month, day := quota("week", access.UnitUSD, "week"), quota("month", access.UnitUSD, "month"), quota("day", access.UnitUSD, "day")
	week.TeamID, week.When = "team_1", "m.id.startsWith('bench')"
	month.TeamID = "team_1"
	day.Per = []string{access.PerAccessKey}
	minute, tokens := quota("requests", access.UnitRequests, "60s"), quota("tokens", access.UnitTokens, "60s")
	tokens.Per, tokens.Rolling = []string{access.PerAccessKey, access.PerModel}, true
	static = &access.Static{
		Teams:   []*access.Team{{Meta: access.Meta{ID: "team_1", Name: "research"}}},
		Budgets: []*access.Quota{week, month, day}, Limits: []*access.Quota{minute, tokens},
		Configurations: []*access.Configuration{{Meta: access.Meta{ID: "aigac_1"}, Access: &access.Scope{
			Providers: &access.NameList{Allow: []string{"bench"}}, Models: &access.NameList{Allow: []string{"bench:bench-*"}, Deny: []string{"*-mini"}},
		}}},
		ProviderKeys: []*access.ProviderKey{{
			Meta: access.Meta{ID: "aigpk_1", Name: "own"}, ProviderID: "bench", Sealed: box.Seal([]byte("sk-own-0123456789abcdefghijklmnopq"), "aigpk_1"),
		}},
	}
	for n := range 1000 {
		id := fmt.Sprintf("%026d", n)
		token = seal.NewToken(id)
		k := &access.AccessKey{
			Meta: access.Meta{ID: "aigk_" + id, Name: "one"}, TeamID: "team_1",
			Tokens: []access.TokenHash{{Lookup: box.Lookup(nil, token)[0], Hash: box.Hash(token)}},
		}
		switch who {
		case callersScoped:
			k.ConfigurationID = "aigac_1"
		case callersRinged:
			k.ProviderKeyIDs = []string{"aigpk_1"}
		case callersAnybody, callersKeys:
		}
		static.AccessKeys = append(static.AccessKeys, k)
	}
	return static, token
}

// newAccess runs a gateway with access keys, counters in memory and its usage in files, and returns a client with a key.
func newAccess(tb testing.TB, who callers, queued journal.Options) *asker {
	tb.Helper()
	g, err := NewGateway(accessPolicy(startProvider(tb, wholeAnswer()), who), "127.0.0.1:0", io.Discard)
	if err != nil {
		tb.Fatal(err)
	}
	box, err := seal.New(slices.Repeat([]byte{7, 11, 13, 17, 19, 23, 29, 31}, seal.KeySize/8))
	if err != nil {
		tb.Fatal(err)
	}
	static, token := resources(tb, box, who)
	if who != callersAnybody {
		dir := access.NewDirectory(access.DirectoryOptions{})
		queue, err := journal.Open(tb.TempDir(), func(context.Context, []store.Usage) error { return nil }, queued)
		if err != nil {
			tb.Fatal(err)
		}
		m, err := meter.New(meter.Options{Directory: dir, Counters: counter.NewMemory(counter.MemoryOptions{}), Journal: queue, Log: zerolog.Nop()})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := m.Close(context.Background()); err != nil {
				tb.Error(err)
			}
			if err := queue.Close(context.Background()); err != nil {
				tb.Error(err)
			}
		})
		g.runtime.SetAccess(gate.New(gate.Options{Directory: dir, Box: box, StaleFor: time.Hour, Log: zerolog.Nop()}))
		g.runtime.SetMeter(m)
		dir.SetStatic(static)
	}
	run(tb, g)
	a := newAsker(tb, g)
	a.request = bytes.Replace(a.request, []byte("sk-client"), []byte(token), 1)
	return a
}

// run runs a gateway until the test ends.
func run(tb testing.TB, g *Gateway) {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
}
