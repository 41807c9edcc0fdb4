package expr

import (
	"encoding/binary"
	"math/bits"
)

// The five primes of the XXH64 specification.
const (
	xxPrime1 uint64 = 0x9E3779B185EBCA87
	xxPrime2 uint64 = 0xC2B2AE3D27D4EB4F
	xxPrime3 uint64 = 0x165667B19E3779F9
	xxPrime4 uint64 = 0x85EBCA77C2B2AE63
	xxPrime5 uint64 = 0x27D4EB2F165667C5
)

// xxhash64 is XXH64 with the seed 0. It is small enough not to be worth a dependency.
func xxhash64(in []byte) uint64 {
	const stripe = 32 // four lanes of eight bytes, as the specification has it
	size := uint64(len(in))
	sum := xxPrime5
	if len(in) >= stripe {
		sum, in = xxStripes(in)
	}
	sum += size
	for ; len(in) >= 8; in = in[8:] {
		sum ^= xxRound(0, binary.LittleEndian.Uint64(in))
		sum = bits.RotateLeft64(sum, 27)*xxPrime1 + xxPrime4
	}
	if len(in) >= 4 {
		sum ^= uint64(binary.LittleEndian.Uint32(in)) * xxPrime1
		sum = bits.RotateLeft64(sum, 23)*xxPrime2 + xxPrime3
		in = in[4:]
	}
	for _, b := range in {
		sum ^= uint64(b) * xxPrime5
		sum = bits.RotateLeft64(sum, 11) * xxPrime1
	}
	sum = (sum ^ sum>>33) * xxPrime2
	sum = (sum ^ sum>>29) * xxPrime3
	return sum ^ sum>>32
}

// xxStripes consumes the whole stripes of 32 bytes and returns what is left.
func xxStripes(in []byte) (sum uint64, rest []byte) {
	first := xxPrime1 // a variable, because the lanes wrap around
	lanes := [4]uint64{first + xxPrime2, xxPrime2, 0, -first}
	for ; len(in) >= 32; in = in[32:] {
		for i := range lanes {
			lanes[i] = xxRound(lanes[i], binary.LittleEndian.Uint64(in[8*i:]))
		}
	}
	for i, rotate := range [4]int{1, 7, 12, 18} {
		sum += bits.RotateLeft64(lanes[i], rotate)
	}
	for _, lane := range lanes {
		sum = (sum^xxRound(0, lane))*xxPrime1 + xxPrime4
	}
	return sum, in
}

func xxRound(lane, input uint64) uint64 {
	return bits.RotateLeft64(lane+input*xxPrime2, 31) * xxPrime1
}
