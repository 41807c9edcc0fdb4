package upstream

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// readOnly is a peer that said all it will say.
type readOnly struct{ io.Reader }

func (readOnly) Write(p []byte) (int, error) { return len(p), nil }

// readAnswer reads a whole answer from r.
func readAnswer(r io.Reader) (status int, body []byte, err error) {
	c := &conn{rw: readOnly{r}, buf: make([]byte, readBuffer)}
	var h head
	if err := c.readHead(&h); err != nil {
		return 0, nil, classify(stageHead, err)
	}
	h.frame(c, false)
	p := make([]byte, 100)
	for {
		n, err := c.readBody(p)
		body = append(body, p[:n]...)
		if err == io.EOF { //nolint:errorlint // the contract is the bare value
			return h.status, body, nil
		}
		if err != nil {
			return h.status, body, classify(stageBody, err)
		}
	}
}

// However the bytes of an answer are cut into reads, they mean the same.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		okAnswer,
		"HTTP/1.1 200 OK\r\n\r\nuntil close",
		"HTTP/1.1 103 Early\r\n\r\nHTTP/1.0 404 No\nConnection: keep-alive\nContent-Length: 3\n\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		status, body, err := readAnswer(bytes.NewReader(answer))
		status1, body1, err1 := readAnswer(iotest.OneByteReader(bytes.NewReader(answer)))
		if status != status1 || !bytes.Equal(body, body1) {
			t.Errorf("got %d %q in one piece, %d %q byte by byte", status, body, status1, body1)
		}
		for _, kind := range []error{ErrProtocol, ErrTruncated, ErrReset} {
			if errors.Is(err, kind) != errors.Is(err1, kind) {
				t.Errorf("got %v in one piece, %v byte by byte", err, err1)
			}
		}
	})
}
