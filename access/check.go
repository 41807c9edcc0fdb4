package access

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of texts and lists. Those of names, descriptions, metadata and addresses are the ones of the API that this mirrors.
const (
	maxName     = 255
	maxMetadata = 4096
	maxURL      = 2048
	// maxGroups, maxNetworks and maxAttached are an order of magnitude above what an organisation keeps by hand, and are
	// walked through in each call.
	maxGroups   = 100
	maxNetworks = 100
	maxAttached = 50
	// maxValue is that of a provider key: service account files stay far below it.
	maxValue = 64 << 10
)

func fieldError(field, format string, args ...any) *FieldError {
	return &FieldError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// check tells the first thing that a resource cannot be or refer to.
func (m *Manager) check(s *Snapshot, k Kind, r Resource) error {
	c := &checker{s: s, m: &m.o}
	c.meta(r.Common())
	if k.named() && strings.TrimSpace(r.Common().Name) == "" {
		c.fail("name", "it is missing")
	}
	switch r := r.(type) {
	case *AccessKey:
		c.accessKey(r)
	case *Configuration:
		c.configuration(r)
	case *ProviderKey:
		c.providerKey(r)
	case *Provider:
		c.provider(r)
	case *Team:
		c.keys("provider_key_ids", r.ProviderKeyIDs, r.ID)
	case *Quota:
		c.quota(k, r)
	case *APIKey:
		if !slices.Contains([]string{RoleAdmin, RoleEditor, RoleViewer, RoleAuditor}, r.Role) {
			c.fail("role", "a role is %s, %s, %s or %s", RoleAdmin, RoleEditor, RoleViewer, RoleAuditor)
		}
	case *GatewayConfig:
		c.gateway(r)
	default:
		return errNotFor(k, r)
	}
	return c.err
}

// named reports whether resources of a kind must have a name: those that people choose from.
func (k Kind) named() bool {
	return k == KindConfiguration || k == KindProviderKey || k == KindProvider || k == KindTeam
}

// checker finds the first mistake in a resource.
type checker struct {
	s   *Snapshot
	m   *ManagerOptions
	err error
}

func (c *checker) fail(field, format string, args ...any) {
	if c.err == nil {
		c.err = fieldError(field, format, args...)
	}
}

func (c *checker) meta(m *Meta) {
	c.word("name", m.Name)
	c.text("description", m.Description, maxName)
	if len(m.Metadata) > maxMetadata {
		c.fail("metadata", "it has %d bytes, %d are allowed", len(m.Metadata), maxMetadata)
	}
	if !utf8.ValidString(m.Metadata) {
		c.fail("metadata", "it is not UTF-8")
	}
}

// text checks a text that people read: no control characters, and a length in characters.
func (c *checker) text(field, text string, most int) {
	switch {
	case !utf8.ValidString(text):
		c.fail(field, "it is not UTF-8")
	case utf8.RuneCountInString(text) > most:
		c.fail(field, "it has %d characters, %d are allowed", utf8.RuneCountInString(text), most)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		c.fail(field, "it has control characters")
	}
}

// word checks a text that stands in headers, logs and tables: it is on one line and reads in one direction.
func (c *checker) word(field, text string) {
	c.text(field, text, maxName)
	if strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
	}) {
		c.fail(field, "it has control characters")
	}
}

// names checks a list of short texts, each there once.
func (c *checker) names(field string, list []string, most int) {
	if len(list) > most {
		c.fail(field, "it has %d entries, %d are allowed", len(list), most)
		return
	}
	seen := make(map[string]bool, len(list))
	for i, name := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		if strings.TrimSpace(name) == "" {
			c.fail(at, "it is empty")
		}
		c.word(at, name)
		if seen[name] {
			c.fail(at, "%q is there twice", name)
		}
		seen[name] = true
	}
}

func (c *checker) accessKey(k *AccessKey) {
	c.names("groups", k.Groups, maxGroups)
	c.networks(k.AllowedNetworks)
	c.period(k.NotBefore, k.ExpiresAt)
	if k.TeamID != "" && c.s.Teams[k.TeamID] == nil {
		c.fail("team_id", "there is no team %s", shown(k.TeamID))
	}
	if k.ConfigurationID != "" && c.s.Configurations[k.ConfigurationID] == nil {
		c.fail("configuration_id", "there is no access key configuration %s", shown(k.ConfigurationID))
	}
	c.keys("provider_key_ids", k.ProviderKeyIDs, k.TeamID)
}

func (c *checker) period(from, until *time.Time) {
	for _, t := range []struct {
		field string
		at    *time.Time
	}{{"not_before", from}, {"expires_at", until}} {
		if t.at != nil && (t.at.Year() < 1970 || t.at.Year() > 9999) {
			c.fail(t.field, "the year %d is not one that a key can know", t.at.Year())
		}
	}
	if from != nil && until != nil && !until.After(*from) {
		c.fail("expires_at", "it is not after not_before")
	}
}

