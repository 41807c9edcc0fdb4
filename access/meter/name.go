package meter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"weir/engine"
	"weir/engine/catalog"
)

const (
	// separator stands between the values in the name of a counter.
	separator = "|"
	// others stands for the values of expressions that share a counter: no value is written like it.
	others = "*"
	// maxPlain is the longest value that stands in a name as it is: ids of every provider are shorter.
	maxPlain = 64
	// maxNames bounds the names that are kept so that they need not be made for each call; beyond it they are made anew.
	maxNames = 16_384
)

// names keeps the names of counters.
type names struct {
	mu  sync.RWMutex
	all map[string]string
}

func newNames() *names { return &names{all: map[string]string{}} }

// keep is the bytes as a string, the same one as before where it can be.
func (n *names) keep(b []byte) string {
	n.mu.RLock()
	s, ok := n.all[string(b)]
	n.mu.RUnlock()
	if ok {
		return s
	}
	s = string(b)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.all) >= maxNames {
		clear(n.all)
	}
	n.all[s] = s
	return s
}

// appendName writes the name of the counter that a call is counted by.
func (q *quota) appendName(b []byte, x *engine.Exchange, m *catalog.Model) ([]byte, error) {
	b = append(b, q.counter...)
	for i := range q.per {
		p := &q.per[i]
		b = append(b, separator...)
		switch p.kind {
		case perAccessKey:
			b = appendCaller(b, &x.Caller)
		case perTeam:
			b = appendValue(b, x.Caller.TeamID)
		case perModel:
			b = appendModel(b, m)
		case perProvider:
			b = appendValue(b, m.ProviderID)
		case perExpression:
			value, err := p.value.String(x)
			if err != nil {
				return b, fmt.Errorf("evaluating per of %s: %w", q.def.ID, err)
			}
			from := len(b)
			if b = appendValue(b, value); !q.values.admits(b[from:], q.window.duration) {
				b = append(b[:from], others...)
			}
		}
	}
	return b, nil
}

// appendCaller names a caller: by its key, or by what else has proved it, which has names of its own.
func appendCaller(b []byte, c *engine.Caller) []byte {
	if c.Kind != kindAccessKey {
		b = append(b, c.Kind...)
		b = append(b, ':')
	}
	return appendValue(b, c.ID)
}

// appendModel names a model. Those that only the request knows share one counter, or a new name would be a new limit.
func appendModel(b []byte, m *catalog.Model) []byte {
	if !m.Known {
		return append(appendValue(b, m.ProviderID), ":*"...)
	}
	return appendValue(b, m.ID)
}

// appendValue writes a value so that no two lists of values read the same: long ones and those with signs that names or
// shared counters give a meaning to as a hash.
func appendValue(b []byte, value string) []byte {
	if len(value) <= maxPlain && plain(value) {
		return append(b, value...)
	}
	sum := sha256.Sum256([]byte(value))
	return hex.AppendEncode(append(b, '#'), sum[:16])
}

// plainOnes has a 1 at each character that may stand in a name as it is: - . / : @ _, digits and letters.
const plainOnes = "" +
	"0000000000000000000000000000000000000000000001111111111111100000" +
	"1111111111111111111111111110000101111111111111111111111111100000" +
	"0000000000000000000000000000000000000000000000000000000000000000" +
	"0000000000000000000000000000000000000000000000000000000000000000"

// plain looks at all of it without a jump: ids are random, and no processor foresees what comes next.
func plain(s string) bool {
	ok := byte('1')
	for i := range len(s) {
		ok &= plainOnes[s[i]]
	}
	return ok == '1'
}
