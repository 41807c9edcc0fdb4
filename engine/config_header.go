package engine

import (
	"errors"
	"fmt"
	"strings"
)

// maxHeaderName is longer than every field name in use; servers refuse names of some hundred characters.
const maxHeaderName = 256

// maxHeaderValue is what servers take of one field at the least: some refuse heads of more than eight kilobytes.
const maxHeaderValue = 8 << 10

var (
	errHeaderName  = errors.New("a header name is made of letters, digits, hyphens and underscores")
	errHeaderOwned = errors.New("this header is written by the gateway")
	errHeaderLong  = fmt.Errorf("a header name holds at most %d bytes, a value %d", maxHeaderName, maxHeaderValue)
	errHeaderValue = errors.New("a header value cannot hold control characters")
)

// CheckHeaderName reports why a policy may not touch a header field: a name that is none, and fields that frame messages
// or belong to one connection, which would let a policy break the protocol for everybody behind it.
func CheckHeaderName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w, not %q", errHeaderName, name)
	case len(name) > maxHeaderName:
		return errHeaderLong
	}
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
		default:
			return fmt.Errorf("%w, not %q", errHeaderName, name)
		}
	}
	switch strings.ToLower(name) {
	case "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer",
		"upgrade", "expect", "http2-settings", "proxy-authenticate", "proxy-authorization", "content-encoding", "accept-encoding":
		return fmt.Errorf("%w: %s", errHeaderOwned, strings.ToLower(name))
	}
	return nil
}

// CheckHeaderValue reports a value that would not stay one header field on the wire, or that servers refuse for its length.
func CheckHeaderValue(value string) error {
	if len(value) > maxHeaderValue {
		return errHeaderLong
	}
	for i := range len(value) {
		if c := value[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return errHeaderValue
		}
	}
	return nil
}
