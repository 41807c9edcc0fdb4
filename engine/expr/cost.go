package expr

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"

	"weir/engine/diag"
)

// Sizes that the static estimate assumes for values that come with a request.
const (
	// assumedText is longer than nearly every header, path or model name.
	assumedText = 4096
	// assumedList is more headers, cookies or groups than requests carry.
	assumedList = 64
)

// sizes tells CEL's estimate how large inputs get. Lists whose length a policy cannot know (vars, models) have no bound and
// bring the run-time limit with them.
type sizes struct{}

// EstimateCallCost implements cost.Estimator: what functions cost is in costmodel.go.
//
//nolint:gocritic // the signature is CEL's
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// EstimateSize implements cost.Estimator.
func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	if n.Type() == nil {
		return nil
	}
	switch n.Type().Kind() {
	case cel.StringKind, cel.BytesKind:
		return &cost.SizeEstimate{Max: assumedText}
	case cel.ListKind:
		if n.Type().Parameters()[0].Kind() == cel.StringKind {
			return &cost.SizeEstimate{Max: assumedList}
		}
	case cel.MapKind:
		if n.Type().Parameters()[1].Kind() != cel.DynKind {
			return &cost.SizeEstimate{Max: assumedList}
		}
	default:
	}
	return nil
}

// tooCostly refuses what would be slow every time.
func (r *resolver) tooCostly(u *unit, checked *cel.Ast) (diag.Diagnostic, bool) {
	estimate, err := u.celEnv.EstimateCost(checked, sizes{})
	if err != nil || estimate.Min <= maxStaticCost {
		return diag.Diagnostic{}, false
	}
	return r.text.diagnostic(0, len(r.text.runes), "too_costly",
		fmt.Sprintf("the expression costs at least %d units, %d are allowed", estimate.Min, maxStaticCost), ""), true
}
