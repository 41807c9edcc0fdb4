// Package seal keeps secrets: keyed hashes of tokens, which are never read back, and sealed provider keys, which are.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
)

// ErrOpen means that a sealed value was not made with any of the keys, for another purpose, or was changed.
var ErrOpen = errors.New("the value cannot be opened with the keys at hand")

// KeySize is the size of a master key in bytes.
const KeySize = 32

const (
	// maxKeys bounds the keys of a box: a rotation needs two, and tokens from elsewhere are hashed once for each.
	maxKeys = 8
	// version is the first byte of a sealed value, so that another form can follow this one.
	version = 1
	// idSize is what tells the few keys of a box apart; New refuses two that it cannot.
	idSize = 4
	// hashSize is the id of the key and the HMAC-SHA-256.
	hashSize = idSize + sha256.Size
	// minSealed is the shortest that Seal makes: version, id, nonce and tag around an empty value.
	minSealed = 1 + idSize + 12 + 16
)

// What keys are derived for. A key derived for one of them says nothing about the others.
const (
	forID     = "weir master key id v1"
	forTokens = "weir token hash v1" //nolint:gosec // a label, no secret
	forValues = "weir sealed value v1"
)

// Box hashes tokens and seals values under master keys; the first key seals and hashes, every key opens and compares. It
// is safe for use by several goroutines.
type Box struct {
	keys []*key
}

// key is what one master key is used as. The master key itself is not kept.
type key struct {
	id   [idSize]byte
	aead cipher.AEAD // makes its nonces itself
	macs macs
}

// New makes a box. Each key has KeySize bytes; there is at least one. A key that is there twice counts once.
func New(keys ...[]byte) (*Box, error) {
	if len(keys) == 0 {
		return nil, errors.New("there is no master key")
	}
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("there may be %d master keys, got %d", maxKeys, len(keys))
	}
	b := &Box{}
	for i, master := range keys {
		if slices.ContainsFunc(keys[:i], func(k []byte) bool { return bytes.Equal(k, master) }) {
			continue
		}
		if err := checkKey(master); err != nil {
			return nil, fmt.Errorf("master key %d: %w", i+1, err)
		}
		k, err := derive(master)
		if err != nil {
			return nil, fmt.Errorf("master key %d: %w", i+1, err)
		}
		if b.byID(k.id[:]) != nil {
			return nil, fmt.Errorf("master key %d cannot be told from another one by its id: make another", i+1)
		}
		b.keys = append(b.keys, k)
	}
	return b, nil
}

func derive(master []byte) (*key, error) {
	id, err := hkdf.Key(sha256.New, master, nil, forID, idSize)
	if err != nil {
		return nil, fmt.Errorf("deriving its id: %w", err)
	}
	tokens, err := hkdf.Key(sha256.New, master, nil, forTokens, KeySize)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of tokens: %w", err)
	}
	values, err := hkdf.Key(sha256.New, master, nil, forValues, KeySize)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of values: %w", err)
	}
	block, err := aes.NewCipher(values)
	if err != nil {
		return nil, fmt.Errorf("making the cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("making the cipher: %w", err)
	}
	k := &key{aead: aead}
	copy(k.id[:], id)
	k.macs.key = tokens
	return k, nil
}

func (b *Box) byID(id []byte) *key {
	for _, k := range b.keys {
		if bytes.Equal(k.id[:], id) { // ids are no secret
			return k
		}
	}
	return nil
}

// Seal encrypts a value (AES-256-GCM). What it is about, such as the id of its resource, must be the same when it is opened.
func (b *Box) Seal(plain []byte, about string) []byte {
	k := b.keys[0]
	out := make([]byte, 0, minSealed+len(plain))
	out = append(out, version)
	out = append(out, k.id[:]...)
	return k.aead.Seal(out, nil, plain, associated(out, about)) //nolint:gosec // it makes a random nonce itself and takes none
}

// Open decrypts what Seal made, or fails with ErrOpen.
func (b *Box) Open(sealed []byte, about string) ([]byte, error) {
	if len(sealed) < minSealed || sealed[0] != version {
		return nil, ErrOpen
	}
	head := sealed[:1+idSize]
	k := b.byID(head[1:])
	if k == nil {
		return nil, ErrOpen
	}
	plain, err := k.aead.Open(nil, nil, sealed[len(head):], associated(head, about))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// associated binds a sealed value to its version, its key and what it is about.
func associated(head []byte, about string) []byte {
	return append(slices.Clone(head), about...)
}

// Hash is the keyed hash of a token (HMAC-SHA-256 with a key derived for this), preceded by which master key made it.
func (b *Box) Hash(token string) []byte {
	out := make([]byte, 0, hashSize)
	return b.keys[0].hash(out, token)
}

func (k *key) hash(dst []byte, token string) []byte {
	return k.macs.sum(append(dst, k.id[:]...), token)
}

// Matches reports in constant time whether a hash is that of the token. A nil hash matches nothing and takes as long.
func (b *Box) Matches(hash []byte, token string) bool {
	known := 1
	var dummy [hashSize]byte
	if len(hash) != hashSize {
		copy(dummy[:], b.keys[0].id[:])
		hash, known = dummy[:], 0
	}
	k := b.byID(hash[:idSize])
	if k == nil {
		k, known = b.keys[0], 0
	}
	m := k.macs.get()
	defer k.macs.put(m)
	got := m.hash(k, token)
	return subtle.ConstantTimeCompare(got, hash)&known == 1
}

// KnowsHash reports whether a hash was made with one of the box's keys.
func (b *Box) KnowsHash(hash []byte) bool {
	return len(hash) == hashSize && b.byID(hash[:idSize]) != nil
}

// KnowsSealed reports whether a value was sealed with one of the box's keys; it may still not open.
func (b *Box) KnowsSealed(sealed []byte) bool {
	return len(sealed) >= minSealed && sealed[0] == version && b.byID(sealed[1:1+idSize]) != nil
}
