package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"
	"net/url"
	"strings"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed url_rewrite.md
var urlRewriteDoc string

func init() {
	register(engine.ActionSpec{
		Name: "url-rewrite", Phases: vars.PhaseRequest, Guards: true, Doc: urlRewriteDoc, New: newURLRewrite,
		Fields: []engine.Field{
			{Name: "from", Type: engine.FieldString, Template: true, Doc: "A regular expression that is looked for in the whole URL; without it the whole URL is replaced."},
			{Name: "to", Type: engine.FieldString, Required: true, Template: true, Doc: "What takes the place of each match; `$1` is the first group of it."},
		},
	})
}

type urlRewrite struct{ edit *urlEdit }

func newURLRewrite(c *engine.Config) engine.Action {
	e := newURLEdit(c)
	if e == nil {
		return nil
	}
	return &urlRewrite{edit: e}
}

var (
	errOtherHost = errors.New("url-rewrite changes path and query; another host is reached with forward")
	errNoPath    = errors.New("the new URL has no path")
)

// Do sends the request on as if the client had asked for the new URL.
func (a *urlRewrite) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	old := requestURL(x)
	changed, matches, err := a.edit.apply(x, old)
	if err == nil && changed != old {
		err = rewrite(x, changed)
	}
	editResult(x, "url_rewrite", matches, changed, err)
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("url-rewrite: %w", err)
	}
	return engine.VerdictContinue, nil
}

// rewrite takes path and query of a URL over into the request.
func rewrite(x *engine.Exchange, changed string) error {
	target := changed
	if !strings.HasPrefix(changed, "/") {
		u, err := url.Parse(changed)
		switch {
		case err != nil:
			return errors.New("the new URL is not one")
		case !sameAuthority(x, u) || u.User != nil:
			return errOtherHost
		case u.Path == "":
			return errNoPath
		}
		_, rest, _ := strings.Cut(changed, "://")
		target = rest[strings.IndexByte(rest, '/'):]
	}
	if strings.HasPrefix(target, "//") {
		return errOtherHost
	}
	target, _, _ = strings.Cut(target, "#")
	return x.Rewrite(target) //nolint:wrapcheck // what the client is told of the path or of its body
}
