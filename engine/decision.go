package engine

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"

	"weir/engine/diag"
	"weir/engine/opa"
	"weir/engine/vars"
)

// Effect is what a decision did to an exchange.
type Effect string

// The effects.
const (
	EffectAllowed Effect = "allowed"
	EffectRefused Effect = "refused"
	EffectRewrote Effect = "rewrote"
	EffectRouted  Effect = "routed"
	EffectFailed  Effect = "failed"
	// EffectUnknown is what an action in shadow would have done that cannot tell.
	EffectUnknown Effect = "unknown"
)

// Decision is one decision of a policy about one exchange, for the decision log.
type Decision struct {
	ID       string // made by RecordDecision where empty
	Path     string // of a Rego query: access/decision; of a rule: on_request/<rule name or file:line>
	Language string // rego or cel
	Effect   Effect
	Shadow   bool // nothing of it was done
	// Rule, Action, Pos and Shadow are taken from Exchange.Site where they are empty.
	Rule    string
	Action  string
	Pos     diag.Pos
	Input   any // nil, bool, int64, float64, string, []any, map[string]any; nothing that aliases the exchange's buffers
	Result  any // the same
	Err     error
	Elapsed time.Duration
	// Erased tells where text was taken out of what is logged, as JSON pointers.
	Erased []string
	cut    bool // Input is not whole
}

// DecisionRecord is a decision with what the exchange was. It shares nothing with the exchange.
type DecisionRecord struct {
	Decision

	Time        time.Time
	ErrCode     Code   // "" = Err was nil
	ErrText     string // of Err, which is nil here
	Cut         bool   // Input or Result was too large, and is not whole
	Size        int    // about what the record takes in memory
	Exchange    uint64 // counts the exchanges that have decisions
	RequestID   string
	RequestedBy string // the client's address
	Endpoint    string
	Plan        string
	Hash        string // of the policy
	Generation  uint64
	Phase       string
	Caller      string
	CallerKind  string
	API         string
	Model       string // that the client asked for
	// Rego is the policy's, whose mask and bundles the log needs; nil where it has none.
	Rego *opa.Policy
}

// DecisionLog takes what policies decided.
type DecisionLog interface {
	// LogDecision takes one decision. It waits for nothing, as the exchange waits for it, and may keep the record.
	LogDecision(r *DecisionRecord)
}

// decided is what the exchange has decided so far.
type decided struct {
	next     string // id of the decision that is being made
	last     string // of the last that was recorded
	refusal  string // of the one that refused
	number   uint64
	recorded int
	replaced int           // how often the body was
	started  time.Time     // of the rule that runs
	matched  time.Duration // what finding the route took
}

func (d *decided) reset() { *d = decided{} }

func (x *Exchange) deciding() *decided {
	if x.decided == nil {
		x.decided = &decided{}
	}
	return x.decided
}

// DecisionID is the id of the decision that is being made: that of the next RecordDecision. It goes to the client as
// x-weir-decision-id.
func (x *Exchange) DecisionID() string {
	d := x.deciding()
	if d.next == "" {
		d.next = newDecisionID()
	}
	return d.next
}

