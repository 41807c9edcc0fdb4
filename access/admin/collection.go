package admin

import (
	"reflect"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"weir/access"
)

// collection is the resources of one kind: R is the resource, In what is written and Out what is read.
type collection[R access.Resource, In, Out any] struct {
	path    string // /access-keys
	list    string // member of a page that holds the resources
	one     string // what documents call one of them
	kind    access.Kind
	write   right
	read    right
	all     func(s *access.Snapshot) map[string]R
	fresh   func() R
	filters []param
	keep    func(q *request, r R) bool // nil = all
	prepare func(q *request, all []R)  // looks up what the views of these need; nil = nothing
	view    func(q *request, r R) Out
	ready   func(q *request, in *In) (undo func(), err error) // before a change is made; nil = nothing
	edit    func(q *request, in *In, r R) error
	renames map[string]string                                                              // names of package access that are not just camelCase here; nil = all are the same
	add     func(q *request, in *In, r R, o access.WriteOptions) (token string, err error) // nil = Create
	reveal  func(out *Out, token string)                                                   // nil = there is no token
}

func (c *collection[R, In, Out]) routes() []*route {
	in, out := reflect.TypeFor[In](), reflect.TypeFor[Out]()
	single := c.path + "/{id}"
	return []*route{
		{
			method: methodGet, pattern: c.path, right: c.read, name: "list" + c.one + "s", list: c.list, out: out,
			status: fasthttp.StatusOK,
			doc:    "Lists them, newest first.", params: append([]param{paramBefore(), paramLimit(pageLimit)}, c.filters...), serve: c.serveList,
		},
		{
			method: methodPost, pattern: c.path, right: c.write, name: "create" + c.one, in: in, out: out,
			status: fasthttp.StatusCreated, once: true, tagged: true, doc: "Adds one.", serve: c.create,
		},
		{
			method: methodGet, pattern: single, right: c.read, name: "get" + c.one, out: out, status: fasthttp.StatusOK,
			tagged: true, doc: "Shows one.", serve: c.show,
		},
		{
			method: methodPatch, pattern: single, right: c.write, name: "update" + c.one, in: in, partial: true, out: out,
			status: fasthttp.StatusOK, tagged: true, serve: c.update,
			doc: "Changes what the body names: null clears a field, and one that is left out stays.",
		},
		{
			method: methodDelete, pattern: single, right: c.write, name: "delete" + c.one, status: fasthttp.StatusNoContent,
			tagged: true, doc: "Removes one that nothing refers to.", serve: c.remove,
		},
	}
}

func (c *collection[R, In, Out]) show(q *request) (*reply, error) {
	r, ok := c.all(q.snapshot)[q.id]
	if !ok {
		return nil, notFound(c.one, q.id)
	}
	if q.unchanged(r.Common().Revision) {
		return &reply{status: fasthttp.StatusNotModified, revision: r.Common().Revision}, nil
	}
	return c.reply(q, r, fasthttp.StatusOK)
}

func notFound(one, id string) *failure {
	return failf(codeNotFound, "there is no %s %s", words(one), id)
}

