package content

// entity is one of the kinds of values that are known by themselves.
type entity uint8

const (
	entityEmail entity = iota
	entityPhone
	entityCard
	entitySSN
	entityIBAN
	entityIP
	entityURL
	entityAWS
	entityGitHub
	entityPrivateKey
	entityJWT
	entityAPIKey
	entityCount
)

var entityNames = [entityCount]string{
	entityEmail: "email", entityPhone: "phone", entityCard: "credit_card", entitySSN: "ssn", entityIBAN: "iban",
	entityIP: "ip", entityURL: "url", entityAWS: "aws_key", entityGitHub: "github_token",
	entityPrivateKey: "private_key", entityJWT: "jwt", entityAPIKey: "api_key",
}

// Entities are the names of the entities that can be found.
func Entities() []string {
	return append([]string(nil), entityNames[:]...)
}

// entities is a set of them.
type entities uint16

func (s entities) has(e entity) bool {
	return s&(1<<e) != 0
}

// class says which sets of characters a byte belongs to.
type class uint16

const (
	classDigit class = 1 << iota
	classUpper
	classLower
	classHex
	classLocal  // of the local part of an e-mail address, unquoted
	classToken  // of base64 for URLs, and so of most keys
	classJWT    // the same and the dot
	classBase64 // without padding
	classURL
	classScheme

	classPEM // of no byte: it names the run of a private key

	classLetter = classUpper | classLower
	classAlnum  = classLetter | classDigit
)

var classes = makeClasses()

func makeClasses() (out [256]class) {
	add := func(from, to byte, c class) {
		for b := from; b <= to; b++ {
			out[b] |= c
		}
	}
	const words = classLocal | classToken | classJWT | classBase64 | classURL | classScheme
	add('0', '9', classDigit|classHex|words)
	add('A', 'Z', classUpper|words)
	add('a', 'z', classLower|words)
	add('A', 'F', classHex)
	add('a', 'f', classHex)
	for _, b := range []byte("._%+'~-") {
		out[b] |= classLocal
	}
	for _, b := range []byte("_-") {
		out[b] |= classToken | classJWT
	}
	out['.'] |= classJWT
	for _, b := range []byte("+/") {
		out[b] |= classBase64
	}
	for _, b := range []byte("+-.") {
		out[b] |= classScheme
	}
	for _, b := range []byte("-._~:/?#[]@!$&'()*+,;=%{}") {
		out[b] |= classURL
	}
	for b := 0x80; b < 0x100; b++ {
		out[b] |= classURL
	}
	return out
}

// Triggers are what a byte may be a part of that makes a value worth looking for.
const (
	triggerDigit uint8 = 1 << iota
	triggerAt
	triggerColon
	triggerPlus
	triggerOpen
	triggerPrefix
	triggerWord
)

// triggers makes the table of the bytes at which a detector of the set stops.
func (s entities) triggers() (out [256]uint8) {
	if s.has(entityPhone) || s.has(entityCard) || s.has(entitySSN) || s.has(entityIP) || s.has(entityIBAN) {
		for b := '0'; b <= '9'; b++ {
			out[b] |= triggerDigit
		}
	}
	if s.has(entityEmail) {
		out['@'] |= triggerAt
	}
	if s.has(entityURL) || s.has(entityIP) {
		out[':'] |= triggerColon
	}
	if s.has(entityPhone) {
		out['+'] |= triggerPlus
		out['('] |= triggerOpen
	}
	if s.has(entityAWS) {
		out['y'] |= triggerWord
		out['Y'] |= triggerWord
	}
	for i := range keyPrefixes {
		if p := &keyPrefixes[i]; s.has(p.entity) {
			out[p.text[p.trigger]] |= triggerPrefix
		}
	}
	return out
}