// newDecisionID makes a random UUID, as OPA's ids are.
func newDecisionID() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], rand.Uint64()) //nolint:gosec // an id is no secret: it only must not repeat
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64()) //nolint:gosec // the same
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	hex.Encode(text[0:8], b[0:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:36], b[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// WantsDecisions reports whether somebody reads what RecordDecision is told.
func (x *Exchange) WantsDecisions() bool { return x.plan != nil && x.plan.rt.decisions != nil }

// RecordDecision takes a decision into the decision log. Without one it only says that the decision was made, so that
// the next has an id of its own.
func (x *Exchange) RecordDecision(d Decision) {
	at := x.Site()
	x.record(&d, &at)
}

func (x *Exchange) record(d *Decision, at *Site) {
	if d.ID == "" {
		d.ID = x.DecisionID()
	}
	d.Shadow = d.Shadow || at.Mode == ModeShadow
	s := x.deciding()
	s.next = ""
	s.recorded++
	if !d.Shadow {
		s.last = d.ID
		if s.refusal == "" && (d.Effect == EffectRefused || d.Effect == EffectFailed && at.OnError != OnErrorContinue) {
			s.refusal = d.ID
		}
	}
	if !x.WantsDecisions() {
		return
	}
	if d.Rule == "" {
		d.Rule = at.Rule
	}
	if d.Action == "" {
		d.Action, d.Pos = at.Action, at.Pos
	}
	x.plan.rt.decisions.LogDecision(x.decisionRecord(d))
}

// decisionRecord copies what the log tells of the exchange.
func (x *Exchange) decisionRecord(d *Decision) *DecisionRecord {
	p, s := x.plan, x.decided
	if s.number == 0 {
		s.number = p.rt.deciding.Add(1)
	}
	r := &DecisionRecord{
		Decision: *d, Time: x.now(), Exchange: s.number, RequestID: strings.Clone(x.Request.ID),
		RequestedBy: strings.Clone(x.clientIP()), Endpoint: x.endpoint().ID, Plan: p.Name, Hash: p.Hash,
		Generation: p.Generation, Phase: x.phaseName(), Caller: strings.Clone(x.Caller.ID), API: x.Request.API.String(), Rego: p.rego,
	}
	if x.Caller.ID != "" {
		r.CallerKind = strings.Clone(x.Caller.kind())
	}
	if name := x.Request.model(); name != "" {
		r.Model = strings.Clone(name[:min(len(name), maxLogName)])
	}
	if d.Err != nil {
		r.ErrCode, r.ErrText = failureCode(d.Err), strings.Clone(d.Err.Error())
		r.ErrText = r.ErrText[:min(len(r.ErrText), maxDecisionError)]
		r.Err = nil
	}
	c := clipper{left: maxDecisionValue, cut: d.cut}
	r.Result, r.Input = c.clip(d.Result), c.clip(d.Input)
	r.Cut, r.Size = c.cut, recordSize+maxDecisionValue-c.left+len(r.ErrText)
	return r
}

const (
	// maxDecisionError bounds the text of what went wrong: messages of expressions take two lines.
	maxDecisionError = 1 << 10
	// maxDecisionValue bounds input and result together, text and structure: a conversation of a few pages. What auditors
	// ask about is who and what, and the access log may hold bodies.
	maxDecisionValue = 64 << 10
	// recordSize is about what a record takes without them.
	recordSize = 1 << 10
)

// phaseName is the phase in which a decision is made. Rules on events read what those on the answer read.
func (x *Exchange) phaseName() string {
	switch x.phase {
	case vars.PhaseKeys, vars.PhaseFailover:
		return vars.PhaseRoute.String()
	case 0:
		return ""
	default:
		return x.phase.String()
	}
}

// failureCode is the code of what went wrong in a decision.
func failureCode(err error) Code {
	if e := AsError(err); e.Code != CodeInternal {
		return e.Code
	}
	return CodePolicyFailed
}

// decisionHeader tells the client which decision was the last word about its request.
const decisionHeader = "x-weir-decision-id"

// tellDecision puts the id of the decision that refused, or else of the last one, into the answer's fields.
func (x *Exchange) tellDecision() {
	if x.decided == nil || x.plan.rt.hideRouting {
		return
	}
	if id := x.decisionID(); id != "" {
		x.Reply.Headers.Set(decisionHeader, id)
	}
}

// decisionID is the id of the decision that refused, else of the last one, "" where none was made.
func (x *Exchange) decisionID() string {
	switch d := x.decided; {
	case d == nil:
		return ""
	case d.refusal != "":
		return d.refusal
	case d.last != "":
		return d.last
	default:
		return d.next
	}
}
