package admin

import (
	"reflect"
	"slices"
	"strings"
)

// route is one method of one path: what serves it, and all that its documentation says.
type route struct {
	method, pattern string // the pattern's {id} stands for one segment
	right           right
	name            string // operationId
	doc             string
	params          []param
	in              reflect.Type // of the body; nil = takes none
	partial         bool         // the body changes only what it names
	out             reflect.Type // of the answer, or of what its list holds; nil = none
	list            string       // name of the list in an answer that is a page; "" = it is none
	status          int
	once            bool // takes an idempotency key
	tagged          bool // a single resource, with an ETag
	store           bool // reads the store rather than the snapshot: 503 where it is down
	serve           func(q *request) (*reply, error)
}

// path is the methods of one pattern.
type path struct {
	pattern string
	routes  []*route
}

func (p *path) allow() string {
	var out []string
	for _, r := range p.routes {
		out = append(out, r.method)
		if r.method == methodGet {
			out = append(out, methodHead)
		}
	}
	return strings.Join(out, ", ")
}

func (p *path) route(method string) *route {
	if method == methodHead {
		method = methodGet
	}
	i := slices.IndexFunc(p.routes, func(r *route) bool { return r.method == method })
	if i < 0 {
		return nil
	}
	return p.routes[i]
}

const (
	methodGet    = "GET"
	methodHead   = "HEAD"
	methodPost   = "POST"
	methodPatch  = "PATCH"
	methodDelete = "DELETE"
)

// router finds the path of a request.
type router struct {
	all   []*route
	paths []*path
}

func newRouter(all []*route) *router {
	r := &router{all: all}
	for _, one := range all {
		i := slices.IndexFunc(r.paths, func(p *path) bool { return p.pattern == one.pattern })
		if i < 0 {
			i = len(r.paths)
			r.paths = append(r.paths, &path{pattern: one.pattern})
		}
		r.paths[i].routes = append(r.paths[i].routes, one)
	}
	// Names go before {id}: /usage/overview is no resource.
	slices.SortStableFunc(r.paths, func(a, b *path) int {
		return strings.Count(a.pattern, "{") - strings.Count(b.pattern, "{")
	})
	return r
}

// match finds the path and the id in it. Paths are compared as they came: no known one holds an escape.
func (r *router) match(target string) (*path, string) {
	for _, p := range r.paths {
		if id, ok := matchPattern(p.pattern, target); ok {
			return p, id
		}
	}
	return nil, ""
}

func matchPattern(pattern, target string) (id string, ok bool) {
	before, after, has := strings.Cut(pattern, "{id}")
	if !has {
		return "", pattern == target
	}
	rest, ok := strings.CutPrefix(target, before)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutSuffix(rest, after)
	return rest, ok && isID(rest)
}

// isID reports whether a text can be the id of a resource: those of Weir are 31 characters or a few less, those from files
// are named by people.
func isID(s string) bool {
	const most = 255
	return s != "" && len(s) <= most && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' && c != ':'
	})
}
