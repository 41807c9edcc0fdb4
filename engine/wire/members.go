package wire

import (
	"hash/maphash"
	"math"
	"strconv"
)

// Members lists the members of the object in the order of the body. The slice is the Doc's own.
func (d *Doc) Members() []Member {
	return d.members
}

// Lookup finds a member by its decoded key, exactly.
func (d *Doc) Lookup(key string) (Member, bool) {
	i, ok := d.find(key)
	if !ok {
		return Member{}, false
	}
	return d.members[i], true
}

// Raw is the value of a member as it stands in the body.
func (d *Doc) Raw(m Member) []byte {
	if m.Start < 0 || m.Start > m.End || m.End > len(d.body) {
		return nil
	}
	return d.body[m.Start:m.End:m.End]
}

// Str is the decoded value of a string member; it aliases the body where the value holds no escape.
func (d *Doc) Str(m Member) (string, bool) {
	if m.Kind != KindString {
		return "", false
	}
	return scanDecode(d.Raw(m))
}

// Bool is the value of a boolean member.
func (d *Doc) Bool(m Member) (value, ok bool) {
	raw := d.Raw(m)
	if m.Kind != KindBool || len(raw) == 0 {
		return false, false
	}
	return raw[0] == 't', true
}

// Int is the value of a number member that is whole, 1e3 and 4.0 among them.
func (d *Doc) Int(m Member) (int64, bool) {
	if m.Kind != KindNumber {
		return 0, false
	}
	return membersInt(scanAlias(d.Raw(m)))
}

func membersInt(s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	const exact = 1 << 53 // beyond it a float64 no longer tells whole numbers apart
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
}

// Elements calls yield for each element of a raw JSON array that a scan has accepted, until yield returns false.
// Offsets count from the start of raw. A value that is no array has no elements.
func Elements(raw []byte, yield func(Member) bool) {
	c := cursor{b: raw}
	for ok := c.open('['); ok; ok = c.more('[') {
		m, ok := c.take()
		if !ok || !yield(m) {
			return
		}
	}
}

// scanIndex finds the members of a large object by key: open addressing over positions, seeded per Doc so that no
// caller can choose keys that collide.
type scanIndex struct {
	seed  maphash.Seed
	slots []uint16 // position + 1; scanMaxMembers fits
	mask  uint64   // one less than the number of slots, a power of two
	used  int
}

func (x *scanIndex) clear() {
	if x.used > 0 {
		clear(x.slots)
		x.used = 0
	}
}

// add enters the members that are not yet in the index, growing it while it is more than half full.
func (x *scanIndex) add(members []Member) {
	if x.seed == (maphash.Seed{}) {
		x.seed = maphash.MakeSeed()
	}
	if len(members)*2 > len(x.slots) {
		x.mask = max(63, x.mask*4+3)
		x.slots = make([]uint16, x.mask+1)
		x.used = 0
	}
	for ; x.used < len(members); x.used++ {
		slot := maphash.String(x.seed, members[x.used].Key) & x.mask
		for x.slots[slot] != 0 {
			slot = (slot + 1) & x.mask
		}
		x.slots[slot] = uint16(x.used + 1) //nolint:gosec // scanMaxMembers is below 1<<16
	}
}

func (x *scanIndex) find(members []Member, key string) (int, bool) {
	for slot := maphash.String(x.seed, key) & x.mask; x.slots[slot] != 0; slot = (slot + 1) & x.mask {
		if i := int(x.slots[slot]) - 1; members[i].Key == key {
			return i, true
		}
	}
	return 0, false
}
