package engine

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"strings"
	"time"

	"weir/engine/vars"
)

// clientCertificate is the one that the client showed, nil without one.
func (x *Exchange) clientCertificate() *x509.Certificate {
	if x.Conn.TLS == nil || len(x.Conn.TLS.PeerCertificates) == 0 {
		return nil
	}
	return x.Conn.TLS.PeerCertificates[0]
}

func (x *Exchange) serverCertificate() *x509.Certificate {
	if x.Conn.TLS == nil {
		return nil
	}
	return x.facts().Certificate
}

// certReaders reads a certificate by the names below it.
func certReaders() map[string]func(*x509.Certificate) vars.Value {
	type cert = *x509.Certificate
	out := map[string]func(cert) vars.Value{
		"extensions":          func(c cert) vars.Value { return vars.Dyn(extensionList(c.Extensions)) },
		"san":                 func(c cert) vars.Value { return vars.String(strings.Join(alternativeNames(c), ", ")) },
		"san.dns_names":       func(c cert) vars.Value { return vars.Strings(c.DNSNames) },
		"san.email_addresses": func(c cert) vars.Value { return vars.Strings(c.EmailAddresses) },
		"san.ip_addresses":    func(c cert) vars.Value { return vars.Strings(textsOf(c.IPAddresses)) },
		"san.uris":            func(c cert) vars.Value { return vars.Strings(textsOf(c.URIs)) },
		"signature_algorithm": func(c cert) vars.Value { return vars.String(c.SignatureAlgorithm.String()) },
		"validity.not_before": func(c cert) vars.Value { return timeOf(c.NotBefore) },
		"validity.not_after":  func(c cert) vars.Value { return timeOf(c.NotAfter) },
		"serial_number": func(c cert) vars.Value {
			if c.SerialNumber == nil {
				return vars.String("")
			}
			return vars.String(c.SerialNumber.Text(16))
		},
		"pem": func(c cert) vars.Value {
			return vars.String(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
		},
	}
	for group, of := range map[string]func(cert) *pkix.Name{
		"issuer": func(c cert) *pkix.Name { return &c.Issuer }, "subject": func(c cert) *pkix.Name { return &c.Subject },
	} {
		for name, read := range nameReaders() {
			out[group+name] = func(c cert) vars.Value { return read(of(c)) }
		}
	}
	return out
}

func nameReaders() map[string]func(*pkix.Name) vars.Value {
	type name = *pkix.Name
	return map[string]func(name) vars.Value{
		"":                     func(n name) vars.Value { return vars.String(n.String()) },
		".common_name":         func(n name) vars.Value { return vars.String(n.CommonName) },
		".country":             func(n name) vars.Value { return vars.Strings(n.Country) },
		".locality":            func(n name) vars.Value { return vars.Strings(n.Locality) },
		".organization":        func(n name) vars.Value { return vars.Strings(n.Organization) },
		".organizational_unit": func(n name) vars.Value { return vars.Strings(n.OrganizationalUnit) },
		".postal_code":         func(n name) vars.Value { return vars.Strings(n.PostalCode) },
		".province":            func(n name) vars.Value { return vars.Strings(n.Province) },
		".street_address":      func(n name) vars.Value { return vars.Strings(n.StreetAddress) },
	}
}

// addCertReaders gives the variables below conn.tls.client and conn.tls.server their readers. Without a certificate they
// are empty.
func addCertReaders(add func(path string, read reader)) {
	for name, read := range certReaders() {
		add("conn.tls.client."+name, certReader((*Exchange).clientCertificate, read))
		if name != "pem" {
			add("conn.tls.server."+name, certReader((*Exchange).serverCertificate, read))
		}
	}
}

func certReader(of func(*Exchange) *x509.Certificate, read func(*x509.Certificate) vars.Value) reader {
	return func(x *Exchange) vars.Value {
		if c := of(x); c != nil {
			return read(c)
		}
		return vars.Null()
	}
}

func extensionList(extensions []pkix.Extension) []any {
	out := make([]any, len(extensions))
	for i := range extensions {
		e := &extensions[i]
		out[i] = map[string]any{"id": e.Id.String(), "critical": e.Critical, "value": e.Value}
	}
	return out
}

func alternativeNames(c *x509.Certificate) []string {
	out := append([]string(nil), c.DNSNames...)
	out = append(out, c.EmailAddresses...)
	out = append(out, textsOf(c.IPAddresses)...)
	return append(out, textsOf(c.URIs)...)
}

func textsOf[T interface{ String() string }](list []T) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].String()
	}
	return out
}

// timeOf is a time as a value; one that is not known is null and reads as 1970.
func timeOf(t time.Time) vars.Value {
	if t.IsZero() {
		return vars.Null()
	}
	return vars.Time(t)
}
