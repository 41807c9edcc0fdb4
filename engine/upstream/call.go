package upstream

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// earlyAnswer is how long an answer is looked for once the peer has stopped reading the request: a refusal of a large
// body (413, 401) is on its way already, or will not come.
const earlyAnswer = time.Second

// Call is one request at a time and its answer. The zero value is ready. One goroutine uses it; Cancel is for all.
type Call struct {
	mu       sync.Mutex
	canceled bool
	cause    error
	stopDial context.CancelFunc
	sock     *sock // what Cancel closes

	out   []byte   // the request head, and the body where it is small
	parts [][]byte // head and body for one gathered write
	bufs  net.Buffers
	resp  Response
}

// Cancel ends the call from any goroutine: its connection closes, and what waits on it fails with ErrCanceled and cause
// (context.Canceled where nil). It holds for every later Do too, until Reset; only the first cause counts.
func (call *Call) Cancel(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.canceled {
		return
	}
	call.canceled, call.cause = true, cause
	if call.stopDial != nil {
		call.stopDial()
	}
	if call.sock != nil {
		_ = call.sock.Close() // the call's own goroutine sees it fail and cleans up
	}
}

// Reset makes the call ready for another exchange. What came from its answer is no longer valid, and a Cancel that was
// meant for the exchange before would end the next one: whoever may cancel must have let go of the call.
func (call *Call) Reset() {
	call.resp.Discard()
	call.mu.Lock()
	call.canceled, call.cause = false, nil
	call.mu.Unlock()
	if cap(call.out) > keepBuffer {
		call.out = nil
	}
	call.resp.reset()
}

// Do sends the request and returns when the head of the answer is there. An answer of the call that is still open is
// discarded first. The answer belongs to the call and lives until its next Do or Reset.
func (c *Client) Do(call *Call, req *Request) (*Response, error) {
	call.resp.Discard()
	call.resp.reset()
	if err := call.write(req); err != nil {
		return nil, err
	}
	if call.isCanceled() {
		return nil, call.canceledError(stageDial)
	}
	ep := req.Endpoint
	now := req.Now
	if now.IsZero() {
		now = time.Now()
	}
	cn, err := ep.pool.take(now)
	if err != nil {
		return nil, err
	}
	if cn == nil {
		if cn, err = ep.dial(call, req.HeaderDeadline); err != nil {
			return nil, err
		}
	}
	doing, err := call.exchange(cn, req)
	redialled := err != nil && cn.reused && !cn.got && wasCut(err) && !call.isCanceled()
	if redialled {
		call.drop(cn)
		if cn, err = ep.redial(call, req); err != nil {
			return nil, err
		}
		doing, err = call.exchange(cn, req)
	}
	if err != nil {
		err = call.explain(doing, err)
		call.drop(cn)
		return nil, err
	}
	call.resp.open(c, call, cn)
	call.resp.Redialled = redialled
	return &call.resp, nil
}

// redial replaces a pooled connection that turned out to be closed.
func (ep *Endpoint) redial(call *Call, req *Request) (*conn, error) {
	if err := call.write(req); err != nil { // sending may have used up the head
		return nil, err
	}
	ep.pool.mu.Lock()
	err := ep.pool.reserve()
	ep.pool.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return ep.dial(call, req.HeaderDeadline)
}

func (call *Call) write(req *Request) (err error) {
	call.out, err = req.appendHead(call.out[:0])
	return err
}

// exchange sends the request on a connection and reads the head of the answer.
func (call *Call) exchange(cn *conn, req *Request) (stage, error) {
	if !call.attach(cn.sock) {
		return stageWrite, call.canceledError(stageWrite)
	}
	cn.got = false
	cn.sock.wanted = req.HeaderDeadline
	h := &call.resp.head
	sendErr := call.send(cn, req)
	if sendErr != nil {
		if !wasCut(sendErr) {
			return stageWrite, sendErr
		}
		if soon := time.Now().Add(earlyAnswer); req.HeaderDeadline.IsZero() || soon.Before(req.HeaderDeadline) {
			cn.sock.wanted = soon
		}
	}
	err := cn.readHead(h)
	switch {
	case err != nil && sendErr != nil:
		return stageWrite, sendErr
	case err != nil:
		return stageHead, err
	}
	h.frame(cn, req.Method == http.MethodHead)
	cn.keepAlive = cn.keepAlive && sendErr == nil
	cn.sock.wanted = time.Time{}
	return "", nil
}

// dialing lets Cancel end a dial; false if it already has.
func (call *Call) dialing(stop context.CancelFunc) bool {
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.canceled {
		return false
	}
	call.stopDial = stop
	return true
}

func (call *Call) dialed() {
	call.mu.Lock()
	call.stopDial = nil
	call.mu.Unlock()
}

// attach lets Cancel close a connection; false if the call is cancelled already.
func (call *Call) attach(s *sock) bool {
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.canceled {
		return false
	}
	call.sock = s
	return true
}

// detach takes the connection out of Cancel's reach and reports whether Cancel has been there.
func (call *Call) detach() bool {
	call.mu.Lock()
	defer call.mu.Unlock()
	call.sock = nil
	return call.canceled
}

// drop closes a connection that is of no more use.
func (call *Call) drop(cn *conn) {
	call.detach()
	cn.close()
}

func (call *Call) isCanceled() bool {
	call.mu.Lock()
	defer call.mu.Unlock()
	return call.canceled
}

func (call *Call) canceledError(doing stage) error {
	call.mu.Lock()
	defer call.mu.Unlock()
	return fail(doing, ErrCanceled, call.cause)
}

// explain gives an error its kind; whatever happens after Cancel is Cancel's doing.
func (call *Call) explain(doing stage, err error) error {
	if call.isCanceled() {
		return call.canceledError(doing)
	}
	return classify(doing, err)
}
