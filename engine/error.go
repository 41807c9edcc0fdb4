package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"weir/engine/wire"
)

// Code is the stable name of a failure that a client can see.
type Code string

// The codes. codeFacts below gives each its status, type and meaning.
const (
	CodeBadRequest         Code = "bad_request"
	CodeUnauthorized       Code = "unauthorized"
	CodePolicyDenied       Code = "policy_denied"
	CodePolicyFailed       Code = "policy_failed"
	CodeNotFound           Code = "not_found"
	CodeModelNotFound      Code = "model_not_found"
	CodeModelNotAllowed    Code = "model_not_allowed"
	CodeMethodNotAllowed   Code = "method_not_allowed"
	CodeBodyTooLarge       Code = "body_too_large"
	CodeHeadersTooLarge    Code = "headers_too_large"
	CodeUnsupportedMedia   Code = "unsupported_media_type"
	CodeRateLimited        Code = "rate_limited"
	CodeNoRoute            Code = "no_route"
	CodeNoModelSelected    Code = "no_model_selected"
	CodeSelectionFailed    Code = "model_selection_failed"
	CodeKeySelectionFailed Code = "key_selection_failed"
	CodeNoAPIKey           Code = "no_api_key"
	CodeUnsupportedAPI     Code = "unsupported_api"
	CodeInputTooLarge      Code = "input_too_large"
	CodeNoTarget           Code = "no_target"
	CodeUpstreamRefused    Code = "upstream_refused"
	CodeUpstreamFailed     Code = "upstream_failed"
	CodeUpstreamTimeout    Code = "upstream_timeout"
	CodeStreamCut          Code = "stream_cut"
	CodeTotalTimeout       Code = "total_timeout"
	CodeOverloaded         Code = "overloaded"
	CodeDraining           Code = "draining"
	CodeClientGone         Code = "client_gone"
	CodeConnectionClosed   Code = "connection_closed"
	CodeCircuitOpen        Code = "circuit_open"
	CodeContentBlocked     Code = "content_blocked"
	CodeAnswerInvalid      Code = "answer_invalid"
	CodeLoopDetected       Code = "loop_detected"
	CodeBudgetExceeded     Code = "budget_exceeded"
	CodePriceUnknown       Code = "price_unknown"
	CodeStoreUnavailable   Code = "store_unavailable"
	CodeInternal           Code = "internal"
)

// CodeFact is what is fixed about a code: the HTTP status, the error type in OpenAI's terms and one line for the docs.
type CodeFact struct {
	Code   Code
	Status int
	Type   string
	Doc    string
}

var codeTable = []CodeFact{
	{CodeBadRequest, 400, "invalid_request_error", "The request cannot be read: bad JSON, a wrong type, a conflicting header."},
	{CodeUnauthorized, 401, "authentication_error", "The caller did not authenticate."},
	{CodePolicyDenied, 403, "permission_error", "A policy refused the request."},
	{CodePolicyFailed, 500, "api_error", "A rule could not be evaluated; nothing was sent upstream."},
	{CodeNotFound, 404, "invalid_request_error", "There is no such path or stored object."},
	{CodeModelNotFound, 404, "invalid_request_error", "No model of that name; the message names near ones."},
	{CodeModelNotAllowed, 403, "permission_error", "The policy does not allow this model or provider."},
	{CodeMethodNotAllowed, 405, "invalid_request_error", "The path exists, the method does not."},
	{CodeBodyTooLarge, 413, "invalid_request_error", "The body is over the limit of the gateway."},
	{CodeHeadersTooLarge, 431, "invalid_request_error", "The headers are over the limit of the gateway."},
	{CodeUnsupportedMedia, 415, "invalid_request_error", "The content type or content encoding is not one the API takes."},
	{CodeRateLimited, 429, "rate_limit_error", "A limit of the policy was reached."},
	{CodeNoRoute, 404, "invalid_request_error", "The policy routes by ai-gateway actions and none of them matched."},
	{CodeNoModelSelected, 422, "invalid_request_error", "No strategy left a model; the message gives each reason."},
	{CodeSelectionFailed, 422, "invalid_request_error", "A model selection expression failed."},
	{CodeKeySelectionFailed, 422, "invalid_request_error", "A key selection expression failed."},
	{CodeNoAPIKey, 400, "invalid_request_error", "No key for the provider, neither configured nor sent by the client."},
	{CodeUnsupportedAPI, 400, "invalid_request_error", "No selected provider speaks the API of the request."},
	{CodeInputTooLarge, 413, "invalid_request_error", "The estimated input is over the route's limit or every model's window."},
	{CodeNoTarget, 503, "api_error", "Every candidate is resting or disabled."},
	{CodeUpstreamRefused, 502, "api_error", "The provider could not be reached."},
	{CodeUpstreamFailed, 502, "api_error", "Every provider failed; the message lists the attempts."},
	{CodeUpstreamTimeout, 504, "api_error", "The provider did not answer in time."},
	{CodeStreamCut, 502, "api_error", "The provider's stream ended before its answer did."},
	{CodeTotalTimeout, 504, "api_error", "The time for all attempts together ran out."},
	{CodeOverloaded, 503, "api_error", "The gateway is at its limit; try again."},
	{CodeDraining, 503, "api_error", "The gateway is shutting down."},
	{CodeClientGone, 499, "api_error", "The client went away; seen in logs only."},
	{CodeConnectionClosed, 499, "api_error", "The policy closed the connection without an answer; seen in logs only."},
	{CodeCircuitOpen, 503, "api_error", "A circuit breaker of the policy is open; retry-after says for how long."},
	{CodeContentBlocked, 403, "permission_error", "A content rule of the policy refused the request or its answer."},
	{CodeAnswerInvalid, 502, "api_error", "The answer does not fit the schema that the policy or the request asks for."},
	{CodeLoopDetected, 508, "api_error", "The request was forwarded between endpoints of the gateway too often."},
	{CodeBudgetExceeded, 402, "insufficient_quota", "A budget of the caller, its team or the organisation is used up; the message says which and when it begins anew."},
	{CodePriceUnknown, 403, "permission_error", "The model has no known price, and a budget in USD applies to it."},
	{CodeStoreUnavailable, 503, "api_error", "Access keys, shared counters or the record of usage cannot be reached, so nobody can be let in."},
	{CodeInternal, 500, "api_error", "A fault of the gateway; details are in its log."},
}

