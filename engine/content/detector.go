package content

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

// maxPatterns bounds the patterns of a detector: each of them reads all of the text.
const maxPatterns = 64

// CustomPattern is an entity that a policy makes of a pattern (RE2). MaxLength is the longest match in characters; 0
// computes it from the pattern. Full says what becomes of longer text that may still match.
type CustomPattern struct {
	Name, Pattern string
	MaxLength     int
	Full          Full
}

// DetectorConfig says what a detector looks for: entities by name, and patterns. Full says what becomes of a key, token
// or URL that is longer than any of its kind: FullMask takes all of it, and its begin for its value.
type DetectorConfig struct {
	Entities []string
	Patterns []CustomPattern
	Full     Full
}

// Finding is what was found: the bytes from Start to End are a value of the entity.
type Finding struct {
	Start, End int
	Entity     string
}

// Detector finds entities in text. It never changes and serves any number of exchanges at once.
type Detector struct {
	names    []string           // the entities asked for, then the patterns
	index    [entityCount]uint8 // the place of each in names
	set      entities
	table    [256]uint8   // what a byte may be a part of
	trigger  *[256]uint64 // the prefixes of keys that a byte tells
	before   *[256]uint64 // those whose byte before it is this one
	first    *[256]uint64 // those that begin with it; nil where there are none
	patterns []*Pattern
	full     Full
}

// NewDetector makes a detector.
func NewDetector(cfg DetectorConfig) (*Detector, error) {
	d := &Detector{full: cfg.Full}
	for _, name := range cfg.Entities {
		at := slices.Index(entityNames[:], name)
		if at < 0 {
			return nil, fmt.Errorf("no such entity: %q; there are %s", name, strings.Join(entityNames[:], ", "))
		}
		e := entity(at) //nolint:gosec // below entityCount
		if d.set.has(e) {
			continue
		}
		d.set |= 1 << e
		d.index[e] = uint8(len(d.names)) //nolint:gosec // at most entityCount
		d.names = append(d.names, name)
	}
	if len(cfg.Patterns) > maxPatterns {
		return nil, fmt.Errorf("%d patterns are given; at most %d are taken", len(cfg.Patterns), maxPatterns)
	}
	for _, c := range cfg.Patterns {
		if slices.Contains(d.names, c.Name) {
			return nil, fmt.Errorf("pattern %q: there is another one, or an entity, of that name", c.Name)
		}
		p, err := Compile(Replacement{From: asciiDigits(c.Pattern), MaxLength: c.MaxLength, Full: c.Full})
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", c.Name, err)
		}
		d.patterns = append(d.patterns, p)
		d.names = append(d.names, c.Name)
	}
	d.table = d.set.triggers()
	d.trigger, d.before, d.first = d.set.keyTables()
	return d, nil
}

// asciiDigits writes the digits of a pattern as the shadow of a text has them.
func asciiDigits(pattern string) string {
	return strings.Map(func(r rune) rune {
		if d := digit(r); d >= 0 {
			return '0' + d
		}
		return r
	}, pattern)
}

// Find appends what a whole text holds, in its order and without overlaps.
func (d *Detector) Find(dst []Finding, text string) []Finding {
	var (
		f finder
		t wholeText
	)
	t.read(text)
	f.reset(d, forgiving)
	if err := f.finish(t.shadow); err != nil { // a forgiving one has none
		return dst
	}
	for h, ok := f.next(); ok; h, ok = f.next() {
		at := t.extent(h.start, h.end)
		dst = append(dst, Finding{Start: at.start, End: at.end, Entity: d.names[h.index]})
	}
	return dst
}

// alias gives bytes as a string without a copy; they may not change while it is in use.
func alias(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // a view for the time of a call
}

// bytesOf gives the bytes of a string without a copy; they may not be written.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // a view for the time of a call
}
