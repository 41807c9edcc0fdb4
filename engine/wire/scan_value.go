package wire

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// scanFault is a reason to refuse; a small number, so that the scan of a good body passes no pointers around.
type scanFault uint8

const (
	scanOK scanFault = iota
	scanCut
	scanNoKey
	scanNoColon
	scanNoComma
	scanNoValue
	scanBadWord
	scanNotFinite
	scanBadNumber
	scanLeadingZero
	scanOutOfRange
	scanTooDeep
	scanControl
	scanNotUTF8
	scanBadEscape
	scanLoneSurrogate
)

func scanProblem(b []byte, at int, fault scanFault) *Problem {
	return &Problem{Offset: min(at, len(b)), Message: fault.message()}
}

func (f scanFault) message() string {
	switch f {
	case scanCut:
		return "the body ends inside the JSON value"
	case scanNoKey:
		return "a key in double quotes is needed here"
	case scanNoColon:
		return "a colon is needed after a key"
	case scanNoComma:
		return "a comma or the closing bracket is needed here"
	case scanBadWord:
		return "not a JSON word; only true, false and null are"
	case scanNotFinite:
		return "NaN and Infinity are not JSON numbers"
	case scanBadNumber:
		return "not a JSON number"
	case scanLeadingZero:
		return "a JSON number must not start with a needless zero"
	case scanOutOfRange:
		return "the number is out of the range of a 64-bit float"
	case scanTooDeep:
		return "objects and arrays are nested deeper than " + strconv.Itoa(scanMaxDepth) + " levels"
	case scanControl:
		return "a control character in a string must be escaped"
	case scanNotUTF8:
		return "the text is not valid UTF-8"
	case scanBadEscape:
		return "not a JSON escape sequence"
	case scanLoneSurrogate:
		return "half of a surrogate pair stands alone in an escape sequence"
	default:
		return "a JSON value is needed here"
	}
}

func scanKind(first byte) Kind {
	switch first {
	case '{':
		return KindObject
	case '[':
		return KindArray
	case '"':
		return KindString
	case 't', 'f':
		return KindBool
	case 'n':
		return KindNull
	default:
		return KindNumber
	}
}

// scanSpace skips JSON white space; pretty-printed bodies are indented, so runs of spaces go by eight.
func scanSpace(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ' ':
			if i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:i+8:i+8]) == swarOnes*' ' {
				i += 8
				continue
			}
			i++
		case '\n', '\t', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// scanValue reads the value at i, whatever it nests, without recursion: one bit per open bracket says whether it is
// an object. It returns the offset after the value, or the offset of the fault. It counts the object that holds the
// value as one level.
func scanValue(b []byte, i int) (int, scanFault) {
	var objects uint64 // bit 0 is the innermost open bracket
	var open int
	var fault scanFault
	for {
		if i >= len(b) {
			return i, scanCut
		}
		switch c := b[i]; c {
		case '{', '[':
			open++
			if open >= scanMaxDepth {
				return i, scanTooDeep
			}
			objects <<= 1
			i = scanSpace(b, i+1)
			if c == '{' {
				objects |= 1
			}
			if i < len(b) && b[i] == c+2 { // in ASCII both closing brackets stand two after their opening ones
				break
			}
			if c == '{' {
				if i, fault = scanKey(b, i); fault != scanOK {
					return i, fault
				}
				i = scanSpace(b, i)
			}
			continue
		case '"':
			i, fault = scanString(b, i+1)
		default:
			i, fault = scanScalar(b, i)
		}
		if fault != scanOK {
			return i, fault
		}
		if i, objects, open, fault = scanClose(b, i, objects, open); fault != scanOK || open == 0 {
			return i, fault
		}
	}
}

// scanClose goes from the end of a value over closing brackets to the next value of the innermost open bracket.
// Open is zero when the outermost value has ended.
func scanClose(b []byte, i int, objects uint64, open int) (next int, obj uint64, left int, fault scanFault) {
	for open > 0 {
		i = scanSpace(b, i)
		if i >= len(b) {
			return i, objects, open, scanCut
		}
		object := objects&1 != 0
		switch c := b[i]; {
		case c == ',':
			i = scanSpace(b, i+1)
			if object {
				if i, fault = scanKey(b, i); fault == scanOK {
					i = scanSpace(b, i)
				}
			}
			return i, objects, open, fault
		case c == '}' && object, c == ']' && !object:
			i++
			objects >>= 1
			open--
		default:
			return i, objects, open, scanNoComma
		}
	}
	return i, objects, open, scanOK
}

// scanKey reads a key and its colon.
func scanKey(b []byte, i int) (int, scanFault) {
	if i >= len(b) {
		return i, scanCut
	}
	if b[i] != '"' {
		return i, scanNoKey
	}
	i, fault := scanString(b, i+1)
	if fault != scanOK {
		return i, fault
	}
	i = scanSpace(b, i)
	if i >= len(b) {
		return i, scanCut
	}
	if b[i] != ':' {
		return i, scanNoColon
	}
	return i + 1, scanOK
}

// scanScalar reads a number or one of the three words.
func scanScalar(b []byte, i int) (int, scanFault) {
	switch c := b[i]; {
	case c == '-' || c-'0' <= 9:
		return scanNumber(b, i)
	case c == 't':
		return scanWord(b, i, "true")
	case c == 'f':
		return scanWord(b, i, "false")
	case c == 'n':
		return scanWord(b, i, "null")
	case c == 'N' || c == 'I' || c == '+':
		return i, scanNotFinite
	default:
		return i, scanNoValue
	}
}

func scanWord(b []byte, i int, word string) (int, scanFault) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, scanBadWord
	}
	return i + len(word), scanOK
}

const (
	swarOnes  = 0x0101010101010101
	swarHighs = 0x8080808080808080
)

// swarStops marks the bytes of x that end a run of plain string text: quote, backslash, control characters and
// anything that is not ASCII. The lowest mark is exact; a borrow can only put false ones above a true one.
func swarStops(x uint64) uint64 {
	return ((x - swarOnes*0x20) | ((x ^ swarOnes*'"') - swarOnes) | ((x ^ swarOnes*'\\') - swarOnes) | x) & swarHighs
}

// scanString reads a string from after its opening quote to after its closing one.
func scanString(b []byte, i int) (int, scanFault) {
	var fault scanFault
	for {
		for i+8 <= len(b) {
			if stops := swarStops(binary.LittleEndian.Uint64(b[i : i+8 : i+8])); stops != 0 {
				i += bits.TrailingZeros64(stops) >> 3
				break
			}
			i += 8
		}
		if i >= len(b) {
			return i, scanCut
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, scanOK
		case c == '\\':
			if i+1 < len(b) && b[i+1] == 'n' { // by far the most frequent one
				i += 2
				continue
			}
			i, fault = scanEscape(b, i)
		case c >= 0x80:
			i, fault = scanRunes(b, i)
		case c < ' ':
			return i, scanControl
		default: // the last few bytes of the body go one by one
			i++
		}
		if fault != scanOK {
			return i, fault
		}
	}
}