// Codes lists every code for the reference page, in the order of the table.
func Codes() []CodeFact { return append([]CodeFact(nil), codeTable...) }

// known reports whether the code is one of the gateway's own.
func (c Code) known() bool {
	return slices.ContainsFunc(codeTable, func(f CodeFact) bool { return f.Code == c })
}

// Fact returns what is fixed about the code; unknown codes read as CodeInternal.
func (c Code) Fact() CodeFact {
	for i := range codeTable {
		if codeTable[i].Code == c {
			return codeTable[i]
		}
	}
	return codeTable[len(codeTable)-1]
}

// Error is a failure of one exchange that its client may see. Cause stays in the log.
type Error struct {
	Code       Code
	Message    string
	Param      string        // the request field at fault, "" = none
	Status     int           // 0 = the code's own
	RetryAfter time.Duration // 0 = not said
	Retryable  bool          // false tells SDKs not to retry (x-should-retry)
	Cause      error
	// Upstream is a provider's own error body, scrubbed, which the client gets in place of Weir's; nil = none.
	Upstream []byte
	// Refusal ends a stream whose first bytes are out with the API's own refusal in place of an error, where it has one
	// and Exchange.KeepRefusal was called.
	Refusal bool
	// words says that Message holds words of a provider.
	words bool
}

// Errorf makes an error of a code with a message for the client.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// withoutWords is the error without what a provider said in it, which stays in the log.
func (e *Error) withoutWords() *Error {
	if !e.words {
		return e
	}
	out := *e
	out.words, out.Message = false, "the provider reported an error"
	out.Cause = errors.Join(errors.New(e.Message), e.Cause)
	return &out
}

// Error gives code, message and cause, for logs.
func (e *Error) Error() string {
	if e.Cause != nil {
		return string(e.Code) + ": " + e.Message + ": " + e.Cause.Error()
	}
	return string(e.Code) + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// HTTPStatus is the status the client gets.
func (e *Error) HTTPStatus() int {
	if e.Status != 0 {
		return e.Status
	}
	return e.Code.Fact().Status
}

// Body is the error in the form that package wire writes for each dialect. The type is the code's own; that of another
// status, which a policy or a provider gave, is left for wire to fill in.
func (e *Error) Body(requestID string) wire.ErrorBody {
	fact := e.Code.Fact()
	body := wire.ErrorBody{
		Status: e.HTTPStatus(), Type: fact.Type, Code: string(e.Code), Message: e.Message, Param: e.Param, RequestID: requestID,
	}
	if body.Status != fact.Status {
		body.Type = ""
	}
	return body
}

// AppendBody appends what the client is told: the provider's own words where there are any, else the error in the shape
// of the client's dialect.
func (e *Error) AppendBody(dst []byte, d wire.Dialect, requestID string) []byte {
	if e.Upstream != nil {
		return append(dst, e.Upstream...)
	}
	return wire.AppendError(dst, d, e.Body(requestID))
}

// AsError finds the *Error in err; anything else becomes CodeInternal with err as its hidden cause.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Message: "internal error", Cause: err}
}
