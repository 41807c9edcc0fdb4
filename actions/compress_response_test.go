package actions

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	brrr "github.com/molecule-man/go-brrr"

	"weir/engine"
	"weir/engine/vars"
)

// unpack reads what the client got.
func unpack(t *testing.T, encoding string, from io.Reader) (string, error) {
	t.Helper()
	var r io.Reader
	var err error
	switch encoding {
	case "":
		r = from
	case "gzip":
		r, err = gzip.NewReader(from)
	case "deflate":
		r, err = zlib.NewReader(from)
	default:
		r = brrr.NewReader(from)
	}
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(r)
	return string(out), err
}

// answered is an exchange with a whole answer of JSON.
func answered(body string, accepts ...string) *engine.Exchange {
	x := exchange()
	for _, a := range accepts {
		x.Request.Headers.Add("Accept-Encoding", a)
	}
	x.Reply = engine.Reply{Status: 200, Body: []byte(body), Headers: engine.Headers{{Name: "content-type", Value: "application/json"}}}
	return x
}

// compressed runs the action on an answer and returns what it chose and what it leaves for expressions.
func compressed(t *testing.T, x *engine.Exchange, config string) (chosen string, result map[string]any) {
	t.Helper()
	cfg := compile(t, "on_response: [{type: compress-response, config: {"+config+"}}]")
	if _, err := run(t, x, cfg.OnResponse); err != nil {
		t.Fatal(err)
	}
	all, _ := x.Var(vars.Actions).Obj.(map[string]any)
	result, _ = all["compress"].(map[string]any)
	return x.Reply.Headers.First("content-encoding"), result
}

func TestNegotiation(t *testing.T) {
	tests := []struct{ name, accept, algorithms, want string }{
		{"all the same", "br, deflate, gzip", "", "gzip"},
		{"the policy's order", "br, deflate, gzip", "br, gzip", "br"},
		{"the highest weight", "gzip;q=0.1, deflate;q=0.9, br;q=0.5", "", "deflate"},
		{"in capitals, with spaces", "GZIP ; Q=1.0", "", "gzip"},
		{"the old name", "x-gzip", "", "gzip"},
		{"a star", "*", "", "gzip"},
		{"a star for the rest", "gzip;q=0.2, *;q=0.8", "", "deflate"},
		{"not this one", "gzip;q=0, *", "", "deflate"},
		{"none of them", "*;q=0", "", ""},
		{"another", "zstd", "", ""},
		{"not offered", "gzip", "br", ""},
		{"compress is never made", "compress", "", ""},
		{"rather as it is", "identity;q=1, gzip;q=0.5", "", ""},
		{"a weight that is none", "gzip;q=a", "", ""},
		{"a weight over one", "gzip;q=2", "", ""},
		{"nothing", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := answered(strings.Repeat("text ", 1000), tt.accept)
			config := ""
			if tt.algorithms != "" {
				config = "algorithms: [" + tt.algorithms + "]"
			}
			got, result := compressed(t, x, config)
			if got != tt.want || result["negotiated_algorithm"] != tt.want || result["already_compressed"] != false {
				t.Errorf("got %q, %v, want %q", got, result, tt.want)
			}
			if x.Reply.Headers.First("vary") != "accept-encoding" {
				t.Errorf("got vary %q, want accept-encoding whatever was chosen", x.Reply.Headers.First("vary"))
			}
		})
	}
}

func TestCompressedAnswersAreTheAnswer(t *testing.T) {
	for _, encoding := range []string{"gzip", "deflate", "br"} {
		cfg := compile(t, "on_response: [{type: compress-response}]")
		for _, body := range []string{strings.Repeat("a", 600), strings.Repeat("all kinds of text ", 100_000), strings.Repeat("b", 700)} { // pooled encoders start anew
			x := answered(body, encoding)
			x.Reply.Headers.Set("etag", `"1"`)
			x.Reply.Headers.Set("content-length", "5")
			if _, err := run(t, x, cfg.OnResponse); err != nil {
				t.Fatal(err)
			}
			x.Reply.Body = append([]byte("changed "), x.Reply.Body...) // by a rule after it
			got, err := unpack(t, encoding, x.Reply.Stream)
			if err != nil || got != "changed "+body {
				t.Errorf("%s: got %d bytes, %v, want the %d of the changed answer", encoding, len(got), err, len(body)+8)
			}
			if x.Reply.Headers.First("etag") != `W/"1"` || x.Reply.Headers.Has("content-length") {
				t.Errorf("got headers %v, want a weak tag and no length", x.Reply.Headers)
			}
			if err := x.Reply.Stream.Close(); err != nil {
				t.Fatal(err)
			}
			if n, err := x.Reply.Stream.Read(make([]byte, 8)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("got %d bytes, %v after the end, want the end", n, err)
			}
		}
	}
}

