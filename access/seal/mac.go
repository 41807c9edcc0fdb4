package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// macs lends out HMACs that have their key already, which is half of the work of a short text, and need no allocation.
type macs struct {
	key  []byte
	free sync.Pool
}

// mac is one of them with room for its input and output.
type mac struct {
	h    hash.Hash
	text []byte
	out  [hashSize]byte
}

// maxText is the longest text whose copy is kept for the next one: tokens are far below it, and what a client sends in the
// place of one may be as long as a header.
const maxText = 512

func (m *macs) get() *mac {
	if got, ok := m.free.Get().(*mac); ok {
		return got
	}
	return &mac{h: hmac.New(sha256.New, m.key), text: make([]byte, 0, maxText)}
}

func (m *macs) put(used *mac) {
	clear(used.text[:cap(used.text)])
	clear(used.out[:])
	if cap(used.text) <= maxText {
		m.free.Put(used)
	}
}

// hash is the hash of a token under a key, in m's own memory.
func (m *mac) hash(k *key, token string) []byte {
	return m.sum(append(m.out[:0], k.id[:]...), token)
}

func (m *mac) sum(dst []byte, text string) []byte {
	m.h.Reset()
	m.text = append(m.text[:0], text...)
	_, _ = m.h.Write(m.text) // a hash takes everything
	return m.h.Sum(dst)
}

func (m *macs) sum(dst []byte, text string) []byte {
	got := m.get()
	defer m.put(got)
	return got.sum(dst, text)
}
