package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"sync"

	"weir/access/store"
)

// A record is one line: the CRC-32C of its JSON in eight hex digits, a space, the JSON and a newline. Lines make it
// possible to go on behind one that was damaged, and to read a queue without Weir.
const frameHead = 9

// keptBuffer is the memory that an encoder keeps: rows beyond are rare.
const keptBuffer = 64 << 10

// encoder writes rows into memory of its own.
type encoder struct {
	buf  bytes.Buffer
	json *json.Encoder
}

// encoderPool lends encoders out.
type encoderPool struct{ free sync.Pool }

func (p *encoderPool) get() *encoder {
	if e, ok := p.free.Get().(*encoder); ok {
		return e
	}
	e := &encoder{}
	e.json = json.NewEncoder(&e.buf)
	e.json.SetEscapeHTML(false)
	return e
}

func (p *encoderPool) put(e *encoder) {
	e.buf.Reset()
	if e.buf.Cap() <= keptBuffer {
		p.free.Put(e)
	}
}

func (e *encoder) encode(rows []store.Usage) error {
	for i := range rows {
		start := e.buf.Len()
		e.buf.WriteString("00000000 ")
		if err := e.json.Encode(&rows[i]); err != nil { // it ends the line
			return fmt.Errorf("encoding usage: %w", err)
		}
		line := e.buf.Bytes()[start:]
		text := line[frameHead : len(line)-1]
		cleanNULs(text)
		putSum(line, text)
	}
	return nil
}

// cleanNULs replaces NUL, which PostgreSQL takes in no text: one name that a client made up would stop the queue. A
// backslash before the escape makes it another text, of which the same length stays valid.
func cleanNULs(text []byte) {
	for {
		i := bytes.Index(text, []byte(`\u0000`))
		if i < 0 {
			return
		}
		copy(text[i:], `\ufffd`)
		text = text[i:]
	}
}

func sum(text []byte) uint32 { return crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)) }

func putSum(dst, text []byte) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], sum(text))
	hex.Encode(dst, b[:])
}

// unframe returns the JSON of a record that is whole.
func unframe(line []byte) ([]byte, bool) {
	if len(line) < frameHead+2 || line[frameHead-1] != ' ' {
		return nil, false
	}
	text := line[frameHead:]
	var want [4]byte
	if _, err := hex.Decode(want[:], line[:frameHead-1]); err != nil {
		return nil, false
	}
	return text, binary.BigEndian.Uint32(want[:]) == sum(text)
}

// decode reads a record. One that is damaged is an error.
func decode(line []byte, row *store.Usage) error {
	text, ok := unframe(line)
	if !ok {
		return errors.New("its checksum is wrong")
	}
	if err := json.Unmarshal(text, row); err != nil {
		return fmt.Errorf("reading its JSON: %w", err)
	}
	return nil
}

const (
	// readSize is a few hundred rows.
	readSize = 256 << 10
	// maxRecord is beyond any row; a file without a line end is no queue.
	maxRecord = 16 << 20
)

// reader cuts a file into lines.
type reader struct {
	f    file
	at   int64 // of the first byte that next has not returned
	buf  []byte
	have []byte // what of buf is not returned yet
	torn int    // bytes behind the last line end, once the end was reached
}

// next returns a line without its end, valid until the next call. It reads no further than end. io.EOF comes bare.
func (r *reader) next(end int64) ([]byte, error) {
	for {
		if i := bytes.IndexByte(r.have, '\n'); i >= 0 {
			line := r.have[:i]
			r.have = r.have[i+1:]
			r.at += int64(i) + 1
			return line, nil
		}
		if err := r.more(end); err != nil {
			return nil, err
		}
	}
}

func (r *reader) more(end int64) error {
	if len(r.have) >= maxRecord {
		return fmt.Errorf("a record has more than %d bytes", maxRecord)
	}
	need := max(readSize, 2*len(r.have))
	if cap(r.buf) < need {
		r.buf = make([]byte, need)
	}
	kept := copy(r.buf[:need], r.have)
	from := r.at + int64(kept)
	room := r.buf[kept:need]
	room = room[:min(int64(len(room)), max(0, end-from))]
	n, err := r.f.ReadAt(room, from)
	r.have = r.buf[:kept+n]
	switch {
	case n > 0:
		return nil
	case err == nil || errors.Is(err, io.EOF):
		r.torn = kept
		return io.EOF
	default:
		return fmt.Errorf("reading: %w", err)
	}
}

// fill writes n random bytes and has them stay.
func fill(f file, n int64) error {
	const chunk = 64 << 10
	buf := make([]byte, chunk)
	for i := 0; i < len(buf); i += 8 {
		binary.NativeEndian.PutUint64(buf[i:], rand.Uint64()) //nolint:gosec // it only has to take up room
	}
	for n > 0 {
		wrote, err := f.Write(buf[:min(n, chunk)])
		if err != nil {
			return err //nolint:wrapcheck // it names the file and what was done
		}
		n -= int64(wrote)
	}
	return f.Sync() //nolint:wrapcheck // the same
}
