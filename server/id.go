package server

import (
	"math/rand/v2"
	"time"
)

// idLen is the length of an exchange id: ten characters of time and sixteen of chance, five bits each, so that ids sort
// by time and two gateways need not know each other to keep them apart.
const idLen = 26

const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// appendID appends a new exchange id.
func appendID(dst []byte, now time.Time) []byte {
	ms := uint64(now.UnixMilli()) // after 1970
	for shift := 45; shift >= 0; shift -= 5 {
		dst = append(dst, idAlphabet[ms>>uint(shift)&31])
	}
	for range 2 {
		r := rand.Uint64() //nolint:gosec // an id is no secret: it only must not repeat
		for range 8 {
			dst = append(dst, idAlphabet[r&31])
			r >>= 5
		}
	}
	return dst
}
