package vars

// member is a variable that several owners have, such as the two ends of a connection.
type member struct {
	name    string
	typ     Type
	doc     string
	example string // behind the path
}

const (
	certFields  = 28 // of each certificate
	ipFields    = 25 // of each address
	geoFields   = 7
	familyCount = 2*certFields + 1 + 2*ipFields + geoFields
)

// families is the variables that owners share, with the ids behind the listed ones.
func families() []Var {
	out := make([]Var, 0, familyCount)
	add := func(owner, whose string, members []member) {
		for _, m := range members {
			path := owner + "." + m.name
			out = append(out, Var{
				ID: listed + ID(len(out)), Path: path, Type: m.typ, Phases: phasesAll, Doc: m.doc + whose, Example: path + m.example, //nolint:gosec // some hundred
			})
		}
	}
	add("conn.tls.client", " of the client's certificate.", certMembers())
	add("conn.tls.client", " of the client's certificate.", []member{{"pem", TypeString, "The PEM form", " != ''"}})
	add("conn.tls.server", " of the certificate that the listener showed.", certMembers())
	add("conn.client_ip", " of the client's address.", ipMembers())
	add("conn.server_ip", " of the local address.", ipMembers())
	add("conn.geo", " of the client's address, as a string; empty where no IP database knows it.", geoMembers())
	return out
}

// certMembers is what a certificate tells. Without one, texts and lists are empty and times are 1970.
func certMembers() []member {
	name := func(who string) []member {
		return []member{
			{who, TypeString, "The distinguished name of the " + who, " != ''"},
			{who + ".common_name", TypeString, "The common name of the " + who, " == 'agents'"},
			{who + ".country", TypeStrings, "The countries of the " + who, " == ['DE']"},
			{who + ".locality", TypeStrings, "The localities of the " + who, " == ['Berlin']"},
			{who + ".organization", TypeStrings, "The organizations of the " + who, ".exists(o, o == 'Acme')"},
			{who + ".organizational_unit", TypeStrings, "The organizational units of the " + who, ".exists(u, u == 'Research')"},
			{who + ".postal_code", TypeStrings, "The postal codes of the " + who, " == []"},
			{who + ".province", TypeStrings, "The provinces of the " + who, " == []"},
			{who + ".street_address", TypeStrings, "The street addresses of the " + who, " == []"},
		}
	}
	out := []member{{"extensions", TypeList, "The extensions {id, critical, value}", ".exists(e, e.id == '2.5.29.15' && e.critical)"}}
	out = append(out, name("issuer")...)
	out = append(out, name("subject")...)
	return append(out, []member{
		{"san", TypeString, "All alternative names, separated by commas,", ".contains('spiffe:')"},
		{"san.dns_names", TypeStrings, "The DNS names", ".exists(n, n.endsWith('.example.com'))"},
		{"san.email_addresses", TypeStrings, "The email addresses", " == []"},
		{"san.ip_addresses", TypeStrings, "The IP addresses", " == []"},
		{"san.uris", TypeStrings, "The URIs", ".exists(u, u.startsWith('spiffe://example.com/'))"},
		{"serial_number", TypeString, "The serial number in hexadecimal", " != ''"},
		{"signature_algorithm", TypeString, "The signature algorithm", " == 'ECDSA-SHA256'"},
		{"validity.not_before", TypeTimestamp, "The first moment of validity", " < timestamp('2100-01-01T00:00:00Z')"},
		{"validity.not_after", TypeTimestamp, "The last moment of validity", " > timestamp('2020-01-01T00:00:00Z')"},
	}...)
}

// ipMembers is what IP databases and lists tell of an address: empty and false where none knows it.
func ipMembers() []member {
	place := func(group, what string, more ...member) []member {
		out := make([]member, 0, 8+len(more))
		for _, m := range append([]member{
			{"city", TypeString, "The city", " == 'Berlin'"},
			{"continent", TypeString, "The code of the continent", " == 'EU'"},
			{"country", TypeString, "The name of the country", " == 'Germany'"},
			{"country_code", TypeString, "The ISO code of the country", " in ['DE', 'FR']"},
			{"metro_code", TypeString, "The metro code", " != ''"},
			{"subdivision", TypeString, "The name of the largest subdivision", " == 'California'"},
			{"timezone", TypeString, "The time zone", " == 'Europe/Berlin'"},
			{"is_eu", TypeBool, "Whether the European Union has the country", ""},
		}, more...) {
			m.name, m.doc = group+"."+m.name, m.doc+" "+what
			out = append(out, m)
		}
		return out
	}
	out := []member{
		{"categories", TypeStrings, "The categories", ".exists(c, c.startsWith('proxy.'))"},
		{"is_on_blocklist", TypeBool, "Whether a blocklist names the network", ""},
		{"is_tor_node", TypeBool, "Whether a Tor node is at the network", ""},
		{"as.number", TypeInt, "The number of the autonomous system", " == 64500"},
		{"as.organization", TypeString, "The organization of the autonomous system", " == 'Example Net'"},
	}
	out = append(out, place("geo.location", "of the location",
		member{"latitude", TypeString, "The latitude, as a string,", " != ''"},
		member{"longitude", TypeString, "The longitude, as a string,", " != ''"},
		member{"postal_code", TypeString, "The postal code", " != ''"},
		member{"radius", TypeString, "The accuracy in kilometres, as a string,", " != ''"})...)
	return append(out, place("geo.registered_location", "of the place of registration")...)
}

func geoMembers() []member {
	return []member{
		{"city", TypeString, "The city", " == 'Berlin'"},
		{"country", TypeString, "The name of the country", " == 'Germany'"},
		{"country_code", TypeString, "The ISO code of the country", " in ['DE', 'FR']"},
		{"latitude", TypeString, "The latitude", " != ''"},
		{"longitude", TypeString, "The longitude", " != ''"},
		{"radius", TypeString, "The accuracy in kilometres", " != ''"},
		{"subdivision", TypeString, "The largest subdivision", " == 'California'"},
	}
}
