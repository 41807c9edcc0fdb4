package wire

import "strconv"

// ErrorBody is what a client is told about a failure.
//
// Type and Code are the words of the OpenAI shape; the other two name their own kinds by the status. An empty Type is
// filled in by the status, an empty Param and Code are null. RequestID appears in Anthropic's shape only; the others
// have a header for it.
type ErrorBody struct {
	Status                                int
	Type, Code, Message, Param, RequestID string
}

// AppendError appends the body that the dialect's SDKs make their typed errors from.
func AppendError(dst []byte, d Dialect, e ErrorBody) []byte {
	switch d {
	case DialectAnthropic:
		dst = append(dst, `{"type":"error","error":{"type":"`...)
		dst = append(dst, anthropicType(e.Status)...)
		dst = append(dst, `","message":`...)
		dst = AppendString(dst, e.Message)
		dst = append(dst, '}')
		if e.RequestID != "" {
			dst = append(dst, `,"request_id":`...)
			dst = AppendString(dst, e.RequestID)
		}
		return append(dst, '}')
	case DialectGemini:
		dst = append(dst, `{"error":{"code":`...)
		dst = strconv.AppendInt(dst, int64(e.Status), 10)
		dst = append(dst, `,"message":`...)
		dst = AppendString(dst, e.Message)
		dst = append(dst, `,"status":"`...)
		dst = append(dst, googleStatus(e.Status)...)
		return append(dst, `"}}`...)
	default:
		dst = append(dst, `{"error":`...)
		dst = appendOpenAIError(dst, e)
		return append(dst, '}')
	}
}

// appendOpenAIError appends the inner object of OpenAI's shape.
func appendOpenAIError(dst []byte, e ErrorBody) []byte {
	dst = append(dst, `{"message":`...)
	dst = AppendString(dst, e.Message)
	dst = append(dst, `,"type":`...)
	if e.Type == "" {
		e.Type = openAIType(e.Status)
	}
	dst = AppendString(dst, e.Type)
	dst = append(dst, `,"param":`...)
	dst = appendOrNull(dst, e.Param)
	dst = append(dst, `,"code":`...)
	dst = appendOrNull(dst, e.Code)
	return append(dst, '}')
}

func appendOrNull(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return AppendString(dst, s)
}

// AppendErrorEvent appends the event that ends a stream which has failed. No [DONE] or other clean end goes with it.
//
// seq is the number of events the client was sent: the sequence number in OpenAI Responses, and in a JSON array 0 says
// that the opening bracket is still to be written. The array is closed, since only then can a client read the error.
func AppendErrorEvent(dst []byte, api API, f Framing, e ErrorBody, seq int64) []byte {
	if f == FrameJSONArray {
		if seq == 0 {
			dst = append(dst, '[')
		} else {
			dst = append(dst, ',')
		}
		return append(AppendError(dst, api.Dialect(), e), ']')
	}
	switch {
	case api == OpenAIResponses:
		// The description puts code, message and param at the top, the live API nests them, and the SDKs raise only on
		// the nested form: both are written.
		dst = append(dst, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":"...)
		dst = strconv.AppendInt(dst, seq, 10)
		dst = append(dst, `,"code":`...)
		dst = appendOrNull(dst, e.Code)
		dst = append(dst, `,"message":`...)
		dst = AppendString(dst, e.Message)
		dst = append(dst, `,"param":`...)
		dst = appendOrNull(dst, e.Param)
		dst = append(dst, `,"error":`...)
		dst = append(appendOpenAIError(dst, e), '}')
	case api.Dialect() == DialectAnthropic:
		dst = append(dst, "event: error\ndata: "...)
		dst = AppendError(dst, DialectAnthropic, e)
	default:
		dst = append(dst, "data: "...)
		dst = AppendError(dst, api.Dialect(), e)
	}
	return append(dst, "\n\n"...)
}

// openAIType is the type that goes with a status in OpenAI's shape. OpenAI itself has several words for its own faults;
// Weir's codes have this one.
func openAIType(status int) string {
	switch {
	case status == 401:
		return "authentication_error"
	case status == 403:
		return "permission_error"
	case status == 429:
		return "rate_limit_error"
	case status >= 500:
		return "api_error"
	default:
		return "invalid_request_error"
	}
}

// anthropicType is the type that Anthropic uses with a status; its SDKs know no others.
func anthropicType(status int) string {
	switch {
	case status == 401:
		return "authentication_error"
	case status == 402:
		return "billing_error"
	case status == 403:
		return "permission_error"
	case status == 404:
		return "not_found_error"
	case status == 413:
		return "request_too_large"
	case status == 429:
		return "rate_limit_error"
	case status == 503, status == 529:
		return "overloaded_error"
	case status == 504:
		return "timeout_error"
	case status >= 500:
		return "api_error"
	default:
		return "invalid_request_error"
	}
}

// googleStatus is the name in google.rpc.Code that goes with a status.
func googleStatus(status int) string {
	switch {
	case status == 401:
		return "UNAUTHENTICATED"
	case status == 402, status == 412:
		return "FAILED_PRECONDITION"
	case status == 403:
		return "PERMISSION_DENIED"
	case status == 404:
		return "NOT_FOUND"
	case status == 408, status == 504:
		return "DEADLINE_EXCEEDED"
	case status == 409:
		return "ABORTED"
	case status == 429:
		return "RESOURCE_EXHAUSTED"
	case status == 499:
		return "CANCELLED"
	case status == 501:
		return "UNIMPLEMENTED"
	case status == 502, status == 503, status == 529:
		return "UNAVAILABLE"
	case status >= 500:
		return "INTERNAL"
	default:
		return "INVALID_ARGUMENT"
	}
}
