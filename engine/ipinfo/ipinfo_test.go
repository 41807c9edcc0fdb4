package ipinfo

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// database writes a file in MaxMind's format.
func database(t *testing.T, kind string, records map[string]mmdbtype.Map) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for cidr, r := range records {
		_, network, err := net.ParseCIDR(cidr)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, r); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func names(s string) mmdbtype.Map {
	return mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(s), "de": mmdbtype.String("anders")}}
}

func cityDB(t *testing.T, city string) []byte {
	t.Helper()
	place := func(m, more mmdbtype.Map) mmdbtype.Map {
		maps.Copy(m, more)
		return m
	}
	return database(t, "GeoLite2-City", map[string]mmdbtype.Map{
		"192.0.2.0/24": {
			"city":      names(city),
			"continent": mmdbtype.Map{"code": mmdbtype.String("EU")},
			"country":   place(names("Germany"), mmdbtype.Map{"iso_code": mmdbtype.String("DE"), "is_in_european_union": mmdbtype.Bool(true)}),
			"location": mmdbtype.Map{
				"latitude": mmdbtype.Float64(52.5), "longitude": mmdbtype.Float64(-0.25), "accuracy_radius": mmdbtype.Uint16(20),
				"metro_code": mmdbtype.Uint16(7), "time_zone": mmdbtype.String("Europe/Berlin"),
			},
			"postal":             mmdbtype.Map{"code": mmdbtype.String("10115")},
			"registered_country": place(names("France"), mmdbtype.Map{"iso_code": mmdbtype.String("FR"), "is_in_european_union": mmdbtype.Bool(true)}),
			"subdivisions":       mmdbtype.Slice{names("Land Berlin"), names("Mitte")},
		},
		"2001:db8::/32": {"country": mmdbtype.Map{"iso_code": mmdbtype.String("US")}},
	})
}

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	fresh := path + ".new"
	if err := os.WriteFile(fresh, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLookup(t *testing.T) {
	dir := t.TempDir()
	at := func(name string, data []byte) string { return write(t, filepath.Join(dir, name), data) }
	s, err := Open(Options{
		Databases: []string{
			at("city.mmdb", cityDB(t, "Berlin")),
			at("asn.mmdb", database(t, "GeoLite2-ASN", map[string]mmdbtype.Map{
				"192.0.2.0/25": {"autonomous_system_number": mmdbtype.Uint32(64500), "autonomous_system_organization": mmdbtype.String("Example Net")},
			})),
			at("anon.mmdb", database(t, "GeoIP2-Anonymous-IP", map[string]mmdbtype.Map{
				"192.0.2.7/32": {"is_anonymous": mmdbtype.Bool(true), "is_tor_exit_node": mmdbtype.Bool(true)},
			})),
		},
		Lists: []List{
			{Category: "blocklist.spam", Path: at("spam.txt", []byte("# a list\n192.0.2.64/26 ; why\n192.0.2.96/27\n\n198.51.100.9\n2001:db8:1::/48\n"))},
			{Category: "com.example.bot", Path: at("bot.txt", []byte("192.0.2.100\n"))},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	berlin := Place{
		City: "Berlin", Continent: "EU", Country: "Germany", CountryCode: "DE", Latitude: "52.5", Longitude: "-0.25", Radius: "20",
		MetroCode: "7", PostalCode: "10115", Subdivision: "Land Berlin", TimeZone: "Europe/Berlin", EU: true,
	}
	france := Place{Country: "France", CountryCode: "FR", EU: true}
	as := AS{Number: 64500, Organization: "Example Net"}
	tests := []struct {
		name, addr string
		want       Info
	}{
		{name: "all of it", addr: "192.0.2.100", want: Info{
			Location: berlin, Registered: france, AS: as, Categories: []string{"blocklist.spam", "com.example.bot"}, Blocklist: true,
		}},
		{name: "mapped", addr: "::ffff:192.0.2.7", want: Info{
			Location: berlin, Registered: france, AS: as, Categories: []string{"proxy.anonymous", "proxy.anonymous.tor"}, Tor: true,
		}},
		{name: "only the place", addr: "192.0.2.200", want: Info{Location: berlin, Registered: france}},
		{name: "last of a range", addr: "192.0.2.127", want: Info{
			Location: berlin, Registered: france, AS: as, Categories: []string{"blocklist.spam"}, Blocklist: true,
		}},
		{name: "one address", addr: "198.51.100.9", want: Info{Categories: []string{"blocklist.spam"}, Blocklist: true}},
		{name: "its neighbour", addr: "198.51.100.10"},
		{name: "IPv6", addr: "2001:db8:1::1%eth0", want: Info{
			Location: Place{CountryCode: "US"}, Categories: []string{"blocklist.spam"}, Blocklist: true,
		}},
		{name: "unknown", addr: "203.0.113.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, s.Lookup(netip.MustParseAddr(tt.addr))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.addr, diff)
			}
		})
	}
	if diff := cmp.Diff(Info{}, s.Lookup(netip.Addr{})); diff != "" {
		t.Errorf("no address (-want +got):\n%s", diff)
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	at := func(name string, data []byte) string { return write(t, filepath.Join(dir, name), data) }
	tests := []struct {
		name, want string
		options    Options
	}{
		{name: "missing", want: "no such file", options: Options{Databases: []string{filepath.Join(dir, "none.mmdb")}}},
		{name: "not a database", want: "opening the database", options: Options{Databases: []string{at("bad.mmdb", []byte("hello"))}}},
		{name: "another shape", want: "shape", options: Options{Databases: []string{at("flat.mmdb", database(t, "Flat", map[string]mmdbtype.Map{
			"192.0.2.0/24": {"country": mmdbtype.String("DE")},
		}))}}},
		{name: "bad line", want: "list.txt: line 2", options: Options{Lists: []List{{Category: "blocklist", Path: at("list.txt", []byte("192.0.2.1\n300.1.1.1\n"))}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Open(tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestRefresh(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "city.mmdb"), cityDB(t, "Berlin"))
	s, err := Open(Options{Databases: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr("192.0.2.1")
	city := func() string { return s.Lookup(addr).Location.City }
	if changed, err := s.Refresh(); changed || err != nil {
		t.Fatalf("got %v, %v, want nothing new", changed, err)
	}
	write(t, path, []byte("half a file"))
	if changed, err := s.Refresh(); changed || err == nil || city() != "Berlin" {
		t.Fatalf("got %v, %v, %q, want an error and the older file", changed, err, city())
	}
	write(t, path, cityDB(t, "Potsdam an der Havel"))
	if changed, err := s.Refresh(); !changed || err != nil || city() != "Potsdam an der Havel" {
		t.Fatalf("got %v, %v, %q, want the newer file", changed, err, city())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refresh(); err == nil || city() == "" {
		t.Fatalf("got %v, %q, want an error and the older file", err, city())
	}
}

// TestWatch looks addresses up while files are taken up; it is for the race detector as well.
func TestWatch(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "city.mmdb"), cityDB(t, "Berlin"))
	s, err := Open(Options{Databases: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	taken := make(chan error, 1)
	group.Go(func() {
		s.Watch(ctx, time.Millisecond, func(err error) {
			select {
			case taken <- err:
			default:
			}
		})
	})
	group.Go(func() {
		for ctx.Err() == nil {
			if got := s.Lookup(netip.MustParseAddr("192.0.2.1")).Location.CountryCode; got != "DE" {
				t.Errorf("got %q during a refresh", got)
				return
			}
		}
	})
	write(t, path, cityDB(t, "Bernau bei Berlin"))
	if err := <-taken; err != nil {
		t.Error(err)
	}
	cancel()
	group.Wait()
	if got := s.Lookup(netip.MustParseAddr("192.0.2.1")).Location.City; got != "Bernau bei Berlin" {
		t.Errorf("got %q after the refresh", got)
	}
}

func FuzzNetworks(f *testing.F) {
	f.Add("192.0.2.0/24\n# x\n2001:db8::/32", "192.0.2.1")
	f.Add("0.0.0.0/0\n10.0.0.0/8", "10.1.1.1")
	f.Fuzz(func(t *testing.T, list, addr string) {
		n, err := readNetworks([]byte(list))
		a, bad := netip.ParseAddr(addr)
		if err != nil || bad != nil {
			return
		}
		a = a.Unmap().WithZone("")
		want := false
		for line := range strings.Lines(list) {
			if i := strings.IndexAny(line, "#;"); i >= 0 {
				line = line[:i]
			}
			if p, err := parseNetwork(strings.TrimSpace(line)); err == nil {
				want = want || spanOf(p).low == a.As16() || p.Contains(a)
			}
		}
		if got := n.contains(a); got != want && !strings.Contains(list, "::") {
			t.Errorf("%s in %q: got %v, want %v", addr, list, got, want)
		}
	})
}
