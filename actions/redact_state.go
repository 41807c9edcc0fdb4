package actions

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"strconv"
	"strings"
	"sync"

	"weir/engine"
)

const (
	// redactTagBytes make a placeholder impossible to guess: 40 bits for one attempt that lasts as long as one answer.
	redactTagBytes = 5
	// redactSaltBytes is the key of a hash that the policy gives no salt for, as long as what the hash makes.
	redactSaltBytes = 32
	// maxPlaceholders bounds what one exchange remembers beside the body that it comes from: more addresses than anybody
	// sends.
	maxPlaceholders = 1 << 14
)

// errPlaceholders says that an exchange holds more values than can be remembered.
var errPlaceholders = errors.New("more values than can be remembered are to become placeholders")

// redactBook is what the redact actions of one policy share: what they know of the exchanges that are under way. Nothing
// of an exchange outlives it.
type redactBook struct {
	salt [redactSaltBytes]byte // for hashes without one of the policy's; another one after each start
	mu   sync.Mutex
	open map[*engine.Exchange]*redacted
}

func newRedactBook() *redactBook {
	b := &redactBook{open: map[*engine.Exchange]*redacted{}}
	_, _ = rand.Read(b.salt[:]) // it never fails
	return b
}

// of is what is known of an exchange.
func (b *redactBook) of(x *engine.Exchange) *redacted {
	b.mu.Lock()
	defer b.mu.Unlock()
	// An exchange that is used again has another id: nobody gets what belonged to the one before.
	if r := b.open[x]; r != nil && r.id == x.Request.ID {
		return r
	}
	r := &redacted{id: strings.Clone(x.Request.ID)}
	b.open[x] = r
	x.OnEnd(func(x *engine.Exchange) {
		b.mu.Lock()
		if b.open[x] == r {
			delete(b.open, x)
		}
		b.mu.Unlock()
		r.log(x)
	})
	return r
}

// redacted is what the redact actions did in one exchange.
type redacted struct {
	id        string
	done      redactCounts
	shadow    redactCounts // what rules in shadow would have done
	restored  int
	tag       string         // of this exchange's placeholders
	ordinals  map[string]int // the last number by label
	names     map[redactedValue]int
	entries   []placeholder
	restoring bool
}

// redactedValue is a value that has a placeholder.
type redactedValue struct{ label, value string }

// placeholder stands for a value.
type placeholder struct {
	text, value string
	restore     bool
}

// placeholder is what stands for a value in this exchange, always the same.
func (r *redacted) placeholder(label, value string, restore bool) (string, error) {
	i, known := r.names[redactedValue{label, value}]
	if !known {
		if len(r.entries) >= maxPlaceholders {
			return "", errPlaceholders
		}
		if r.names == nil {
			r.tag, r.names, r.ordinals = newRedactTag(), map[redactedValue]int{}, map[string]int{}
		}
		value = strings.Clone(value)
		r.ordinals[label]++
		i = len(r.entries)
		r.names[redactedValue{label, value}] = i
		text := "[" + label + "_" + strconv.Itoa(r.ordinals[label]) + "_" + r.tag + "]"
		r.entries = append(r.entries, placeholder{text: text, value: value})
	}
	e := &r.entries[i]
	e.restore = e.restore || restore
	return e.text, nil
}

func newRedactTag() string {
	var b [redactTagBytes]byte
	_, _ = rand.Read(b[:]) // it never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// log writes what was done into the exchange's log line: how many of what, never what.
func (r *redacted) log(x *engine.Exchange) {
	if len(r.done) > 0 || r.restored > 0 {
		fields := r.done.fields()
		if r.restored > 0 {
			fields["restored"] = int64(r.restored)
		}
		x.AddLog("redact", fields)
	}
	if len(r.shadow) > 0 {
		x.AddLog("redact_shadow", r.shadow.fields())
	}
}

// redactCounts is how often each entity was found.
type redactCounts map[string]int

func (c *redactCounts) add(entity string) {
	if *c == nil {
		*c = redactCounts{}
	}
	(*c)[entity]++
}

// fields are the counts as results and the log tell them.
func (c redactCounts) fields() map[string]any {
	total := 0
	entities := make(map[string]any, len(c))
	for entity, n := range c {
		total += n
		entities[entity] = int64(n)
	}
	return map[string]any{"count": int64(total), "entities": entities}
}
