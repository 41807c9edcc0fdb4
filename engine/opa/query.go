package opa

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"

	"weir/engine/catalog"
	"weir/engine/diag"
	"weir/engine/vars"
)

// Query is one prepared query.
type Query struct {
	policy   *Policy
	prepared *topdown.Query // without input and deadline; copied for each evaluation
	plan     *reading
	reads    vars.Set
	calls    bool   // it can call http.send
	cache    *cache // nil where decisions cannot be kept
}

// Reads are the variables that the query can read; the window counts as ai.response.text, the raw body as req.body.
func (q *Query) Reads() vars.Set { return q.reads }

// resultVar is the variable that the query's value is bound to.
const resultVar = ast.Var("result")

// Query prepares a query, such as data.access.decision, for a phase. What it reads must have a value in that phase.
func (p *Policy) Query(text string, phase vars.Phase) (*Query, diag.List) {
	ref, d := p.path(text)
	if d != nil {
		return nil, diag.List{*d}
	}
	q, k, err := p.prepare(ref)
	if err != nil {
		return nil, p.sources.diagnostics(err)
	}
	if list := p.sources.checkPhase(k, phase); len(list) > 0 {
		return nil, list
	}
	q.plan = plan(k.inputs, phase)
	q.reads = q.plan.variables()
	if keeps(k, q.plan) {
		q.cache = newCache()
	}
	return q, p.sources.warnings(lintQuery(p.compiler, ref, nil))
}

// prepare compiles the question for the value of one path.
func (p *Policy) prepare(ref ast.Ref) (*Query, *closure, error) {
	compiler := p.compiler.QueryCompiler().WithEnablePrintStatements(true)
	body, err := compiler.Compile(ast.NewBody(ast.Equality.Expr(ast.NewTerm(resultVar), ast.NewTerm(ref))))
	if err != nil {
		return nil, nil, fmt.Errorf("compiling %s: %w", ref, err)
	}
	k := closureOf(p.compiler, body)
	question := topdown.NewQuery(body).
		WithQueryCompiler(compiler).
		WithCompiler(p.compiler).
		WithStore(p.store).
		WithTransaction(p.txn).
		WithBuiltins(p.builtins).
		WithMetrics(metrics.NoOp()).
		WithStrictBuiltinErrors(true).
		WithRequestMetadata(p.metadata).
		WithPrintHook(p.printer).
		WithHTTPRoundTripper(p.sender.choose)
	if k.builtins[tokensName] {
		catalog.CountTokens("load") // the vocabulary: it takes longer to load than an evaluation may take
	}
	return &Query{policy: p, prepared: question, calls: k.builtins[ast.HTTPSend.Name]}, k, nil
}

// path reads the text of a query: the path of a rule or of data that is there.
func (p *Policy) path(text string) (ast.Ref, *diag.Diagnostic) {
	ref, err := ast.ParseRef(strings.TrimSpace(text))
	if err != nil || !ref.IsGround() || !ref[0].Equal(ast.DefaultRootDocument) || len(ref) < 2 {
		return nil, &diag.Diagnostic{
			Code: codeQuery, Message: fmt.Sprintf("%q is not a query", text), Hint: "write the path of a rule, such as data.access.decision",
		}
	}
	if len(p.compiler.GetRules(ref)) > 0 {
		return ref, nil
	}
	if _, err := p.data.Find(ref[1:]); err == nil {
		return ref, nil
	}
	d := &diag.Diagnostic{Code: codeQuery, Message: "there is no rule or data at " + ref.String()}
	if near, ok := diag.Nearest(ref.String(), p.rulePaths()); ok {
		d.Hint = "did you mean " + near + "?"
	}
	return nil, d
}

// rulePaths are the paths of all rules.
func (p *Policy) rulePaths() []string {
	var out []string
	for _, m := range p.compiler.Modules {
		for _, r := range m.Rules {
			out = append(out, r.Ref().GroundPrefix().String())
		}
	}
	return out
}
