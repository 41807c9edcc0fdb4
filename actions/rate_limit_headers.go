package actions

import (
	"strconv"
	"time"

	"weir/engine"
)

// maxHeaderLimitName bounds the name in headers, which go with every answer.
const maxHeaderLimitName = 64

// rateHeaders are the fields that tell clients of a limit: ratelimit-policy and ratelimit as in
// draft-ietf-httpapi-ratelimit-headers-10, and those that OpenAI's clients read.
type rateHeaders struct {
	item   string // the name as an item of a structured field
	policy string
	limit  string
	suffix string // of the x-ratelimit fields; "" = none fits
}

func newRateHeaders(name string, capacity uint64, length time.Duration, unit rateUnit) rateHeaders {
	h := rateHeaders{item: structuredString(name), limit: strconv.FormatUint(capacity, 10)}
	h.policy = h.item + ";q=" + h.limit + ";w=" + strconv.FormatInt(seconds(length), 10)
	switch unit {
	case unitRequests:
		h.suffix = "-requests"
	case unitTokens:
		h.suffix, h.policy = "-tokens", h.policy+`;qu="tokens"`
	default:
		h.policy += `;qu="cost"`
	}
	return h
}

// tell adds the fields to whatever the answer will be. Their changing values are cut from one string.
func (h *rateHeaders) tell(x *engine.Exchange, got *admittance) {
	var space [160]byte
	b := append(space[:0], h.item...)
	b = append(b, ";r="...)
	from := len(b)
	b = strconv.AppendUint(b, got.remaining, 10)
	to := len(b)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, seconds(got.reset), 10)
	end := len(b)
	b = appendReset(b, got.reset)
	text := string(b)
	x.AddReplyHeader("ratelimit-policy", h.policy)
	x.AddReplyHeader("ratelimit", text[:end])
	switch h.suffix {
	case "-requests":
		if tighter(x.ReplyHeader("x-ratelimit-remaining-requests"), got.remaining) {
			x.SetReplyHeader("x-ratelimit-limit-requests", h.limit)
			x.SetReplyHeader("x-ratelimit-remaining-requests", text[from:to])
			x.SetReplyHeader("x-ratelimit-reset-requests", text[end:])
		}
	case "-tokens":
		if tighter(x.ReplyHeader("x-ratelimit-remaining-tokens"), got.remaining) {
			x.SetReplyHeader("x-ratelimit-limit-tokens", h.limit)
			x.SetReplyHeader("x-ratelimit-remaining-tokens", text[from:to])
			x.SetReplyHeader("x-ratelimit-reset-tokens", text[end:])
		}
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

// appendReset writes a duration as OpenAI does: 20ms, 8s, 6m0s, 1h0m0s. It rounds up.
func appendReset(b []byte, d time.Duration) []byte {
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

// structuredString writes a name as a string of a structured field: printable ASCII, with quotes and backslashes escaped.
func structuredString(name string) string {
	b := []byte{'"'}
	for i := range min(len(name), maxHeaderLimitName) {
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
