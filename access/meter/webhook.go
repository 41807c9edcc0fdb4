package meter

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/access/counter"
	"weir/engine/upstream"
)

const (
	// maxSending bounds the webhooks under way; more than that come only where their receivers are down.
	maxSending = 64
	// maxMarked bounds what is remembered of warnings that were sent; beyond it some may be sent twice.
	maxMarked = 16_384
	// sendTimeout is what a receiver may take for one webhook, as is usual among those who send them.
	sendTimeout = 10 * time.Second
	// maxWebhookAnswer is what is read of an answer, so that its connection can be used again.
	maxWebhookAnswer = 4 << 10
)

// warning is the body of a webhook: a budget or limit of which more is used than its owner wants to go unnoticed.
type warning struct {
	Type        string `json:"type"` // budget.warning or limit.warning
	ID          string `json:"id"`   // the same for the same quota, window and threshold, from whichever gateway it comes
	Time        string `json:"time"`
	QuotaID     string `json:"quota_id"`
	Name        string `json:"name"`
	TeamID      string `json:"team_id,omitempty"`
	AccessKeyID string `json:"access_key_id,omitempty"`
	Unit        string `json:"unit"`
	Window      string `json:"window,omitempty"`
	WindowStart string `json:"window_start,omitempty"`
	WindowEnd   string `json:"window_end,omitempty"`
	Threshold   int    `json:"threshold"` // percent
	UsedPercent int64  `json:"used_percent"`
	Used        string `json:"used"` // decimal, in the unit
	Limit       string `json:"limit"`
	Counter     string `json:"counter"` // which one of those that per makes
}

// mark is the highest warning sent of a counter.
type mark struct {
	period int64
	at     int
}

// warnings sends webhooks.
type warnings struct {
	client   *http.Client
	counters counter.Counters
	key      []byte
	log      zerolog.Logger
	pauses   []time.Duration // between tries
	ctx      context.Context //nolint:containedctx // ends what is being sent when the gateway ends
	cancel   context.CancelFunc
	sending  sync.WaitGroup
	slots    chan struct{}

	mu     sync.Mutex
	closed bool
	marks  map[string]mark
}

func newWarnings(client *http.Client, c counter.Counters, key []byte, log zerolog.Logger) *warnings {
	w := &warnings{
		client: client, counters: c, key: key, log: log, slots: make(chan struct{}, maxSending), marks: map[string]mark{},
		pauses: []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute},
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// close waits for what is being sent, until the context ends.
func (w *warnings) close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	done := make(chan struct{})
	go func() {
		w.sending.Wait()
		close(done)
	}()
	defer w.cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		w.cancel()
		<-done
		return ctx.Err() //nolint:wrapcheck // the caller says what was waited for
	}
}

// period is when the window of a warning began, for rolling windows one that does not move with each slot.
func (q *quota) period(now time.Time) int64 {
	if q.window.frame == frameRolling {
		return now.Unix() - mod(now.Unix(), q.window.length)
	}
	return q.span(now).slot
}

// cross sends a webhook, once for a quota's counter, window and threshold. It does not wait.
func (w *warnings) cross(q *quota, c *counter.Charge, at int, used int64, now time.Time) {
	if q.def.WebhookURL == "" {
		return
	}
	period := q.period(now)
	w.mu.Lock()
	defer w.mu.Unlock()
	if got, ok := w.marks[c.Counter]; w.closed || ok && got.period == period && got.at >= at {
		return
	}
	select {
	case w.slots <- struct{}{}:
	default:
		w.log.Error().Str("quota", q.def.ID).Int("threshold", at).Msg("a budget's warning is not sent: too many others wait for their receivers")
		return // a later call tries again
	}
	if len(w.marks) >= maxMarked {
		clear(w.marks)
	}
	w.marks[c.Counter] = mark{period: period, at: at}
	body := q.warning(c, at, used, period, now)
	once := counter.Charge{
		Counter: "warned:" + body.ID, Limit: 1, Amount: 1, Slot: c.Slot, Oldest: c.Slot, Expires: c.Expires,
	}
	w.sending.Go(func() {
		defer func() { <-w.slots }()
		w.deliver(q.def.WebhookURL, &body, once)
	})
}

func (q *quota) warning(c *counter.Charge, at int, used, period int64, now time.Time) warning {
	sum := sha256.Sum256([]byte(c.Counter + "\x00" + strconv.FormatInt(period, 10) + "\x00" + strconv.Itoa(at)))
	out := warning{
		Type: "budget.warning", ID: hex.EncodeToString(sum[:16]), Time: now.UTC().Format(time.RFC3339), QuotaID: q.def.ID,
		Name: q.def.Name, TeamID: q.def.TeamID, AccessKeyID: q.def.AccessKeyID, Unit: q.def.Unit, Window: q.def.Window,
		Threshold: at, UsedPercent: q.percent(used), Used: strconv.FormatInt(used, 10), Limit: q.def.Limit, Counter: c.Counter,
	}
	if q.role == roleLimit {
		out.Type = "limit.warning"
	}
	if q.unit == unitUSD {
		out.Used = decimal(used)
	}
	if p := q.span(now); p.reset > 0 {
		out.WindowStart = time.Unix(p.oldest, 0).UTC().Format(time.RFC3339)
		out.WindowEnd = time.Unix(p.reset, 0).UTC().Format(time.RFC3339)
	}
	return out
}

// deliver sends a webhook unless another gateway that shares the counters has sent it. Where these cannot be asked it is
// sent: twice is better than never.
func (w *warnings) deliver(address string, body *warning, once counter.Charge) {
	r := counter.Reservation{Charges: []counter.Charge{once}, Refused: -1}
	asked := w.counters.Reserve(w.ctx, &r) == nil
	if asked && r.Refused >= 0 {
		return
	}
	err := w.send(address, body)
	if asked {
		sent := int64(1)
		if err != nil {
			sent = 0 // another gateway may have more luck
		}
		w.counters.Settle(&r, []int64{sent})
	}
	if err != nil {
		w.log.Error().Err(err).Str("quota", body.QuotaID).Int("threshold", body.Threshold).Msg("the warning of a budget could not be sent")
	}
}

// errRefused is the answer of a receiver that will not take the webhook later either.
var errRefused = errors.New("the receiver refuses it")

func (w *warnings) send(address string, body *warning) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("writing the body: %w", err)
	}
	for try := 0; ; try++ {
		err = w.post(address, body.ID, text)
		if err == nil || errors.Is(err, errRefused) || try >= len(w.pauses) {
			return err
		}
		timer := time.NewTimer(w.pauses[try])
		select {
		case <-timer.C:
		case <-w.ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// post sends it once. Addresses of webhooks hold secrets, so errors do not tell them.
func (w *warnings) post(address, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(w.ctx, sendTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: its address cannot be read", errRefused)
	}
	req.Header.Set("content-type", "application/json")
	req.Header.Set("user-agent", "weir")
	req.Header.Set("webhook-id", id)
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("webhook-timestamp", stamp)
	if len(w.key) > 0 {
		mac := hmac.New(sha256.New, w.key)
		_, _ = io.WriteString(mac, id+"."+stamp+".") // a hash takes everything
		_, _ = mac.Write(body)                       // the same
		req.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		if upstream.IsRefusedAddress(err) {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		return fmt.Errorf("asking the receiver: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()                                // nothing is lost with it
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxWebhookAnswer)) // only for the connection's sake
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return fmt.Errorf("the receiver answers %d", code)
	default:
		return fmt.Errorf("%w: it answers %d", errRefused, code)
	}
}
