package admin

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"weir/engine/wire"
)

const (
	// maxItems bounds arrays without a bound of their own: the largest honest ones are lists of models.
	maxItems = 1000
	// maxText bounds texts without a bound of their own; addresses and expressions are the longest.
	maxText = 4096
	// maxProblems bounds how many faults one answer tells: enough to mend a request at once.
	maxProblems = 20
)

// decoder reads a request's JSON strictly into a struct and notes what is wrong with it, field by field.
type decoder struct {
	patch    bool
	problems map[string]string
}

// decodeObject reads a whole body.
func decodeObject(body []byte, into any, patch bool) error {
	d := decoder{patch: patch, problems: map[string]string{}}
	d.object(body, reflect.ValueOf(into).Elem(), "")
	if len(d.problems) == 0 {
		return nil
	}
	fail := failf(codeBadRequest, "the body is not what this path takes: %s", strings.Join(d.list(), "; "))
	fail.details = d.problems
	return fail
}

func (d *decoder) list() []string {
	out := make([]string, 0, len(d.problems))
	for field, problem := range d.problems {
		if field == wholeBody {
			out = append(out, problem)
			continue
		}
		out = append(out, field+" "+problem)
	}
	slices.Sort(out)
	return out
}

// wholeBody is the field that faults of no single one are told under.
const wholeBody = "body"

func (d *decoder) bad(path, format string, args ...any) {
	if path == "" {
		path = wholeBody
	}
	if _, there := d.problems[path]; !there && len(d.problems) < maxProblems {
		d.problems[path] = fmt.Sprintf(format, args...)
	}
}

func (d *decoder) object(raw []byte, into reflect.Value, path string) {
	var doc wire.Doc
	if p := doc.Scan(raw); p != nil {
		if path != "" && p.Param == "" {
			d.bad(path, "is not an object")
			return
		}
		d.bad(join(path, p.Param), "%s", p.Message)
		return
	}
	known := members(into.Type())
	for _, got := range doc.Members() {
		i := slices.IndexFunc(known, func(m member) bool { return m.name == got.Key })
		switch {
		case i < 0:
			d.bad(join(path, shown(got.Key)), "is not a field here")
		case d.patch && known[i].create:
			d.bad(join(path, got.Key), "is set at creation only")
		default:
			d.member(&doc, got, &known[i], into.FieldByIndex(known[i].index), join(path, got.Key))
		}
	}
	for i := range known {
		if !known[i].required || (d.patch && path == "") {
			continue
		}
		if _, there := doc.Lookup(known[i].name); !there {
			d.bad(join(path, known[i].name), "is required")
		}
	}
}

func (d *decoder) member(doc *wire.Doc, got wire.Member, m *member, into reflect.Value, path string) {
	null := got.Kind == wire.KindNull
	if null && m.required {
		d.bad(path, "cannot be null")
		return
	}
	if o, ok := reflect.TypeAssert[optional](into.Addr()); ok {
		into = reflect.ValueOf(o.accept(null)).Elem()
	}
	if !null {
		d.value(doc.Raw(got), got.Kind, &m.rules, into, path)
	}
}

// value reads one JSON value that is not null.
func (d *decoder) value(raw []byte, kind wire.Kind, r *rules, into reflect.Value, path string) {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	if into.Type() == reflect.TypeFor[time.Time]() {
		d.time(raw, kind, into, path)
		return
	}
	want := jsonKind(into.Kind())
	if kind != want {
		d.bad(path, "is %s and must be %s", kind, want)
		return
	}
	switch into.Kind() {
	case reflect.String:
		d.text(raw, r, into, path)
	case reflect.Bool:
		into.SetBool(raw[0] == 't')
	case reflect.Int, reflect.Int64:
		d.integer(raw, r, into, path)
	case reflect.Slice:
		d.array(raw, r, into, path)
	default:
		d.object(raw, into, path)
	}
}