// pieces is a streamed answer of fixed pieces with an error at its end.
type pieces struct {
	list   []string
	end    error
	closed bool
}

// Read gives one piece.
func (p *pieces) Read(b []byte) (int, error) {
	if len(p.list) == 0 {
		return 0, p.end
	}
	n := copy(b, p.list[0])
	p.list = p.list[1:]
	return n, nil
}

// Close notes that it was called.
func (p *pieces) Close() error {
	p.closed = true
	return nil
}

func TestStreamsAreFlushedPieceByPiece(t *testing.T) {
	for _, encoding := range []string{"gzip", "deflate", "br"} {
		from := &pieces{list: []string{"data: one\n\n", "data: two\n\n"}, end: io.EOF}
		x := answered("", encoding)
		x.Reply.Stream = from
		x.Reply.Headers.Set("content-type", "text/event-stream")
		if got, _ := compressed(t, x, "event_streams: true"); got != encoding {
			t.Fatalf("got %q, want %s", got, encoding)
		}
		var sent bytes.Buffer
		buf := make([]byte, 4<<10)
		n, err := x.Reply.Stream.Read(buf)
		if err != nil || len(from.list) != 1 {
			t.Fatalf("got %v with %d pieces left, want the first piece alone", err, len(from.list))
		}
		sent.Write(buf[:n])
		if got, _ := unpack(t, encoding, bytes.NewReader(sent.Bytes())); got != "data: one\n\n" {
			t.Errorf("%s: got %q of the first piece, want all of it", encoding, got)
		}
		if _, err := io.Copy(&sent, x.Reply.Stream); err != nil {
			t.Fatal(err)
		}
		if got, err := unpack(t, encoding, &sent); err != nil || got != "data: one\n\ndata: two\n\n" {
			t.Errorf("%s: got %q, %v, want the whole stream", encoding, got, err)
		}
		if err := x.Reply.Stream.Close(); err != nil || !from.closed {
			t.Errorf("got %v, closed %v, want the answer closed", err, from.closed)
		}
	}
}

func TestCutStreamsDoNotLookWhole(t *testing.T) {
	cut := errors.New("cut")
	for _, encoding := range []string{"gzip", "deflate", "br"} {
		x := answered("", encoding)
		x.Reply.Stream = &pieces{list: []string{"data: one\n\n"}, end: cut}
		x.Reply.Headers.Set("content-type", "text/event-stream")
		compressed(t, x, "event_streams: true")
		var sent bytes.Buffer
		if _, err := io.Copy(&sent, x.Reply.Stream); !errors.Is(err, cut) {
			t.Errorf("%s: got %v, want the cut", encoding, err)
		}
		if got, err := unpack(t, encoding, &sent); err == nil || got != "data: one\n\n" {
			t.Errorf("%s: got %q, %v, want what came, without an end", encoding, got, err)
		}
	}
}

