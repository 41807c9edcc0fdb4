package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	// patchMaxOps bounds the operations of one patch: three for each message of a conversation of several hundred. A
	// policy that wants more replaces the array that holds them.
	patchMaxOps = 1024
	// patchMaxWork bounds what the operations of one patch write and compare: a copy of the whole into itself doubles it,
	// so that forty of them would fill any memory. It is as much as the largest body that the gateway takes unless told otherwise.
	patchMaxWork = 32 << 20
)

// PatchOp is one operation of RFC 6902.
type PatchOp struct {
	Op, Path, From string
	Value          []byte // JSON
}

// ApplyPatch appends to dst the body with the operations applied in order, byte for byte apart from what they touch. One
// that fails fails them all, and dst is returned as it was given. The result is as strictly valid as a body that was
// scanned; an object on the way of a path that has a key twice is an error. Errors name the operation and its path, no values.
func ApplyPatch(dst, body []byte, ops []PatchOp) ([]byte, error) {
	if len(ops) > patchMaxOps {
		return dst, fmt.Errorf("the patch has %d operations, over the %d that one may have", len(ops), patchMaxOps)
	}
	p := patch{root: patchRoot(body)}
	for i := range ops {
		if err := p.apply(&ops[i]); err != nil {
			return dst, fmt.Errorf("patch operation %d (%s): %w", i+1, ops[i].name(), err)
		}
	}
	kept := len(dst)
	dst = p.root.append(dst)
	var d Doc
	if problem := d.Scan(dst[kept:]); problem != nil {
		return dst[:kept], fmt.Errorf("the patched body: %s", problem.Message)
	}
	return dst, nil
}

// name is an operation as errors show it.
func (o *PatchOp) name() string {
	if o.From != "" && (o.Op == "move" || o.Op == "copy") {
		return fmt.Sprintf("%q from %q to %q", scanShown(o.Op), scanShown(o.From), scanShown(o.Path))
	}
	return fmt.Sprintf("%q at %q", scanShown(o.Op), scanShown(o.Path))
}

// patch is a body that operations are applied to.
type patch struct {
	root patchKid
	work int // bytes that operations wrote and compared
}

var (
	errPatchValue   = errors.New("the operation has no value")
	errPatchMissing = errors.New("there is nothing at this path")
	errPatchTest    = errors.New("the value there is another one")
	errPatchRoot    = errors.New("the whole body cannot be taken away")
	errPatchInside  = errors.New("a value cannot be moved into itself")
	errPatchSize    = fmt.Errorf("the patch writes and compares more than %d MiB", patchMaxWork>>20)
)

func (p *patch) apply(o *PatchOp) error {
	path, err := patchPointer(o.Path)
	if err != nil {
		return err
	}
	switch o.Op {
	case "add":
		node, err := p.value(o)
		if err != nil {
			return err
		}
		return p.add(path, node)
	case "remove":
		_, err := p.remove(path)
		return err
	case "replace":
		node, err := p.value(o)
		if err != nil {
			return err
		}
		kid, err := p.find(path)
		if err != nil {
			return err
		}
		kid.value = node
		return nil
	case "move", "copy":
		return p.carry(o, path)
	case "test":
		return p.test(o, path)
	default:
		return errors.New("op is none of add, remove, replace, move, copy and test")
	}
}

// value is the value that an operation brings.
func (p *patch) value(o *PatchOp) (*patchNode, error) {
	if len(o.Value) == 0 {
		return nil, errPatchValue
	}
	start := scanSpace(o.Value, 0)
	end, fault := scanValue(o.Value, start)
	if fault == scanOK && scanSpace(o.Value, end) != len(o.Value) {
		return nil, errors.New("the operation's value goes on after its JSON")
	}
	if fault != scanOK {
		return nil, fmt.Errorf("the operation's value: %s", strings.ReplaceAll(fault.message(), "body", "value"))
	}
	if p.work += end - start; p.work > patchMaxWork {
		return nil, errPatchSize
	}
	return &patchNode{raw: o.Value[start:end:end]}, nil
}

// carry moves or copies the value at from.
func (p *patch) carry(o *PatchOp, path []string) error {
	from, err := patchPointer(o.From)
	if err != nil {
		return fmt.Errorf("from: %w", err)
	}
	source, err := p.find(from)
	if err != nil {
		return fmt.Errorf("from: %w", err)
	}
	if o.Op == "copy" {
		raw := source.value.append(nil)
		if p.work += len(raw); p.work > patchMaxWork {
			return errPatchSize
		}
		return p.add(path, &patchNode{raw: raw})
	}
	switch {
	case slices.Equal(from, path):
		return nil
	case len(from) < len(path) && slices.Equal(from, path[:len(from)]):
		return errPatchInside
	}
	node, err := p.remove(from)
	if err != nil {
		return fmt.Errorf("from: %w", err)
	}
	return p.add(path, node)
}

func (p *patch) test(o *PatchOp, path []string) error {
	want, err := p.value(o)
	if err != nil {
		return err
	}
	kid, err := p.find(path)
	if err != nil {
		return err
	}
	got := kid.value.raw
	if kid.value.opened {
		got = kid.value.append(nil)
	}
	if p.work += len(got); p.work > patchMaxWork {
		return errPatchSize
	}
	same, err := patchEqual(got, want.raw)
	if err == nil && !same {
		err = errPatchTest
	}
	return err
}

// find goes to where a path leads.
func (p *patch) find(path []string) (*patchKid, error) {
	kid := &p.root
	for _, name := range path {
		if err := kid.value.open(); err != nil {
			return nil, err
		}
		i, err := kid.value.index(name)
		if err != nil {
			return nil, err
		}
		kid = &kid.value.kids[i]
	}
	return kid, nil
}

// parent goes to the object or array that holds what a path names.
func (p *patch) parent(path []string) (*patchNode, error) {
	kid, err := p.find(path[:len(path)-1])
	if err != nil {
		return nil, err
	}
	return kid.value, kid.value.open()
}

func (p *patch) add(path []string, value *patchNode) error {
	if len(path) == 0 {
		p.root.value = value
		return nil
	}
	at, err := p.parent(path)
	if err != nil {
		return err
	}
	return at.put(path[len(path)-1], value)
}

func (p *patch) remove(path []string) (*patchNode, error) {
	if len(path) == 0 {
		return nil, errPatchRoot
	}
	at, err := p.parent(path)
	if err != nil {
		return nil, err
	}
	return at.drop(path[len(path)-1])
}
