package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"weir/engine/diag"
	"weir/engine/vars"
)

// instead names the function that people mean who know other languages.
func instead(name string) string {
	switch name {
	case "includes", "include", "has_substring":
		return "contains(...)"
	case "toLowerCase", "toLower", "tolower", "lowercase":
		return "lower()"
	case "toUpperCase", "toUpper", "toupper", "uppercase":
		return "upper()"
	case "length", "len", "count":
		return "size()"
	case "some", "any":
		return "exists(x, ...)"
	case "every":
		return "all(x, ...)"
	case "regex", "match", "test":
		return "matches('...')"
	case "inCountry":
		return "inCountryCode('US')"
	case "lowestLatency":
		return "sortBy(m, m.metrics.global.latency.upstream_ms_avg)"
	case "JSON.parse", "json.parse", "parseJson":
		return "json.decode(...)"
	case "JSON.stringify", "toJson":
		return "json.encode(...)"
	case "strip":
		return "trim()"
	case "parseInt", "toInt":
		return "int(...)"
	case "str", "toString":
		return "string(...)"
	case "now":
		return "timestamp(time.now)"
	default:
		return ""
	}
}

// insteadOfVariable names the variable that is meant by one of another language or of another gateway.
func insteadOfVariable(path string) string {
	for _, p := range [...]struct{ from, to string }{
		{"req.path", "req.url.path"},
		{"req.query_params", "req.url.query_params"},
		{"req.params", "req.url.query_params"},
		{"req.query", "req.url.query_params"},
		{"req.uri", "req.url.uri"},
		{"req.scheme", "req.url.scheme"},
		{"req.port", "req.url.port"},
		{"req.ip", "conn.client_ip"},
		{"req.client_ip", "conn.client_ip"},
		{"req.remote_addr", "conn.client_ip"},
		{"client_ip", "conn.client_ip"},
		{"ip", "conn.client_ip"},
		{"req.model", "ai.request.model"},
		{"model", "ai.request.model"},
		{"messages", "ai.request.messages"},
		{"req.user", "caller.id"},
		{"user", "caller.id"},
		{"headers", "req.headers"},
		{"method", "req.method"},
		{"path", "req.url.path"},
		{"res.status", "res.status_code"},
		{"res.code", "res.status_code"},
		{"request.path", "req.url.path"},
		{"request.query", "req.url.query_params"},
		{"request", "req"},
		{"response.status", "res.status_code"},
		{"response", "res"},
		{"identity", "actions.ngrok.oauth.identity"},
		{"True", "true"},
		{"False", "false"},
		{"None", "null"},
		{"nil", "null"},
		{"undefined", "null"},
		{"env", "secrets.get('NAME')"},
		{"process.env", "secrets.get('NAME')"},
		{"secrets", "secrets.get('NAME')"},
	} {
		rest, ok := strings.CutPrefix(path, p.from)
		if !ok || rest != "" && rest[0] != '.' {
			continue
		}
		if strings.HasSuffix(p.to, ")") {
			return p.to
		}
		if rest == "" || readable(p.to+rest) {
			return p.to + rest
		}
	}
	return ""
}

// readable says whether a path is a variable, or a field of one that has fields.
func readable(path string) bool {
	if _, ok := vars.ByPath(path); ok {
		return true
	}
	for i := strings.LastIndexByte(path, '.'); i > 0; i = strings.LastIndexByte(path[:i], '.') {
		if v, ok := vars.ByPath(path[:i]); ok {
			return hasFields(v.Type)
		}
	}
	return false
}

// uncalled says what to write for a function without parentheses behind a variable, such as req.method.lower.
func (r *resolver) uncalled(names []string) string {
	last := len(names) - 1
	v, ok := vars.ByPath(strings.Join(names[:max(last, 0)], "."))
	if !ok {
		return ""
	}
	if use := instead(names[last]); use != "" {
		return "write " + v.Path + "." + use
	}
	if slices.Contains(r.env.functions, names[last]) {
		return names[last] + " is a function: call it with parentheses"
	}
	return ""
}

// syntaxHint says what to write where the parser stopped.
func (t *text) syntaxHint(at int) string {
	whole := string(t.runes)
	word := ""
	if at < len(t.runes) {
		word = string(t.runes[at : at+min(t.token(at), len(t.runes)-at)])
	}
	switch {
	case strings.TrimSpace(whole) == "":
		return "an expression cannot be empty"
	case strings.Contains(whole, "${"):
		return "expressions are plain CEL: write vars.name, without ${}"
	case strings.Contains(whole, "!=="):
		return "write !="
	case strings.Contains(whole, "==="):
		return "write =="
	case strings.ContainsAny(whole, "“”‘’`"):
		return "texts stand in ' or \""
	case strings.Contains(whole, "=>"):
		return "write exists(x, x == 'a'), with a name and a condition"
	case strings.Contains(whole, "??"):
		return "write a != null ? a : b"
	}
	switch word {
	case "and":
		return "write &&"
	case "or":
		return "write ||"
	case "is":
		return "compare with =="
	case "for":
		return "write list.map(x, ...) or list.filter(x, ...)"
	case "if", "else", "then":
		return "write condition ? a : b"
	case "var", "let", "const":
		return "an expression cannot set variables: use set-vars"
	case "not":
		return "write !(...)"
	}
	return t.signHint(at, word)
}

