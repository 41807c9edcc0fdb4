package wire

import (
	"strconv"
	"unsafe"
)

const (
	// scanMaxDepth bounds open objects and arrays. Real requests nest about ten deep (a schema inside a tool inside a
	// message); 64 leaves room, fits the bit stack of the scan in one word and keeps recursive readers upstream safe.
	scanMaxDepth = 64
	// scanMaxMembers bounds the members of one object that is read, so that a body of tiny keys cannot cost many times
	// its own size in offsets. The largest known honest object is a schema of 5000 properties.
	scanMaxMembers = 16384
	// scanLinear is how many members are compared one by one; beyond it a hash index is cheaper than the comparisons.
	scanLinear = 16
	// scanKeepMembers is how many members a reused Doc keeps room for; more is one odd body, not the next one too.
	scanKeepMembers = 256
	// scanShownKey is how much of a caller's key an error repeats: enough to find it, too little to flood a log line.
	scanShownKey = 64
)

// Kind is the JSON type of a value.
type Kind uint8

// The JSON types. KindNone is the kind of a member that is not there.
const (
	KindNone Kind = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

// String names the kind as error messages show it to callers.
func (k Kind) String() string {
	switch k {
	case KindNull:
		return "null"
	case KindBool:
		return "a boolean"
	case KindNumber:
		return "a number"
	case KindString:
		return "a string"
	case KindArray:
		return "an array"
	case KindObject:
		return "an object"
	default:
		return "nothing"
	}
}

// Member is one member of a scanned object, or one element of an array (then Key is empty and KeyStart equals Start).
type Member struct {
	Key      string // decoded; aliases the body where it holds no escape
	Kind     Kind
	KeyStart int // offset of the key's opening quote
	Start    int // offset of the value's first byte
	End      int // offset after the value's last byte
}

// Problem says what is wrong with a request body and where. It is meant for the caller: the answer is a 400.
type Problem struct {
	Offset  int    // byte in the body
	Param   string // the key concerned, if one is
	Message string
}

// Error gives the message with its place.
func (p *Problem) Error() string {
	return p.Message + " (at byte " + strconv.Itoa(p.Offset) + " of the body)"
}

// Doc is what one strict scan learnt of a JSON object. It is reusable: Scan forgets the body before. Everything it
// hands out aliases the body. The zero value is ready.
type Doc struct {
	body    []byte
	members []Member
	seen    uint64 // a bit per rough hash of a key: a clear bit proves a key new without comparing
	index   scanIndex
}

// Scan reads a JSON object strictly, once; nil means that it is valid, as a whole and to the last byte. Stricter
// than the grammar: no byte order mark, valid UTF-8, whole surrogate pairs, numbers that a float64 can hold, bounded
// depth, and no key of this object twice under any spelling. After a problem the Doc is empty.
func (d *Doc) Scan(body []byte) *Problem {
	d.body, d.members, d.seen = body, d.members[:0], 0
	d.index.clear()
	p := d.scan()
	if p != nil {
		d.members = d.members[:0]
	}
	return p
}

// ScanObject is Scan for the raw value of a nested object that is read or patched, where duplicate keys are refused
// too. Offsets, also of the problem, count from the start of raw.
func ScanObject(raw []byte, d *Doc) *Problem {
	return d.Scan(raw)
}

func (d *Doc) scan() *Problem {
	b := d.body
	i, p := scanOpening(b)
	if p != nil {
		return p
	}
	i = scanSpace(b, i)
	if i < len(b) && b[i] == '}' {
		return scanTrailing(b, i+1)
	}
	for {
		m, next, fault := scanMember(b, i)
		if fault != scanOK {
			return scanProblem(b, next, fault)
		}
		if p := d.add(m); p != nil {
			return p
		}
		i = scanSpace(b, next)
		switch {
		case i >= len(b):
			return scanProblem(b, i, scanCut)
		case b[i] == ',':
			i = scanSpace(b, i+1)
		case b[i] == '}':
			return scanTrailing(b, i+1)
		default:
			return scanProblem(b, i, scanNoComma)
		}
	}
}

// scanOpening finds the byte after the opening brace, or says what stands there instead of an object.
func scanOpening(b []byte) (int, *Problem) {
	i := scanSpace(b, 0)
	switch {
	case i >= len(b):
		return i, &Problem{Offset: i, Message: "the body is empty; a JSON object is needed"}
	case b[i] == '{':
		return i + 1, nil
	case b[i] == 0xEF || b[i] == 0xFE || b[i] == 0xFF:
		return i, &Problem{Offset: i, Message: "the body starts with a byte order mark; JSON is UTF-8 without one"}
	default:
		return i, &Problem{Offset: i, Message: "the body is not a JSON object"}
	}
}

func scanTrailing(b []byte, i int) *Problem {
	if i = scanSpace(b, i); i < len(b) {
		return &Problem{Offset: i, Message: "the body goes on after the JSON object"}
	}
	return nil
}

// scanMember reads one key and its value; on a fault the offset returned is where it is.
func scanMember(b []byte, i int) (m Member, next int, fault scanFault) {
	m.KeyStart = i
	next, fault = scanKey(b, i)
	if fault != scanOK {
		return m, next, fault
	}
	m.Key = scanKeyText(b, i)
	m.Start = scanSpace(b, next)
	next, fault = scanValue(b, m.Start)
	if fault != scanOK {
		return m, next, fault
	}
	m.End, m.Kind = next, scanKind(b[m.Start])
	return m, next, scanOK
}

func (d *Doc) add(m Member) *Problem {
	if len(d.members) >= scanMaxMembers {
		return &Problem{Offset: m.KeyStart, Message: "an object has more than " + strconv.Itoa(scanMaxMembers) + " keys"}
	}
	if d.known(m.Key) {
		return &Problem{
			Offset: m.KeyStart, Param: scanShown(m.Key),
			Message: "the key " + strconv.Quote(scanShown(m.Key)) + " stands twice in one object",
		}
	}
	d.members = append(d.members, m)
	if len(d.members) > scanLinear {
		d.index.add(d.members)
	}
	return nil
}

// known reports whether the key was there before, and remembers its rough hash.
func (d *Doc) known(key string) bool {
	bit := uint64(1)
	if n := len(key); n > 0 {
		bit <<= (uint(n)*7 + uint(key[0])*5 + uint(key[n-1])*3) & 63
	}
	if d.seen&bit == 0 {
		d.seen |= bit
		return false
	}
	_, found := d.find(key)
	return found
}

func (d *Doc) find(key string) (int, bool) {
	if len(d.members) > scanLinear {
		return d.index.find(d.members, key)
	}
	for i := range d.members {
		if d.members[i].Key == key {
			return i, true
		}
	}
	return 0, false
}

// release forgets the body and gives back what an unusually large one made it grow to.
func (d *Doc) release() {
	clear(d.members)
	d.body, d.members, d.seen = nil, d.members[:0], 0
	d.index.clear()
	if cap(d.members) > scanKeepMembers {
		d.members, d.index = nil, scanIndex{}
	}
}

// scanShown is the part of a key that an error may repeat.
func scanShown(key string) string {
	if len(key) <= scanShownKey {
		return key
	}
	cut := scanShownKey
	for cut > 0 && key[cut]&0xC0 == 0x80 {
		cut--
	}
	return key[:cut] + "..."
}

// scanAlias is the bytes as a string without a copy, for text that lives no longer than the body it stands in.
func scanAlias(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // the body is not written to while it is read
}
