package upstream

import (
	"net/netip"
	"strconv"
	"testing"
)

// guardedAddress is an address and who may reach it.
type guardedAddress struct {
	addr                  string
	none, strict, allowed bool // without a guard, with an empty one, with all kinds allowed
}

// guardedAddresses says for each address what passes it.
func guardedAddresses() []guardedAddress {
	return []guardedAddress{
		{"8.8.8.8", true, true, true},
		{"2606:4700::1111", true, true, true},
		{"::ffff:8.8.8.8", true, true, true},
		{"127.0.0.1", true, false, true},
		{"127.8.8.8", true, false, true},
		{"::1", true, false, true},
		{"::ffff:127.0.0.1", true, false, true},
		{"10.1.2.3", true, false, true},
		{"172.16.0.1", true, false, true},
		{"192.168.1.1", true, false, true},
		{"::ffff:192.168.1.1", true, false, true},
		{"fd12::1", true, false, true},
		{"100.64.0.1", true, false, true},
		{"169.254.169.254", false, false, true},
		{"::ffff:169.254.169.254", false, false, true},
		{"::ffff:a9fe:a9fe", false, false, true},
		{"64:ff9b::169.254.169.254", false, false, true},
		{"2002:a9fe:a9fe::1", false, false, true},
		{"169.254.1.1", false, false, true},
		{"fe80::1", false, false, true},
		{"fe80::1%eth0", false, false, true},
		{"fd00:ec2::254", false, false, true},
		{"100.100.100.200", false, false, true},
		{"64:ff9b::10.0.0.1", true, false, true},
		{"2002:7f00:1::1", true, false, true},
		{"::127.0.0.1", true, false, true},
		{"0.0.0.0", true, false, false},
		{"::", true, false, false},
		{"0.1.2.3", true, false, false},
		{"224.0.0.1", true, false, false},
		{"ff02::1", true, false, false},
		{"255.255.255.255", true, false, false},
		{"240.0.0.1", true, false, false},
		{"198.18.0.1", true, false, false},
		{"192.0.2.1", true, false, false},
		{"2001:db8::1", true, false, false},
		{"2001:0:1234::1", true, false, false},
		{"100::1", true, false, false},
	}
}

func TestGuardAddresses(t *testing.T) {
	open := &Guard{AllowLoopback: true, AllowPrivate: true, AllowLinkLocal: true}
	strict := &Guard{}
	for _, tt := range guardedAddresses() {
		t.Run(tt.addr, func(t *testing.T) {
			addr := netip.MustParseAddr(tt.addr)
			for _, g := range []struct {
				name  string
				guard *Guard
				want  bool
			}{{"no guard", nil, tt.none}, {"empty guard", strict, tt.strict}, {"open guard", open, tt.allowed}} {
				if got := g.guard.checkAddr(addr) == nil; got != g.want {
					t.Errorf("%s: got allowed %t, want %t", g.name, got, g.want)
				}
			}
		})
	}
}

func TestGuardOrigins(t *testing.T) {
	hosts := &Guard{Hosts: []string{"api.example.com", "*.trusted.example"}}
	tests := []struct {
		name, scheme, host string
		guard              *Guard
		want               error
	}{
		{"any host", "https", "example.com", &Guard{}, nil},
		{"http", "http", "example.com", &Guard{}, ErrAddress},
		{"http allowed", "http", "example.com", &Guard{Schemes: []string{"http"}}, nil},
		{"other port", "https", "example.com:8443", &Guard{}, ErrAddress},
		{"other port allowed", "https", "example.com:8443", &Guard{Ports: []int{8443}}, nil},
		{"only other port allowed", "https", "example.com", &Guard{Ports: []int{8443}}, ErrAddress},
		{"listed host", "https", "API.example.com", hosts, nil},
		{"below a listed domain", "https", "a.trusted.example", hosts, nil},
		{"the domain itself", "https", "trusted.example", hosts, ErrAddress},
		{"looks like it", "https", "untrusted.example", hosts, ErrAddress},
		{"literal loopback", "https", "127.0.0.1", &Guard{}, ErrAddress},
		{"literal mapped", "https", "[::ffff:127.0.0.1]", &Guard{}, ErrAddress},
		{"literal in a network", "https", "10.0.0.7", &Guard{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}, nil},
		{"literal beside the network", "https", "10.0.1.7", &Guard{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}, ErrAddress},
		{"metadata without a guard", "http", "169.254.169.254", nil, ErrAddress},
		{"loopback without a guard", "http", "127.0.0.1:11434", nil, nil},
		{"userinfo", "https", "user@example.com", nil, ErrConfig},
		{"path", "https", "example.com/x", nil, ErrConfig},
		{"newline", "https", "example.com\r\nX: y", nil, ErrConfig},
		{"no host", "https", "", nil, ErrConfig},
		{"no port", "https", "example.com:", nil, ErrConfig},
		{"port too high", "https", "example.com:70000", nil, ErrConfig},
		{"scheme", "ftp", "example.com", nil, ErrConfig},
		{"broken v6", "https", "[::1", nil, ErrConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newClient(t, Options{}).Endpoint(EndpointConfig{Scheme: tt.scheme, Host: tt.host, Guard: tt.guard})
			if tt.want == nil && err != nil {
				t.Errorf("got %v, want it accepted", err)
			}
			if tt.want != nil {
				wantError(t, err, tt.want)
			}
		})
	}
}

// A harmless name that resolves to a refused address is caught when it is dialled.
func TestGuardAtDial(t *testing.T) {
	s := serve(t, always(okAnswer))
	_, port, err := splitHost("http", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, Options{})
	cfg := EndpointConfig{Scheme: "http", Host: "localhost:" + strconv.Itoa(port), Guard: &Guard{Schemes: []string{"http"}, Ports: []int{port}}}
	ep, err := c.Endpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = get(t, c, post(ep))
	wantError(t, err, ErrAddress)
	if got := s.connections(); got != 0 {
		t.Errorf("got %d connections, want none", got)
	}
	cfg.Guard = &Guard{Schemes: []string{"http"}, Ports: []int{port}, AllowLoopback: true}
	if ep, err = c.Endpoint(cfg); err != nil {
		t.Fatal(err)
	}
	wantBody(t, c, post(ep), "ok")
}

func TestUnknownName(t *testing.T) {
	c := newClient(t, Options{})
	_, err := get(t, c, post(endpoint(t, c, "no-such-host.invalid")))
	wantError(t, err, ErrDNS)
}
