package expr

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"weir/engine/diag"
	"weir/engine/vars"
)

func (r *resolver) visitCall(e ast.Expr) {
	call := e.AsCall()
	name := call.FunctionName()
	if call.IsMemberFunction() {
		if qualified, ok := r.qualified(call); ok {
			if qualified == "secrets.get" {
				r.inlineSecret(e)
				return
			}
			r.random = r.random || strings.HasPrefix(qualified, "rand.")
			r.visitAll(call.Args())
			return
		}
		if name == "@sortByAssociatedKeys" {
			e.SetKindCase(ast.NewExprFactory().NewMemberCall(e.ID(), fnSortByKeys, call.Target(), call.Args()...))
			call, name = e.AsCall(), fnSortByKeys
		}
		if r.comparator(e) || r.unknownInNamespace(e) {
			return
		}
		r.visit(call.Target())
	} else if r.desugar(e) {
		r.visit(e)
		return
	}
	r.random = r.random || name == "random" || name == "randomize"
	r.visitAll(call.Args())
	if !r.scope.env.HasFunction(name) {
		r.unknownFunction(e, name)
		return
	}
	switch name {
	case operators.Index:
		if isName(call.Args()[0], "actions") && isText(call.Args()[1], "ngrok") {
			e.SetKindCase(call.Args()[0])
			return
		}
		r.visitIndex(call)
	case operators.In:
		r.noteHeader(call.Args()[1], call.Args()[0])
	case "underCost", "sortBy":
		r.checkPriceType(name, call)
	}
}

// comparator refuses sort(x, y, x < y), whose names would be reported as unknown variables.
func (r *resolver) comparator(e ast.Expr) bool {
	call := e.AsCall()
	if call.FunctionName() != "sort" || len(call.Args()) == 0 {
		return false
	}
	r.visit(call.Target())
	r.report(r.text.callStart(r.offset(e), len("sort")), len("sort"), "type_mismatch", "sort takes no arguments",
		"write sortBy(x, x.field) to sort by a key")
	return true
}

func (r *resolver) visitAll(es []ast.Expr) {
	for _, e := range es {
		r.visit(e)
	}
}

// qualified returns the full name of a function in a namespace, such as hash.md5.
func (r *resolver) qualified(call ast.CallExpr) (string, bool) {
	names, _, ok := chain(call.Target())
	if !ok || slices.Contains(r.locals, names[0]) {
		return "", false
	}
	full := strings.Join(names, ".") + "." + call.FunctionName()
	return full, full == "secrets.get" || r.scope.env.HasFunction(full)
}

// visitIndex notes literal keys: headers for the plan, vars and results for the check that they can be set.
func (r *resolver) visitIndex(call ast.CallExpr) {
	in, key := call.Args()[0], call.Args()[1]
	r.noteHeader(in, key)
	names, root, ok := chain(in)
	if !ok || slices.Contains(r.locals, names[0]) || key.Kind() != ast.LiteralKind {
		return
	}
	if s, ok := key.AsLiteral().(types.String); ok {
		if id, ok := r.env.byPath[strings.Join(names, ".")]; ok {
			r.checkKey(root, id, []string{string(s)})
		}
	}
}

func isText(e ast.Expr, want string) bool {
	return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.String(want)
}

func (r *resolver) noteHeader(in, key ast.Expr) {
	names, _, ok := chain(in)
	if !ok || key.Kind() != ast.LiteralKind || strings.Join(names, ".") != vars.ReqHeaders.Path() {
		return
	}
	if s, ok := key.AsLiteral().(types.String); ok {
		r.headers[strings.ToLower(string(s))] = struct{}{}
	}
}

// desugar turns getReqHeader('x') and its like into lookups, so that there is one way to read a header.
func (r *resolver) desugar(e ast.Expr) bool {
	call := e.AsCall()
	var (
		id         vars.ID
		has, first bool
		set        bool // the cookies in id
	)
	switch call.FunctionName() {
	case "getReqHeader":
		id = vars.ReqHeaders
	case "hasReqHeader":
		id, has = vars.ReqHeaders, true
	case "getQueryParam":
		id = vars.ReqURLQueryParams
	case "hasQueryParam":
		id, has = vars.ReqURLQueryParams, true
	case "getReqCookie":
		id, first = vars.ReqCookies, true
	case "hasReqCookie":
		id, has = vars.ReqCookies, true
	case "getResHeader":
		id = vars.ResHeaders
	case "hasResHeader":
		id, has = vars.ResHeaders, true
	case "getResCookie":
		id, set, first = vars.ResHeaders, true, true
	case "hasResCookie":
		id, set, has = vars.ResHeaders, true, true
	default:
		return false
	}
	if len(call.Args()) != 1 {
		return false
	}
	f := ast.NewExprFactory()
	path := strings.Split(id.Path(), ".")
	in := f.NewIdent(r.id(e), path[0])
	for _, name := range path[1:] {
		in = f.NewSelect(r.id(e), in, name)
	}
	if set {
		in = f.NewCall(r.id(e), fnSetCookies, in)
	}
	key := call.Args()[0]
	switch {
	case has:
		e.SetKindCase(f.NewCall(e.ID(), operators.In, key, in))
	case first:
		e.SetKindCase(f.NewCall(e.ID(), operators.Index, f.NewCall(r.id(e), operators.Index, in, key),
			f.NewLiteral(r.id(e), types.IntZero)))
	default:
		e.SetKindCase(f.NewCall(e.ID(), operators.Index, in, key))
	}
	return true
}

