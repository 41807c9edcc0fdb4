package actions

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"weir/engine"
)

func TestRestrictIPs(t *testing.T) {
	const mapped = "::ffff:192.0.2.7"
	tests := []struct {
		name, config, ip string
		action, matched  string
	}{
		{"allowed", "allow: [192.0.2.0/24]", "192.0.2.7", "allow", "192.0.2.0/24"},
		{"not allowed", "allow: [192.0.2.0/24]", "192.0.3.7", "deny", ""},
		{"one address", "allow: [192.0.2.7/32]", "192.0.2.7", "allow", "192.0.2.7/32"},
		{"beside one address", "allow: [192.0.2.7/32]", "192.0.2.8", "deny", ""},
		{"denied wins", "allow: [192.0.2.0/24], deny: [192.0.0.0/8]", "192.0.2.7", "deny", "192.0.0.0/8"},
		{"neither list holds it", "allow: [192.0.2.0/24], deny: [10.0.0.0/8]", "172.16.0.1", "deny", ""},
		{"deny alone lets in the rest", "deny: [10.0.0.0/8]", "192.0.2.7", "allow", ""},
		{"deny alone", "deny: [10.0.0.0/8]", "10.1.2.3", "deny", "10.0.0.0/8"},
		{"no list lets in nobody", "", "192.0.2.7", "deny", ""},
		{"empty allow lets in nobody", "allow: []", "192.0.2.7", "deny", ""},
		{"empty allow beside deny", "allow: [], deny: [10.0.0.0/8]", "192.0.2.7", "deny", ""},
		{"empty deny lets in all", "deny: []", "192.0.2.7", "allow", ""},
		{"longest range", "allow: [0.0.0.0/0, 192.0.2.0/24, 192.0.0.0/8]", "192.0.2.7", "allow", "192.0.2.0/24"},
		{"host bits", "allow: [192.0.2.99/24]", "192.0.2.7", "allow", "192.0.2.0/24"},
		{"IPv6", "allow: ['2001:db8::/32']", "2001:db8:1::1", "allow", "2001:db8::/32"},
		{"IPv6 not allowed", "allow: ['2001:db8::/32']", "2001:db9::1", "deny", ""},
		{"mapped address", "allow: [192.0.2.0/24]", mapped, "allow", "192.0.2.0/24"},
		{"mapped address denied", "deny: [192.0.2.0/24]", mapped, "deny", "192.0.2.0/24"},
		{"mapped range", "deny: ['::ffff:192.0.2.0/120']", "192.0.2.7", "deny", "192.0.2.0/24"},
		{"all of IPv6 is not IPv4", "allow: ['::/0']", "192.0.2.7", "deny", ""},
		{"all of IPv4", "allow: [0.0.0.0/0]", mapped, "allow", "0.0.0.0/0"},
		{"zone", "allow: ['fe80::/10']", "fe80::1%eth0", "allow", "fe80::/10"},
		{"unknown address", "allow: [0.0.0.0/0, '::/0']", "", "deny", ""},
		{"unknown address beside deny", "deny: [10.0.0.0/8]", "", "deny", ""},
		{"template", `allow: ["${req.headers['x-range'][0]}"]`, "192.0.2.7", "allow", "192.0.2.0/25"},
		{"template and constant", `allow: [192.0.0.0/8, "${req.headers['x-range'][0]}"]`, "192.0.2.7", "allow", "192.0.2.0/25"},
		{"constant longer than template", `allow: [192.0.2.7/32, "${req.headers['x-range'][0]}"]`, "192.0.2.7", "allow", "192.0.2.7/32"},
		{"template denies", `deny: ["${req.headers['x-range'][0]}"]`, "192.0.2.7", "deny", "192.0.2.0/25"},
		{"template of an unknown address", `deny: ["${req.headers['x-range'][0]}"]`, "", "deny", ""},
		{"constant expression", `allow: ["${'192.0.2.0' + '/24'}"]`, "192.0.2.7", "allow", "192.0.2.0/24"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check := fmt.Sprintf("actions.ngrok.restrict_ips.action == '%s' && actions.restrict_ips.matched_cidr == '%s'", tt.action, tt.matched)
			text := func(more string) string {
				return "on_request: [{type: restrict-ips, config: {" + strings.TrimPrefix(strings.TrimSuffix(tt.config+", "+more, ", "), ", ") + "}}, " +
					"{expressions: [\"" + check + "\"], actions: [{type: deny, config: {status_code: 418}}]}]"
			}
			from := func() *engine.Exchange {
				x := request("x-range: 192.0.2.0/25")
				if tt.ip != "" {
					x.Conn.ClientIP = netip.MustParseAddr(tt.ip)
				}
				return x
			}
			if e := limited(t, newGateway().plan(t, text("enforce: false")), from()); e == nil || e.HTTPStatus() != 418 {
				t.Errorf("got %v, want %s", e, check)
			}
			e := limited(t, newGateway().plan(t, text("")), from())
			if tt.action == "deny" && (e == nil || e.HTTPStatus() != 403 || e.Code != engine.CodePolicyDenied) {
				t.Errorf("got %v, want 403", e)
			}
			if tt.action == "allow" && (e == nil || e.HTTPStatus() != 418) {
				t.Errorf("got %v, want it let in", e)
			}
		})
	}
}

