package content

// ibanCountries are the countries whose accounts have an IBAN, each with its length, in order of their names.
const ibanCountries = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27" +
	"GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27" +
	"MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24" +
	"XK20YE30"

// ibanLength gives the length of the IBANs of a country, 0 where it has none.
func ibanLength(country string) int {
	low, high := 0, len(ibanCountries)/4
	for low < high {
		mid := (low + high) / 2
		switch at := ibanCountries[4*mid:]; {
		case at[:2] == country:
			return int(at[2]-'0')*10 + int(at[3]-'0')
		case at[:2] < country:
			low = mid + 1
		default:
			high = mid
		}
	}
	return 0
}

// iban looks for an IBAN that begins with the two letters here.
func (s *scan) iban(start int) verdict {
	t := s.text
	if classes[t[start]]&classLetter == 0 || classes[t[start+1]]&classLetter == 0 || !s.starts(start) {
		return verdictNone
	}
	country := [2]byte{t[start] &^ 0x20, t[start+1] &^ 0x20}
	length := ibanLength(string(country[:]))
	if length == 0 {
		return verdictNone
	}
	// The remainder by 97 of the number that the letters and digits make, the first four at its end.
	rest, read := 0, 0
	at := start
	for ; read < length; at++ {
		if s.short(at) {
			return s.more(start)
		}
		if at >= len(t) {
			return verdictNone
		}
		b := t[at]
		if classes[b]&classAlnum == 0 {
			if (b == ' ' || b == '-') && read >= 4 && t[at-1] != ' ' && t[at-1] != '-' {
				continue
			}
			return verdictNone
		}
		if read >= 4 {
			rest = ibanAdd(rest, b)
		} else if read >= 2 && classes[b]&classDigit == 0 {
			return verdictNone
		}
		read++
	}
	if s.short(at) {
		return s.more(start)
	}
	for p := start; p < start+4; p++ {
		rest = ibanAdd(rest, t[p])
	}
	if rest != 1 || !s.ends(at) {
		return verdictNone
	}
	return s.is(entityIBAN, start, at)
}

func ibanAdd(sum int, b byte) int {
	if b <= '9' {
		return (sum*10 + int(b-'0')) % 97
	}
	return (sum*100 + int(b&^0x20-'A') + 10) % 97
}
