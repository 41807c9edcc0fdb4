package actions

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/upstream"
)

const (
	// maxURL is what servers commonly take of a URL; a longer one is no address any more.
	maxURL = 8192
	// maxAllowedHosts keeps the list one that a person can read.
	maxAllowedHosts = 64
)

// allowedHostsDoc is what the field means wherever it stands.
const allowedHostsDoc = "Hosts that a URL may lead to beside one that the policy names itself: `host`, `host:port`, `*.example.com`, with `http://` in front where https is not meant."

// outbound is the URL of a request that leaves the gateway, and where it may lead. A host that stands in the policy is the
// operator's own choice; one that an expression gives must be listed.
type outbound struct {
	template *expr.Template
	fixed    *url.URL // scheme and host where the policy names them; nil where an expression does
	allowed  []hostRule
}

// hostRule is one entry of allowed_hosts.
type hostRule struct {
	scheme, host, port string // port "" = the scheme's own
	below              bool   // every name below host
}

// newOutbound reads the fields url and allowed_hosts; nil where something is wrong, which is reported.
func newOutbound(c *engine.Config) *outbound {
	n := c.Node("url")
	o := &outbound{template: c.Template("url"), allowed: hostRules(c)}
	if n == nil || o.template == nil {
		return nil
	}
	text, literal := o.template.Literal()
	if !literal {
		before, found := fixedOrigin(n.Text.Value)
		if !found {
			if len(o.allowed) == 0 {
				c.Errorf(n, "open_url", "an expression chooses the host of this URL: list where it may lead in allowed_hosts, or write the host and a slash in front of the expression")
				return nil
			}
			return o
		}
		text = before
	}
	u, err := parseOutbound(text)
	if err != nil {
		c.Errorf(n, "bad_url", "%v", err)
		return nil
	}
	o.fixed = &url.URL{Scheme: u.Scheme, Host: u.Host}
	return o
}

// fixedOrigin is the part of a template in front of its first expression, where that already ends the host.
func fixedOrigin(text string) (before string, ok bool) {
	before, _, _ = strings.Cut(text, "${")
	_, rest, found := strings.Cut(before, "://")
	return before, found && strings.ContainsAny(rest, "/?")
}

// parseOutbound reads a URL that the gateway may call.
func parseOutbound(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("a URL is at most %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("this is not a URL")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, errors.New("a URL begins with http:// or https:// and a host")
	case u.User != nil:
		return nil, errors.New("a URL holds no user and password; send an authorization header")
	case u.Fragment != "":
		return nil, errors.New("a URL that is called has no fragment")
	}
	for segment := range strings.SplitSeq(strings.ReplaceAll(u.Path, `\`, "/"), "/") {
		if segment == "." || segment == ".." {
			return nil, errors.New("the path of a URL has no dot segments")
		}
	}
	return u, nil
}

func hostRules(c *engine.Config) []hostRule {
	n := c.Node("allowed_hosts")
	if n == nil || n.Kind != engine.NodeList {
		return nil
	}
	out := make([]hostRule, 0, len(n.Items))
	for _, item := range n.Items {
		r, err := parseHostRule(item.Text.Value)
		if err != nil {
			c.Errorf(item, "bad_host", "%v", err)
			continue
		}
		out = append(out, r)
	}
	return out
}

func parseHostRule(text string) (hostRule, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	scheme, rest, _ := strings.Cut(text, "://")
	rest, below := strings.CutPrefix(rest, "*.")
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || strings.Contains(rest, "*") ||
		u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return hostRule{}, errors.New("a host is written host, host:port or *.example.com, with http:// in front where https is not meant")
	}
	if below && !strings.Contains(u.Hostname(), ".") {
		return hostRule{}, errors.New("a wildcard stands in front of a domain such as example.com")
	}
	return hostRule{scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: portOf(u), below: below}, nil
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	default:
		return "443"
	}
}

func (r *hostRule) matches(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	if r.scheme != u.Scheme || r.port != portOf(u) {
		return false
	}
	if r.below {
		return strings.HasSuffix(host, "."+r.host)
	}
	return host == r.host
}

// errHostNotAllowed says that the URL leads where the policy does not allow.
var errHostNotAllowed = errors.New("the host is not among allowed_hosts")

// resolve gives the URL for one exchange, and what its addresses are held to.
func (o *outbound) resolve(x *engine.Exchange) (*url.URL, reach, error) {
	text, err := o.template.String(x)
	if err != nil {
		return nil, 0, fmt.Errorf("evaluating the URL: %w", err)
	}
	u, err := parseOutbound(text)
	if err != nil {
		return nil, 0, err
	}
	how, err := o.allows(u)
	return u, how, err
}

// reach says how much is known about a host.
type reach uint8

const (
	// reachNamed is a host that the operator wrote down: it may stand in the operator's own network.
	reachNamed reach = iota
	// reachPublic is one of many below a domain: only addresses of the internet are called.
	reachPublic
)

// allows reports what a URL may reach: of the template, or of a redirect.
func (o *outbound) allows(u *url.URL) (reach, error) {
	if o.fixed != nil && sameOrigin(o.fixed, u) {
		return reachNamed, nil
	}
	found := -1
	for i := range o.allowed {
		r := &o.allowed[i]
		if r.matches(u) && (found < 0 || !r.below) {
			found = i
		}
	}
	switch {
	case found < 0:
		return reachPublic, fmt.Errorf("%s: %w", u.Host, errHostNotAllowed)
	case o.allowed[found].below:
		return reachPublic, nil
	default:
		return reachNamed, nil
	}
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

// guard limits the addresses of hosts that a wildcard stands for.
func (o *outbound) guard() *upstream.Guard {
	g := &upstream.Guard{Schemes: []string{"http", "https"}}
	for i := range o.allowed {
		port, err := strconv.Atoi(o.allowed[i].port)
		if err == nil && !slices.Contains(g.Ports, port) {
			g.Ports = append(g.Ports, port)
		}
	}
	return g
}
