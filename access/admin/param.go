package admin

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// param is a parameter of the query.
type param struct {
	name, doc string
	required  bool
	format    string // integer, date-time, boolean; "" = text
	most      int64  // of an integer, which begins at 1
	initially string // what it is where it is left out
	enum      []string
	prefix    string // texts that begin so are allowed beside the enum
}

// check says what is wrong with a value, "" where nothing is.
func (p *param) check(v string) string {
	switch p.format {
	case "integer":
		if n, err := strconv.ParseInt(v, 10, 64); err != nil || n < 1 || n > p.most {
			return "is not a whole number from 1 to " + strconv.FormatInt(p.most, 10)
		}
	case "date-time":
		if _, err := time.Parse(time.RFC3339, v); err != nil {
			return "is not a time such as 2030-01-31T12:00:00Z"
		}
	case "boolean":
		if v != "true" && v != "false" {
			return "is not true or false"
		}
	default:
		return p.checkText(v)
	}
	return ""
}

func (p *param) checkText(v string) string {
	const most = 255 // as for names, and many times an id
	switch {
	case v == "":
		return "is empty"
	case len(v) > most || !utf8.ValidString(v) || strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || isControl(c) }):
		return "is not a text of at most 255 bytes"
	case p.enum == nil || slices.Contains(p.enum, v):
		return ""
	case p.prefix != "" && strings.HasPrefix(v, p.prefix) && len(v) > len(p.prefix):
		return ""
	case p.prefix != "":
		return "is not one of " + strings.Join(p.enum, ", ") + " or " + p.prefix + "NAME"
	default:
		return "is not one of " + strings.Join(p.enum, ", ")
	}
}

const (
	// pageLimit is the most that one page of resources holds, and what it holds where nothing is said.
	pageLimit = 100
	// usageLimit is the most that one page of usage holds.
	usageLimit = 1000
)

func paramBefore() param {
	return param{name: "beforeId", doc: "Only what is older than this id, which need not be there any more."}
}

func paramLimit(most int64) param {
	return param{name: "limit", doc: "The most that one page holds.", format: "integer", most: most, initially: strconv.Itoa(pageLimit)}
}

// limit is the size of a page.
func (q *request) limit() int {
	n, err := strconv.Atoi(q.query["limit"])
	if err != nil {
		return pageLimit
	}
	return n
}

// time reads a parameter that was checked.
func (q *request) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339, q.query[name])
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
