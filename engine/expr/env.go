package expr

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"

	"weir/engine/diag"
	"weir/engine/vars"
)

// Source gives the values of variables during one evaluation.
type Source interface {
	Var(id vars.ID) vars.Value
}

// Text is an expression inside a file. At gives the position in the file of a character of Value, counted from 0; it may be nil.
type Text struct {
	Value string
	At    func(offset int) diag.Pos
}

// Options says what the expressions of one policy may refer to.
type Options struct {
	// Secret resolves secrets.get at load; nil means that there are none.
	Secret func(name string) (string, bool)
	// Location is the time zone of time.hour, time.weekday and time.date where the source gives a time; nil means UTC.
	Location *time.Location
	// HasVar reports whether vars.name can have been set before phase; nil allows every name.
	HasVar func(name string, phase vars.Phase) bool
	// HasResult reports whether an action of this name (with underscores) can have run before; nil allows every name.
	HasResult func(action string) bool
}

// Limits of expressions.
const (
	// maxExpression is far above any condition a person writes and keeps the parser's work on hostile policies small.
	maxExpression = 16 * 1024
	// maxNesting is deeper than readable expressions go and far from what would exhaust the parser's stack.
	maxNesting = 64
	// maxRegexProgram holds patterns of some thousand characters; beyond it a match costs more than the rest of a policy.
	maxRegexProgram = 10_000
	// maxStaticCost is the cheapest possible run of an expression that may still load, in CEL's cost units (some 20 ns each):
	// about 20 ms of one core.
	maxStaticCost = 1_000_000
	// maxRunCost stops a comprehension whose length nobody knows at load at the same cost while it runs.
	maxRunCost = 1_000_000
)

// Env compiles expressions. It is safe for use by several goroutines.
type Env struct {
	cel         *cel.Env
	model       *cel.Env // with the variable m of require
	opts        Options
	byPath      map[string]vars.ID
	functions   []string // names of all functions, for suggestions
	fields      []string // names of all fields, for suggestions
	activations sync.Pool
	packed      packed

	// random sources, replaced in tests
	intn   func(n int) int
	int64n func(n int64) int64
}

// New makes an environment.
func New(o Options) (*Env, error) {
	e := &Env{opts: o, byPath: make(map[string]vars.ID, vars.Count), intn: rand.IntN, int64n: rand.Int64N}
	if e.opts.Location == nil {
		e.opts.Location = time.UTC
	}
	e.activations.New = func() any { return &activation{env: e} }
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("making the registry of CEL types: %w", err)
	}
	objects := newFieldTypes(registry)
	e.fields = objects.names()
	opts := []cel.EnvOption{
		cel.CustomTypeProvider(objects),
		cel.CustomTypeAdapter(adapter{}),
		cel.ClearMacros(),
		cel.Macros(macros()...),
		ext.Strings(),
		ext.Lists(),
		ext.Encoders(ext.EncodersVersion(0)), // without json.*, which could not tell our objects
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(maxNesting),
		cel.RegexProgramSizeLimit(maxRegexProgram),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateDurationLiterals()),
	}
	for _, v := range vars.All() {
		e.byPath[v.Path] = v.ID
		opts = append(opts, cel.Variable(v.Path, variableType(v)))
	}
	opts = append(opts, totalOptions()...)
	opts = append(opts, functionOptions(e)...)
	opts = append(opts, collectionOptions(e)...)
	opts = append(opts, costOptions())
	if e.cel, err = cel.NewEnv(opts...); err != nil {
		return nil, fmt.Errorf("making the CEL environment: %w", err)
	}
	if e.model, err = e.cel.Extend(cel.Variable(requireVar, modelType)); err != nil {
		return nil, fmt.Errorf("making the CEL environment of require: %w", err)
	}
	for name := range e.cel.Functions() {
		if name[0] != '@' && name[0] != '_' && name[0] != '!' && name[0] != '-' {
			e.functions = append(e.functions, name)
		}
	}
	for _, f := range Functions() { // macros, and what is rewritten before CEL sees it
		e.functions = append(e.functions, f.Name)
	}
	slices.Sort(e.functions)
	e.functions = slices.Compact(e.functions)
	return e, nil
}

// macros are CEL's own, with a has that says what to write for a header.
func macros() []cel.Macro {
	out := make([]cel.Macro, 0, len(cel.StandardMacros))
	for _, m := range cel.StandardMacros {
		if m.Function() != "has" {
			out = append(out, m)
		}
	}
	return append(out, cel.GlobalMacro("has", 1, expandHas))
}

func variableType(v vars.Var) *cel.Type {
	if v.Path == setCookiesPath {
		return setCookiesType()
	}
	return celType(v.Type)
}

func celType(t vars.Type) *cel.Type {
	switch t {
	case vars.TypeBool:
		return cel.BoolType
	case vars.TypeInt:
		return cel.IntType
	case vars.TypeDouble:
		return cel.DoubleType
	case vars.TypeString:
		return cel.StringType
	case vars.TypeTimestamp:
		return cel.TimestampType
	case vars.TypeStrings:
		return cel.ListType(cel.StringType)
	case vars.TypeMulti:
		return cel.MapType(cel.StringType, cel.ListType(cel.StringType))
	case vars.TypeCookies:
		return cel.MapType(cel.StringType, cel.ListType(cookieType))
	case vars.TypeStringMap:
		return cel.MapType(cel.StringType, cel.StringType)
	case vars.TypeMap:
		return cel.MapType(cel.StringType, cel.DynType)
	case vars.TypeList:
		return cel.ListType(cel.DynType)
	case vars.TypeModels:
		return cel.ListType(modelType)
	case vars.TypeProviders:
		return cel.ListType(providerType)
	case vars.TypeAuthors:
		return cel.ListType(authorType)
	case vars.TypeKeys:
		return cel.ListType(keyType)
	case vars.TypeDyn:
		return cel.DynType
	default:
		return cel.DynType
	}
}
