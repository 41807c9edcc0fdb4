package engine

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"weir/engine/catalog"
	"weir/engine/upstream"
	"weir/engine/wire"
)

// classify says whether another target may do better after an upstream status, by decision 6 of the policy language.
func classify(status int, f wire.Failure) (outcome, failureKind) {
	switch {
	case status == http.StatusTooManyRequests:
		return outcome{retryable: true}, failureLimit
	case f.ContextTooLong && (status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge):
		return outcome{retryable: true, skipKeys: true, tooLong: true}, failureClient
	case f.ContentPolicy:
		return outcome{}, failureClient
	case status == http.StatusUnauthorized, status == http.StatusPaymentRequired, status == http.StatusForbidden,
		status == http.StatusConflict:
		return outcome{retryable: true}, failureClient
	case status == http.StatusRequestTimeout:
		return outcome{retryable: true}, failureTimeout
	case status == http.StatusNotFound && f.ModelNotFound:
		return outcome{retryable: true, skipKeys: true}, failureClient
	case status >= 500:
		return outcome{retryable: true}, failureServer
	case status < http.StatusBadRequest: // a redirect: not followed, and not an answer
		return outcome{retryable: true, skipKeys: true}, failureServer
	default:
		return outcome{}, failureClient
	}
}

// retryAfter reads how long a provider asks to be left alone.
func retryAfter(resp *upstream.Response) time.Duration {
	if ms := resp.Header("retry-after-ms"); ms != "" {
		if n, err := strconv.ParseFloat(strings.TrimSpace(ms), 64); err == nil && n > 0 {
			return min(time.Duration(n*float64(time.Millisecond)), maxRest)
		}
	}
	v := strings.TrimSpace(resp.Header("retry-after"))
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseFloat(v, 64); err == nil {
		if n <= 0 {
			return 0
		}
		return time.Duration(min(n, maxRest.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(time.Until(at), 0), maxRest)
	}
	return 0
}

// quotaOf reads the rate-limit fields that OpenAI and those who follow it, and Anthropic, send.
func quotaOf(resp *upstream.Response) (catalog.Quota, bool) {
	q, found := unknownQuota, false
	for _, f := range quotaFields {
		v := resp.Header(f.name)
		if v == "" {
			continue
		}
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
			*f.field(&q) = n
			found = true
		}
	}
	return q, found
}

var quotaFields = [...]struct {
	name  string
	field func(*catalog.Quota) *int64
}{
	{"x-ratelimit-remaining-requests", func(q *catalog.Quota) *int64 { return &q.RemainingRequests }},
	{"x-ratelimit-remaining-tokens", func(q *catalog.Quota) *int64 { return &q.RemainingTokens }},
	{"x-ratelimit-limit-requests", func(q *catalog.Quota) *int64 { return &q.LimitRequests }},
	{"x-ratelimit-limit-tokens", func(q *catalog.Quota) *int64 { return &q.LimitTokens }},
	{"anthropic-ratelimit-requests-remaining", func(q *catalog.Quota) *int64 { return &q.RemainingRequests }},
	{"anthropic-ratelimit-tokens-remaining", func(q *catalog.Quota) *int64 { return &q.RemainingTokens }},
	{"anthropic-ratelimit-requests-limit", func(q *catalog.Quota) *int64 { return &q.LimitRequests }},
	{"anthropic-ratelimit-tokens-limit", func(q *catalog.Quota) *int64 { return &q.LimitTokens }},
}
