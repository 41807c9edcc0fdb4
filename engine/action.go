package engine

import (
	"context"

	"weir/engine/vars"
)

// Verdict is what an action decided about the exchange.
type Verdict uint8

// The verdicts. Respond and Deny end the phase; the action has set x.Reply.
const (
	VerdictContinue Verdict = iota
	VerdictRespond          // answer with x.Reply; on_response still runs on it
	VerdictDeny             // answer with x.Reply or x's error; content actions of on_response do not run
	VerdictClose            // close the client's connection without an answer
)

// Action does one thing to an exchange. It is built once per rule at load and shared by all exchanges, so it holds no
// state of one exchange; it never sees a socket.
type Action interface {
	Do(ctx context.Context, x *Exchange) (Verdict, error)
}

// FieldType is the type of one configuration field.
type FieldType uint8

// The field types.
const (
	FieldString FieldType = iota
	FieldInt
	FieldFloat
	FieldBool
	FieldDuration
	FieldEnum
	FieldStrings   // list of strings
	FieldStringMap // map from string to string
	FieldAny       // any YAML value
	FieldObjects   // list of mappings
	FieldObject    // one mapping
	// FieldExpression is plain CEL without ${}, which the action compiles.
	FieldExpression
	FieldExpressions // list of expressions
)

// Field is one configuration field of an action: the source of decoding, checks and the reference page.
type Field struct {
	Name     string
	Type     FieldType
	Required bool
	Template bool   // strings may hold ${...}
	Default  string // as written in the docs, "" = none
	Enum     []string
	Min, Max int64 // bounds of an int or of the number of entries; 0, 0 = none
	// Phase is where an expression is evaluated, if not in the phase that the action stands in.
	Phase vars.Phase
	// Secret fields hold what no diagnostic may show.
	Secret bool
	Doc    string
	Fields []Field // of FieldObjects and FieldObject; of a FieldAny, those that are Secret
}

// ActionSpec declares an action.
type ActionSpec struct {
	Name   string     // kebab-case
	Phases vars.Phase // where it may stand
	// Terminal actions always end the phase: what follows them in a rule is unreachable.
	Terminal bool
	// Guards are actions that can refuse, rewrite or set what a route or a refusal reads: their rules halt on errors.
	Guards bool
	// Authenticates marks actions that prove who the caller is; a policy with one may listen beyond loopback.
	Authenticates bool
	// ContentRule actions change the answer and are skipped on refusals and Weir's own errors.
	ContentRule bool
	Fields      []Field
	Doc         string // the embedded Markdown page
	// New builds the action; problems are reported on c and New returns nil.
	New func(c *Config) Action
}
