// Package limitheader writes the fields of answers that tell clients of limits: ratelimit-policy and ratelimit as in
// draft-ietf-httpapi-ratelimit-headers-10, and the x-ratelimit fields that OpenAI's clients read.
package limitheader

import (
	"strconv"
	"time"
)

// maxName bounds a name in headers, which go with every answer.
const maxName = 64

// Unit is what a limit counts, as far as headers have names for it.
type Unit uint8

// The units.
const (
	Requests Unit = iota
	Tokens
	Cost // whatever is neither of the others
	Concurrent
)

// Fields is an answer whose fields can be set: an exchange.
type Fields interface {
	// AddReplyHeader adds a field beside others of its name.
	AddReplyHeader(name, value string)
	// SetReplyHeader puts a field in the place of others of its name.
	SetReplyHeader(name, value string)
	// ReplyHeader is what SetReplyHeader was last given for a name, "" where nothing was.
	ReplyHeader(name string) string
}

// Limit is what the fields say of one limit whatever its state is.
type Limit struct {
	item     string // the name as an item of a structured field
	policy   string
	capacity string
	unit     Unit
}

// New describes a limit. A length of 0 is a limit without a window.
func New(name string, capacity uint64, length time.Duration, unit Unit) Limit {
	l := Limit{item: QuoteName(name), capacity: strconv.FormatUint(capacity, 10), unit: unit}
	l.policy = l.item + ";q=" + l.capacity
	if length > 0 {
		l.policy += ";w=" + strconv.FormatInt(seconds(length), 10)
	}
	switch unit {
	case Requests:
	case Tokens:
		l.policy += `;qu="tokens"`
	case Concurrent:
		l.policy += `;qu="concurrent-requests"`
	case Cost:
		l.policy += `;qu="cost"`
	}
	return l
}

// Policy is the limit as a member of the field ratelimit-policy.
func (l *Limit) Policy() string { return l.policy }

// State is a limit at the time of an answer. Reset is when something comes back, 0 where no time does that.
type State struct {
	Limit     *Limit
	Remaining uint64
	Reset     time.Duration
}

// append writes the member of the field ratelimit and says where in it what remains stands.
func (s *State) append(b []byte) (out []byte, from, to int) {
	b = append(b, s.Limit.item...)
	b = append(b, ";r="...)
	from = len(b)
	b = strconv.AppendUint(b, s.Remaining, 10)
	to = len(b)
	if s.Reset > 0 || s.Limit.unit != Concurrent {
		b = append(b, ";t="...)
		b = strconv.AppendInt(b, seconds(s.Reset), 10)
	}
	return b, from, to
}

// Add tells of one limit beside those that are told of already. The changing values are cut from one string.
func Add(f Fields, s *State) {
	var space [160]byte
	b, from, to := s.append(space[:0])
	end := len(b)
	b = AppendReset(b, s.Reset)
	text := string(b)
	f.AddReplyHeader("ratelimit-policy", s.Limit.policy)
	f.AddReplyHeader("ratelimit", text[:end])
	tell(f, s, text[from:to], text[end:])
}

// Set tells of several limits, in the place of what it told before. The values are cut from one string, made in scratch,
// which is returned for the next call.
func Set(f Fields, states []State, scratch []byte) []byte {
	if len(states) == 0 {
		return scratch
	}
	b := scratch[:0]
	for i := range states {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, states[i].Limit.policy...)
	}
	policies := len(b)
	requests, tokens := tightest(states, Requests), tightest(states, Tokens)
	var spans [2]struct{ from, to, reset, end int }
	for i := range states {
		if i > 0 {
			b = append(b, ", "...)
		}
		var from, to int
		b, from, to = states[i].append(b)
		switch i {
		case requests:
			spans[0].from, spans[0].to = from, to
		case tokens:
			spans[1].from, spans[1].to = from, to
		}
	}
	items := len(b)
	chosen := [2]int{requests, tokens}
	for k, i := range chosen {
		if i >= 0 {
			spans[k].reset = len(b)
			b = AppendReset(b, states[i].Reset)
			spans[k].end = len(b)
		}
	}
	text := string(b)
	f.SetReplyHeader("ratelimit-policy", text[:policies])
	f.SetReplyHeader("ratelimit", text[policies:items])
	for k, i := range chosen {
		if i >= 0 {
			tell(f, &states[i], text[spans[k].from:spans[k].to], text[spans[k].reset:spans[k].end])
		}
	}
	return b
}

// tightest is the limit of a unit that leaves least, -1 where there is none.
func tightest(states []State, unit Unit) int {
	found := -1
	for i := range states {
		if states[i].Limit.unit == unit && (found < 0 || states[i].Remaining < states[found].Remaining) {
			found = i
		}
	}
	return found
}

// tell sets the fields that OpenAI's clients read, where no tighter limit stands in them.
func tell(f Fields, s *State, remaining, reset string) {
	switch s.Limit.unit {
	case Requests:
		if tighter(f.ReplyHeader("x-ratelimit-remaining-requests"), s.Remaining) {
			f.SetReplyHeader("x-ratelimit-limit-requests", s.Limit.capacity)
			f.SetReplyHeader("x-ratelimit-remaining-requests", remaining)
			f.SetReplyHeader("x-ratelimit-reset-requests", reset)
		}
	case Tokens:
		if tighter(f.ReplyHeader("x-ratelimit-remaining-tokens"), s.Remaining) {
			f.SetReplyHeader("x-ratelimit-limit-tokens", s.Limit.capacity)
			f.SetReplyHeader("x-ratelimit-remaining-tokens", remaining)
			f.SetReplyHeader("x-ratelimit-reset-tokens", reset)
		}
	case Cost, Concurrent: // these fields have no names for them
	}
}

// tighter reports whether a limit leaves less than the one that the fields tell of so far: there is room for one only.
func tighter(told string, remaining uint64) bool {
	if told == "" {
		return true
	}
	before, err := strconv.ParseUint(told, 10, 64)
	return err != nil || remaining < before
}

// AppendReset writes a duration as OpenAI does: 20ms, 8s, 6m0s, 1h0m0s. It rounds up.
func AppendReset(b []byte, d time.Duration) []byte {
	if d > 0 && d <= time.Second-time.Millisecond {
		ms := int64((d + time.Millisecond - 1) / time.Millisecond)
		return append(strconv.AppendInt(b, ms, 10), "ms"...)
	}
	s := seconds(d)
	if s >= 3600 {
		b = append(strconv.AppendInt(b, s/3600, 10), 'h')
	}
	if s >= 60 {
		b = append(strconv.AppendInt(b, s/60%60, 10), 'm')
	}
	return append(strconv.AppendInt(b, s%60, 10), 's')
}

// QuoteName writes a name as a string of a structured field: printable ASCII, with quotes and backslashes escaped.
func QuoteName(name string) string {
	b := []byte{'"'}
	for i := range min(len(name), maxName) {
		switch c := name[i]; {
		case c < 0x20 || c > 0x7e:
			b = append(b, '_')
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// seconds rounds up, as no header of HTTP knows parts of them.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
