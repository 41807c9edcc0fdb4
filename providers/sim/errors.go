package sim

import "github.com/valyala/fasthttp"

// failure is an error of a simulated vendor, before it has a dialect's shape.
type failure struct {
	status  int
	code    string // OpenAI's code; the other dialects have none
	param   string
	message string
}

// wrong is the client's own mistake.
func wrong(param, message string) *failure {
	return &failure{status: fasthttp.StatusBadRequest, param: param, message: message}
}

// body is the failure in the shape of a dialect.
func (f *failure) body(d dialect, canary string) obj {
	message := f.message
	if canary != "" {
		message += " " + canary
	}
	switch d {
	case anthropic:
		return obj{"type": "error", "error": obj{"type": anthropicType(f.status), "message": message}, "request_id": canaryOr(canary, "req_sim")}
	case gemini:
		return obj{"error": obj{"code": f.status, "message": message, "status": geminiStatus(f.status), "details": details(canary)}}
	default:
		kind, code := openAIType(f.status)
		if f.code != "" {
			code = f.code
		}
		return obj{"error": obj{"message": message, "type": kind, "param": orNil(canaryOr(canary, f.param)), "code": orNil(code)}}
	}
}

func canaryOr(canary, s string) string {
	if canary != "" {
		return canary
	}
	return s
}

func details(canary string) []any {
	if canary == "" {
		return []any{}
	}
	return []any{obj{"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": canary}}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// openAIType gives the type and the code that OpenAI uses with a status.
func openAIType(status int) (kind, code string) {
	switch {
	case status == fasthttp.StatusUnauthorized:
		return "invalid_request_error", "invalid_api_key"
	case status == fasthttp.StatusTooManyRequests:
		return "requests", "rate_limit_exceeded"
	case status >= fasthttp.StatusInternalServerError:
		return "server_error", ""
	default:
		return "invalid_request_error", ""
	}
}

// overloaded is Anthropic's own status for "try again later".
const overloaded = 529

func anthropicType(status int) string {
	switch status {
	case fasthttp.StatusUnauthorized:
		return "authentication_error"
	case fasthttp.StatusPaymentRequired:
		return "billing_error"
	case fasthttp.StatusForbidden:
		return "permission_error"
	case fasthttp.StatusNotFound:
		return "not_found_error"
	case fasthttp.StatusRequestEntityTooLarge:
		return "request_too_large"
	case fasthttp.StatusTooManyRequests:
		return "rate_limit_error"
	case fasthttp.StatusGatewayTimeout:
		return "timeout_error"
	case overloaded:
		return "overloaded_error"
	}
	if status >= fasthttp.StatusInternalServerError {
		return "api_error"
	}
	return "invalid_request_error"
}

func geminiStatus(status int) string {
	switch status {
	case fasthttp.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case fasthttp.StatusForbidden:
		return "PERMISSION_DENIED"
	case fasthttp.StatusNotFound:
		return "NOT_FOUND"
	case fasthttp.StatusConflict:
		return "ABORTED"
	case fasthttp.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case fasthttp.StatusServiceUnavailable, fasthttp.StatusBadGateway:
		return "UNAVAILABLE"
	case fasthttp.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	}
	if status >= fasthttp.StatusInternalServerError {
		return "INTERNAL"
	}
	return "INVALID_ARGUMENT"
}

// ordered is the failure that a fault asks for, nil where it asks for none.
func (f *Fault) ordered(d dialect, model string) *failure {
	switch {
	case f.noModel && d == gemini:
		return &failure{status: fasthttp.StatusNotFound, message: "models/" + model + " is not found for API version v1beta, or is not supported for this method."}
	case f.noModel && d == anthropic:
		return &failure{status: fasthttp.StatusNotFound, message: "model: " + model}
	case f.noModel:
		return &failure{status: fasthttp.StatusNotFound, code: "model_not_found", message: "The model `" + model + "` does not exist or you do not have access to it."}
	case f.tooLong && d == gemini:
		return wrong("", "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).")
	case f.tooLong && d == anthropic:
		return wrong("", "prompt is too long: 210000 tokens > 200000 maximum")
	case f.tooLong:
		return &failure{status: fasthttp.StatusBadRequest, code: "context_length_exceeded", param: "messages", message: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."}
	case f.status >= fasthttp.StatusBadRequest:
		return &failure{status: f.status, message: "simulated failure with status " + fasthttp.StatusMessage(f.status)}
	default:
		return nil
	}
}
