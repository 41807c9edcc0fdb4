package upstream

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/molecule-man/go-brrr"
)

type flushWriter interface {
	io.WriteCloser
	Flush() error
}

// compressor makes one of the encodings.
func compressor(t *testing.T, name string, w io.Writer) flushWriter {
	t.Helper()
	var out flushWriter
	var err error
	switch name {
	case "gzip", "x-gzip":
		out = gzip.NewWriter(w)
	case "deflate":
		out = zlib.NewWriter(w)
	case "bare deflate":
		out, err = flate.NewWriter(w, 6)
	case "zstd":
		out, err = zstd.NewWriter(w)
	default:
		out, err = brrr.NewWriter(w, 5)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func compress(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := compressor(t, name, &b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodedAnswer(name string, body []byte) string {
	name = strings.TrimPrefix(name, "bare ")
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", name, len(body), body)
}

var encodings = []string{"gzip", "x-gzip", "deflate", "bare deflate", "zstd", "br"}

func TestEncodings(t *testing.T) {
	text := strings.Repeat("some text that compresses, ", 2000)
	for _, name := range encodings {
		t.Run(name, func(t *testing.T) {
			s := serve(t, always(encodedAnswer(name, compress(t, name, text))))
			c := newClient(t, Options{})
			ep := endpoint(t, c, s.addr())
			for range 3 { // the decompressors are used again
				wantBody(t, c, post(ep), text)
			}
			eventually(t, "connection back in the pool", func() bool {
				_, idle := ep.pool.counts()
				return idle == 1
			})
			if got := s.connections(); got != 1 {
				t.Errorf("got %d connections, want 1", got)
			}
		})
	}
}

func TestEncodedStream(t *testing.T) {
	for _, name := range encodings {
		t.Run(name, func(t *testing.T) {
			next := make(chan struct{})
			s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
				_, _, _ = readRequest(r)
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n\r\n", strings.TrimPrefix(name, "bare "))
				w := compressor(t, name, c)
				for i := range 3 {
					fmt.Fprintf(w, "event %d\n", i)
					_ = w.Flush()
					<-next
				}
				_ = w.Close()
			})
			c := newClient(t, Options{})
			var call Call
			defer call.Reset()
			resp, err := c.Do(&call, post(endpoint(t, c, s.addr())))
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, 8<<10)
			for i := range 3 {
				resp.SetReadDeadline(time.Now().Add(2 * time.Second))
				want := fmt.Sprintf("event %d\n", i)
				got := ""
				for len(got) < len(want) {
					n, err := resp.Read(p)
					got += string(p[:n])
					if err != nil {
						t.Fatalf("got %q, error %v, want %q", got, err, want)
					}
				}
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				next <- struct{}{}
			}
		})
	}
}

func TestEncodingFaults(t *testing.T) {
	// Random enough that half of it is not the whole of it.
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "%d,", i*i)
	}
	for _, name := range encodings {
		whole := compress(t, name, b.String())
		faults := []struct {
			name string
			body []byte
			want error
		}{
			{"cut", whole[:len(whole)/2], ErrTruncated},
			{"garbage", []byte("\xff\xfecanary not compressed at all"), ErrProtocol},
		}
		for _, tt := range faults {
			t.Run(name+" "+tt.name, func(t *testing.T) {
				s := serve(t, always(encodedAnswer(name, tt.body)))
				c := newClient(t, Options{})
				ep := endpoint(t, c, s.addr())
				_, err := get(t, c, post(ep))
				if err == nil {
					t.Fatal("got no error")
				}
				wantError(t, err, tt.want)
				if open, _ := ep.pool.counts(); open != 0 {
					t.Errorf("got %d open, want none", open)
				}
				// The decompressor must be fit for the next body.
				s2 := serve(t, always(encodedAnswer(name, whole)))
				wantBody(t, c, post(endpoint(t, c, s2.addr())), b.String())
			})
		}
	}
}

func TestExpansion(t *testing.T) {
	bomb := strings.Repeat("\x00", 8<<20)
	tests := []struct {
		name string
		opts Options
		want error
	}{
		{"ratio", Options{}, ErrBodyTooLarge},
		{"absolute", Options{MaxRatio: 1 << 40, MaxDecoded: 4 << 20}, ErrBodyTooLarge},
		{"within both", Options{MaxRatio: 1 << 40}, nil},
	}
	for _, encoding := range encodings {
		body := compress(t, encoding, bomb)
		for _, tt := range tests {
			t.Run(encoding+" "+tt.name, func(t *testing.T) {
				s := serve(t, always(encodedAnswer(encoding, body)))
				c := newClient(t, tt.opts)
				var call Call
				defer call.Reset()
				resp, err := c.Do(&call, post(endpoint(t, c, s.addr())))
				if err != nil {
					t.Fatal(err)
				}
				got, err := resp.ReadAll(nil, 16<<20)
				if tt.want != nil {
					wantError(t, err, tt.want)
					if len(got) > 5<<20 {
						t.Errorf("got %d bytes before the bound", len(got))
					}
				} else if err != nil || len(got) != len(bomb) {
					t.Errorf("got %d bytes, error %v, want %d", len(got), err, len(bomb))
				}
			})
		}
	}
}
