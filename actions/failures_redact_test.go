package actions_test

import "net/http"

// failuresOfRedacting are the ways in which redact fails.
func failuresOfRedacting(fails string) []failure {
	const hashes = "entities: [email], mode: hash, salt: "
	return []failure{
		{action: "redact", name: "the salt fails", config: hashes + fails},
		{action: "redact", name: "a short salt", config: hashes + `"${req.headers['x-bad'][0]}"`},
		{action: "redact", name: "the body cannot be read", config: "entities: [email]", request: failureBroken, status: http.StatusBadRequest, code: "bad_request", always: true},
		{action: "redact", name: "the salt fails for an answer", phase: "on_response", config: hashes + fails},
		{action: "redact", name: "the salt fails for a stream", phase: "on_response", config: hashes + fails, request: failureStream},
	}
}
