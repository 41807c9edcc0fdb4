package policies

import (
	"cmp"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/opa"
)

// bundleSpec is a bundle that is fetched, as a policy describes it.
type bundleSpec struct {
	url     string
	headers []header
	read    opa.BundleOptions
	poll    time.Duration
	folder  string // it is kept in; "" = nowhere
}

type header struct{ name, value string }

// bundle takes a bundle from a file or a URL.
func (r *rego) bundle(o *object, n *engine.Node) {
	before := len(r.c.diags)
	spec := bundleSpec{poll: o.duration("poll"), read: opa.BundleOptions{
		Keys: r.keys(o), Scope: o.str("scope"), ExcludeFiles: r.patterns(o),
	}}
	isURL := n.Kind == engine.NodeScalar && strings.Contains(n.Text.Value, "://")
	for _, name := range []string{"headers", "poll", "persist"} {
		if at := o.get(name); at != nil && !isURL {
			r.c.errorf(at, "conflicting_fields", "", "%q goes with a bundle that is fetched", name)
		}
	}
	if len(spec.read.Keys) == 0 {
		for _, name := range []string{"scope", "exclude_files"} {
			if at := o.get(name); at != nil {
				r.c.errorf(at, "conflicting_fields", "", "%q goes with \"keys\"", name)
			}
		}
	}
	if !isURL {
		if name, ok := r.path(n, "bundle"); ok && !r.c.diags[before:].HasErrors() {
			spec.read.Name = name
			r.bundleFile(n, name, spec.read)
		}
		return
	}
	spec.url = o.address("bundle")
	r.hideURL(spec.url)
	r.fetched(o, &spec)
	r.insecure(n, &spec)
	if first, dup := r.names[spec.url]; dup {
		r.c.errorf(n, "duplicate_value", "", "the bundle is in %s already", place(first, n.Pos))
	}
	r.names[spec.url] = n.Pos
	if !r.c.diags[before:].HasErrors() {
		r.remote(n, &spec)
	}
}

// fetched reads what only bundles of a URL have.
func (r *rego) fetched(o *object, spec *bundleSpec) {
	standard, _ := time.ParseDuration(defaultPoll) // a constant that a test reads
	spec.poll = cmp.Or(spec.poll, standard)
	spec.read.Name = shownURL(spec.url)
	for _, t := range r.c.templates(o, "headers", engine.CheckHeaderName) {
		value, fixed := t.Value.Literal()
		n := o.get("headers").Get(t.Name)
		switch {
		case !fixed:
			r.c.errorf(n, "wrong_phase", "only secrets.get(...) is known then", "\"headers\": bundles are fetched while no request is there")
		case strings.ContainsAny(value, "\r\n\x00"):
			r.c.errorf(n, "bad_header", "", "\"headers\": %s cannot be sent", t.Name)
		case strings.EqualFold(t.Name, "host") || slices.Contains(ownHeaders(), strings.ToLower(t.Name)):
			r.c.errorf(n, "bad_header", "", "\"headers\": %s is not for policies to set", t.Name)
		}
		if !strings.Contains(n.Text.Value, "${") && len(value) >= minHidden {
			r.c.out.secrets.hideNode(n) // written into the policy itself, it is as secret as any
		}
		spec.headers = append(spec.headers, header{strings.ToLower(t.Name), value})
	}
	spec.folder = r.c.opts.BundleFolder
	if n := o.get("persist"); n != nil {
		spec.folder, _ = r.path(n, "persist")
	}
}

// ownHeaders are those that asking for a bundle needs itself.
func ownHeaders() []string {
	return []string{"accept", "accept-encoding", "connection", "content-length", "if-none-match", "prefer", "transfer-encoding"}
}

// insecure warns of a bundle that anybody on the way can exchange for another.
func (r *rego) insecure(n *engine.Node, spec *bundleSpec) {
	u, err := url.Parse(spec.url)
	if err != nil || u.Scheme != "http" || len(spec.read.Keys) > 0 || u.Hostname() == "localhost" {
		return
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
		return
	}
	r.c.warnf(n, "unsigned_bundle", "use https, or sign it and give the keys",
		"the bundle comes over plain http and is not signed: who is on the way decides what it says")
}

// hideURL hides what may be secret in a URL: one that is signed is as good as the bundle.
func (r *rego) hideURL(text string) {
	if _, query, _ := strings.Cut(text, "?"); len(query) >= minHidden {
		r.c.out.secrets.hide(query)
	}
	if u, err := url.Parse(text); err == nil && u.User != nil {
		r.c.out.secrets.hide(u.User.String())
	}
}

// shownURL is a URL without what may be secret in it.
func shownURL(text string) string {
	shown, _, _ := strings.Cut(text, "?")
	return shown
}

