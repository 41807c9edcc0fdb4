package engine

import (
	"crypto/x509"
	"time"
)

// Facts is what a server knows of an exchange beside the request. What it does not know stays empty.
type Facts struct {
	// BytesIn and BytesOut count what went over the connection so far.
	BytesIn, BytesOut int64
	// Region is where the gateway runs, as configured.
	Region string
	// JA4 is the fingerprint of the TLS client.
	JA4 string
	// Certificate is the one that the listener showed.
	Certificate *x509.Certificate
	// BodyReceived is when the client's body had arrived.
	BodyReceived time.Time
	// Trailers are the client's.
	Trailers Headers
	// IPs tells where addresses are; nil = nobody does.
	IPs IPInfo
}

// FactSource is a BodyLoader that tells facts. It is asked only for what a policy reads, at the moment of reading.
type FactSource interface {
	Facts() Facts
}

func (x *Exchange) facts() Facts {
	if s, ok := x.Loader.(FactSource); ok {
		return s.Facts()
	}
	return Facts{}
}