func (c *checker) networks(list []string) {
	c.names("allowed_networks", list, maxNetworks)
	for i, text := range list {
		if err := checkNetwork(text); err != nil {
			c.fail(fmt.Sprintf("allowed_networks[%d]", i), "%s", err)
		}
	}
}

func checkNetwork(text string) error {
	if a, err := netip.ParseAddr(text); err == nil {
		if a.Zone() != "" {
			return errors.New("an address has no zone")
		}
		return nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return fmt.Errorf("%s is no address and no network such as 10.1.0.0/16", shown(text))
	case p != p.Masked():
		return fmt.Errorf("%s has bits behind its prefix: write %s", p, p.Masked())
	default:
		return nil
	}
}

// keys checks references to provider keys that are attached to a key or team.
func (c *checker) keys(field string, ids []string, team string) {
	c.names(field, ids, maxAttached)
	for i, id := range ids {
		at := fmt.Sprintf("%s[%d]", field, i)
		k := c.s.ProviderKeys[id]
		switch {
		case k == nil:
			c.fail(at, "there is no provider key %s", shown(id))
		case k.TeamID != "" && k.TeamID != team:
			c.fail(at, "the provider key %s belongs to another team", id)
		}
	}
}

func (c *checker) providerKey(k *ProviderKey) {
	if k.ProviderID == "" {
		c.fail("provider_id", "it is missing")
	} else if !c.knownProvider(k.ProviderID) {
		c.fail("provider_id", "there is no provider %s", shown(k.ProviderID))
	}
	if k.TeamID != "" && c.s.Teams[k.TeamID] == nil {
		c.fail("team_id", "there is no team %s", shown(k.TeamID))
	}
	value, err := keyValue(c.m.Box, k)
	if err != nil {
		c.fail("value", "it cannot be opened: give it again")
	} else if err := checkValue(value); err != nil {
		c.fail("value", "%s", err)
	}
}

// checkValue tells why a text is no provider key, without showing it. Service account files have line breaks; what goes into
// a header has none.
func checkValue(value string) error {
	switch {
	case value == "":
		return errors.New("it is empty")
	case len(value) > maxValue:
		return fmt.Errorf("it has %d bytes, %d are allowed", len(value), maxValue)
	case !utf8.ValidString(value):
		return errors.New("it is not UTF-8")
	case value != strings.TrimSpace(value):
		return errors.New("it has white space around it")
	case value[0] != '{' && strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("it has control characters")
	default:
		return nil
	}
}

// knownProvider reports whether a provider id is one that somebody defines.
func (c *checker) knownProvider(id string) bool {
	if c.m.BuiltIn(id) {
		return true
	}
	for _, p := range c.s.Providers {
		if p.ProviderID == id {
			return true
		}
	}
	if c.m.KnownProvider == nil {
		return isProviderID(id)
	}
	return c.m.KnownProvider(id)
}

func (c *checker) gateway(g *GatewayConfig) {
	total := c.timeout("total_timeout", g.TotalTimeout)
	each := c.timeout("per_request_timeout", g.PerRequestTimeout)
	if total > 0 && each > total {
		c.fail("per_request_timeout", "it is longer than total_timeout")
	}
	c.positive("max_input_tokens", g.MaxInputTokens)
	c.positive("max_output_tokens", g.MaxOutputTokens)
}

// maxTimeout is longer than any call to a model takes.
const maxTimeout = 24 * time.Hour

func (c *checker) timeout(field, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond || d > maxTimeout {
		c.fail(field, "a timeout is a duration such as 30s or 5m, of 24h at most")
	}
	return d
}

func (c *checker) positive(field string, n *int64) {
	if n != nil && *n < 1 {
		c.fail(field, "it is not positive")
	}
}

// shown is a short text of a client in an error: quoted, and not for ever.
func shown(text string) string {
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(text, "\uFFFD"))
}

// maxShown is the length of the longest id with room to spare.
const maxShown = 64

// immutable tells of a change that a resource does not take.
func immutable(before, next Resource) error {
	switch was := before.(type) {
	case *Provider:
		if next, ok := next.(*Provider); ok && next.ProviderID != was.ProviderID {
			return fieldError("provider_id", "it cannot be changed")
		}
	case *ProviderKey:
		if next, ok := next.(*ProviderKey); ok && next.ProviderID != was.ProviderID {
			return fieldError("provider_id", "it cannot be changed")
		}
	}
	return nil
}

// checkURL tells what is wrong with an address that the gateway calls.
func checkURL(text string, schemes ...string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("it has %d bytes, %d are allowed", len(text), maxURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is not an address") // the parser's words quote it
	case !slices.Contains(schemes, u.Scheme):
		return nil, fmt.Errorf("its scheme is not %s", strings.Join(schemes, " or "))
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("it has no host")
	case u.User != nil:
		return nil, errors.New("it has a user name or password in it")
	case u.Fragment != "":
		return nil, errors.New("it has a fragment")
	}
	return u, nil
}
