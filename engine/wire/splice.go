package wire

// EditOp is what an Edit does.
type EditOp uint8

// The operations of an edit.
const (
	EditSet EditOp = iota
	EditDelete
)

// Edit changes one member of a JSON object.
type Edit struct {
	Key   string // decoded
	Value []byte // raw JSON for EditSet; empty stands for null
	Op    EditOp
}

// Splice appends the scanned body with all edits done. Every other byte stays as it came: a value is replaced where
// it stands, a new member goes before the closing brace, a deleted one takes one comma along. Where a key is edited
// twice the last edit counts; deleting what is not there changes nothing.
func (d *Doc) Splice(dst []byte, edits []Edit) []byte {
	last := len(d.members) - 1 // the last member that stays: what is deleted after it takes the comma before it
	for last >= 0 && spliceDeletes(edits, d.members[last].Key) {
		last--
	}
	from := 0 // what stands before is copied, or deliberately left out
	for i := range last + 1 {
		m := &d.members[i]
		e := spliceFind(edits, m.Key)
		if e == nil {
			continue
		}
		if e.Op == EditDelete {
			dst = append(dst, d.body[from:m.KeyStart]...)
			from = d.members[i+1].KeyStart
			continue
		}
		dst = append(dst, d.body[from:m.Start]...)
		dst = spliceValue(dst, e.Value)
		from = m.End
	}
	end := d.spliceTail(last)
	dst = append(dst, d.body[from:end]...)
	dst = d.spliceNew(dst, edits, last >= 0)
	if n := len(d.members); last < n-1 {
		end = d.members[n-1].End
	}
	return append(dst, d.body[end:]...)
}

// spliceTail is the offset at which new members go in: after the last one that stays, else before the first one
// that was, else after the opening brace.
func (d *Doc) spliceTail(last int) int {
	switch {
	case last >= 0:
		return d.members[last].End
	case len(d.members) > 0:
		return d.members[0].KeyStart
	default:
		i := scanSpace(d.body, 0)
		return min(i+1, len(d.body))
	}
}

// spliceNew appends the members that the body does not have yet.
func (d *Doc) spliceNew(dst []byte, edits []Edit, comma bool) []byte {
	for i := range edits {
		e := &edits[i]
		if e.Op != EditSet || spliceFind(edits, e.Key) != e {
			continue
		}
		if _, there := d.find(e.Key); there {
			continue
		}
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		dst = AppendString(dst, e.Key)
		dst = append(dst, ':')
		dst = spliceValue(dst, e.Value)
	}
	return dst
}

func spliceValue(dst, value []byte) []byte {
	if len(value) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, value...)
}

// spliceFind is the edit that counts for a key, nil where there is none.
func spliceFind(edits []Edit, key string) *Edit {
	for i := len(edits) - 1; i >= 0; i-- {
		if edits[i].Key == key {
			return &edits[i]
		}
	}
	return nil
}

func spliceDeletes(edits []Edit, key string) bool {
	e := spliceFind(edits, key)
	return e != nil && e.Op == EditDelete
}
