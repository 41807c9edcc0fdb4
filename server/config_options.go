package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// option is one key of weir.yaml, or of an entry of one of its lists.
type option[T any] struct {
	path string // dotted
	kind kind
	def  string // as it would be written; "" = none
	doc  string
	// field is where the value goes.
	field func(*T) any
}

// kind is the type of an option's value: how it is named in the reference and how one text becomes a value.
type kind struct {
	name string
	list bool
	// hidden values may hold a password, and are in no diagnostic.
	hidden bool
	set    func(field any, text string) error
}

// hidden is a kind whose values may hold a password.
func hidden(k kind) kind {
	k.hidden = true
	return k
}

func kindString(check func(string) error) kind {
	return kind{name: "text", set: func(field any, text string) error {
		p, ok := field.(*string)
		if !ok {
			return errField
		}
		*p = text
		if check == nil || text == "" {
			return nil
		}
		return check(text)
	}}
}

// errField is a mistake in the table, which a test finds.
var errField = errors.New("the option's field has another type")

func kindEnum(words ...string) kind {
	k := kindString(func(text string) error {
		if slices.Contains(words, text) {
			return nil
		}
		return fmt.Errorf("must be one of %s", strings.Join(words, ", "))
	})
	k.name = strings.Join(words, " \\| ")
	return k
}

func kindStrings(check func(string) error) kind {
	return kind{name: "list of text", list: true, set: func(field any, text string) error {
		p, ok := field.(*[]string)
		if !ok {
			return errField
		}
		*p = append(*p, text)
		if check == nil {
			return nil
		}
		return check(text)
	}}
}

func kindBool() kind {
	return kind{name: "true \\| false", set: func(field any, text string) error {
		p, ok := field.(*bool)
		if !ok {
			return errField
		}
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		*p = text == "true"
		return nil
	}}
}

func kindInt(least, most int) kind {
	return kind{name: "number", set: func(field any, text string) error {
		p, ok := field.(*int)
		if !ok {
			return errField
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		*p = n
		return nil
	}}
}

func kindDuration(least, most time.Duration) kind {
	return kind{name: "duration", set: func(field any, text string) error {
		p, ok := field.(*time.Duration)
		if !ok {
			return errField
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return fmt.Errorf("must be a duration from %s to %s, such as 30s", least, most)
		}
		*p = d
		return nil
	}}
}

// kindSize reads bytes with a unit of 1024 steps; the field is an int or an int64.
func kindSize(least, most int64) kind {
	return kind{name: "size", set: func(field any, text string) error {
		n, err := parseSize(text)
		if err != nil || n < least || n > most {
			return fmt.Errorf("must be a size from %s to %s, such as 50MiB", showSize(least), showSize(most))
		}
		switch p := field.(type) {
		case *int64:
			*p = n
		case *int:
			*p = int(n)
		default:
			return errField
		}
		return nil
	}}
}

func kindPrefixes() kind {
	return kind{name: "list of address ranges", list: true, set: func(field any, text string) error {
		p, ok := field.(*[]netip.Prefix)
		if !ok {
			return errField
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				return errors.New("must be an address or a range such as 10.0.0.0/8")
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		*p = append(*p, prefix.Masked())
		return nil
	}}
}

// sizeUnits are in the order in which a suffix is looked for.
func sizeUnits() []struct {
	suffix string
	bytes  int64
} {
	return []struct {
		suffix string
		bytes  int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}
}

func parseSize(text string) (int64, error) {
	for _, u := range sizeUnits() {
		if digits, ok := strings.CutSuffix(text, u.suffix); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 40)
			if err != nil {
				return 0, fmt.Errorf("reading a size: %w", err)
			}
			return n * u.bytes, nil
		}
	}
	return 0, errField
}

func showSize(n int64) string {
	for _, u := range sizeUnits() {
		if u.bytes > 1 && n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

func isAddress(text string) error {
	if path, ok := strings.CutPrefix(text, "unix:"); ok && path != "" {
		return nil
	}
	_, port, err := net.SplitHostPort(text)
	if n, portErr := strconv.Atoi(port); err != nil || portErr != nil || n < 0 || n > 65535 {
		return errors.New("must be host:port, or unix:/path")
	}
	return nil
}

func isHost(text string) error {
	name := strings.TrimPrefix(text, "*.")
	if !regexp.MustCompile(`^[A-Za-z0-9_:.\[\]-]+$`).MatchString(name) {
		return errors.New("must be a host name, or *. and one")
	}
	return nil
}

func isOrigin(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" {
		return errors.New("must be scheme://host[:port] without a path")
	}
	return nil
}

func isPrefix(text string) error {
	if !strings.HasPrefix(text, "/") || checkPath(text) != nil || strings.ContainsAny(text, "%?# ") {
		return errors.New("must be a path such as /team-a")
	}
	return nil
}

func isID(text string) error {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`).MatchString(text) {
		return errors.New("must be lower-case letters, digits, - and _")
	}
	return nil
}
