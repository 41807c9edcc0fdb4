package content

import (
	"bytes"

	"weir/engine/wire"
)

// MessageField is the field of a server-sent event that a replacement works on.
type MessageField uint8

// The fields.
const (
	MessageData MessageField = iota
	MessageRetry
)

// ReplaceMessage appends one event with the replacements done on the raw text of its fields, by itself: JSON is text
// like any other, and may be none afterwards. fields holds the field of each replacement; those beyond it work on the
// data. Elements of a JSON array are data.
func (r *Replacer) ReplaceMessage(dst []byte, f wire.Framing, ev *wire.Event, fields []MessageField) ([]byte, error) {
	r.quiet = false
	var err error
	now := *ev
	for i, p := range r.patterns {
		field := MessageData
		if i < len(fields) {
			field = fields[i]
		}
		switch {
		case field == MessageRetry && f == wire.FrameSSE:
			if now.Raw, err = r.replaceRetry(now.Raw, i); err != nil {
				return dst, err
			}
		case field == MessageData && now.Data != nil && p.re.Match(now.Data):
			data, err := r.replaceBytes(i, now.Data)
			if err != nil {
				return dst, err
			}
			if f == wire.FrameSSE {
				data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
				now.Raw = wire.AppendEvent(nil, &now, data)
			} else {
				lead := len(now.Raw) - len(now.Data)
				now.Raw = append(append([]byte(nil), now.Raw[:lead]...), data...)
			}
			now.Data = data
		}
	}
	return append(dst, now.Raw...), nil
}

// replaceRetry does one replacement on the lines that hold the time to reconnect.
func (r *Replacer) replaceRetry(raw []byte, pattern int) ([]byte, error) {
	const name = "retry:"
	var out []byte
	from := 0
	for at := 0; at < len(raw); {
		end := len(raw)
		if n := bytes.IndexAny(raw[at:], "\r\n"); n >= 0 {
			end = at + n
		}
		if line := raw[at:end]; bytes.HasPrefix(line, []byte(name)) {
			value := bytes.TrimPrefix(line[len(name):], []byte{' '})
			if r.patterns[pattern].re.Match(value) {
				edited, err := r.replaceBytes(pattern, value)
				if err != nil {
					return nil, err
				}
				out = append(out, raw[from:end-len(value)]...)
				for _, c := range edited {
					if c != '\r' && c != '\n' { // it would end the field
						out = append(out, c)
					}
				}
				from = end
			}
		}
		at = end + 1
	}
	if out == nil {
		return raw, nil
	}
	return append(out, raw[from:]...), nil
}

// replaceBytes does one replacement in a text that matches.
func (r *Replacer) replaceBytes(pattern int, text []byte) ([]byte, error) {
	p := r.patterns[pattern]
	var out []byte
	from := 0
	for _, at := range p.re.FindAllSubmatchIndex(text, -1) {
		r.note(pattern, string(text[at[0]:at[1]]))
		out = append(out, text[from:at[0]]...)
		out = p.re.Expand(out, p.to, text, at)
		from = at[1]
		if len(out) > maxResult {
			return nil, ErrTooLong
		}
	}
	return append(out, text[from:]...), nil
}
