package counter

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
)

// Redis counts in a Redis or Valkey that several gateways share: one server, one behind sentinels, or a cluster. Redis 5 is
// the oldest that can be used. Everything has one hash tag, so that one script can touch all counters of a call.
//
// Amounts are added exactly. Sums are compared as doubles: exact up to 2^53, which is 9 million USD in billionths, and from
// there to one part in 2^53.
//
// What a gateway has reserved stands under its incarnation, a name that counts as long as its heartbeat goes on. Whenever it
// cannot know whether Redis did what it was told, the gateway begins another incarnation that holds what it knows to be in
// flight, and the earlier one is dead: nothing that arrives late for it counts, and what it held is gone.
//
// Settlements are numbered in batches, so that one sent twice counts once. Durable counters that Redis has lost are read from
// the store. A settlement that waits at that moment counts if it is younger than the reading; those of other gateways count
// too if they are older by less than twice Lag, as their usage may not have been in the store yet. What remains: such a
// settlement may be counted twice, in Redis and by way of the store, and so may those of a gateway that could not reach Redis
// when another one read the counter. One that was told to the lost Redis is missing if its usage reached the store only after
// the reading, which is within Lag. Counters that are not durable begin with nothing. The store itself is always right.
type Redis struct {
	o       RedisOptions
	t       timing
	client  redis.UniversalClient
	scripts scripts
	id      string // of this process
	prefix  string // of keys: the hash tag
	beats   string // the key of heartbeats
	loads   loads
	clock   clock

	link  atomic.Pointer[link]
	kick  chan struct{} // something is wrong: look at once
	work  chan struct{} // something waits to be told
	end   context.CancelFunc
	tasks sync.WaitGroup
	close sync.Once

	mu          sync.Mutex
	incarnation int64
	batch       int64            // number of the last batch
	held        map[string]int64 // what is reserved now, by counter
	waiting     queue
	local       *Memory // counts while Redis cannot
	localID     string
	locals      int64
}

// Counters in memory and in Redis count alike.
var (
	_ Counters = (*Memory)(nil)
	_ Counters = (*Redis)(nil)
)

// OnError is what happens to calls while shared counters cannot be reached.
type OnError uint8

// What happens to calls.
const (
	Deny       OnError = iota // they are refused
	AllowLocal                // the counters of this gateway count, and Redis is told when it is back
)

// RedisOptions are what a Redis is made with.
type RedisOptions struct {
	// URL is redis://, rediss:// (TLS) or unix://; with addr= parameters it is a cluster, with master_name= the sentinels of
	// one master. Without it, Addrs and the fields after it say the same; several addresses are a cluster, or sentinels where
	// MasterName is set.
	URL                string
	Addrs              []string
	MasterName         string
	Username, Password string
	DB                 int
	TLS                *tls.Config // nil = none

	Prefix string // of all keys; "" = weir
	// Load reads durable counters that Redis does not have; nil = they are like all others. It first has the usage that this
	// gateway has queued written to the store. Usage is to be queued before it is settled here: what lies between the two when
	// a counter is read counts twice and not never.
	Load Load

	OnError OnError          // what happens while Redis cannot be reached
	Timeout time.Duration    // of one answer; 0 = 500 ms
	Lag     time.Duration    // how long usage takes to reach the store that Load reads; 0 = 2 s
	Max     int              // how many counters are kept in memory while Redis is away; 0 = as in MemoryOptions
	Log     zerolog.Logger   // says when Redis goes and comes
	Now     func() time.Time // nil = time.Now
}

// timing is what tests shorten.
type timing struct {
	beat  time.Duration // between heartbeats
	lease time.Duration // how long reservations count after the last one
	gap   time.Duration // between batches
	park  time.Duration // between attempts to count what waits for a counter to be read
	grace time.Duration // how long a key is kept after its last use at least, for calls that last longer than their window
}

// A lease of four beats outlives a lost packet and a full garbage collection of a busy machine, and ends within the 5 s that
// a killed gateway may hold what it reserved. A gap of 2 ms is far below the 20 ms that a settlement may take, and makes
// batches of hundreds under load. No call is expected to last an hour.
func defaultTiming() timing {
	return timing{
		beat: time.Second, lease: 4 * time.Second, gap: 2 * time.Millisecond, park: 250 * time.Millisecond, grace: time.Hour,
	}
}

// NewRedis connects to shared counters. A server that cannot be reached now is no error: it is tried for as long as it takes,
// and until then calls are treated as OnError says.
func NewRedis(o RedisOptions) (*Redis, error) { return newRedis(o, defaultTiming()) }

