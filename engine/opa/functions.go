package opa

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"

	"weir/engine/catalog"
	"weir/engine/content"
)

// function is one of the functions that Weir adds to Rego.
type function struct {
	decl *ast.Builtin
	call func(bctx topdown.BuiltinContext, operands []*ast.Term) (*ast.Term, error)
}

// tokensName is the function that counts tokens.
const tokensName = "weir.tokens"

// functions are those that Weir adds.
func functions() []function {
	d := &detectors{byNames: map[string]*content.Detector{}}
	text := types.Named("text", types.S)
	return []function{
		{
			decl: &ast.Builtin{
				Name: "weir.detect", Description: "Finds entities in a text.",
				Decl: types.NewFunction(
					types.Args(
						text.Description("the text to search"),
						types.Named("entities", types.NewAny(types.NewArray(nil, types.S), types.NewSet(types.S))).Description("names of entities, such as email"),
					),
					types.Named("found", types.NewArray(nil, types.NewObject([]*types.StaticProperty{
						types.NewStaticProperty("entity", types.S), types.NewStaticProperty("start", types.N),
						types.NewStaticProperty("end", types.N), types.NewStaticProperty("text", types.S),
					}, nil))).Description("what was found, in order of the text; offsets are in bytes"),
				),
			},
			call: d.detect,
		},
		{
			decl: &ast.Builtin{
				Name: tokensName, Description: "Estimates how many tokens a model makes of a text.",
				Decl: types.NewFunction(
					types.Args(text.Description("the text to count")),
					types.Named("tokens", types.N).Description("the number of tokens"),
				),
			},
			call: tokens,
		},
	}
}

// builtins are the functions in the form that an evaluation takes. An error of a function ends the evaluation.
func builtins() map[string]*topdown.Builtin {
	out := map[string]*topdown.Builtin{}
	for _, f := range functions() {
		out[f.decl.Name] = &topdown.Builtin{Decl: f.decl, Func: func(bctx topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
			t, err := f.call(bctx, operands)
			if err != nil {
				return topdown.Halt{Err: &topdown.Error{Code: topdown.BuiltinErr, Message: f.decl.Name + ": " + err.Error(), Location: bctx.Location}}
			}
			return iter(t)
		}}
	}
	return out
}

// maxSearched is how much text one evaluation may hand to the functions together: they cannot be stopped while they work,
// and this much takes some tens of milliseconds.
const maxSearched = 4 << 20

// searchedKey is where an evaluation keeps how much it has handed over.
type searchedKey struct{}

// textOperand gives the text that a function is called with, and counts it.
func textOperand(bctx topdown.BuiltinContext, operand *ast.Term) (string, error) {
	text, err := textOf("text", operand.Value)
	if err != nil {
		return "", err
	}
	spent, _ := bctx.Cache.Get(searchedKey{})
	n, _ := spent.(int) // nothing yet
	if n += len(text); n > maxSearched {
		return "", fmt.Errorf("more than %d bytes of text in one evaluation", maxSearched)
	}
	bctx.Cache.Put(searchedKey{}, n)
	return text, nil
}

func tokens(bctx topdown.BuiltinContext, operands []*ast.Term) (*ast.Term, error) {
	text, err := textOperand(bctx, operands[0])
	if err != nil {
		return nil, err
	}
	return ast.InternedTerm(catalog.CountTokens(text)), nil
}

// maxDetectors bounds how many sets of entities are kept ready; a policy names a few.
const maxDetectors = 64

// detectors keeps detectors by the entities that they find.
type detectors struct {
	mu      sync.Mutex
	byNames map[string]*content.Detector
}

func (d *detectors) detect(bctx topdown.BuiltinContext, operands []*ast.Term) (*ast.Term, error) {
	text, err := textOperand(bctx, operands[0])
	if err != nil {
		return nil, err
	}
	names, err := textsOf("entities", operands[1].Value)
	if err != nil {
		return nil, err
	}
	detector, err := d.get(names)
	if err != nil {
		return nil, err
	}
	found := detector.Find(nil, text)
	out := make([]*ast.Term, len(found))
	for i, f := range found {
		out[i] = ast.ObjectTerm(
			ast.Item(ast.InternedTerm("entity"), ast.StringTerm(f.Entity)),
			ast.Item(ast.InternedTerm("start"), ast.InternedTerm(f.Start)),
			ast.Item(ast.InternedTerm("end"), ast.InternedTerm(f.End)),
			ast.Item(ast.InternedTerm("text"), ast.StringTerm(text[f.Start:f.End])),
		)
	}
	return ast.ArrayTerm(out...), nil
}

// get returns the detector for these entities.
func (d *detectors) get(names []string) (*content.Detector, error) {
	slices.Sort(names)
	names = slices.Compact(names)
	key := strings.Join(names, " ")
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.byNames[key]; known != nil {
		return known, nil
	}
	made, err := content.NewDetector(content.DetectorConfig{Entities: names})
	if err != nil {
		return nil, fmt.Errorf("entities: %w", err)
	}
	if len(d.byNames) < maxDetectors {
		d.byNames[strings.Clone(key)] = made
	}
	return made, nil
}
