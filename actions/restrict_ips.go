package actions

import (
	"context"
	_ "embed" // the page
	"fmt"
	"net/netip"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

//go:embed restrict_ips.md
var restrictIPsDoc string

// maxRanges bounds one list: the published ranges of the largest clouds together.
const maxRanges = 10_000

func init() {
	register(engine.ActionSpec{
		Name: "restrict-ips", Phases: vars.PhaseTCPConnect | vars.PhaseRequest | vars.PhaseResponse, Guards: true,
		Doc: restrictIPsDoc, New: newRestrictIPs,
		Fields: []engine.Field{
			{Name: "allow", Type: engine.FieldStrings, Template: true, Max: maxRanges, Doc: "The ranges that may come in, such as `10.0.0.0/8` or `2001:db8::/32`."},
			{Name: "deny", Type: engine.FieldStrings, Template: true, Max: maxRanges, Doc: "The ranges that may not, whatever `allow` says."},
			{Name: "ip_policies", Type: engine.FieldAny, Doc: "Not there: lists kept in an account. Write the ranges into `allow` and `deny`."},
			{Name: "enforce", Type: engine.FieldBool, Default: "true", Doc: "Without it the results can be read and nobody is refused."},
		},
	})
}

type restrictIPs struct {
	allow, deny ranges
	denyOnly    bool // a list of those who may not lets in the rest
	enforce     bool
}

func newRestrictIPs(c *engine.Config) engine.Action {
	if n := c.Node("ip_policies"); n != nil {
		c.Errorf(n, "unsupported_feature", "ip_policies are lists of an account that is not there: write their ranges into allow and deny")
	}
	a := &restrictIPs{
		allow: newRanges(c, "allow"), deny: newRanges(c, "deny"), enforce: c.Bool("enforce"),
		denyOnly: c.Node("allow") == nil && c.Node("deny") != nil,
	}
	if c.Diagnostics().HasErrors() {
		return nil
	}
	return a
}

// Do refuses a client whose address is not allowed. An address that nobody knows is not.
func (a *restrictIPs) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	allowed, matched, err := a.judge(x)
	if err != nil {
		publishFailure(x, "restrict_ips", err)
		return engine.VerdictDeny, fmt.Errorf("restrict-ips: %w", err)
	}
	if x.WantsResult("restrict_ips") {
		action := "deny"
		if allowed {
			action = "allow"
		}
		text := ""
		if matched.IsValid() {
			text = matched.String()
		}
		x.SetResult("restrict_ips", map[string]any{"action": action, "matched_cidr": text})
	}
	if allowed || !a.enforce {
		return engine.VerdictContinue, nil
	}
	x.Deny(0, engine.CodePolicyDenied, "the client's address is not allowed")
	return engine.VerdictDeny, nil
}

func (a *restrictIPs) judge(x *engine.Exchange) (allowed bool, matched netip.Prefix, err error) {
	ip := x.Conn.ClientIP.Unmap().WithZone("")
	denied, err := a.deny.find(x, ip)
	if err != nil {
		return false, netip.Prefix{}, err
	}
	found, err := a.allow.find(x, ip) // even where denied: a range that cannot be read is an error whoever comes
	switch {
	case err != nil:
		return false, netip.Prefix{}, err
	case denied.IsValid():
		return false, denied, nil
	case found.IsValid():
		return true, found, nil
	default:
		return a.denyOnly && ip.IsValid(), netip.Prefix{}, nil
	}
}

// ranges is a list of ranges. A lookup takes one step for each length of prefix in it, however many ranges there are.
type ranges struct {
	fixed   map[netip.Prefix]struct{}
	v4, v6  []int // lengths of prefixes that occur, the longest first
	dynamic []*expr.Template
}

func newRanges(c *engine.Config, field string) ranges {
	r := ranges{fixed: map[netip.Prefix]struct{}{}}
	n := c.Node(field)
	if n == nil || n.Kind != engine.NodeList {
		return r // reported by the check of fields
	}
	var lengths [2][129]bool
	for _, item := range n.Items {
		t := c.CompileTemplate(item)
		if t == nil {
			continue
		}
		text, fixed := t.Literal()
		if !fixed {
			r.dynamic = append(r.dynamic, t)
			continue
		}
		p, err := parseRange(text)
		if err != nil {
			c.Errorf(item, "bad_value", "%v", err)
			continue
		}
		r.fixed[p] = struct{}{}
		lengths[familyOf(p.Addr())][p.Bits()] = true
	}
	for bits := 128; bits >= 0; bits-- {
		if lengths[0][bits] {
			r.v4 = append(r.v4, bits)
		}
		if lengths[1][bits] {
			r.v6 = append(r.v6, bits)
		}
	}
	return r
}

func familyOf(ip netip.Addr) int {
	if ip.Is4() {
		return 0
	}
	return 1
}

// parseRange reads a range in its canonical form: no host bits, and an IPv4 range as such however it was written.
func parseRange(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		if ip, e := netip.ParseAddr(text); e == nil {
			return netip.Prefix{}, fmt.Errorf("a range needs the length of its prefix: %s/%d is that address alone", text, ip.BitLen())
		}
		return netip.Prefix{}, fmt.Errorf("%q is not a range of addresses such as 10.0.0.0/8", text)
	}
	const mapped = 96 // bits in front of an IPv4 address that is written as an IPv6 one
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), nil
}

// find returns the longest range that holds the address, an invalid one where none does.
func (r *ranges) find(x *engine.Exchange, ip netip.Addr) (netip.Prefix, error) {
	var found netip.Prefix
	lengths := r.v6
	if ip.Is4() {
		lengths = r.v4
	}
	if ip.IsValid() {
		for _, bits := range lengths {
			p, err := ip.Prefix(bits)
			if err != nil {
				return netip.Prefix{}, fmt.Errorf("a range of /%d: %w", bits, err)
			}
			if _, ok := r.fixed[p]; ok {
				found = p
				break
			}
		}
	}
	for _, t := range r.dynamic {
		text, err := t.String(x)
		if err != nil {
			return netip.Prefix{}, err //nolint:wrapcheck // it names its place in the policy
		}
		p, err := parseRange(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		if p.Contains(ip) && (!found.IsValid() || p.Bits() > found.Bits()) {
			found = p
		}
	}
	return found, nil
}
