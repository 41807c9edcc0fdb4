package content

// countryCodes are the codes of countries with how many digits their numbers have, code included, least and most. A
// country whose numbers differ widely has both ends. Codes that are not here have phoneLeast to phoneMost.
const countryCodes = "1:11-11 7:11-11 20:11-12 27:11-11 30:12-12 31:11-11 32:10-11 33:11-11 34:11-11 36:10-11 39:8-13 40:11-11 41:11-11 " +
	"43:8-15 44:11-12 45:10-10 46:9-12 47:10-10 48:11-11 49:8-14 51:10-11 52:12-13 53:8-10 54:12-13 55:12-13 56:11-11 57:10-12 58:12-12 " +
	"60:10-12 61:11-11 62:10-14 63:11-12 64:10-12 65:10-10 66:10-11 81:11-12 82:10-12 84:11-12 86:11-13 90:12-12 91:12-12 92:11-12 93:11-11 " +
	"94:11-11 95:9-12 98:12-12 "

const (
	// phoneLeast and phoneMost are the digits of numbers of other countries, code included.
	phoneLeast = 10
	phoneMost  = 13
)

// countryLengths gives how many digits numbers have that begin with these, 0 where no country has the code or more
// digits are needed to tell.
func countryLengths(head string) (low, high int) {
	for at := 0; at < len(countryCodes); {
		colon := at
		for countryCodes[colon] != ':' {
			colon++
		}
		end := colon
		for countryCodes[end] != ' ' {
			end++
		}
		if code := countryCodes[at:colon]; len(head) >= len(code) && head[:len(code)] == code {
			return countryRange(countryCodes[colon+1 : end])
		}
		at = end + 1
	}
	if len(head) < 3 {
		return 0, 0
	}
	switch head[:2] {
	case "21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59", "67", "68", "69", "80", "85", "88", "96", "97", "99":
		return phoneLeast, phoneMost
	default:
		return 0, 0
	}
}

func countryRange(t string) (low, high int) {
	out, i := [2]int{}, 0
	for _, b := range []byte(t) {
		if b == '-' {
			i++
			continue
		}
		out[i] = out[i]*10 + int(b-'0')
	}
	return out[0], out[1]
}
