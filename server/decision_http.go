package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	// retryFirst and retryMost bound the pauses between attempts to send a batch: a service that restarts is back within
	// seconds, and one that is down is not helped by being asked more often.
	retryFirst = 200 * time.Millisecond
	retryMost  = 30 * time.Second
	// lastTries is how many attempts may fail while the process waits for its end: one of them meets a service that is
	// only busy.
	lastTries = 3
	// uploadAnswer is how much of an answer is read so that its connection can be used again.
	uploadAnswer = 4 << 10
)

// uploader sends batches of decisions to a service, as OPA does.
type uploader struct {
	url     string
	header  http.Header
	client  *http.Client
	timeout time.Duration
	first   time.Duration // pause before the second attempt
	failing func(error)   // is told of attempts that failed and are made again
	tries   int           // since the process is about to end
	zip     *gzip.Writer
	buf     bytes.Buffer
}

func newUploader(c *DecisionHTTPConfig, client *http.Client, secret func(string) (string, error)) (*uploader, error) {
	u := &uploader{url: c.URL, header: http.Header{}, client: client, timeout: c.Timeout, first: retryFirst, failing: func(error) {}, zip: gzip.NewWriter(nil)}
	u.header.Set("Content-Type", "application/json")
	u.header.Set("Content-Encoding", "gzip")
	for _, line := range c.Headers {
		name, value, _ := strings.Cut(line, ":")
		value, err := fillSecrets(strings.TrimSpace(value), secret)
		if err != nil {
			return nil, fmt.Errorf("decision_log.http.headers: %w", err)
		}
		u.header.Add(name, value)
	}
	if c.Token != "" {
		token, err := fillSecrets(c.Token, secret)
		if err != nil {
			return nil, fmt.Errorf("decision_log.http.token: %w", err)
		}
		u.header.Set("Authorization", "Bearer "+token)
	}
	return u, nil
}

// refused is a status that says that the service will never take a batch, or none that large.
type refused struct {
	status int
	after  time.Duration // until when the service asks to be left alone; 0 = it does not say
}

func (e *refused) Error() string { return "the service answered with status " + strconv.Itoa(e.status) }

// final reports whether sending the same again is of no use.
func (e *refused) final() bool {
	switch e.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType:
		return true
	default:
		return false
	}
}

// write sends events until the service has taken them or says that it never will, or until the process is about to end and
// some attempts more have failed.
func (u *uploader) write(ctx context.Context, hurry <-chan struct{}, events [][]byte) (int, error) {
	pause := u.first
	for {
		err := u.send(ctx, events)
		if err == nil {
			return 0, nil
		}
		no, answered := errors.AsType[*refused](err)
		if answered && no.final() {
			if no.status == http.StatusRequestEntityTooLarge && len(events) > 1 {
				return u.halves(ctx, hurry, events)
			}
			return len(events), err
		}
		wait := pause/2 + time.Duration(rand.Int64N(int64(pause/2)+1)) //nolint:gosec // jitter needs no secrecy
		if answered && no.after > 0 {
			wait = min(no.after, retryMost)
		}
		u.failing(err)
		if !u.wait(ctx, hurry, wait) {
			return len(events), err
		}
		pause = min(2*pause, retryMost)
	}
}

func (u *uploader) halves(ctx context.Context, hurry <-chan struct{}, events [][]byte) (int, error) {
	half := len(events) / 2
	lost, err := u.write(ctx, hurry, events[:half])
	more, moreErr := u.write(ctx, hurry, events[half:])
	return lost + more, errors.Join(err, moreErr)
}

// wait pauses before another attempt; false where there is to be none.
func (u *uploader) wait(ctx context.Context, hurry <-chan struct{}, d time.Duration) bool {
	select {
	case <-hurry:
		u.tries++
		if u.tries >= lastTries {
			return false
		}
		hurry, d = nil, min(d, u.first)
	default:
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-hurry:
		return true
	case <-ctx.Done():
		return false
	}
}

func (u *uploader) send(ctx context.Context, events [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	if err := u.pack(events); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url, bytes.NewReader(u.buf.Bytes()))
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	req.Header = u.header.Clone()
	resp, err := u.client.Do(req)
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err // the address may hold what is nobody's business
	}
	if err != nil {
		return fmt.Errorf("sending decisions: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()             // nothing of it is used
	_, _ = io.CopyN(io.Discard, resp.Body, uploadAnswer) // the same
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		return nil
	}
	no := &refused{status: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		no.after = time.Duration(min(s, int(retryMost/time.Second))) * time.Second
	}
	return no
}

// pack makes the body of a batch: a compressed JSON array.
func (u *uploader) pack(events [][]byte) error {
	u.buf.Reset()
	u.zip.Reset(&u.buf)
	sep := []byte{'['}
	for _, e := range events {
		_, _ = u.zip.Write(sep) // writes to memory do not fail
		_, _ = u.zip.Write(e)   // the same
		sep[0] = ','
	}
	_, _ = u.zip.Write([]byte{']'}) // the same
	if err := u.zip.Close(); err != nil {
		return fmt.Errorf("compressing decisions: %w", err)
	}
	return nil
}

func (u *uploader) close() error {
	u.client.CloseIdleConnections()
	return nil
}
