package actions_test

import "net/http"

// failuresOfContent are the ways in which the rules on content fail.
func failuresOfContent(fails string) []failure {
	const found = "phrases: [hello]"
	return []failure{
		{action: "block", name: "the message fails", config: found + ", message: " + fails},
		{action: "block", name: "the message fails about the answer", phase: "on_response", config: found + ", message: " + fails},
		{action: "block", name: "the message fails about a stream", phase: "on_response", config: found + ", message: " + fails, request: failureStream},
		{action: "block", name: "found", config: found, status: http.StatusForbidden, code: "content_blocked", always: true},
		{action: "block", name: "found in the answer", phase: "on_response", config: found, status: http.StatusForbidden, code: "content_blocked", always: true},
		{action: "block", name: "the body cannot be read", config: found, request: failureBroken, status: http.StatusBadRequest, code: "bad_request", always: true},
		{action: "limit-content", name: "the message fails", config: "max_messages: 0, message: " + fails},
		{action: "limit-content", name: "too much", config: "max_messages: 0", status: http.StatusRequestEntityTooLarge, code: "content_blocked", always: true},
		{action: "limit-content", name: "the body cannot be read", config: "max_messages: 9", request: failureBroken, status: http.StatusBadRequest, code: "bad_request", always: true},
		{action: "restrict-tools", name: "the message fails", config: "deny: [f], message: " + fails},
		{action: "restrict-tools", name: "the message fails about the answer", phase: "on_response", config: "deny: [f], message: " + fails},
		{action: "restrict-tools", name: "the body cannot be read", config: "deny: [f]", request: failureBroken, status: http.StatusBadRequest, code: "bad_request", always: true},
		{action: "system-prompt", name: "the text fails", config: "text: " + fails},
		{action: "system-prompt", name: "the text is empty", config: `text: "${req.headers['x-none'][0]}"`},
		{action: "system-prompt", name: "the body cannot be read", config: "text: a", request: failureBroken, status: http.StatusBadRequest, code: "bad_request", always: true},
		{action: "validate-answer", name: "the message fails", phase: "on_response", config: "schema: {type: object}, on_stream: skip, message: " + fails},
		{
			action: "validate-answer", name: "it does not fit", phase: "on_response", config: "schema: {type: object}, on_stream: skip",
			status: http.StatusBadGateway, code: "answer_invalid", always: true,
		},
	}
}

// harmlessContent is what harmless says of the rules on content.
func harmlessContent() map[string]string {
	return map[string]string{
		"block":           "phrases: [nowhere]",
		"limit-content":   "max_messages: 99",
		"restrict-tools":  "deny: [nowhere]",
		"system-prompt":   "text: hello",
		"validate-answer": "from_request: true, on_stream: skip",
	}
}
