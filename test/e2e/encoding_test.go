package e2e

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"testing"
)

func contentTypes() []raw {
	as := func(value string) string {
		return strings.Replace(head(chatLine, okBody, length(okBody)), "Content-Type: application/json", "Content-Type: "+value, 1)
	}
	return []raw{
		{"JSON", as("application/json"), served, 200},
		{"JSON in capitals", as("Application/JSON"), served, 200},
		{"JSON in UTF-8", as(`application/json; charset="UTF-8"`), served, 200},
		{"no type", strings.Replace(as("x"), "Content-Type: x\r\n", "", 1), served, 200},
		{"JSON in UTF-16", as("application/json; charset=utf-16"), refused, 415},
		{"JSON in Latin 1", as("application/json;charset=iso-8859-1"), refused, 415},
		{"JSON in two charsets", as("application/json;charset=utf-8;charset=utf-7"), refused, 415},
		{"JSON in UTF-7 behind another parameter", as("application/json; a=b; charset=utf-7"), refused, 415},
		{"text", as("text/plain"), refused, 415},
		{"a form", as("application/x-www-form-urlencoded"), refused, 415},
		{"two types in a list", as("application/json, text/plain"), refused, 415},
		{"multipart", as("multipart/form-data; boundary=x"), refused, 415},
	}
}

func squeeze(t *testing.T, encoding, body string) string {
	t.Helper()
	var b bytes.Buffer
	var z io.WriteCloser
	switch encoding {
	case "gzip":
		z = gzip.NewWriter(&b)
	case "deflate":
		z = zlib.NewWriter(&b)
	default:
		f, err := flate.NewWriter(&b, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		z = f
	}
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func encodings(t *testing.T) []raw {
	t.Helper()
	as := func(encoding, body string) string {
		return head(chatLine, body, length(body), "Content-Encoding: "+encoding)
	}
	packed := squeeze(t, "gzip", okBody)
	bomb := squeeze(t, "gzip", `{"model":"m","messages":[{"role":"user","content":"`+strings.Repeat("a", 30<<20)+`"}]}`)
	return []raw{
		{"gzip", as("gzip", packed), served, 200},
		{"gzip in capitals", as("GZIP", packed), served, 200},
		{"deflate", as("deflate", squeeze(t, "deflate", okBody)), served, 200},
		{"identity", as("identity", okBody), served, 200},
		{"gzip in chunks", head(chatLine, chunked(packed, 9), "Transfer-Encoding: chunked", "Content-Encoding: gzip"), served, 200},
		{"gzip of two models", as("gzip", squeeze(t, "gzip", `{"model":"m",`+turn+`,"model":"other"}`)), refused, 400},
		{"gzip that is none", as("gzip", okBody), refused, 400},
		{"gzip that ends too early", as("gzip", packed[:len(packed)-6]), refused, 400},
		{"gzip with a wrong sum", as("gzip", packed[:len(packed)-8]+"\x00\x00\x00\x00"+packed[len(packed)-4:]), refused, 400},
		{"gzip with bytes behind", as("gzip", packed+"{}"), refused, 400},
		{"gzip twice", as("gzip, gzip", squeeze(t, "gzip", packed)), refused, 415},
		{"gzip in two fields", head(chatLine, packed, length(packed), "Content-Encoding: gzip", "Content-Encoding: gzip"), refused, 400},
		{"an unknown encoding", as("rot13", okBody), refused, 415},
		{"compressed without saying so", as("identity", packed), refused, 400},
		{"a bomb", as("gzip", bomb), refused, 413},
		{"a bomb in a bomb", as("gzip", squeeze(t, "gzip", bomb)), refused, 400},
	}
}
