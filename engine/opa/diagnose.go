package opa

import (
	"errors"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/diag"
)

// The codes of diagnostics; those of OPA's own errors have the names that OPA gives them.
const (
	codeParse     = "rego_parse_error"
	codeCompile   = "rego_compile_error"
	codeType      = "rego_type_error"
	codeUnsafe    = "rego_unsafe_var_error"
	codeRecursion = "rego_recursion_error"
	codeData      = "rego_data_error"
	codeQuery     = "rego_query_error"
	codePhase     = "wrong_phase"
)

// diagnostics turns an error of OPA's parser or compiler into diagnostics.
func (s *sources) diagnostics(err error) diag.List {
	var errs ast.Errors
	var one *ast.Error
	switch {
	case errors.As(err, &errs):
	case errors.As(err, &one):
		errs = ast.Errors{one}
	default:
		return diag.List{{Code: codeCompile, Message: err.Error()}}
	}
	out := make(diag.List, 0, len(errs))
	for _, e := range errs {
		out = append(out, s.diagnostic(e))
	}
	return out
}

// diagnostic turns one error of OPA's parser or compiler into a diagnostic.
func (s *sources) diagnostic(e *ast.Error) diag.Diagnostic {
	d := diag.Diagnostic{Code: codeCompile, Message: strings.TrimSpace(e.Message)}
	switch e.Code {
	case ast.ParseErr:
		d.Code = codeParse
	case ast.TypeErr:
		d.Code = codeType
	case ast.UnsafeVarErr:
		d.Code = codeUnsafe
	case ast.RecursionErr:
		d.Code = codeRecursion
	}
	d.Pos, d.End, d.Line = s.place(e.Location)
	s.explain(&d, e)
	return d
}

// warnings turns findings into diagnostics.
func (s *sources) warnings(found []finding) diag.List {
	out := make(diag.List, 0, len(found))
	for _, f := range found {
		d := diag.Diagnostic{Severity: diag.Warning, Code: f.code, Message: f.message, Hint: f.hint}
		d.Pos, d.End, d.Line = s.place(f.at)
		out = append(out, d)
	}
	return out
}
