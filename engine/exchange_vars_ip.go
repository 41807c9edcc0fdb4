package engine

import (
	"net/netip"

	"weir/engine/ipinfo"
	"weir/engine/vars"
)

// IPInfo tells what is known of addresses. It is called by several exchanges at once and must not wait for anything.
type IPInfo interface {
	Lookup(addr netip.Addr) ipinfo.Info
}

// clientInfo is what is known of the client's address.
func (x *Exchange) clientInfo() *ipinfo.Info {
	d := x.derive()
	if d.client == nil {
		addr := x.Conn.ClientIP
		if !addr.IsValid() {
			addr = x.Conn.Client.Addr()
		}
		d.client = x.lookupIP(addr)
	}
	return d.client
}

func (x *Exchange) serverInfo() *ipinfo.Info {
	d := x.derive()
	if d.server == nil {
		d.server = x.lookupIP(x.Conn.Server.Addr())
	}
	return d.server
}

func (x *Exchange) lookupIP(addr netip.Addr) *ipinfo.Info {
	info := &ipinfo.Info{}
	if ips := x.facts().IPs; ips != nil && addr.IsValid() {
		*info = ips.Lookup(addr.Unmap())
	}
	return info
}

// ipReaders reads what is known of one address, by the names below the address.
func ipReaders() map[string]func(*ipinfo.Info) vars.Value {
	type info = *ipinfo.Info
	out := map[string]func(info) vars.Value{
		"categories":      func(i info) vars.Value { return vars.Strings(i.Categories) },
		"is_on_blocklist": func(i info) vars.Value { return vars.Bool(i.Blocklist) },
		"is_tor_node":     func(i info) vars.Value { return vars.Bool(i.Tor) },
		"as.number":       func(i info) vars.Value { return vars.Int(i.AS.Number) },
		"as.organization": func(i info) vars.Value { return vars.String(i.AS.Organization) },

		"geo.location.is_eu":            func(i info) vars.Value { return vars.Bool(i.Location.EU) },
		"geo.registered_location.is_eu": func(i info) vars.Value { return vars.Bool(i.Registered.EU) },
	}
	for name, read := range placeReaders() {
		out["geo.location."+name] = func(i info) vars.Value { return vars.String(read(&i.Location)) }
	}
	for _, name := range [...]string{"city", "continent", "country", "country_code", "metro_code", "subdivision", "timezone"} {
		read := placeReaders()[name]
		out["geo.registered_location."+name] = func(i info) vars.Value { return vars.String(read(&i.Registered)) }
	}
	return out
}

func placeReaders() map[string]func(*ipinfo.Place) string {
	type place = *ipinfo.Place
	return map[string]func(place) string{
		"city":         func(p place) string { return p.City },
		"continent":    func(p place) string { return p.Continent },
		"country":      func(p place) string { return p.Country },
		"country_code": func(p place) string { return p.CountryCode },
		"latitude":     func(p place) string { return p.Latitude },
		"longitude":    func(p place) string { return p.Longitude },
		"metro_code":   func(p place) string { return p.MetroCode },
		"postal_code":  func(p place) string { return p.PostalCode },
		"radius":       func(p place) string { return p.Radius },
		"subdivision":  func(p place) string { return p.Subdivision },
		"timezone":     func(p place) string { return p.TimeZone },
	}
}

// addIPReaders gives the variables below the addresses their readers.
func addIPReaders(add func(path string, read reader)) {
	for name, read := range ipReaders() {
		add("conn.client_ip."+name, func(x *Exchange) vars.Value { return read(x.clientInfo()) })
		add("conn.server_ip."+name, func(x *Exchange) vars.Value { return read(x.serverInfo()) })
	}
	for _, name := range [...]string{"city", "country", "country_code", "latitude", "longitude", "radius", "subdivision"} {
		read := placeReaders()[name]
		add("conn.geo."+name, func(x *Exchange) vars.Value { return vars.String(read(&x.clientInfo().Location)) })
	}
}