func TestWhatIsNotCompressed(t *testing.T) {
	long := strings.Repeat("text ", 1000)
	tests := []struct {
		name    string
		change  func(*engine.Exchange)
		already bool
	}{
		{"encoded already", func(x *engine.Exchange) { x.Reply.Headers.Set("content-encoding", "zstd") }, true},
		{"small", func(x *engine.Exchange) { x.Reply.Body = x.Reply.Body[:511] }, false},
		{"nothing", func(x *engine.Exchange) { x.Reply.Body = nil }, false},
		{"HEAD", func(x *engine.Exchange) { x.Request.Method = "HEAD" }, false},
		{"204", func(x *engine.Exchange) { x.Reply.Status = 204 }, false},
		{"304", func(x *engine.Exchange) { x.Reply.Status = 304 }, false},
		{"206", func(x *engine.Exchange) { x.Reply.Status = 206 }, false},
		{"no-transform", func(x *engine.Exchange) { x.Reply.Headers.Set("cache-control", "private, No-Transform") }, false},
		{"a digest", func(x *engine.Exchange) { x.Reply.Headers.Set("content-digest", "sha-256=:x:") }, false},
		{"an image", func(x *engine.Exchange) { x.Reply.Headers.Set("content-type", "image/png") }, false},
		{"speech", func(x *engine.Exchange) { x.Reply.Headers.Set("content-type", "audio/mpeg") }, false},
		{"an archive", func(x *engine.Exchange) { x.Reply.Headers.Set("content-type", "application/zip") }, false},
		{"a stream of events", func(x *engine.Exchange) {
			x.Reply.Stream, x.Reply.Body = &pieces{}, nil
			x.Reply.Headers.Set("content-type", "text/event-stream; charset=utf-8")
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := answered(long, "gzip")
			tt.change(x)
			before := x.Reply.Headers.First("content-encoding")
			got, result := compressed(t, x, "")
			if got != before || result["already_compressed"] != tt.already || result["negotiated_algorithm"] != "" || x.Reply.Headers.Has("vary") {
				t.Errorf("got %q, %v, want it left alone", got, result)
			}
		})
	}
	x := answered(long, "gzip")
	x.Reply.Headers.Set("vary", "Origin, Accept-Encoding")
	if got, _ := compressed(t, x, ""); got != "gzip" || len(x.Reply.Headers.Values("vary")) != 1 {
		t.Errorf("got %q, vary %v, want vary as it was", got, x.Reply.Headers.Values("vary"))
	}
}

func TestErrorsInPlaceOfCompressedAnswersAreNotCompressed(t *testing.T) {
	x := answered(strings.Repeat("text ", 1000), "gzip")
	compressed(t, x, "")
	if err := x.Reply.Stream.Close(); err != nil { // as the engine does before an error takes its place
		t.Fatal(err)
	}
	if x.Reply.Headers.Has("content-encoding") {
		t.Error("got an encoding on a plain answer, want none")
	}
}

func TestCompressResponseIsCheckedAtLoad(t *testing.T) {
	for config, want := range map[string]string{
		"algorithms: [gzip, compress]":         "",
		"algorithms: [compress]":               "bad_value",
		"algorithms: [zstd]":                   "bad_value",
		"algorithms: [gzip, br, gzip]":         "duplicate_value",
		"algorithms: []":                       "out_of_range",
		"min_size: -1":                         "out_of_range",
		"algorithms: gzip":                     "wrong_type",
		"event_streams: yes please":            "wrong_type",
		"algorithms: [gzip], level: 9":         "unknown_key",
		"min_size: 0, algorithms: ['${vars}']": "bad_value not_a_template",
	} {
		if got := problems(t, "on_response: [{type: compress-response, config: {"+config+"}}]"); got != want {
			t.Errorf("%s: got %q, want %q", config, got, want)
		}
	}
	if got := problems(t, "on_request: [{type: compress-response}]"); got != "wrong_phase" {
		t.Errorf("got %q in on_request, want wrong_phase", got)
	}
}

func BenchmarkCompressEvents(b *testing.B) {
	for _, encoding := range []string{"gzip", "br"} {
		b.Run(encoding, func(b *testing.B) {
			c := &compressors{}
			event := strings.Repeat(`data: {"choices":[{"delta":{"content":"word"}}]}`, 2) + "\n\n"
			buf := make([]byte, 16<<10)
			b.ReportAllocs()
			for b.Loop() {
				s := &compressedStream{x: engine.NewExchange(), from: &repeat{piece: event, left: 100}, pools: c, encoder: c.get(encoding)}
				for {
					if _, err := s.Read(buf); err != nil {
						break
					}
				}
				_ = s.Close()
			}
		})
	}
}

// repeat is a stream of one piece many times.
type repeat struct {
	piece string
	left  int
}

// Read gives the piece again.
func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	r.left--
	return copy(p, r.piece), nil
}

// Close has nothing to end.
func (*repeat) Close() error { return nil }
