package catalog

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxName bounds ids and aliases: the longest public model id is about half of it.
const maxName = 256

// maxPrice is USD per million tokens that no vendor comes near: a price above it was written per token or per thousand.
const maxPrice = 100_000

// checkName says what is wrong with an id. A line end or a control character in one could forge lines of a log.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case len(name) > maxName:
		return fmt.Errorf("is longer than %d bytes", maxName)
	case !utf8.ValidString(name):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(name, unprintable):
		return errors.New("holds a space, a line end, or a control or invisible character")
	}
	return nil
}

// unprintable matches what a model name must not hold; the format characters among it could make one name look like another.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

// check finds every fault of a whole catalog.
func (c *Catalog) check() error {
	var faults []error
	for _, id := range c.providers {
		if err := checkName(id); err != nil {
			faults = append(faults, fmt.Errorf("provider %q: the id %w", id, err))
		}
		names := map[string]string{}
		for _, m := range c.byProvider[id] {
			if err := m.check(names); err != nil {
				faults = append(faults, fmt.Errorf("provider %q: %w", id, err))
			}
		}
	}
	return errors.Join(faults...)
}

// check finds what is wrong with a model; names holds those that its provider has already.
func (m *Model) check(names map[string]string) error {
	for i := -1; i < len(m.IDAliases); i++ {
		name := m.ID
		if i >= 0 {
			name = m.IDAliases[i]
		}
		if err := checkName(name); err != nil {
			return fmt.Errorf("model %q: the name %q %w", m.ID, name, err)
		}
		key := strings.ToLower(name)
		if owner, taken := names[key]; taken {
			return fmt.Errorf("model %q: the name %q is already that of %q", m.ID, name, owner)
		}
		names[key] = m.ID
	}
	if m.MaxContextWindow < 0 || m.MaxOutputTokens < 0 {
		return fmt.Errorf("model %q: a limit is negative", m.ID)
	}
	for _, price := range m.Pricing.fields() {
		if *price != nil && !validPrice(**price) {
			return fmt.Errorf("model %q: the price %v is not between 0 and %d", m.ID, **price, maxPrice)
		}
	}
	for _, rates := range m.Pricing.tiers() {
		for _, price := range rates.fields() {
			if *price != nil && !validPrice(**price) {
				return fmt.Errorf("model %q: the price %v of a tier is not between 0 and %d", m.ID, **price, maxPrice)
			}
		}
		if rates.Input == nil && rates.Output == nil {
			return fmt.Errorf("model %q: a tier has no price of input or output", m.ID)
		}
	}
	if l := m.Pricing.LongContext; l != nil && l.Above <= 0 {
		return fmt.Errorf("model %q: the long context begins above %d tokens, which is not positive", m.ID, l.Above)
	}
	if m.ReleaseDate != "" {
		if _, err := time.Parse(time.DateOnly, m.ReleaseDate); err != nil {
			return fmt.Errorf("model %q: the release date %q is not YYYY-MM-DD", m.ID, m.ReleaseDate)
		}
	}
	for _, d := range m.Datacenters {
		if d.CountryCode != "" && (len(d.CountryCode) != 2 || strings.ToUpper(d.CountryCode) != d.CountryCode) {
			return fmt.Errorf("model %q: %q is not a country code of two capital letters", m.ID, d.CountryCode)
		}
	}
	return nil
}

func validPrice(v float64) bool { return v >= 0 && v <= maxPrice && !math.IsNaN(v) }
