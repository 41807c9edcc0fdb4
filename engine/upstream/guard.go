package upstream

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// Guard limits where an endpoint may lead, for hosts that come from requests or from documents. Names are checked when
// the endpoint is made, addresses at every dial, after resolution. Public addresses pass; the rest must be allowed.
// A guarded endpoint never goes through a proxy, which would do the resolving out of sight.
type Guard struct {
	AllowLoopback  bool
	AllowPrivate   bool           // RFC 1918, unique local IPv6 and the carriers' 100.64.0.0/10
	AllowLinkLocal bool           // with it the metadata services of clouds
	Hosts          []string       // exact, or *.example.com for the names below it; none means any
	Ports          []int          // none means the scheme's own port
	Schemes        []string       // none means https only
	Networks       []netip.Prefix // allowed whatever they are
}

func (g *Guard) key() string {
	if g == nil {
		return "-"
	}
	return fmt.Sprintf("%t %t %t %q %d %q %s", g.AllowLoopback, g.AllowPrivate, g.AllowLinkLocal, g.Hosts, g.Ports, g.Schemes, g.Networks)
}

// checkOrigin looks at what is known before resolution.
func (g *Guard) checkOrigin(scheme, host string, port int) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		if err := g.checkAddr(addr); err != nil {
			return err
		}
	}
	if g == nil {
		return nil
	}
	switch {
	case !slices.Contains(g.Schemes, scheme) && (len(g.Schemes) > 0 || scheme != "https"):
		return refuse(ErrAddress, "scheme is not allowed")
	case !g.portAllowed(scheme, port):
		return refuse(ErrAddress, "port is not allowed")
	case len(g.Hosts) > 0 && !slices.ContainsFunc(g.Hosts, func(p string) bool { return matchHost(p, host) }):
		return refuse(ErrAddress, "host is not allowed")
	}
	return nil
}

func (g *Guard) portAllowed(scheme string, port int) bool {
	if len(g.Ports) > 0 {
		return slices.Contains(g.Ports, port)
	}
	return (scheme == "https" && port == 443) || (scheme == "http" && port == 80)
}

func matchHost(pattern, host string) bool {
	pattern = strings.ToLower(pattern)
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok && strings.HasPrefix(suffix, ".") {
		return len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	}
	return host == pattern
}

// checkAddr looks at one resolved address. Without a guard only the metadata services of clouds are out of bounds.
func (g *Guard) checkAddr(addr netip.Addr) error {
	addr = unwrap(addr)
	if g == nil {
		if isMetadata(addr) || addr.IsLinkLocalUnicast() {
			return refuse(ErrAddress, "link-local and metadata addresses are not reached without a guard that allows them")
		}
		return nil
	}
	if slices.ContainsFunc(g.Networks, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return nil
	}
	var allowed bool
	switch {
	case isMetadata(addr), addr.IsLinkLocalUnicast():
		allowed = g.AllowLinkLocal
	case addr.IsLoopback():
		allowed = g.AllowLoopback
	case addr.IsPrivate(), inAny(addr, "100.64.0.0/10"):
		allowed = g.AllowPrivate
	default:
		allowed = isPublic(addr)
	}
	if !allowed {
		return refuse(ErrAddress, "not a public address")
	}
	return nil
}

// checkAddress is called by the dialer for each address it is about to connect to.
func (ep *Endpoint) checkAddress(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse(ErrAddress, "not an address")
	}
	return ep.guard.checkAddr(ap.Addr())
}

// unwrap finds the IPv4 address that an IPv6 address stands for, so that no spelling gets around the checks.
func unwrap(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return addr
	}
	b := addr.As16()
	switch {
	case inAny(addr, "64:ff9b::/96"), inAny(addr, "::/96") && !addr.IsLoopback() && !addr.IsUnspecified():
		return netip.AddrFrom4([4]byte(b[12:16])) // NAT64, and the old compatible form
	case inAny(addr, "2002::/16"):
		return netip.AddrFrom4([4]byte(b[2:6])) // 6to4
	default:
		return addr
	}
}

// isMetadata knows the addresses where clouds hand out credentials and that are not link-local.
func isMetadata(addr netip.Addr) bool {
	switch addr.String() {
	case "169.254.169.254", // AWS, Google, Azure and most others
		"fd00:ec2::254",   // AWS over IPv6
		"100.100.100.200", // Alibaba
		"192.0.0.192",     // Oracle, older
		"168.63.129.16":   // Azure's platform channel
		return true
	default:
		return false
	}
}

// isPublic reports whether an address is of the internet: multicast, reserved and special ranges are not.
func isPublic(addr netip.Addr) bool {
	if addr.Is4() {
		return addr.IsGlobalUnicast() && !inAny(addr, "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
			"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4")
	}
	// Teredo hides an IPv4 address; 2001:db8 is for documents.
	return inAny(addr, "2000::/3") && !inAny(addr, "2001::/32", "2001:db8::/32")
}

func inAny(addr netip.Addr, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return netip.MustParsePrefix(p).Contains(addr) })
}
