package seal

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	// prefix and generation are the fixed parts of our own tokens, which secret scanners can look for.
	prefix     = "wr-"
	generation = "-g1-"
	// idLength is that of 128 bits and a little in base32.
	idLength = 26
	// secretSize is 256 bits: nobody guesses those, and a keyed hash needs no stretching.
	secretSize = 32
	// lookupSize is how much of a hash finds a token from elsewhere: 96 bits never meet by chance among 200,000 keys.
	lookupSize = idSize + 12
)

// alphabet is in the order of its characters, so that what is encoded sorts as its bytes do; i, l, o and u are left out for
// those who read tokens aloud.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

func encoding() *base32.Encoding { return base32.NewEncoding(alphabet).WithPadding(base32.NoPadding) }

// Encode is the text of bytes in ids and tokens: lower-case base32 that sorts as the bytes do.
func Encode(b []byte) string { return encoding().EncodeToString(b) }

// NewToken makes the token of an id: wr-<id>-g1-<secret>, the secret of 256 bits.
func NewToken(id string) string {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // it never fails: the process ends where the system has no randomness
	return prefix + id + generation + Encode(secret)
}

// idOf is the id in one of our own tokens. It shares the token's memory.
func idOf(token string) (string, bool) {
	const end = len(prefix) + idLength
	if len(token) <= end+len(generation) || token[:len(prefix)] != prefix || token[end:end+len(generation)] != generation {
		return "", false
	}
	id := token[len(prefix):end]
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return "", false
		}
	}
	return id, true
}

// Lookup is what a token's record is found by: its id where it is one of ours, a part of its keyed hash elsewhere, for each
// master key. It allocates nothing for our own tokens beyond the slice that it appends to. The id shares the token's memory:
// who keeps it longer than the token clones it.
func (b *Box) Lookup(dst []string, token string) []string {
	if id, ok := idOf(token); ok {
		return append(dst, id)
	}
	var hash [hashSize]byte
	for _, k := range b.keys {
		dst = append(dst, hex.EncodeToString(k.hash(hash[:0], token)[:lookupSize]))
	}
	return dst
}

// HashText is the form in which files hold a token: the hash in hex, after the id and a colon where it is one of ours.
func (b *Box) HashText(token string) string {
	text := hex.EncodeToString(b.Hash(token))
	if id, ok := idOf(token); ok {
		return id + ":" + text
	}
	return text
}

var (
	errHashText = errors.New("it is not a hash as weir keys hash prints it")
	errHashKey  = errors.New("the hash was made with a master key that is not among those at hand")
)

// ParseHashText reads what HashText made: what the token is looked up by, and its hash.
func (b *Box) ParseHashText(text string) (lookup string, hash []byte, err error) {
	id, digits, own := strings.Cut(text, ":")
	if !own {
		id, digits = "", text
	}
	if hash, err = hex.DecodeString(digits); err != nil || len(hash) != hashSize {
		return "", nil, errHashText
	}
	if own {
		if _, ok := idOf(prefix + id + generation + "x"); !ok || len(id) != idLength {
			return "", nil, errHashText
		}
	} else {
		id = hex.EncodeToString(hash[:lookupSize])
	}
	if !b.KnowsHash(hash) {
		return "", nil, fmt.Errorf("%w: hash the token again", errHashKey)
	}
	return strings.Clone(id), hash, nil
}

const (
	// hidden stands for what is not shown, however long it is.
	hidden = "***"
	// minShown is the length from which four characters of a secret may be seen, and minWhole that from which twelve may:
	// what stays hidden of random text is then far beyond guessing.
	minShown, minWhole = 16, 32
)

// Hint is the form in which a secret may be shown: its first characters and its last four, and little of short ones.
func Hint(secret string) string {
	for i := range len(secret) {
		if c := secret[i]; c <= ' ' || c > '~' {
			return hidden
		}
	}
	switch n := len(secret); {
	case n < minShown:
		return hidden
	case n < minWhole:
		return secret[:2] + "…" + hidden + secret[n-2:]
	default:
		return secret[:8] + "…" + hidden + secret[n-4:]
	}
}
