package content

// card gives the end of a payment card's number that the groups begin with, 0 where there is none.
func (s *scan) card(g *groups) int {
	switch s.text[g.list[0].start] {
	case '0', '1', '7':
		return 0
	}
	last := cardShape(g)
	if last == 4 && g.len(0) == 4 && !s.cardOf(g, last) { // the security code may follow
		last = 3
	}
	if last < 0 || !s.cardOf(g, last) {
		return 0
	}
	if g.len(0) <= 2 { // rows of numbers are grouped like that far more often
		if n := (last + 1) * g.len(0); n != 16 || g.n > last+1 || g.next != 0 || s.inRow(g.list[0].start) {
			return 0
		}
		if g.len(0) == 2 && !s.named(g.list[0].start, cardWords) {
			return 0
		}
	}
	return g.list[last].end
}

var cardWords = []string{"card", "cards", "visa", "mastercard", "credit", "debit", "kreditkarte", "carte", "tarjeta"}

// cardOf reports whether the groups up to last are a payment card's number.
func (s *scan) cardOf(g *groups, last int) bool {
	if !s.closed(g, last) {
		return false
	}
	if last > 0 {
		kind := g.list[1].gap
		if !g.even(1, last) || (kind != gapSpace && kind != gapDash && kind != gapDot) {
			return false
		}
	}
	var number [numberRun]byte
	n := 0
	for i := range last + 1 {
		d := &g.list[i]
		n += copy(number[n:], s.text[d.start:d.end])
	}
	return n >= 13 && n <= 19 && cardIssued(number[:n], last > 0) && luhn(number[:n])
}

// cardShape gives the last group of a number that is grouped as cards are, -1 where the groups begin with none.
func cardShape(g *groups) int {
	first := g.len(0)
	switch {
	case first >= 13 && first <= 19:
		return 0
	case first == 4 && g.n > 2 && g.len(1) == 6 && (g.len(2) == 5 || g.len(2) == 4):
		return 2
	case first == 4 && g.n > 3 && g.len(1) == 4 && g.len(2) == 4:
		if n := g.len(3); n == 4 && g.n > 4 && g.len(4) == 3 && g.list[4].gap == g.list[3].gap {
			return 4
		} else if n >= 1 && n <= 4 {
			return 3
		}
	case first == 6 && g.n > 1 && g.len(1) == 13:
		return 1
	case first == 1 || first == 2:
		last := 0
		for last+1 < g.n && g.len(last+1) == first {
			last++
		}
		if n := (last + 1) * first; n >= 13 && n <= 19 {
			return last
		}
	}
	return -1
}

// cardIssued reports whether a network of cards has numbers of this begin and length. Of the networks that may give out
// longer ones as well, those that do are few: in one piece they are ids far more often.
func cardIssued(number []byte, grouped bool) bool {
	n := len(number)
	usual := n == 16 || (n > 16 && grouped)
	head := 0
	for i := range 6 {
		head = head*10 + int(number[i]-'0')
	}
	two, three, four := head/10000, head/1000, head/100
	switch {
	case head/100000 == 4: // Visa
		return n == 13 || n == 16 || (n == 19 && grouped)
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case two == 34 || two == 37: // American Express
		return n == 15
	case four == 6011, three >= 644 && three <= 649, two == 65: // Discover, RuPay
		return usual
	case four >= 3528 && four <= 3589: // JCB
		return usual
	case three >= 300 && three <= 305, two == 36, two == 38, two == 39: // Diners Club
		return n == 14 || usual
	case two == 62: // UnionPay: debit cards have 19
		return n >= 16
	case two == 81, two == 60, two == 82: // RuPay
		return usual
	case four >= 2200 && four <= 2204, four == 9792: // Mir, Troy
		return usual
	case four == 5018, four == 5020, four == 5038, four == 5893, four == 6304, four == 6759, four >= 6761 && four <= 6763: // Maestro
		return n >= 13
	default:
		return false
	}
}

func luhn(number []byte) bool {
	sum := 0
	for i := range number {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum > 0 && sum%10 == 0
}