func newRedis(o RedisOptions, t timing) (*Redis, error) {
	if o.Timeout <= 0 {
		o.Timeout = 500 * time.Millisecond
	}
	if o.Lag <= 0 {
		o.Lag = 2 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Prefix == "" {
		o.Prefix = "weir"
	}
	client, err := connect(&o)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	r := &Redis{
		o: o, t: t, client: client, scripts: newScripts(), id: rand.Text(), prefix: "{" + o.Prefix + "}:",
		beats: "{" + o.Prefix + "}:beats", kick: make(chan struct{}, 1), work: make(chan struct{}, 1), end: end,
		held: map[string]int64{}, waiting: newQueue(o.Lag),
	}
	r.clock.start(o.Now)
	first := &link{err: fmt.Errorf("%w: not connected yet", ErrUnavailable), since: time.Now(), changed: make(chan struct{})}
	r.link.Store(first)
	r.tasks.Go(func() { r.keep(ctx) })
	r.tasks.Go(func() { r.tell(ctx) })
	r.wake(r.kick)
	// The first calls find the clock of Redis set, and not one that is off by the difference.
	select {
	case <-first.changed:
	case <-time.After(o.Timeout):
	}
	return r, nil
}

// Now is the time of Redis as it was measured last, carried on by the clock of this machine that never jumps.
func (r *Redis) Now() time.Time { return r.clock.now() }

// Seed sets what is used in a slot that nobody has counted. Durable counters are read by Load where they have one, and need
// no seed. It waits for Redis.
func (r *Redis) Seed(counter string, at, used int64) {
	if r.o.Load != nil || !r.link.Load().up {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.o.Timeout)
	defer cancel()
	if err := r.client.HSetNX(ctx, r.key(counter), "s"+strconv.FormatInt(at, 10), max(0, used)).Err(); err != nil {
		r.o.Log.Warn().Err(err).Str("counter", counter).Msg("a counter was not set to what is known of it")
	}
}

// Flush waits until everything settled so far is counted. What waits for a counter to be read from the store does not hold it
// up: the store has it.
func (r *Redis) Flush(ctx context.Context) error {
	for {
		r.mu.Lock()
		idle, told := r.waiting.idle(), r.waiting.told
		r.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-told:
		case <-ctx.Done():
			return fmt.Errorf("waiting for settlements to be counted: %w", ctx.Err())
		}
	}
}

// Close tells Redis what waits, for as long as two timeouts, and gives back what this gateway still holds; Redis forgets that
// within seconds where it cannot be told. What is settled afterwards is not counted.
func (r *Redis) Close() error {
	var err error
	r.close.Do(func() {
		l := r.link.Load()
		if l.up {
			ctx, cancel := context.WithTimeout(context.Background(), 2*r.o.Timeout)
			err = r.Flush(ctx)
			cancel()
		}
		r.stop()
		if l.up {
			if leaving := r.leave(context.Background()); leaving != nil {
				err = errors.Join(err, fmt.Errorf("giving back what is reserved: %w", leaving))
			}
		}
		err = errors.Join(err, r.client.Close())
	})
	return err
}

// stop ends the tasks: nothing is told or kept alive any longer.
func (r *Redis) stop() {
	r.end()
	r.tasks.Wait()
	old := r.link.Swap(&link{err: fmt.Errorf("%w: closed", ErrUnavailable), closed: true, changed: make(chan struct{})})
	if !old.up {
		close(old.changed)
	}
}

// leave ends the incarnation and forgets what it holds.
func (r *Redis) leave(ctx context.Context) error {
	r.mu.Lock()
	me := r.incarnated(r.incarnation)
	counters := slices.Collect(maps.Keys(r.held))
	r.mu.Unlock()
	keys := append(make([]string, 0, 2+len(counters)), r.beats, r.key2("held:"+me))
	for _, c := range counters {
		keys = append(keys, r.key(c))
	}
	if _, err := r.run(ctx, r.scripts.clean, keys, me, "end"); err != nil {
		return err
	}
	return r.clean(ctx, me)
}

func (r *Redis) key(counter string) string { return r.prefix + "c:" + counter }

func (r *Redis) key2(rest string) string { return r.prefix + rest }

func (r *Redis) incarnated(n int64) string { return r.id + "." + strconv.FormatInt(n, 10) }

// wake lets a task know that there is something to do.
func (*Redis) wake(task chan struct{}) {
	select {
	case task <- struct{}{}:
	default:
	}
}

// clock is the time of the server, carried on by a clock that never jumps.
type clock struct {
	local  func() time.Time
	base   time.Time
	offset atomic.Int64 // nanoseconds
	known  atomic.Bool
}

func (c *clock) start(local func() time.Time) { c.local, c.base = local, local() }

func (c *clock) now() time.Time {
	return c.base.Round(0).Add(c.local().Sub(c.base) + time.Duration(c.offset.Load()))
}

// set takes over the server's time, in microseconds, from an answer that came after a round trip that began at sent. What is
// within the error of the measurement changes nothing.
func (c *clock) set(micros int64, sent time.Time) {
	trip := c.local().Sub(sent)
	middle := c.base.Round(0).Add(sent.Sub(c.base) + trip/2)
	offset := time.UnixMicro(micros).Sub(middle)
	if off := offset - time.Duration(c.offset.Load()); c.known.Load() && off.Abs() <= trip {
		return
	}
	c.known.Store(true)
	c.offset.Store(int64(offset))
}

// Up reports whether the shared counters could be reached when they were last asked.
func (r *Redis) Up() bool { return r.link.Load().up }
