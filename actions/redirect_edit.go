package actions

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"weir/engine"
	"weir/engine/expr"
)

const (
	// maxPattern is longer than patterns that a person writes for URLs.
	maxPattern = 1024
	// maxMatches bounds what a URL that repeats itself can make of a short pattern.
	maxMatches = 100
)

// urlEdit finds and replaces in a request's URL. Redirect and url-rewrite share it.
type urlEdit struct {
	from    *expr.Template // nil = the whole URL
	pattern *regexp.Regexp // where from is constant
	last    atomic.Pointer[regexp.Regexp]
	to      *expr.Template
	host    string // scheme and host that to begins with where an expression follows them at once; "" = otherwise
}

func newURLEdit(c *engine.Config) *urlEdit {
	e := &urlEdit{from: c.Template("from"), to: c.Template("to")}
	if n := c.Node("to"); n != nil && e.to != nil {
		e.host = openHost(n.Text.Value)
		if literal, ok := e.to.Literal(); ok && literal == "" && e.from == nil {
			c.Errorf(n, "bad_value", "\"to\" is empty, and without \"from\" it takes the place of the whole URL")
		}
	}
	if c.Node("from") != nil {
		if e.from == nil {
			return nil
		}
		if text, ok := e.from.Literal(); ok {
			var err error
			if e.pattern, err = compilePattern(text); err != nil {
				c.Errorf(c.Node("from"), "bad_regex", "%v", err)
				return nil
			}
		}
	}
	if e.to == nil {
		return nil
	}
	return e
}

// openHost is the origin that a template begins with where its first expression could make the host a longer one.
func openHost(text string) string {
	before, _, found := strings.Cut(text, "${")
	_, host, isURL := strings.Cut(before, "://")
	if !found || !isURL || host == "" || strings.ContainsAny(host, "/?#") {
		return ""
	}
	return before
}

var errLongPattern = fmt.Errorf("a pattern for URLs is at most %d characters long", maxPattern)

func compilePattern(text string) (*regexp.Regexp, error) {
	if len(text) > maxPattern {
		return nil, errLongPattern
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("this is not a regular expression: %w", err)
	}
	return re, nil
}

// compiled gives the pattern for one exchange. What expressions give is matched as it is, not as a pattern. The last one
// is kept, as most of them are the same for many requests.
func (e *urlEdit) compiled(x *engine.Exchange) (*regexp.Regexp, error) {
	if e.pattern != nil {
		return e.pattern, nil
	}
	text, err := e.from.Escaped(x, regexp.QuoteMeta)
	if err != nil {
		return nil, fmt.Errorf("evaluating from: %w", err)
	}
	if last := e.last.Load(); last != nil && last.String() == text {
		return last, nil
	}
	re, err := compilePattern(text)
	if err != nil {
		return nil, err
	}
	e.last.Store(re)
	return re, nil
}

var (
	errManyMatches = fmt.Errorf("the pattern matches more than %d times", maxMatches)
	errLongURL     = fmt.Errorf("the new URL is over %d bytes", maxURL)
	errOpenHost    = errors.New("an expression would change the host of the new URL")
)

// apply makes the new URL and lists what was replaced.
func (e *urlEdit) apply(x *engine.Exchange, old string) (changed string, matches []any, err error) {
	if e.from == nil {
		to, err := e.evaluate(x)
		if err != nil {
			return "", nil, err
		}
		changed = strings.ReplaceAll(to, "$$", "$")
		return changed, []any{old}, e.check(changed)
	}
	re, err := e.compiled(x)
	if err != nil {
		return "", nil, err
	}
	found := re.FindAllStringSubmatchIndex(old, maxMatches+1)
	if len(found) > maxMatches {
		return "", nil, errManyMatches
	}
	if len(found) == 0 {
		return old, nil, nil
	}
	to, err := e.evaluate(x)
	if err != nil {
		return "", nil, err
	}
	template := expandable(to, re)
	var out []byte
	end := 0
	for _, m := range found {
		out = append(out, old[end:m[0]]...)
		out = re.ExpandString(out, template, old, m)
		matches = append(matches, old[m[0]:m[1]])
		end = m[1]
	}
	changed = string(append(out, old[end:]...))
	return changed, matches, e.check(changed)
}

