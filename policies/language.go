package policies

import (
	"cmp"
	"slices"

	"weir/engine"
	"weir/engine/vars"
)

// Kind says what a field of the language holds.
type Kind uint8

// The kinds of fields.
const (
	KindString         Kind = iota // taken as it is
	KindTemplate                   // a string with ${...}
	KindExpression                 // a condition in CEL
	KindValue                      // an expression in CEL of any type
	KindModelCondition             // a condition over the model m
	KindModels                     // a strategy over ai.models
	KindKeys                       // a strategy over ai.keys
	KindFile                       // the name of a file beside the policy
	KindURL
	KindDuration
	KindBool
	KindInt
	KindNumber
	KindPrice      // a number that is not negative
	KindActionName // the name of an action that may stand in Phase
	KindName       // a string, or a mapping with its name
	KindStrings    // a mapping from names to strings, which are templates where Templates is set
	KindMapping    // a mapping of anything, in the strings of which ${...} stands where Templates is set
	KindAny        // anything, in the strings of which ${...} stands where Templates is set
	KindObject     // a mapping of Fields
	KindRule       // a mapping of Fields, or an action in its place
	KindAction     // a mapping of Fields, of which "config" depends on "type"
	KindConfig     // the config of an action
	KindRouteRule  // a mapping of Fields
	KindRego       // a module in Rego
	KindModule     // the name of a file or folder, or a mapping of Fields
	KindModules    // a mapping of Fields, or the value of the first of them in its place, alone or in a list
)

// Field is one key of the policy language: what editors, the schema and the reference know of it.
type Field struct {
	Name string
	// Alias is another name for the key; a document has one of the two.
	Alias string
	Kind  Kind
	// List fields hold any number of values; with Single one value may stand without the list.
	List, Single bool
	Required     bool
	// Filled fields cannot be null: leaving them out is how to say nothing.
	Filled    bool
	Templates bool
	Enum      []string
	// Min and Max bound a number, or how many entries there are; 0, 0 = none.
	Min, Max int64
	Default  string
	Doc      string
	// Phase is where the expressions in the field are evaluated.
	Phase  vars.Phase
	Fields []Field
}

// Language returns the fields of a policy document.
func Language() []Field {
	phases := phaseKeys()
	out := make([]Field, 0, len(phases)+4)
	out = append(
		out,
		Field{Name: keyInclude, Kind: KindFile, List: true, Single: true, Filled: true, Doc: "Files and folders whose documents stand in front of this one."},
		Field{Name: "time_zone", Kind: KindString, Doc: "The zone in which `time.hour`, `time.weekday` and `time.date` are told, such as `Europe/Berlin`.", Default: "UTC"},
		Field{Name: "providers", Kind: KindObject, List: true, Doc: "Who can answer, for all routes.", Fields: providerFields()},
		regoField(),
	)
	for _, key := range phases {
		out = append(out, phaseField(key[0], key[1]))
	}
	return out
}

// GatewayFields returns the fields that the config of an ai-gateway action has: those of a route rule less what its rule says.
func GatewayFields() []Field {
	return slices.DeleteFunc(routeFields(), func(f Field) bool { return f.Name == "name" || f.Name == "expressions" })
}

// ActionFields returns the fields of an action's config, as its spec declares them.
func ActionFields(spec *engine.ActionSpec, phase vars.Phase) []Field {
	out := configFields(spec.Fields, phase)
	if !slices.ContainsFunc(out, func(f Field) bool { return f.Name == "enforce" }) {
		out = append(out, enforceField())
	}
	return out
}

// PhaseActions returns the names of the actions that may stand in a phase, sorted.
func PhaseActions(specs []engine.ActionSpec, phase vars.Phase) []string {
	var out []string
	for i := range specs {
		if specs[i].Phases&phase != 0 {
			out = append(out, specs[i].Name)
		}
	}
	if phase == vars.PhaseRequest {
		out = append(out, actionAIGateway)
	}
	slices.Sort(out)
	return out
}

// GatewayAction is the name of the action whose config is a route rule.
const GatewayAction = actionAIGateway

// ResultName is how expressions name the result of an action, behind "actions.".
func ResultName(action string) string { return resultName(action) }

