package ipinfo

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// maxNetworks bounds a list: the largest public ones have some hundred thousand lines, and a million take 32 MB.
const maxNetworks = 1_000_000

// networks is a set of addresses as ranges in order that do not touch. IPv4 stands in its place within IPv6.
type networks struct{ ranges []span }

// span is a range of addresses with both of its ends.
type span struct{ low, high [16]byte }

func (s span) compare(o span) int { return bytes.Compare(s.low[:], o.low[:]) }

// readNetworks reads a list. A line that is neither a network nor an address is an error: a list that is half read would
// let in what the rest of it names.
func readNetworks(data []byte) (*networks, error) {
	var all []span
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		prefix, err := parseNetwork(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if len(all) == maxNetworks {
			return nil, fmt.Errorf("line %d: a list has at most %d networks", number, maxNetworks)
		}
		all = append(all, spanOf(prefix))
	}
	slices.SortFunc(all, span.compare)
	return &networks{ranges: merge(all)}, nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if strings.IndexByte(s, '/') >= 0 {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return p, fmt.Errorf("reading a network: %w", err)
		}
		return p, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("reading an address: %w", err)
	}
	a = a.WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func spanOf(p netip.Prefix) span {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	s := span{low: p.Masked().Addr().As16()}
	s.high = s.low
	for i := bits; i < 128; i++ {
		s.high[i/8] |= 1 << (7 - i%8)
	}
	return s
}

// merge joins ranges in order where they overlap.
func merge(in []span) []span {
	out := in[:0]
	for _, s := range in {
		if n := len(out); n > 0 && bytes.Compare(s.low[:], out[n-1].high[:]) <= 0 {
			if bytes.Compare(s.high[:], out[n-1].high[:]) > 0 {
				out[n-1].high = s.high
			}
			continue
		}
		out = append(out, s)
	}
	return slices.Clip(out)
}

func (n *networks) contains(a netip.Addr) bool {
	at := a.As16()
	i, found := slices.BinarySearchFunc(n.ranges, at, func(s span, at [16]byte) int { return bytes.Compare(s.low[:], at[:]) })
	return found || (i > 0 && bytes.Compare(at[:], n.ranges[i-1].high[:]) <= 0)
}