// evaluate gives what takes the place of a match, before its groups are put in.
func (e *urlEdit) evaluate(x *engine.Exchange) (string, error) {
	to, err := e.to.Escaped(x, func(s string) string { return strings.ReplaceAll(escapeURL(s), "$", "$$") })
	if err != nil {
		return "", fmt.Errorf("evaluating to: %w", err)
	}
	return to, nil
}

// check makes sure that the new URL is none too long, and that an expression right behind a host did not make it another
// one, as .evil.example would.
func (e *urlEdit) check(changed string) error {
	if len(changed) > maxURL {
		return errLongURL
	}
	if e.host == "" {
		return nil
	}
	at := strings.Index(changed, e.host)
	if at < 0 {
		return nil
	}
	if rest := changed[at+len(e.host):]; rest != "" && !strings.ContainsRune("/?#", rune(rest[0])) && !isPort(rest) {
		return errOpenHost
	}
	return nil
}

// isPort reports whether rest begins with a port and ends the host behind it.
func isPort(rest string) bool {
	digits, ok := strings.CutPrefix(rest, ":")
	after := strings.TrimLeft(digits, "0123456789")
	return ok && len(after) < len(digits) && (after == "" || strings.ContainsRune("/?#", rune(after[0])))
}

// expandable puts braces around the numbers of groups, so that $1x is the first group and an x, and takes every other
// dollar sign for itself.
func expandable(to string, re *regexp.Regexp) string {
	var b strings.Builder
	for i := 0; i < len(to); i++ {
		c := to[i]
		if c != '$' || i+1 == len(to) {
			b.WriteByte(c)
			if c == '$' {
				b.WriteByte('$')
			}
			continue
		}
		rest := to[i+1:]
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		switch {
		case rest[0] == '$':
			b.WriteString("$$")
			i++
		case digits > 0:
			b.WriteString("${" + rest[:digits] + "}")
			i += digits
		case rest[0] == '{' && isGroup(rest, re):
			b.WriteByte('$')
		default:
			b.WriteString("$$")
		}
	}
	return b.String()
}

// isGroup reports whether rest begins with the name or number of a group in braces.
func isGroup(rest string, re *regexp.Regexp) bool {
	name, _, ok := strings.Cut(rest[1:], "}")
	if !ok || name == "" {
		return false
	}
	return strings.Trim(name, "0123456789") == "" || re.SubexpIndex(name) >= 0
}

// escapeURL encodes what cannot stand in a URL. What divides one stays, so that expressions may give paths, queries and
// whole URLs, and what is encoded already is not encoded twice.
func escapeURL(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])):
			b.WriteString("%25")
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// requestURL is the URL as the client sent it.
func requestURL(x *engine.Exchange) string {
	r := &x.Request
	text := r.Scheme + "://" + r.Host + r.RawPath
	if r.Query != "" {
		text += "?" + r.Query
	}
	return text
}

// editResult leaves what was found for later expressions.
func editResult(x *engine.Exchange, name string, matches []any, changed string, err error) {
	if !x.WantsResult(name) {
		return
	}
	result := map[string]any{"matches": matches, "url": changed}
	if matches == nil {
		result["matches"] = []any{}
	}
	if err != nil {
		result["error"] = map[string]any{"code": string(engine.CodePolicyFailed), "message": err.Error()}
	}
	x.SetResult(name, result)
}

// sameAuthority reports whether a URL has the scheme and host of the request.
func sameAuthority(x *engine.Exchange, u *url.URL) bool {
	return sameOrigin(u, &url.URL{Scheme: x.Request.Scheme, Host: x.Request.Host})
}
