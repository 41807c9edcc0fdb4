package gate

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"weir/access"
	"weir/access/seal"
	"weir/access/store"
	"weir/engine"
	"weir/engine/logline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fixture is a gate over a directory whose contents a test sets.
type fixture struct {
	t      testing.TB
	box    *seal.Box
	dir    *access.Directory
	gate   *Gate
	clock  *clock
	log    bytes.Buffer
	static access.Static
}

func newBox(tb testing.TB, seeds ...byte) *seal.Box {
	tb.Helper()
	keys := make([][]byte, 0, len(seeds))
	for _, s := range seeds {
		key := make([]byte, seal.KeySize)
		for i := range key {
			key[i] = s*31 + byte(i)*7 + byte(i*i)
		}
		keys = append(keys, key)
	}
	box, err := seal.New(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return box
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := &fixture{t: tb, box: newBox(tb, 1), clock: &clock{now: time.Now()}}
	f.dir = access.NewDirectory(access.DirectoryOptions{})
	f.gate = New(Options{
		Directory: f.dir, Box: f.box, StaleFor: time.Hour, Now: f.clock.Now, Log: zerolog.New(zerolog.SyncWriter(&f.log)),
	})
	return f
}

// apply puts the fixture's resources in force. Those that a test changes later are copied by it.
func (f *fixture) apply() {
	s := f.static
	s.AccessKeys = slices.Clone(s.AccessKeys)
	f.dir.SetStatic(&s)
}

// id is an id as the directory makes them.
func id(n int) string { return fmt.Sprintf("%026d", n) }

// tokenHash is a token as it is stored.
func (f *fixture) tokenHash(token string) access.TokenHash {
	return access.TokenHash{Lookup: f.box.Lookup(nil, token)[0], Hash: f.box.Hash(token), Hint: seal.Hint(token)}
}

// add adds a key that a test edits, and returns its token.
func (f *fixture) add(n int, edit func(k *access.AccessKey)) string {
	token := seal.NewToken(id(n))
	k := &access.AccessKey{Meta: access.Meta{ID: "aigk_" + id(n), Name: fmt.Sprintf("key %d", n)}, Tokens: []access.TokenHash{f.tokenHash(token)}}
	if edit != nil {
		edit(k)
	}
	f.static.AccessKeys = append(f.static.AccessKeys, k)
	return token
}

// change replaces a key by an edited copy.
func (f *fixture) change(n int, edit func(k *access.AccessKey)) {
	for i, k := range f.static.AccessKeys {
		if k.ID == "aigk_"+id(n) {
			other := *k
			edit(&other)
			f.static.AccessKeys[i] = &other
		}
	}
	f.apply()
}

func (f *fixture) remove(n int) {
	f.static.AccessKeys = slices.DeleteFunc(f.static.AccessKeys, func(k *access.AccessKey) bool { return k.ID == "aigk_"+id(n) })
	f.apply()
}

func exchange(from string) *engine.Exchange {
	x := engine.NewExchange()
	x.Request.ID = "req_1"
	x.Conn.ClientIP = netip.MustParseAddr(from)
	return x
}

// line is the exchange's line in the log.
func line(x *engine.Exchange) string {
	var l logline.Line
	l.Reset()
	x.AppendLog(&l)
	return string(l.End())
}

func in(d time.Duration) *time.Time {
	t := time.Now().Add(d)
	return &t
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return string(engine.AsError(err).Code)
}

// flaky is a store that can be read or not.
type flaky struct {
	store.Store

	err error
}

func (s *flaky) Changes(context.Context, int64) ([]store.Object, int64, error) { return nil, 1, s.err }
