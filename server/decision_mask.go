package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"weir/engine/opa"
)

// The operations of a mask.
const (
	maskRemove = "remove"
	maskUpsert = "upsert"
)

// errMaskPath is a mask that points at something else than input or result.
var errMaskPath = errors.New("a mask must point into /input or /result")

// policyMask is what a policy says of the log of its decisions.
type policyMask interface {
	HasMask() bool
	Mask(ctx context.Context, event any) (opa.Mask, error)
	HasDrop() bool
	Drop(ctx context.Context, event any) (bool, error)
}

// mask applies the policy's own mask. An event whose mask fails loses input and result: nothing is logged unmasked. It
// reports whether the policy wants the event dropped.
func (d *DecisionLog) mask(ctx context.Context, p policyMask, e *decisionEvent) (drop bool) {
	if !p.HasMask() && !p.HasDrop() {
		return false
	}
	defer func() {
		if why := recover(); why != nil {
			d.maskFailed(fmt.Errorf("panic: %v", why))
			e.blank()
			drop = false
		}
	}()
	doc, err := e.document()
	if err == nil && p.HasDrop() {
		if drop, err = p.Drop(ctx, doc); err == nil && drop {
			return true
		}
	}
	if err == nil && p.HasMask() {
		var m opa.Mask
		if m, err = p.Mask(ctx, doc); err == nil {
			err = e.apply(m.Rules)
		}
	}
	if err != nil {
		d.maskFailed(err)
		e.blank()
	}
	return false
}

// maskFailed counts, and tells of the first failure of each kind of trouble: messages of evaluations may quote what was
// to be masked, so that only what class of failure it was is said.
func (d *DecisionLog) maskFailed(err error) {
	d.masking.Add(1)
	if d.warnedOf.Add(1) > maskWarnings {
		return
	}
	why := "it failed"
	for _, known := range [...]error{opa.ErrDeadline, opa.ErrConflict, opa.ErrShape, opa.ErrBusy, opa.ErrTooLarge, errMaskPath} {
		if errors.Is(err, known) {
			why = known.Error()
		}
	}
	d.log.Error().Str("why", why).Msg("a decision is logged without input and result, as its mask could not be applied")
}

// maskWarnings is how many failed masks are told of one by one; the rest are counted.
const maskWarnings = 5

// blank takes out what was to be masked.
func (e *decisionEvent) blank() {
	e.Input, e.Result, e.Error = nil, nil, nil
	e.Erased, e.Masked = []string{"/input", "/result"}, nil
	e.Custom.Weir.MaskFailed = true
}

// document is the event as the policy sees it.
func (e *decisionEvent) document() (map[string]any, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding an event for its mask: %w", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("decoding an event for its mask: %w", err)
	}
	return doc, nil
}

// apply applies rules in order. Input and result are the event's own. A path that leads nowhere is nothing to mask.
func (e *decisionEvent) apply(rules []opa.MaskRule) error {
	for i := range rules {
		r := &rules[i]
		if !strings.HasPrefix(r.Path, "/") {
			return errMaskPath
		}
		parts := strings.Split(r.Path[1:], "/")
		var at *any
		switch parts[0] {
		case "input":
			at = &e.Input
		case "result":
			at = &e.Result
		case "nd_builtin_cache": // OPA's; it is never logged here
			continue
		default:
			return errMaskPath
		}
		switch r.Op {
		case maskRemove:
			if next, ok := maskedOut(*at, parts[1:]); ok {
				*at = next
				e.Erased = append(e.Erased, maskPointer(parts))
			}
		case maskUpsert:
			if *at == nil && len(parts) > 1 {
				continue
			}
			next, ok, err := maskedIn(*at, parts[1:], r.Value)
			if err != nil {
				return err
			}
			if ok {
				*at = next
				e.Masked = append(e.Masked, maskPointer(parts))
			}
		default:
			return fmt.Errorf("%w: the operation of a mask is remove or upsert", opa.ErrShape)
		}
	}
	return nil
}

// maskPointer writes a path as OPA does.
func maskPointer(parts []string) string {
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = url.PathEscape(p)
	}
	return "/" + strings.Join(escaped, "/")
}

// memberOf finds the member that a part of a path means: as it stands, or unescaped as in URLs or JSON pointers.
func memberOf(m map[string]any, part string) (string, bool) {
	names := []string{part, strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")}
	if plain, err := url.PathUnescape(part); err == nil {
		names = append(names, plain)
	}
	for _, name := range names {
		if _, ok := m[name]; ok {
			return name, true
		}
	}
	return part, false
}

func indexOf(list []any, part string) (int, bool) {
	i, err := strconv.Atoi(part)
	return i, err == nil && i >= 0 && i < len(list)
}

// maskedOut removes what stands at a path; false where nothing does.
func maskedOut(v any, path []string) (any, bool) {
	if len(path) == 0 {
		return nil, v != nil
	}
	switch v := v.(type) {
	case map[string]any:
		name, ok := memberOf(v, path[0])
		if !ok {
			return v, false
		}
		if len(path) == 1 {
			delete(v, name)
			return v, true
		}
		next, ok := maskedOut(v[name], path[1:])
		if ok {
			v[name] = next
		}
		return v, ok
	case []any:
		i, ok := indexOf(v, path[0])
		if !ok {
			return v, false
		}
		if len(path) == 1 {
			return slices.Delete(v, i, i+1), true
		}
		next, ok := maskedOut(v[i], path[1:])
		if ok {
			v[i] = next
		}
		return v, ok
	default:
		return v, false
	}
}

// maskedIn puts a value at a path, with the objects on the way to it.
func maskedIn(v any, path []string, value any) (any, bool, error) {
	if len(path) == 0 {
		return value, true, nil
	}
	switch v := v.(type) {
	case map[string]any:
		name, ok := memberOf(v, path[0])
		inner := v[name]
		if !ok && len(path) > 1 {
			inner = map[string]any{}
		}
		next, ok, err := maskedIn(inner, path[1:], value)
		if err == nil && ok {
			v[name] = next
		}
		return v, ok, err
	case []any:
		i, ok := indexOf(v, path[0])
		if !ok {
			return v, false, nil
		}
		next, ok, err := maskedIn(v[i], path[1:], value)
		if err == nil && ok {
			v[i] = next
		}
		return v, ok, err
	default:
		return v, false, nil
	}
}