func (t *text) signHint(at int, word string) string {
	if at >= len(t.runes) {
		return ""
	}
	before := strings.TrimSpace(string(t.runes[:at]))
	switch {
	case (t.runes[at] == '\'' || t.runes[at] == '"') && len(word) == 1:
		return "the quote is not closed"
	case t.runes[at] == '=':
		return "compare with =="
	case t.runes[at] == '&':
		return "write &&"
	case t.runes[at] == '|':
		return "write ||"
	case before == "not" || strings.HasSuffix(before, " not"):
		return "write !(...)"
	default:
		return ""
	}
}

// find returns the expression with this id, nil where there is none.
func find(root ast.Expr, id int64) ast.Expr {
	var out ast.Expr
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		if e.ID() == id {
			out = e
		}
	}))
	return out
}

// mismatchHint says what to write instead of a call whose operands do not fit.
func mismatchHint(message string, e ast.Expr) string {
	m := noOverload.FindStringSubmatch(message)
	if m == nil || e == nil || e.Kind() != ast.CallKind {
		return ""
	}
	name, operands := m[1], clean(m[2])
	kinds := strings.Split(strings.Trim(operands, "()"), ", ")
	is := func(a, b string) bool {
		return len(kinds) == 2 && (kinds[0] == a && kinds[1] == b || kinds[0] == b && kinds[1] == a)
	}
	switch {
	case name == operators.LogicalNot:
		return "! binds tighter than in and ==: write !(a in b)"
	case is("int", "string"):
		return numberHint(name, "int", e.AsCall())
	case is("double", "string"):
		return numberHint(name, "double", e.AsCall())
	case is("string", "timestamp"):
		return "timestamp(...) makes a time of a text"
	case is("string", "duration"):
		return "duration('30s') makes a duration of a text"
	case name == operators.In && is("string", "string"):
		return "write a.contains(b) to look into a text"
	case name == "get" && strings.HasPrefix(operands, "map("):
		return lookupHint(e.AsCall())
	case strings.Contains(operands, "list(string)") && strings.Count(operands, "string") > 1 && lists(name):
		return "headers, query parameters and cookies are lists: [0] is the first value"
	case operators.Equals == name && is("string", "bool"):
		return "true and false are written without quotes"
	default:
		return signature(name)
	}
}

// lookupHint is what to write for req.headers.get('x').
func lookupHint(call ast.CallExpr) string {
	names, _, ok := chain(call.Target())
	if ok && len(call.Args()) > 0 {
		if key, ok := constantString(call.Args()[0]); ok {
			return fmt.Sprintf("write %s['%s'][0] for the first value", strings.Join(names, "."), key)
		}
	}
	return "write ['name'] to look something up, and [0] for the first value of it"
}

// lists says whether a call of this name on a list means one of its elements.
func lists(name string) bool {
	switch name {
	case "only", "ignore", "onlyProviders", "ignoreProviders", "onlyAuthors", "ignoreAuthors", "hasAny", "hasAll":
		return false
	default:
		return true
	}
}

// numberHint tells a number in quotes from a text that holds a number.
func numberHint(name, number string, call ast.CallExpr) string {
	if name == operators.Add {
		return "string(...) makes a text of a number"
	}
	for _, arg := range call.Args() {
		switch v, _ := constant(arg); v := v.(type) {
		case string:
			if _, err := strconv.ParseFloat(v, 64); err == nil {
				return "write " + v + " without quotes"
			}
		case int64:
			return fmt.Sprintf("write '%d', or %s(...) to make a number of the text", v, number)
		}
	}
	return number + "(...) makes a number of a text"
}

// signature shows how a function is called.
func signature(name string) string {
	for _, f := range Functions() {
		if f.Name == name {
			return "it is " + f.Signature
		}
	}
	return ""
}

// template is what looks like an interpolation of ours inside a text.
var template = regexp.MustCompile(`\$\{\s*(?:req|res|conn|vars|actions|ai|caller|time|endpoint|secrets|attempts?)\.[^}]*\}`)

// visitLiteral refuses '...${vars.x}...': in an expression it would be compared as it stands, and never be equal.
func (r *resolver) visitLiteral(e ast.Expr) {
	s, ok := e.AsLiteral().(types.String)
	if !ok {
		return
	}
	found := template.FindString(string(s))
	if found == "" {
		return
	}
	at := r.offset(e)
	inner := strings.TrimSpace(found[2 : len(found)-1])
	r.report(at, r.text.token(at), "template_in_expression", "${...} is not replaced inside an expression",
		"join texts with +, as in 'a ' + "+inner)
}

// patterns refuses regular expressions that are known at load and do not compile. CEL looks at plain literals only.
func (r *resolver) patterns(root ast.Expr) diag.List {
	var out diag.List
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "matches" || len(e.AsCall().Args()) == 0 {
			return
		}
		arg := e.AsCall().Args()[len(e.AsCall().Args())-1]
		pattern, ok := constantString(arg)
		if _, err := regexp.Compile(pattern); ok && err != nil {
			at := r.offset(arg)
			out = append(out, r.text.diagnostic(at, at+r.text.token(at), "bad_regex", "the pattern is not a regular expression",
				"patterns are RE2: no lookaround, no backreferences"))
		}
	}))
	return out
}
