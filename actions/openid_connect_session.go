package actions

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/engine"
)

const (
	// cookieChunk leaves room for a name and attributes in the 4096 bytes that browsers keep of one cookie.
	cookieChunk = 3500
	// maxChunks keeps all cookies of a session within a third of the head that the gateway reads.
	maxChunks = 3
	// minLoginSecret is the least that nobody finds by trying; what identity providers issue is longer.
	minLoginSecret = 16
)

// session is what a login left behind. It lives in the browser's cookies only, sealed.
type session struct {
	ID        string          `json:"sid"`
	Created   int64           `json:"iat"` // seconds since 1970, like the other times
	Seen      int64           `json:"seen"`
	Refreshed int64           `json:"ref"`
	Subject   string          `json:"sub"`
	Email     string          `json:"email,omitempty"`
	Name      string          `json:"name,omitempty"`
	Claims    json.RawMessage `json:"claims,omitempty"`
	Access    string          `json:"at,omitempty"`
	Refresh   string          `json:"rt,omitempty"`
	Expires   int64           `json:"exp,omitempty"` // of the access token; 0 = not said
	Identity  string          `json:"idt,omitempty"` // the ID token
}

// loginAttempt is a login under way: what the answer of the identity provider must fit.
type loginAttempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"pkce"`
	Return   string `json:"to"`
	Created  int64  `json:"iat"`
}

// sealer keeps what it seals secret and whole. What was sealed for one purpose opens for no other.
type sealer struct {
	aead     cipher.AEAD
	previous cipher.AEAD // nil = none; opens only
}

func newSealer(secret, previous, purpose string) (*sealer, error) {
	s := &sealer{}
	var err error
	if s.aead, err = newAEAD(secret, purpose); err != nil {
		return nil, err
	}
	if previous != "" {
		s.previous, err = newAEAD(previous, purpose)
	}
	return s, err
}

func newAEAD(secret, purpose string) (cipher.AEAD, error) {
	if len(secret) < minLoginSecret {
		return nil, fmt.Errorf("the secret that seals sessions needs at least %d bytes", minLoginSecret)
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "weir/"+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	return aead, nil
}

// seal writes a value for a cookie of that name, which is sealed in with it.
func (s *sealer) seal(name string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // it never fails
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(name))), nil
}

// open reads what seal wrote under that name, and reports whether it did.
func (s *sealer) open(name, text string, v any) bool {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return false
	}
	for _, aead := range [...]cipher.AEAD{s.aead, s.previous} {
		if aead == nil || len(data) < aead.NonceSize() {
			continue
		}
		if plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], []byte(name)); err == nil {
			return json.Unmarshal(plain, v) == nil
		}
	}
	return false
}

// jar reads and writes the cookies of one exchange.
type jar struct {
	x      *engine.Exchange
	domain string // "" = this host only
	secure bool
}

// name is the name under which browsers refuse the cookie from anybody but this host, or its domain, over TLS.
func (j *jar) name(base string) string {
	switch {
	case !j.secure:
		return base
	case j.domain != "":
		return "__Secure-" + base
	default:
		return "__Host-" + base
	}
}

// all lists the cookies whose names begin so, in the order sent.
func (j *jar) all(prefix string) (names, values []string) {
	for _, line := range j.x.Request.Headers.Values("cookie") {
		for part := range strings.SplitSeq(line, ";") {
			name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
			if ok && strings.HasPrefix(name, prefix) {
				names, values = append(names, name), append(values, value)
			}
		}
	}
	return names, values
}

// get is the value of a cookie, "" where it is not there or there twice.
func (j *jar) get(name string) string {
	names, values := j.all(name)
	found := ""
	for i := range names {
		if names[i] != name {
			continue
		}
		if found != "" {
			return ""
		}
		found = values[i]
	}
	return found
}

// set sends a cookie; a life of zero takes it away. Lax lets a link from elsewhere arrive logged in, and no form.
func (j *jar) set(name, value string, life time.Duration) {
	var b strings.Builder
	b.WriteString(name + "=" + value + "; Path=/; HttpOnly; SameSite=Lax; Max-Age=" + strconv.FormatInt(int64(life/time.Second), 10))
	if j.domain != "" {
		b.WriteString("; Domain=" + j.domain)
	}
	if j.secure {
		b.WriteString("; Secure")
	}
	j.x.AddReplyHeader("set-cookie", b.String())
}

// getLong joins the cookies that setLong wrote: the first one begins with their number.
func (j *jar) getLong(name string) string {
	count, text, ok := strings.Cut(j.get(name), ".")
	n, err := strconv.Atoi(count)
	if !ok || err != nil || n < 1 || n > maxChunks {
		return ""
	}
	parts := []string{text}
	for i := 1; i < n; i++ {
		parts = append(parts, j.get(name+"."+strconv.Itoa(i)))
	}
	return strings.Join(parts, "")
}

var errTooLong = errors.New("the session is too long for cookies")

// setLong spreads a value over as many cookies as it needs.
func (j *jar) setLong(name, value string, life time.Duration) error {
	n := (len(value) + cookieChunk - 1) / cookieChunk
	if n > maxChunks {
		return errTooLong
	}
	for i := range n {
		part := value[i*cookieChunk : min((i+1)*cookieChunk, len(value))]
		if i == 0 {
			j.set(name, strconv.Itoa(n)+"."+part, life)
			continue
		}
		j.set(name+"."+strconv.Itoa(i), part, life)
	}
	return nil
}

// dropLong takes away every cookie of a long value.
func (j *jar) dropLong(name string) {
	names, _ := j.all(name)
	for _, n := range names {
		j.set(n, "", 0)
	}
}
