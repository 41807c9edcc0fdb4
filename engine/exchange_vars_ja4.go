package engine

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const (
	extensionSNI  = 0x0000
	extensionALPN = 0x0010
)

// JA4 is the fingerprint of a TLS client, by the published method of that name (its part for TLS is under the BSD
// licence). The server makes it of the client's greeting, for Facts.
func JA4(hello *tls.ClientHelloInfo) string {
	ciphers, extensions := withoutGrease(hello.CipherSuites), withoutGrease(hello.Extensions)
	name := "i"
	if slices.Contains(extensions, extensionSNI) {
		name = "d"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "t%s%s%02d%02d%s_", ja4Version(hello.SupportedVersions), name, min(len(ciphers), 99), min(len(extensions), 99), ja4ALPN(hello.SupportedProtos))
	slices.Sort(ciphers)
	b.WriteString(ja4Hash(hexList(ciphers)))
	extensions = slices.DeleteFunc(extensions, func(e uint16) bool { return e == extensionSNI || e == extensionALPN })
	slices.Sort(extensions)
	list := hexList(extensions)
	if len(hello.SignatureSchemes) > 0 && list != "" {
		schemes := make([]uint16, len(hello.SignatureSchemes))
		for i, s := range hello.SignatureSchemes {
			schemes[i] = uint16(s)
		}
		list += "_" + hexList(withoutGrease(schemes))
	}
	b.WriteString("_" + ja4Hash(list))
	return b.String()
}

// withoutGrease leaves out the values that clients put in at random so that servers stay tolerant.
func withoutGrease(in []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(in), func(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff })
}

func ja4Version(versions []uint16) string {
	highest := uint16(0)
	for _, v := range withoutGrease(versions) {
		highest = max(highest, v)
	}
	switch highest {
	case tls.VersionTLS13:
		return "13"
	case tls.VersionTLS12:
		return "12"
	case tls.VersionTLS11:
		return "11"
	case tls.VersionTLS10:
		return "10"
	default:
		return "00"
	}
}

// ja4ALPN is the first and the last character of the first protocol, or of its hexadecimal form.
func ja4ALPN(protocols []string) string {
	if len(protocols) == 0 || protocols[0] == "" {
		return "00"
	}
	p := protocols[0]
	plain := func(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' }
	if !plain(p[0]) || !plain(p[len(p)-1]) {
		p = hex.EncodeToString([]byte(p))
	}
	return string([]byte{p[0], p[len(p)-1]})
}

func hexList(values []uint16) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprintf("%04x", v)
	}
	return strings.Join(out, ",")
}

func ja4Hash(list string) string {
	if list == "" {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(list))
	return hex.EncodeToString(sum[:6])
}
