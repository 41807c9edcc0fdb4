package expr

import (
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"weir/engine/vars"
)

// term names an expression that always has a value and always the same during one evaluation, with its type.
func (p *prover) term(e ast.Expr) (string, *types.Type) {
	if id, ok := variable(p.direct.ast, e); ok {
		switch vars.All()[id].Type {
		case vars.TypeInt:
			return id.Path(), types.IntType
		case vars.TypeDouble:
			return id.Path(), types.DoubleType
		case vars.TypeString:
			return id.Path(), types.StringType
		case vars.TypeBool:
			return id.Path(), types.BoolType
		default:
			return "", nil
		}
	}
	if l, ok := p.direct.modelLeaf(e); ok {
		switch {
		case l.num != nil:
			return display(e), types.IntType
		case l.dbl != nil:
			return display(e), types.DoubleType
		case l.str != nil:
			return display(e), types.StringType
		case l.flag != nil:
			return display(e), types.BoolType
		}
		return "", nil
	}
	switch {
	case p.direct.dyn(e) != nil:
		return display(e), types.DynType
	case e.Kind() == ast.CallKind && p.direct.string(e) != nil:
		return display(e), types.StringType
	case e.Kind() == ast.CallKind && p.direct.int(e) != nil:
		return display(e), types.IntType
	default:
		return "", nil
	}
}

// display writes a term as a policy would.
func display(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		return display(e.AsSelect().Operand()) + "." + e.AsSelect().FieldName()
	case ast.LiteralKind:
		if s, ok := e.AsLiteral().(types.String); ok {
			if strings.ContainsRune(string(s), '\'') {
				return strconv.Quote(string(s))
			}
			return "'" + string(s) + "'"
		}
		return "..."
	case ast.CallKind:
		return displayCall(e.AsCall())
	default:
		return "..."
	}
}

func displayCall(call ast.CallExpr) string {
	args := make([]string, 0, len(call.Args()))
	for _, a := range call.Args() {
		args = append(args, display(a))
	}
	switch name := call.FunctionName(); {
	case name == fnFirst:
		return args[0] + "[" + args[1] + "][0]"
	case name == fnValues || name == fnGet:
		return args[0] + "[" + args[1] + "]"
	case name == "size" && call.IsMemberFunction():
		return "size(" + display(call.Target()) + ")"
	case call.IsMemberFunction():
		return display(call.Target()) + "." + name + "(" + strings.Join(args, ", ") + ")"
	default:
		return name + "(" + strings.Join(args, ", ") + ")"
	}
}
