package ipinfo

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/oschwald/maxminddb-golang/v2"
)

var errShape = errors.New("its records do not have the shape of a MaxMind database")

// openDatabase opens a database and makes sure that its records can be read.
func openDatabase(data []byte) (*maxminddb.Reader, error) {
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	for result := range db.Networks() {
		var r record
		if err := result.Decode(&r); err != nil {
			return nil, fmt.Errorf("%w: %w", errShape, err)
		}
		break // one is as good as the next
	}
	return db, nil
}

// record is what any of the databases may hold for a network; each holds a part of it.
type record struct {
	City              named   `maxminddb:"city"`
	Continent         coded   `maxminddb:"continent"`
	Country           country `maxminddb:"country"`
	RegisteredCountry country `maxminddb:"registered_country"`
	Subdivisions      []named `maxminddb:"subdivisions"`
	Location          struct {
		Latitude  *float64 `maxminddb:"latitude"`
		Longitude *float64 `maxminddb:"longitude"`
		Radius    uint64   `maxminddb:"accuracy_radius"`
		MetroCode uint64   `maxminddb:"metro_code"`
		TimeZone  string   `maxminddb:"time_zone"`
	} `maxminddb:"location"`
	Postal struct {
		Code string `maxminddb:"code"`
	} `maxminddb:"postal"`
	Traits system `maxminddb:"traits"` // of Enterprise
	system
	anonymity
}

type named struct {
	Names struct {
		English string `maxminddb:"en"`
	} `maxminddb:"names"`
}

type coded struct {
	Code string `maxminddb:"code"`
}

type country struct {
	named
	Code string `maxminddb:"iso_code"`
	EU   bool   `maxminddb:"is_in_european_union"`
}

type system struct {
	Number       uint64 `maxminddb:"autonomous_system_number"`
	Organization string `maxminddb:"autonomous_system_organization"`
}

type anonymity struct {
	Anonymous   bool `maxminddb:"is_anonymous"`
	VPN         bool `maxminddb:"is_anonymous_vpn"`
	Hosting     bool `maxminddb:"is_hosting_provider"`
	PublicProxy bool `maxminddb:"is_public_proxy"`
	Residential bool `maxminddb:"is_residential_proxy"`
	Tor         bool `maxminddb:"is_tor_exit_node"`
}

// fill adds what is not known yet.
func (r *record) fill(info *Info) {
	if info.Location == (Place{}) {
		info.Location = r.place()
	}
	if info.Registered == (Place{}) {
		c := &r.RegisteredCountry
		info.Registered = Place{Country: c.Names.English, CountryCode: c.Code, EU: c.EU}
	}
	if info.AS == (AS{}) {
		s := r.system
		if s.Number == 0 {
			s = r.Traits
		}
		info.AS = AS{Number: int64(s.Number), Organization: s.Organization} //nolint:gosec // of 32 bits
	}
	for _, c := range [...]struct {
		is   bool
		name string
	}{
		{r.Anonymous, "proxy.anonymous"},
		{r.VPN, "proxy.anonymous.vpn"},
		{r.Tor, "proxy.anonymous.tor"},
		{r.PublicProxy, "proxy.public"},
		{r.Residential, "proxy.residential"},
		{r.Hosting, "hosting"},
	} {
		if c.is {
			info.add(c.name)
		}
	}
}

func (r *record) place() Place {
	p := Place{
		City: r.City.Names.English, Continent: r.Continent.Code, Country: r.Country.Names.English, CountryCode: r.Country.Code,
		EU: r.Country.EU, Latitude: degrees(r.Location.Latitude), Longitude: degrees(r.Location.Longitude),
		Radius: count(r.Location.Radius), MetroCode: count(r.Location.MetroCode), TimeZone: r.Location.TimeZone, PostalCode: r.Postal.Code,
	}
	if len(r.Subdivisions) > 0 {
		p.Subdivision = r.Subdivisions[0].Names.English
	}
	return p
}

func degrees(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

func count(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