func configFields(in []engine.Field, phase vars.Phase) []Field {
	out := make([]Field, len(in))
	for i := range in {
		f := &in[i]
		out[i] = Field{
			Name: f.Name, Kind: KindAny, Required: f.Required, Templates: f.Template, Enum: f.Enum, Min: f.Min, Max: f.Max,
			Default: f.Default, Doc: f.Doc, Phase: cmp.Or(f.Phase, phase), Fields: configFields(f.Fields, phase),
		}
		switch f.Type {
		case engine.FieldString, engine.FieldEnum:
			out[i].Kind = textKind(f.Template)
		case engine.FieldInt:
			out[i].Kind = KindInt
		case engine.FieldFloat:
			out[i].Kind = KindNumber
		case engine.FieldBool:
			out[i].Kind = KindBool
		case engine.FieldDuration:
			out[i].Kind = KindDuration
		case engine.FieldStrings:
			out[i].Kind, out[i].List = textKind(f.Template), true
		case engine.FieldStringMap:
			out[i].Kind = KindStrings
		case engine.FieldObjects:
			out[i].Kind, out[i].List = KindObject, true
		case engine.FieldObject:
			out[i].Kind = KindObject
		case engine.FieldExpression:
			out[i].Kind = KindValue
		case engine.FieldExpressions:
			out[i].Kind, out[i].List = KindValue, true
		case engine.FieldAny:
		}
	}
	return out
}

func textKind(template bool) Kind {
	if template {
		return KindTemplate
	}
	return KindString
}

// phaseField describes one phase of a document.
func phaseField(name, alias string) Field {
	f := Field{Name: name, Alias: alias, Kind: KindRule, List: true, Single: true, Filled: true}
	takes := vars.Phase(0) // where its actions stand, if not where its expressions do
	switch name {
	case keyConnect:
		f.Phase, f.Doc = vars.PhaseTCPConnect, "Rules that run when a connection is made, before anything is read from it."
	case keyRequest:
		f.Phase, f.Doc = vars.PhaseRequest, "Rules that run before routing: all that match, in order, until one ends the request."
	case keyRoute:
		f.Kind, f.Phase, f.Fields = KindRouteRule, vars.PhaseRoute, routeFields()
		f.Doc = "Route rules: the first whose expressions match says which models are tried, and in which order. Without a match every model is, in the client's order."
		return f
	case keyResponse:
		f.Phase, f.Doc = vars.PhaseResponse, "Rules that run when the answer begins: all that match, in order."
	case keyEvent:
		f.Phase, f.Doc = vars.PhaseResponse, "Rules that run once for a streamed answer, when it begins; their actions then work on each of its events."
		takes = vars.PhaseEvent
	}
	if takes == 0 {
		takes = f.Phase
	}
	f.Fields = ruleFields(name, f.Phase, takes)
	return f
}

func ruleFields(key string, phase, takes vars.Phase) []Field {
	out := []Field{
		{Name: "name", Kind: KindString, Doc: "A label for logs."},
		{Name: "expressions", Kind: KindExpression, List: true, Filled: true, Phase: phase, Doc: "Conditions in CEL, all of which must hold. None means always."},
		{Name: "actions", Kind: KindAction, List: true, Single: true, Required: true, Min: 1, Phase: phase, Fields: actionFields(phase, takes), Doc: "What to do, in order."},
		{Name: "on_error", Kind: KindString, Enum: []string{"halt", "continue"}, Doc: "What a failing expression or action does: `halt` ends the request with `policy_failed`, `continue` goes on. The default is `halt` where the rule can refuse, change or route a request."},
		{Name: "mode", Kind: KindString, Enum: []string{"enforce", "shadow"}, Default: "enforce", Doc: "`shadow` evaluates and reports the rule and does nothing."},
	}
	if key == keyResponse {
		out = append(out, Field{
			Name: "on_stream", Kind: KindString, Enum: []string{"window", "buffer", "skip"}, Default: "window",
			Doc: "How actions that work on content read a streamed answer: in a sliding `window`, whole (`buffer`), or not at all (`skip`).",
		})
	}
	return out
}

// actionFields are those of an action that may stand where takes says, and whose expressions are evaluated in phase.
func actionFields(phase, takes vars.Phase) []Field {
	return []Field{
		{Name: "type", Kind: KindActionName, Required: true, Phase: takes, Doc: "Which action it is."},
		{Name: "config", Kind: KindConfig, Phase: phase, Doc: "The fields of the action."},
		enforceField(),
	}
}

func enforceField() Field {
	return Field{Name: "enforce", Kind: KindBool, Default: "true", Doc: "`false` evaluates and reports the action and does nothing."}
}
