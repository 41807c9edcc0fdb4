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

// retryAfter is how long a provider asks to be left alone: in its header or, where that is missing, in its error.
func retryAfter(resp *upstream.Response, f wire.Failure) time.Duration {
	if d := retryAfterHeader(resp); d > 0 {
		return d
	}
	return min(f.RetryAfter, maxRest)
}

func retryAfterHeader(resp *upstream.Response) time.Duration {
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
	resp.VisitHeaders(func(name, value []byte) {
		field := quotaField(&q, view(name))
		if field == nil {
			return
		}
		if n, err := strconv.ParseInt(view(value), 10, 64); err == nil && n >= 0 {
			*field, found = n, true
		}
	})
	return q, found
}

func quotaField(q *catalog.Quota, name string) *int64 {
	switch {
	case hasPrefixFold(name, "x-ratelimit-"):
		name = name[len("x-ratelimit-"):]
	case hasPrefixFold(name, "anthropic-ratelimit-"):
		name = name[len("anthropic-ratelimit-"):]
	default:
		return nil
	}
	switch {
	case strings.EqualFold(name, "remaining-requests"), strings.EqualFold(name, "requests-remaining"):
		return &q.RemainingRequests
	case strings.EqualFold(name, "remaining-tokens"), strings.EqualFold(name, "tokens-remaining"):
		return &q.RemainingTokens
	case strings.EqualFold(name, "limit-requests"), strings.EqualFold(name, "requests-limit"):
		return &q.LimitRequests
	case strings.EqualFold(name, "limit-tokens"), strings.EqualFold(name, "tokens-limit"):
		return &q.LimitTokens
	default:
		return nil
	}
}