// keys reads the keys that a bundle may be signed with.
func (r *rego) keys(o *object) []opa.BundleKey {
	items := o.list("keys")
	if n := o.get("keys"); n != nil && n.Kind == engine.NodeList && (len(items) == 0 || len(items) > maxBundleKeys) {
		r.c.errorf(n, "out_of_range", "", "\"keys\" must have between 1 and %d entries, got %d", maxBundleKeys, len(items))
		return nil
	}
	taken := names{c: r.c, code: "duplicate_value", what: "key"}
	out := make([]opa.BundleKey, 0, len(items))
	for _, item := range items {
		k := r.c.object(item, "a key")
		algorithms := opa.BundleAlgorithms()
		key := opa.BundleKey{ID: k.must("id"), Algorithm: algorithms[k.word("algorithm", algorithms...)], Scope: k.str("scope")}
		taken.take(item, key.ID, nil)
		text, at := r.keyText(k)
		k.close()
		if at == nil {
			continue
		}
		key.Key = text
		if err := key.Check(); err != nil {
			r.c.errorf(at, "bad_key_text", "", "the key %q: %v", key.ID, err)
		}
		out = append(out, key)
	}
	return out
}

// keyText reads a key and returns where it stands, nil where there is none.
func (r *rego) keyText(k *object) (string, *engine.Node) {
	n, file := k.get("key"), k.get("file")
	if n != nil && !strings.Contains(n.Text.Value, "-----BEGIN ") {
		r.c.out.secrets.hideNode(n)
	}
	switch {
	case k.wrong:
	case n != nil && file != nil:
		r.c.errorf(file, "conflicting_fields", "", "\"key\" and \"file\" are both set")
	case n == nil && file == nil:
		r.c.errorf(k.n, "missing_field", "", "a key needs \"key\" or \"file\"")
	case file != nil:
		name, ok := r.path(file, "file")
		if !ok {
			return "", nil
		}
		text, err := r.read(name, maxSecret)
		if err != nil {
			r.missing(file, name, err, maxSecret)
			return "", nil
		}
		return trimBreak(string(text)), file
	case n.Kind != engine.NodeScalar:
		k.mistyped(n, "key", "a string")
	default:
		t := r.c.template(n)
		if t == nil {
			return "", nil
		}
		text, fixed := t.Literal()
		if !fixed {
			r.c.errorf(n, "wrong_phase", "only secrets.get(...) is known then", "\"key\": bundles are verified while no request is there")
			return "", nil
		}
		return text, n
	}
	return "", nil
}

// patterns reads the patterns of the files that a signature does not cover.
func (r *rego) patterns(o *object) []string {
	out := o.strs("exclude_files")
	for i, p := range out {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			r.c.errorf(o.list("exclude_files")[i], "bad_value", "", "\"exclude_files\": %q is not a pattern", p)
		}
	}
	return out
}

// bundleFile takes a bundle from a file.
func (r *rego) bundleFile(n *engine.Node, name string, read opa.BundleOptions) {
	data, err := r.read(name, maxBundle)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(data) > 0:
	case isDir(name):
		r.c.errorf(n, "bad_value", "write - "+filepath.ToSlash(n.Text.Value), "%s is a folder, which needs no bundle", name)
		return
	case err == nil:
		r.c.errorf(n, "bad_bundle", "", "the bundle %s is empty", name)
		return
	}
	if err != nil {
		r.missing(n, name, err, maxBundle)
		return
	}
	b, diags := opa.ReadBundle(data, read)
	r.take(n, b, diags)
}

// take adds a bundle that was read.
func (r *rego) take(n *engine.Node, b *opa.Bundle, diags diag.List) {
	r.c.take(diags, n)
	if b == nil || diags.HasErrors() {
		return
	}
	r.named[b.Name] = n
	r.opts.Bundles = append(r.opts.Bundles, b)
}

// remote takes a bundle that is fetched, or a file in its place.
func (r *rego) remote(n *engine.Node, spec *bundleSpec) {
	if name := r.c.opts.BundleFiles[spec.url]; name != "" {
		r.bundleFile(n, name, spec.read)
		return
	}
	if r.c.opts.Offline {
		r.offline(n, spec)
		return
	}
	from := r.c.load.bundles.find(spec, r.services())
	snap, err := from.take(r.c.load.ctx, r.c.load.want)
	r.c.out.remotes = append(r.c.out.remotes, remoteUse{remote: from, snapshot: snap})
	if err != nil {
		r.c.out.secrets.files.put(spec.url, nil, err)
		r.unavailable(n, spec, err)
		return
	}
	r.c.out.secrets.files.put(spec.url, snap.sum[:], nil)
	r.take(n, snap.bundle, nil)
}

// offline takes the copy of a bundle, or leaves the bundle out.
func (r *rego) offline(n *engine.Node, spec *bundleSpec) {
	if spec.folder != "" {
		if snap, err := spec.load(); err == nil {
			r.take(n, snap.bundle, nil)
			return
		}
	}
	r.left = true
	r.c.warnf(n, "bundle_left_out", "", "no copy of the bundle is here, and it is not fetched: what rules ask of Rego is not checked")
}

// unavailable reports a bundle that is neither served nor kept, or not as it must be.
func (r *rego) unavailable(n *engine.Node, spec *bundleSpec, err error) {
	if list, ok := errors.AsType[diag.List](err); ok {
		r.c.take(list, n)
		return
	}
	hint := ""
	if spec.folder == "" {
		hint = "with a folder in persist the last good bundle is used where the server is down"
	}
	r.c.errorf(n, "bundle_unavailable", hint, "the bundle cannot be had: %v", err)
}
