package wire

import (
	"bytes"
	"strings"
)

// multipartBoundary takes the boundary from a content type whose parameters no two readers take apart differently.
func multipartBoundary(contentType string) (string, *Problem) {
	media, rest, _ := strings.Cut(contentType, ";")
	if !strings.EqualFold(strings.TrimSpace(media), "multipart/form-data") {
		return "", &Problem{Param: "content-type", Message: "the content type must be multipart/form-data"}
	}
	boundary := ""
	for rest != "" {
		name, value, left, ok := multipartParam(rest)
		switch {
		case !ok, strings.Contains(name, "*"):
			return "", &Problem{Param: "content-type", Message: "the parameters of the content type cannot be read"}
		case !strings.EqualFold(name, "boundary"):
		case boundary != "":
			return "", &Problem{Param: "content-type", Message: "the content type names two boundaries"}
		default:
			boundary = value
		}
		rest = left
	}
	if boundary == "" || len(boundary) > multipartMaxBoundary || !multipartAll(boundary, multipartBoundaryByte) {
		return "", &Problem{Param: "content-type", Message: "the content type needs a boundary of 1 to 70 plain characters"}
	}
	return boundary, nil
}

// multipartParam reads one parameter, quoted or not, and the semicolon after it. A backslash before a quote is where
// readers disagree about the end of a value, so that it is refused.
func multipartParam(s string) (name, value, rest string, ok bool) {
	name, s, ok = strings.Cut(s, "=")
	name = strings.Trim(name, " \t")
	if !ok || name == "" || !multipartAll(name, multipartTokenByte) {
		return "", "", "", false
	}
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		value = strings.TrimRight(value, " \t")
		return name, value, rest, value != "" && multipartAll(value, multipartTokenByte)
	}
	value, rest, ok = strings.Cut(s[1:], `"`)
	if !ok || strings.HasSuffix(value, `\`) {
		return "", "", "", false
	}
	rest = strings.TrimLeft(rest, " \t")
	if rest == "" {
		return name, value, "", true
	}
	return name, value, rest[1:], rest[0] == ';'
}

// multipartHead reads the header lines of a part up to its content.
func multipartHead(b []byte, at int) (Part, *Problem) {
	part, named := Part{Start: at}, false
	for range multipartMaxHeaders + 1 {
		size := bytes.Index(b[part.Start:], []byte("\r\n"))
		if size < 0 {
			return part, multipartBad(part.Start, "the form ends inside the header of a part")
		}
		line, at := scanAlias(b[part.Start:part.Start+size]), part.Start
		part.Start += size + 2
		if line == "" {
			if !named {
				return part, multipartBad(at, "a part of the form has no content-disposition")
			}
			return part, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !multipartAll(name, multipartTokenByte) || !multipartAll(value, multipartTextByte) {
			return part, multipartBad(at, "a header line of a part of the form cannot be read")
		}
		value = strings.Trim(value, " \t")
		if strings.EqualFold(name, "content-disposition") {
			if named {
				return part, multipartBad(at, "a part of the form has two content-dispositions")
			}
			named = true
			if problem := part.disposition(at, value); problem != nil {
				return part, problem
			}
			continue
		}
		if !multipartPlain(name, value) {
			return part, multipartBad(at, "a part of the form has an encoding, charset or type that Weir does not read")
		}
	}
	return part, multipartBad(part.Start, "a part of the form has too many header lines")
}

// disposition takes the name of the part: once, in the plain form, of plain characters.
func (p *Part) disposition(at int, value string) *Problem {
	kind, rest, _ := strings.Cut(value, ";")
	if !strings.EqualFold(strings.Trim(kind, " \t"), "form-data") {
		return multipartBad(at, "a part of the form is not form-data")
	}
	files := 0
	for rest != "" {
		name, value, left, ok := multipartParam(rest)
		if !ok {
			return multipartBad(at, "the content-disposition of a part cannot be read")
		}
		rest = left
		switch strings.ToLower(name) {
		case "name":
			if p.Name != "" || value == "" {
				return multipartBad(at, "a part of the form needs exactly one name")
			}
			p.Name = value
		case "filename":
			files++
			p.File = true
		case "filename*":
			p.File = true
		default:
			return multipartBad(at, "the content-disposition of a part has the parameter "+scanShown(name))
		}
	}
	if p.Name == "" || files > 1 || !multipartAll(p.Name, multipartNameByte) {
		return multipartBad(at, "a part of the form needs exactly one name, of letters, digits and _ - . [ ]")
	}
	return nil
}

// multipartPlain refuses what changes the meaning of a part's bytes for some readers only.
func multipartPlain(name, value string) bool {
	value = strings.ToLower(value)
	switch strings.ToLower(name) {
	case "content-transfer-encoding":
		return value == "binary" || value == "8bit" || value == "7bit"
	case "content-encoding":
		return value == "identity"
	case "content-type":
		_, charset, found := strings.Cut(value, "charset")
		charset = strings.Trim(charset, " \t=\"")
		return !strings.HasPrefix(value, "multipart/") && (!found || charset == "utf-8" || charset == "us-ascii")
	default:
		return true
	}
}

func multipartBad(at int, message string) *Problem {
	return &Problem{Offset: at, Message: message}
}

func multipartAll(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return s != ""
}

func multipartAlphanumeric(c byte) bool {
	return c-'0' <= 9 || (c|0x20 >= 'a' && c|0x20 <= 'z')
}

func multipartTokenByte(c byte) bool {
	return multipartAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// multipartBoundaryByte is stricter than RFC 2046: no space, whose place at the end of a boundary readers dispute.
func multipartBoundaryByte(c byte) bool {
	return multipartAlphanumeric(c) || strings.IndexByte("'()+_,-./:=?", c) >= 0
}

func multipartNameByte(c byte) bool {
	return multipartAlphanumeric(c) || strings.IndexByte("_-.[]", c) >= 0
}

// multipartTextByte keeps control characters, bare line ends above all, out of header lines.
func multipartTextByte(c byte) bool {
	return c >= ' ' && c != 0x7F || c == '\t'
}
