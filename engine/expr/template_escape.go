package expr

import "strings"

// Escaped renders the template with what its expressions give escaped: what a client sends can then not break out of a
// pattern or of a URL. What the author wrote stays as it is.
func (t *Template) Escaped(src Source, escape func(string) string) (out string, err error) {
	if t.fixed {
		return t.literal, nil
	}
	defer func() {
		if r := recover(); r != nil {
			out, err = "", errPanic
		}
	}()
	var b strings.Builder
	for i := range t.parts {
		p := &t.parts[i]
		s, err := p.render(src)
		if err != nil {
			return "", err
		}
		if p.unit != nil {
			s = escape(s)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}