func TestRestrictIPsInOtherPhases(t *testing.T) {
	tests := []struct {
		phase, ip string
		code      engine.Code
	}{
		{"on_tcp_connect", "192.0.2.7", ""},
		{"on_tcp_connect", "10.0.0.1", engine.CodeConnectionClosed},
		{"on_response", "192.0.2.7", ""},
		{"on_response", "10.0.0.1", engine.CodePolicyDenied},
	}
	for _, tt := range tests {
		t.Run(tt.phase+" "+tt.ip, func(t *testing.T) {
			plan := newGateway().plan(t, tt.phase+": [{type: restrict-ips, config: {allow: [192.0.2.0/24]}}]")
			x := exchange()
			x.Conn.ClientIP = netip.MustParseAddr(tt.ip)
			e := limited(t, plan, x)
			if (tt.code == "") != (e == nil) || e != nil && e.Code != tt.code {
				t.Errorf("got %v, want %q", e, tt.code)
			}
			x = exchange()
			x.Conn.ClientIP = netip.MustParseAddr(tt.ip)
			if got, want := plan.Admits(x), tt.code != engine.CodeConnectionClosed; got != want {
				t.Errorf("got %v at accept, want %v", got, want)
			}
		})
	}
}

func TestRestrictIPsFails(t *testing.T) {
	tests := []struct{ name, config string }{
		{"no range", `allow: [0.0.0.0/0, "${req.headers['x-range'][0]}"]`},
		{"no range among those denied", `deny: ["${req.headers['x-range'][0]}"]`},
		{"no range, and denied before", `deny: [0.0.0.0/0], allow: ["${req.headers['x-range'][0]}"]`},
		{"evaluation", `allow: ["${string(1 / (req.method.size() - 4))}"]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rule := "{type: restrict-ips, config: {" + tt.config + "}}"
			from := func() *engine.Exchange {
				x := request("x-range: 192.0.2.7")
				x.Conn.ClientIP = netip.MustParseAddr("192.0.2.7")
				return x
			}
			if e := limited(t, newGateway().plan(t, "on_request: ["+rule+"]"), from()); e == nil || e.Code != engine.CodePolicyFailed {
				t.Errorf("got %v, want policy_failed", e)
			}
			text := "on_request: [{on_error: continue, actions: [" + rule + "]}, " +
				"{expressions: [\"actions.restrict_ips.error.code == 'policy_failed'\"], actions: [{type: deny, config: {status_code: 418}}]}]"
			if e := limited(t, newGateway().plan(t, text), from()); e == nil || e.HTTPStatus() != 418 {
				t.Errorf("got %v, want the error among the results", e)
			}
		})
	}
}

func TestRestrictIPsProblems(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"no mask", "allow: [192.0.2.7]", "bad_value"},
		{"no address", "allow: [office/24]", "bad_value"},
		{"mask too long", "deny: [192.0.2.0/33]", "bad_value"},
		{"no list", "allow: 192.0.2.0/24", "wrong_type"},
		{"lists of an account", "ip_policies: [ipp_1]", "unsupported_feature"},
		{"unknown variable", `allow: ["${req.nope}/8"]`, "unknown_variable"},
		{"too many", "allow: [" + strings.Repeat("10.0.0.0/8,", 10_001) + "]", "out_of_range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, "on_request: [{type: restrict-ips, config: {"+tt.config+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := problems(t, `on_tcp_connect: [{type: restrict-ips, config: {allow: ["${req.host}/8"]}}]`); got != "wrong_phase" {
		t.Errorf("got %q, want wrong_phase for what is not known of a connection", got)
	}
}

// TestRangesAgainstAScan compares the lookup with the plain way of going through the list.
func TestRangesAgainstAScan(t *testing.T) {
	texts := make([]string, 0, 600)
	for i := range 300 {
		texts = append(texts, fmt.Sprintf("%d.%d.%d.0/%d", i%7, i*31%256, i*17%256, 1+i%32), fmt.Sprintf("'%x::%x/%d'", 0x2001+i%3, i, 1+i%128))
	}
	cfg := newGateway().compile(t, "on_request: [{type: restrict-ips, config: {allow: ["+strings.Join(texts, ", ")+"]}}]")
	a, ok := cfg.OnRequest[0].Actions[0].Action.(*restrictIPs)
	if !ok {
		t.Fatal("got another action, want restrict-ips")
	}
	for i := range 5000 {
		ip := netip.AddrFrom4([4]byte{byte(i % 9), byte(i * 31), byte(i * 7), byte(i)})
		if i%2 == 0 {
			ip = netip.MustParseAddr(fmt.Sprintf("%x::%x", 0x2000+i%5, i%400))
		}
		var want netip.Prefix
		for _, text := range texts {
			p, err := parseRange(strings.Trim(text, "'"))
			if err != nil {
				t.Fatal(err)
			}
			if p.Contains(ip) && (!want.IsValid() || p.Bits() > want.Bits()) {
				want = p
			}
		}
		if got, err := a.allow.find(nil, ip); got != want || err != nil {
			t.Fatalf("got %v and %v for %v, want %v", got, err, ip, want)
		}
	}
}

func BenchmarkRestrictIPs(b *testing.B) {
	r := ranges{fixed: map[netip.Prefix]struct{}{}, v4: []int{32, 24, 16, 8}}
	for i := range 10_000 {
		r.fixed[netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)] = struct{}{}
	}
	ip := netip.MustParseAddr("10.1.2.3")
	b.ReportAllocs()
	for b.Loop() {
		if p, err := r.find(nil, ip); err != nil || !p.IsValid() {
			b.Fatal(err)
		}
	}
}