// words turns AccessKey into access key.
func words(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && c >= 'A' && c <= 'Z' && (name[i-1] < 'A' || name[i-1] > 'Z') {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}

func (c *collection[R, In, Out]) reply(q *request, r R, status int) (*reply, error) {
	if c.prepare != nil {
		c.prepare(q, []R{r})
	}
	out, err := value(c.view(q, r))
	if err != nil {
		return nil, err
	}
	out.status, out.revision = status, r.Common().Revision
	return out, nil
}

// serveList lists from the newest down: ids grow with time, so that a page begins where the one before ended even if what
// stood there is gone.
func (c *collection[R, In, Out]) serveList(q *request) (*reply, error) {
	before, limit := q.query["beforeId"], q.limit()
	all := c.all(q.snapshot)
	ids := make([]string, 0, len(all))
	for id, r := range all {
		if (before == "" || id < before) && (c.keep == nil || c.keep(q, r)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	more := len(ids) > limit
	ids = ids[:min(limit, len(ids))]
	shown := make([]R, 0, len(ids))
	for _, id := range ids {
		shown = append(shown, all[id])
	}
	if c.prepare != nil {
		c.prepare(q, shown)
	}
	out := make([]Out, 0, len(shown))
	for _, r := range shown {
		out = append(out, c.view(q, r))
	}
	next := ""
	if more {
		next = ids[len(ids)-1]
	}
	return q.page(c.list, out, "beforeId", next)
}

func (c *collection[R, In, Out]) create(q *request) (*reply, error) {
	in, undo, err := c.input(q)
	if err != nil {
		return nil, err
	}
	q.used.known = true // never
	r := c.fresh()
	token, err := c.insert(q, in, r)
	if err != nil {
		undo()
		return nil, c.failure(err)
	}
	return c.answered(q, r, token, fasthttp.StatusCreated)
}

func (c *collection[R, In, Out]) insert(q *request, in *In, r R) (token string, err error) {
	if err := c.edit(q, in, r); err != nil {
		return "", err
	}
	o := q.options(0, c.answer(q))
	if c.add != nil {
		return c.add(q, in, r, o)
	}
	return "", q.manager.Create(q.ctx, q.actor(), c.kind, r, o)
}

// input reads the body and does what must be done before it is written. Undo takes that back.
func (c *collection[R, In, Out]) input(q *request) (in *In, undo func(), err error) {
	if in, err = decode[In](q); err != nil {
		return nil, nil, err
	}
	if c.ready == nil {
		return in, func() {}, nil
	}
	if undo, err = c.ready(q, in); err != nil {
		undo()
		return nil, nil, c.failure(err)
	}
	return in, undo, nil
}

// answer makes what is kept of an answer; it must be what answered says.
func (c *collection[R, In, Out]) answer(q *request) func(r access.Resource, token string) any {
	return func(r access.Resource, token string) any {
		out := c.view(q, r.(R)) //nolint:errcheck // the manager hands back what it was given
		if c.reveal != nil {
			c.reveal(&out, token)
		}
		return out
	}
}

// answered is the answer to a change. What it refers to may be newer than the snapshot that the request began with.
func (c *collection[R, In, Out]) answered(q *request, r R, token string, status int) (*reply, error) {
	q.snapshot = q.load()
	out, err := value(c.answer(q)(r, token))
	if err != nil {
		return nil, err
	}
	out.status, out.revision = status, r.Common().Revision
	if status == fasthttp.StatusCreated {
		out.header = append(out.header, [2]string{"Location", q.uri(c.path + "/" + r.Common().ID)})
	}
	return out, nil
}

func (c *collection[R, In, Out]) update(q *request) (*reply, error) {
	o, err := c.precondition(q)
	if err != nil {
		return nil, err
	}
	in, undo, err := c.input(q)
	if err != nil {
		return nil, err
	}
	changed, err := q.manager.Update(q.ctx, q.actor(), c.kind, q.id, o, func(r access.Resource) error {
		return c.edit(q, in, r.(R)) //nolint:errcheck // resources of a kind have its type
	})
	if err != nil {
		undo()
		return nil, c.failure(err)
	}
	q.snapshot = q.load()
	return c.reply(q, changed.(R), fasthttp.StatusOK) //nolint:errcheck // the same
}

// precondition is what holds for a change of the resource that the path names.
func (c *collection[R, In, Out]) precondition(q *request) (access.WriteOptions, error) {
	r, ok := c.all(q.snapshot)[q.id]
	if !ok {
		return access.WriteOptions{}, notFound(c.one, q.id)
	}
	revision, err := q.ifMatch(r.Common().Revision)
	return access.WriteOptions{IfRevision: revision}, err
}

// rotating is precondition for a change whose answer may be kept: all that the answer shows is looked up before.
func (c *collection[R, In, Out]) rotating(q *request) (access.WriteOptions, error) {
	o, err := c.precondition(q)
	if err == nil && c.prepare != nil {
		c.prepare(q, []R{c.all(q.snapshot)[q.id]})
	}
	return o, err
}

func (c *collection[R, In, Out]) remove(q *request) (*reply, error) {
	o, err := c.precondition(q)
	if q.snapshot.Broken[q.id].Kind == c.kind {
		o, err = access.WriteOptions{}, nil // what cannot be read can be removed
	}
	if err != nil {
		return nil, err
	}
	if err := q.manager.Delete(q.ctx, q.actor(), c.kind, q.id, o); err != nil {
		return nil, c.failure(err)
	}
	return &reply{status: fasthttp.StatusNoContent, revision: -1}, nil
}

func (c *collection[R, In, Out]) failure(err error) error {
	f := asFailure(err)
	f.rename(c.renames)
	return f
}
