package wire

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// patchNode is a value of a body under a patch. Only what a path leads through is opened; everything else stays the
// bytes that came, so that a patch costs what it touches and one pass over the rest.
type patchNode struct {
	raw    []byte // until it is opened
	opened bool
	object bool
	kids   []patchKid
	blank  []byte // what stands between the brackets where there are no kids
}

// patchKid is one member or element with what stands around it, up to the commas or brackets.
type patchKid struct {
	key   string // decoded, of members
	lead  []byte // white space; of members with the key and its colon
	value *patchNode
	trail []byte
}

var errPatchScalar = errors.New("the path leads through a value that is neither an object nor an array")

// patchRoot is a body with the white space around it.
func patchRoot(body []byte) patchKid {
	start, end := scanSpace(body, 0), len(body)
	for end > start && scanSpace(body[end-1:end], 0) == 1 {
		end--
	}
	return patchKid{lead: body[:start], value: &patchNode{raw: body[start:end]}, trail: body[end:]}
}

func (k *patchKid) append(dst []byte) []byte {
	dst = append(dst, k.lead...)
	dst = k.value.append(dst)
	return append(dst, k.trail...)
}

func (n *patchNode) append(dst []byte) []byte {
	if !n.opened {
		return append(dst, n.raw...)
	}
	bracket := byte('[')
	if n.object {
		bracket = '{'
	}
	dst = append(dst, bracket)
	for i := range n.kids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = n.kids[i].append(dst)
	}
	if len(n.kids) == 0 {
		dst = append(dst, n.blank...)
	}
	return append(dst, bracket+2) // in ASCII both closing brackets stand two after their opening ones
}

// open finds the members or elements of a value.
func (n *patchNode) open() error {
	if n.opened {
		return nil
	}
	var members []Member
	switch {
	case len(n.raw) == 0:
		return errPatchScalar
	case n.raw[0] == '{':
		var d Doc
		if p := d.Scan(n.raw); p != nil {
			return errors.New(p.Message)
		}
		members, n.object = d.members, true
	case n.raw[0] == '[':
		Elements(n.raw, func(m Member) bool {
			members = append(members, m)
			return len(members) <= scanMaxMembers
		})
		if len(members) > scanMaxMembers {
			return fmt.Errorf("the path leads through an array of more than %d elements", scanMaxMembers)
		}
	default:
		return errPatchScalar
	}
	n.opened = true
	n.kids = make([]patchKid, len(members))
	from := 1
	for i, m := range members {
		to := m.End
		for n.raw[to] != ',' && n.raw[to] != '}' && n.raw[to] != ']' {
			to++
		}
		n.kids[i] = patchKid{
			key: m.Key, lead: n.raw[from:m.Start], value: &patchNode{raw: n.raw[m.Start:m.End:m.End]}, trail: n.raw[m.End:to],
		}
		from = to + 1
	}
	if len(members) == 0 {
		n.blank = n.raw[1 : len(n.raw)-1]
	}
	return nil
}

// index is the place of an existing member or element.
func (n *patchNode) index(name string) (int, error) {
	if n.object {
		if i := n.member(name); i >= 0 {
			return i, nil
		}
		return 0, errPatchMissing
	}
	i, err := patchIndex(name)
	if err != nil {
		return 0, err
	}
	if i >= len(n.kids) {
		return 0, errPatchMissing
	}
	return i, nil
}

func (n *patchNode) member(name string) int {
	return slices.IndexFunc(n.kids, func(k patchKid) bool { return k.key == name })
}

// put adds a member, puts another value in its place, or inserts an element.
func (n *patchNode) put(name string, value *patchNode) error {
	at := len(n.kids)
	kid := patchKid{value: value}
	switch {
	case n.object:
		if i := n.member(name); i >= 0 {
			n.kids[i].value = value
			return nil
		}
		kid.key, kid.lead = name, append(AppendString(nil, name), ':')
	case name != "-":
		i, err := patchIndex(name)
		if err != nil {
			return err
		}
		if i > len(n.kids) {
			return errors.New("the index is behind the end of the array")
		}
		at = i
	}
	if len(n.kids) >= scanMaxMembers {
		return fmt.Errorf("the object or array would have more than %d members", scanMaxMembers)
	}
	switch { // what stands in front of the closing bracket stays there
	case len(n.kids) == 0:
		kid.trail, n.blank = n.blank, nil
	case at == len(n.kids):
		kid.trail, n.kids[at-1].trail = n.kids[at-1].trail, nil
	}
	n.kids = slices.Insert(n.kids, at, kid)
	return nil
}

// drop takes a member or element out and hands out its value.
func (n *patchNode) drop(name string) (*patchNode, error) {
	i, err := n.index(name)
	if err != nil {
		return nil, err
	}
	gone := n.kids[i]
	switch last := len(n.kids) - 1; {
	case last == 0:
		n.blank = gone.trail
	case i == last:
		n.kids[i-1].trail = gone.trail
	}
	n.kids = slices.Delete(n.kids, i, i+1)
	return gone.value, nil
}

// patchIndex reads an array index of a pointer: digits without needless zeros.
func patchIndex(name string) (int, error) {
	if name == "-" {
		return 0, errors.New("- names the place behind an array's last element, where nothing is yet")
	}
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || strconv.Itoa(i) != name {
		return 0, errors.New("the path leads through an array, where a name is an index without sign and leading zeros")
	}
	return i, nil
}