// inlineSecret replaces secrets.get by its value: names are literal, so a missing secret is found at load.
func (r *resolver) inlineSecret(e ast.Expr) {
	args := e.AsCall().Args()
	at := r.text.callStart(r.offset(e), len("secrets.get"))
	names := make([]string, 0, len(args))
	for _, arg := range args {
		if arg.Kind() != ast.LiteralKind {
			break
		}
		s, ok := arg.AsLiteral().(types.String)
		if !ok {
			break
		}
		names = append(names, string(s))
	}
	if len(names) != len(args) || len(args) == 0 || len(args) > 2 {
		r.report(at, len("secrets.get"), "secret_name",
			"secrets.get takes one or two literal strings: a name, or a vault and a name",
			"a computed name could not be checked when the policy loads")
		return
	}
	name := names[len(names)-1]
	value, ok := "", false
	if r.env.opts.Secret != nil {
		if len(names) > 1 {
			value, ok = r.env.opts.Secret(strings.Join(names, "/"))
		}
		if !ok {
			value, ok = r.env.opts.Secret(name)
		}
	}
	if !ok || value == "" {
		r.report(at, len("secrets.get"), "secret_missing", fmt.Sprintf("no secret %q is configured", strings.Join(names, "/")),
			fmt.Sprintf("set the environment variable %s, or add it to a secrets source", name))
		return
	}
	r.secret = true
	e.SetKindCase(ast.NewExprFactory().NewLiteral(e.ID(), types.String(value)))
}

// checkPriceType refuses sortBy('latency') and underCost('cheap', 1) at load.
func (r *resolver) checkPriceType(name string, call ast.CallExpr) {
	if len(call.Args()) == 0 || call.Args()[0].Kind() != ast.LiteralKind {
		return
	}
	arg := call.Args()[0]
	s, ok := arg.AsLiteral().(types.String)
	if !ok {
		return
	}
	if name == "sortBy" {
		if s != "price" {
			r.report(r.offset(arg), len(s)+2, "invalid_argument", fmt.Sprintf("sortBy does not know %q", string(s)),
				"write sortBy('price'), or sortBy(m, m.metrics.global.latency.upstream_ms_avg)")
		}
		return
	}
	prices := priceFields()
	if _, ok := prices[string(s)]; ok {
		return
	}
	known := make([]string, 0, len(prices))
	for path := range prices {
		known = append(known, path)
	}
	slices.Sort(known)
	hint := "one of " + strings.Join(known, ", ")
	if near, ok := diag.Nearest(string(s), known); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.report(r.offset(arg), len(s)+2, "invalid_argument", fmt.Sprintf("%q is not a price type", string(s)), hint)
}

// unknownInNamespace refuses base64.encod(x) and JSON.parse(x), where the part in front is no variable either.
func (r *resolver) unknownInNamespace(e ast.Expr) bool {
	call := e.AsCall()
	names, _, ok := chain(call.Target())
	if !ok || r.scope.env.HasFunction(call.FunctionName()) || slices.Contains(r.locals, names[0]) {
		return false
	}
	full := strings.Join(names, ".") + "." + call.FunctionName()
	if !r.isNamespace(names[0]) && instead(full) == "" {
		return false
	}
	r.visitAll(call.Args())
	r.unknownFunction(e, full)
	return true
}

// unknownFunction refuses a function by its name, with the namespace where it has one.
func (r *resolver) unknownFunction(e ast.Expr, name string) {
	last := name[strings.LastIndexByte(name, '.')+1:]
	at := r.text.callStart(r.offset(e), len([]rune(last)))
	hint := ""
	if use := instead(name); use != "" {
		hint = "write " + use
	} else if near := r.env.nearestFunction(name); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.report(at, len([]rune(last)), "unknown_function", fmt.Sprintf("%q is not a function", name), hint)
}

// nearestFunction is the function whose name is nearest, "" where none is near.
func (e *Env) nearestFunction(name string) string {
	near, ok := diag.Nearest(name, e.functions)
	if !ok {
		return ""
	}
	return near
}

func (r *resolver) isNamespace(name string) bool {
	return slices.ContainsFunc(r.env.functions, func(f string) bool { return strings.HasPrefix(f, name+".") })
}