func jsonKind(k reflect.Kind) wire.Kind {
	switch k {
	case reflect.String:
		return wire.KindString
	case reflect.Bool:
		return wire.KindBool
	case reflect.Int, reflect.Int64:
		return wire.KindNumber
	case reflect.Slice:
		return wire.KindArray
	default:
		return wire.KindObject
	}
}

func (d *decoder) text(raw []byte, r *rules, into reflect.Value, path string) {
	s, ok := decodeText(raw)
	most := int64(maxText)
	if r.hasMax {
		most = r.max
	}
	n := int64(utf8.RuneCountInString(s))
	switch {
	case !ok:
		d.bad(path, "is not a valid string")
	case strings.ContainsFunc(s, isControl):
		d.bad(path, "holds a control character")
	case n > most:
		d.bad(path, "is longer than %d characters", most)
	case r.hasMin && n < r.min:
		d.bad(path, "is shorter than %d characters", r.min)
	case r.enum != nil && !slices.Contains(r.enum, s):
		d.bad(path, "is not one of %s", strings.Join(r.enum, ", "))
	default:
		into.SetString(strings.Clone(s))
	}
}

// decodeText decodes one raw string by reading it as the only member of an object, whose scan checks it too.
func decodeText(raw []byte) (string, bool) {
	var doc wire.Doc
	if doc.Scan(slices.Concat([]byte(`{"":`), raw, []byte("}"))) != nil {
		return "", false
	}
	return doc.Str(doc.Members()[0])
}

// isControl are the characters that forge lines in logs and that databases refuse; text of several lines is fine.
func isControl(c rune) bool {
	return (c < ' ' && c != '\n' && c != '\t' && c != '\r') || (c >= 0x7f && c < 0xa0)
}

func (d *decoder) time(raw []byte, kind wire.Kind, into reflect.Value, path string) {
	s, ok := decodeText(raw)
	at, err := time.Parse(time.RFC3339, s)
	if kind != wire.KindString || !ok || err != nil {
		d.bad(path, "is not a time such as 2030-01-31T12:00:00Z")
		return
	}
	into.Set(reflect.ValueOf(at.UTC()))
}

func (d *decoder) integer(raw []byte, r *rules, into reflect.Value, path string) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	switch {
	case err != nil:
		d.bad(path, "is not a whole number")
	case (r.hasMin && n < r.min) || (r.hasMax && n > r.max):
		d.bad(path, "is not between %d and %d", r.min, r.max)
	default:
		into.SetInt(n)
	}
}

func (d *decoder) array(raw []byte, r *rules, into reflect.Value, path string) {
	out := reflect.MakeSlice(into.Type(), 0, 0)
	most := r.mostItems()
	element := *r
	element.required = false
	for m := range func(yield func(wire.Member) bool) { wire.Elements(raw, yield) } {
		at := path + "[" + strconv.Itoa(out.Len()) + "]"
		if out.Len() >= most {
			d.bad(path, "has more than %d elements", most)
			return
		}
		v := reflect.New(into.Type().Elem()).Elem()
		if m.Kind == wire.KindNull {
			d.bad(at, "cannot be null")
			return
		}
		d.value(raw[m.Start:m.End], m.Kind, &element, v, at)
		out = reflect.Append(out, v)
	}
	into.Set(out)
}

func (r *rules) mostItems() int {
	if r.items > 0 {
		return int(r.items)
	}
	return maxItems
}

func join(path, name string) string {
	switch {
	case path == "":
		return name
	case name == "":
		return path
	default:
		return path + "." + name
	}
}

// shown is what an answer repeats of a name that a client made up.
func shown(name string) string {
	const most = 64 // finds it, and floods nothing
	if utf8.RuneCountInString(name) > most {
		name = string([]rune(name)[:most]) + "..."
	}
	return printable(name)
}

// printable is a text on one line, without what forges lines or turns the direction of reading around.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if isControl(c) || c == '\n' || c == '\r' || c == '\t' || unicode.Is(unicode.Bidi_Control, c) {
			return ' '
		}
		return c
	}, text)
}
