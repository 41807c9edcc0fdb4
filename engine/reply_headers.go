package engine

import (
	"unsafe"

	"weir/engine/upstream"
)

// copyHeaders takes the fields of the provider's answer that the client gets. They alias the answer's head, which lives
// until the exchange's next call or its end.
func (d *dispatch) copyHeaders(resp *upstream.Response) {
	h := &d.x.Reply.Headers
	*h = (*h)[:0]
	resp.VisitHeaders(func(name, value []byte) {
		n, v := view(name), view(value)
		switch {
		case isRequestID(n):
			h.Set("x-weir-upstream-request-id", v)
		case returns(n):
			h.Add(n, v)
		}
	})
}

func isRequestID(name string) bool {
	switch len(name) {
	case len("request-id"):
		return sameName(name, "request-id")
	case len("x-request-id"):
		return sameName(name, "x-request-id")
	default:
		return false
	}
}

// returns reports whether a field of the provider's answer goes to the client: not framing, cookies, account ids or
// locations, and nothing that Weir writes itself.
func returns(name string) bool {
	if len(name) < len(keptBack) {
		for _, f := range keptBack[len(name)] {
			if sameName(f, name) {
				return false
			}
		}
	}
	return !hasPrefixFold(name, "x-weir-")
}

// keptBack are the fields that never go to the client, by length.
var keptBack = [26][]string{
	3:  {"via"},
	4:  {"date"},
	6:  {"server", "cf-ray"},
	7:  {"alt-svc", "upgrade", "trailer"},
	8:  {"location"},
	10: {"set-cookie", "connection", "keep-alive"},
	14: {"content-length", "openai-project", "x-should-retry"},
	16: {"content-encoding", "www-authenticate"},
	17: {"transfer-encoding"},
	18: {"proxy-authenticate"},
	19: {"openai-organization"},
	25: {"anthropic-organization-id", "strict-transport-security"},
}

// view is b as a string without a copy; b must not change while the string is used.
//
//nolint:gosec // one place for it; who may use it is said above
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
