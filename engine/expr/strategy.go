package expr

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"weir/engine/catalog"
	"weir/engine/diag"
	"weir/engine/vars"
)

// Strategy chooses and orders models.
type Strategy struct {
	unit        *unit
	stage       stage
	elementwise bool
}

// Strategy compiles one strategy of model_selection. Its result is a model or a list of models.
func (e *Env) Strategy(t Text) (*Strategy, diag.List) {
	u, diags := e.compile(scope{env: e.cel, phase: vars.PhaseRoute}, t)
	if len(diags) > 0 {
		return nil, diags
	}
	if u.typ.TypeName() != modelName && !isModelList(u.typ) {
		return nil, wrongResult(t, u.typ, "a strategy must give a model or a list of models", "ai.models")
	}
	c := &chainCompiler{unit: u, elementwise: true}
	s := &Strategy{unit: u, stage: c.compile(u.ast.Expr())}
	s.elementwise = s.stage != nil && c.elementwise
	return s, u.emptyFilters(t)
}

func wrongResult(t Text, typ *cel.Type, message, start string) diag.List {
	text := newText(t)
	return diag.List{text.diagnostic(0, len(text.runes), "strategy_type",
		fmt.Sprintf("%s, this is %s", message, withArticle(clean(cel.FormatCELType(typ)))), "begin with "+start)}
}

// withArticle puts a or an before the name of a type.
func withArticle(name string) string {
	if name != "" && strings.ContainsRune("aeio", rune(name[0])) { // a uint begins as it is spoken
		return "an " + name
	}
	return "a " + name
}

// Select evaluates the strategy over just these models and returns its choice in the order to try them. It never changes
// models, and the result may be models itself.
func (s *Strategy) Select(src Source, models []*catalog.Model) (out []*catalog.Model, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, errPanic
		}
	}()
	if s.stage != nil {
		return s.stage(&selection{src: src, models: models})
	}
	return s.interpret(src, models)
}

// interpret runs the strategy as one CEL program.
func (s *Strategy) interpret(src Source, models []*catalog.Model) ([]*catalog.Model, error) {
	v, err := s.unit.run(bindings{src: src, models: models, selects: true})
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case traits.Lister:
		return modelsOf(v), nil
	}
	if m := modelOf(v); m != nil {
		return []*catalog.Model{m}, nil
	}
	return nil, fmt.Errorf("%s: a strategy gave %s", s.unit.where(), withArticle(clean(v.Type().TypeName())))
}

// Static reports whether the result depends on nothing but the models and their metrics, so that it holds until these change.
func (s *Strategy) Static() bool {
	var catalogOnly vars.Set
	for _, id := range []vars.ID{vars.AIModels, vars.AIProviders, vars.AIAuthors} {
		catalogOnly.Add(id)
	}
	before := catalogOnly.Len()
	catalogOnly.Union(s.unit.reads)
	return !s.unit.random && catalogOnly.Len() == before
}

// Elementwise reports whether the strategy keeps or drops each model by itself and leaves the order alone.
func (s *Strategy) Elementwise() bool { return s.elementwise }

// Reads returns the variables the strategy reads.
func (s *Strategy) Reads() vars.Set { return s.unit.reads }

// Key is one provider key, as api_key_selection sees it.
type Key struct {
	ID        string
	Value     string
	Quota     catalog.Quota
	ErrorRate catalog.ErrorRate
	Index     int // the caller's own number of the key
}

// KeyStrategy chooses and orders the keys of a provider.
type KeyStrategy struct {
	unit *unit
	all  bool // ai.keys and nothing else
}

// KeyStrategy compiles one strategy of api_key_selection. Its result is a key or a list of keys.
func (e *Env) KeyStrategy(t Text) (*KeyStrategy, diag.List) {
	u, diags := e.compile(scope{env: e.cel, phase: vars.PhaseKeys}, t)
	if len(diags) > 0 {
		return nil, diags
	}
	isList := u.typ.Kind() == types.ListKind && u.typ.Parameters()[0].TypeName() == keyName
	if u.typ.TypeName() != keyName && !isList {
		return nil, wrongResult(t, u.typ, "a key strategy must give a key or a list of keys", "ai.keys")
	}
	id, isVar := variable(u.ast, u.ast.Expr())
	return &KeyStrategy{unit: u, all: isVar && id == vars.AIKeys}, nil
}

// Select evaluates the strategy over these keys and returns its choice in the order to try them.
func (s *KeyStrategy) Select(src Source, keys []Key) ([]Key, error) {
	if s.all || len(keys) == 0 {
		return keys, nil
	}
	v, err := s.unit.run(bindings{src: src, keys: keys})
	if err != nil {
		return nil, err
	}
	list := []ref.Val{v}
	if _, ok := v.(traits.Lister); ok {
		list = elements(v)
	}
	out := make([]Key, 0, len(list))
	for _, elem := range list {
		if o, ok := elem.(*object); ok {
			if k, ok := o.val.(*Key); ok {
				out = append(out, *k)
			}
		}
	}
	return out, nil
}

// Reads returns the variables the strategy reads.
func (s *KeyStrategy) Reads() vars.Set { return s.unit.reads }
