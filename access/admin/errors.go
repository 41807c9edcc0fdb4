package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"weir/access"
	"weir/access/store"
	"weir/engine"
)

// code is the word that clients tell failures apart by. Where the gateway has one for the same thing, it is that.
type code string

const (
	codeBadRequest    = code(engine.CodeBadRequest)
	codeUnauthorized  = code(engine.CodeUnauthorized)
	codeForbidden     = code("forbidden")
	codeNotFound      = code(engine.CodeNotFound)
	codeMethod        = code(engine.CodeMethodNotAllowed)
	codeTooLarge      = code(engine.CodeBodyTooLarge)
	codeMediaType     = code(engine.CodeUnsupportedMedia)
	codeRateLimited   = code(engine.CodeRateLimited)
	codeInternal      = code(engine.CodeInternal)
	codeInUse         = code("in_use")
	codeExists        = code("already_exists")
	codeStatic        = code("static_resource")
	codeFull          = code("store_full")
	codeStale         = code("precondition_failed")
	codeBusy          = code("request_in_progress")
	codeKeyReused     = code("idempotency_key_reused")
	codeNoStore       = code("store_unavailable")
	codeReadOnly      = code("store_read_only")
	codeNoIdentity    = code("identity_provider_unavailable")
	codeMisconfigured = code("unknown_role")
)

// codeFact is what is fixed about a code.
type codeFact struct {
	code   code
	status int
	doc    string
}

// codeFacts lists every code that the API answers with.
func codeFacts() []codeFact {
	return []codeFact{
		{codeBadRequest, http.StatusBadRequest, "The request cannot be read, or a value is not one that the field takes; details names the fields."},
		{codeUnauthorized, http.StatusUnauthorized, "There is no token, or not one that holds."},
		{codeForbidden, http.StatusForbidden, "The role of the token does not allow this."},
		{codeMisconfigured, http.StatusForbidden, "The identity provider's token names no role of this API."},
		{codeNotFound, http.StatusNotFound, "There is no such resource."},
		{codeMethod, http.StatusMethodNotAllowed, "The path exists, the method does not; the header allow lists those that do."},
		{codeInUse, http.StatusConflict, "Other resources refer to this one."},
		{codeExists, http.StatusConflict, "There is such a resource already."},
		{codeStatic, http.StatusConflict, "The resource comes from a file and is changed there."},
		{codeFull, http.StatusConflict, "The store holds as many resources of the kind as it may."},
		{codeBusy, http.StatusConflict, "A request with the same idempotency key is being answered."},
		{codeStale, http.StatusPreconditionFailed, "The resource is not at the revision that if-match names."},
		{codeTooLarge, http.StatusRequestEntityTooLarge, "The body is over the limit."},
		{codeMediaType, http.StatusUnsupportedMediaType, "The body is not application/json."},
		{codeKeyReused, http.StatusUnprocessableEntity, "The idempotency key was used for another request."},
		{codeRateLimited, http.StatusTooManyRequests, "Too many wrong tokens came from this address."},
		{codeInternal, http.StatusInternalServerError, "A fault of the gateway; details are in its log."},
		{codeNoStore, http.StatusServiceUnavailable, "The store cannot be used now."},
		{codeReadOnly, http.StatusServiceUnavailable, "The store takes no writes now."},
		{codeNoIdentity, http.StatusServiceUnavailable, "The identity provider cannot be asked now."},
	}
}

func (c code) status() int {
	for _, f := range codeFacts() {
		if f.code == c {
			return f.status
		}
	}
	return http.StatusInternalServerError
}

// failure is an answer that refuses.
type failure struct {
	code    code
	message string
	details map[string]string
	retry   time.Duration // 0 = not said
	cause   error         // for the log
}

// Error gives what the client is told.
func (f *failure) Error() string { return f.message }

// Unwrap gives the cause.
func (f *failure) Unwrap() error { return f.cause }

func failf(c code, format string, args ...any) *failure {
	return &failure{code: c, message: fmt.Sprintf(format, args...)}
}

// badField refuses one field or parameter.
func badField(field, format string, args ...any) *failure {
	f := failf(codeBadRequest, "%s %s", field, fmt.Sprintf(format, args...))
	f.details = map[string]string{field: fmt.Sprintf(format, args...)}
	return f
}

// asFailure finds out what a client is told of an error.
func asFailure(err error) *failure {
	var known *failure
	var field *access.FieldError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &field):
		return &failure{code: codeBadRequest, message: field.Error(), details: map[string]string{field.Field: field.Message}}
	case errors.Is(err, store.ErrCursor):
		return badField("cursor", "is not from an earlier answer")
	case errors.Is(err, store.ErrTooMany):
		return badField("groupBy", "makes more groups than an answer holds: ask for a shorter time")
	}
	for _, m := range []struct {
		is   error
		code code
	}{
		{access.ErrNotFound, codeNotFound},
		{access.ErrStale, codeStale},
		{access.ErrInUse, codeInUse},
		{access.ErrExists, codeExists},
		{access.ErrStatic, codeStatic},
		{access.ErrFull, codeFull},
		{access.ErrNoStore, codeNoStore},
		{access.ErrForbidden, codeForbidden},
	} {
		if errors.Is(err, m.is) {
			return &failure{code: m.code, message: err.Error()}
		}
	}
	const soon = time.Second
	switch {
	case errors.Is(err, store.ErrReadOnly):
		return &failure{code: codeReadOnly, message: "the store takes no writes now", retry: soon, cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{code: codeNoStore, message: "the store did not answer in time", retry: soon, cause: err}
	default:
		return &failure{code: codeNoStore, message: "the store cannot be used now", retry: soon, cause: err}
	}
}

// rename changes the fields of a failure from the names of package access to those of the API.
func (f *failure) rename(names map[string]string) {
	if names == nil || f.code != codeBadRequest {
		return
	}
	out := make(map[string]string, len(f.details))
	for field, problem := range f.details {
		head, tail := field, ""
		if i := strings.IndexAny(field, ".["); i >= 0 {
			head, tail = field[:i], field[i:]
		}
		if to, ok := names[head]; ok {
			head = to
		}
		to := camel(head + tail)
		out[to] = problem
		f.message = strings.Replace(f.message, field, to, 1)
	}
	f.details = out
}

// camel turns snake_case into camelCase.
func camel(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '_' && i+1 < len(s) && s[i+1] >= 'a' && s[i+1] <= 'z' {
			i++
			b.WriteByte(s[i] - 'a' + 'A')
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// errorBody is how failures are told.
type errorBody struct {
	ErrorCode  string            `json:"errorCode" doc:"Word that tells failures apart."`
	StatusCode int               `json:"statusCode" doc:"HTTP status."`
	Message    string            `json:"msg" doc:"What is wrong, for people."`
	Details    map[string]string `json:"details" doc:"Field or parameter to what is wrong with it."`
}
