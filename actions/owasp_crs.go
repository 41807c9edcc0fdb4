package actions

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"weir/engine"
)

const (
	// The ids of the core rule set.
	minRuleID = 900_000
	maxRuleID = 999_999
	// maxExcluded is about the number of rules at the first paranoia level: who excludes more wants no rules.
	maxExcluded = 256
	// maxBodyLimit bounds the time that one body takes: the rules need about ten milliseconds for each kilobyte of text.
	maxBodyLimit = 64 << 10
	// maxArguments bounds the time that many small values take, in a query and in a body each: the rules look at every one.
	maxArguments = 256
	// maxMatchData keeps results small: a match quotes what was found, and then the whole value it was found in.
	maxMatchData = 512
)

// The decisions of the results.
const (
	crsAllow = "allow"
	crsDeny  = "deny"
)

// crsSide is what differs between the rules on requests and the rules on answers.
type crsSide struct {
	action, result string // the names of the action and of its results
	rules          string // directives
	score          string // the variable that the scores add up in
	threshold      int64
	refusal        string // what the client is told
}

// crs is what both actions share.
type crs struct {
	side   *crsSide
	walls  *crsWalls
	limit  int  // bytes of the body to look at
	body   bool // whether to look at it
	passes bool // on_error: continue, the mode for trying out
}

// crsFields are the fields that both actions have.
func crsFields(body string) []engine.Field {
	return []engine.Field{
		{Name: "process_body", Type: engine.FieldBool, Default: "false", Doc: body},
		{Name: "body_limit", Type: engine.FieldInt, Default: "4096", Min: 1, Max: maxBodyLimit, Doc: "How many bytes of the body are looked at. Nothing behind them is."},
		{Name: "exclude_rule_ids", Type: engine.FieldAny, Doc: "Rules to leave out: a list of ids from 900000 to 999999."},
		{Name: "on_error", Type: engine.FieldEnum, Default: onErrorHalt, Enum: []string{onErrorHalt, onErrorContinue}, Doc: "`continue` lets everything pass, what fails and what the rules refuse, and leaves both in the results."},
	}
}

// newCRS reads the shared fields and finds or builds the firewall for them; nil where something is wrong.
func newCRS(c *engine.Config, side *crsSide) *crs {
	excluded := excludedRules(c)
	if c.Diagnostics().HasErrors() {
		return nil
	}
	a := &crs{side: side, limit: int(c.Int("body_limit")), body: c.Bool("process_body"), passes: c.String("on_error") == onErrorContinue}
	name := fmt.Sprintf("owasp_crs/%s/%d/%v", side.action, a.limit, excluded)
	a.walls = engine.State(c.Services, name, func() *crsWalls { return &crsWalls{side: side, limit: a.limit, excluded: excluded} })
	if c.Services.Plan() == "" {
		return a // outside a gateway, as in an editor: the rules are compiled if anything ever comes through
	}
	if _, err := a.walls.get(); err != nil {
		c.Errorf(nil, "waf_unavailable", "the core rule set cannot be set up: %v", err)
		return nil
	}
	return a
}

// excludedRules reads the rules to leave out, sorted.
func excludedRules(c *engine.Config) []int64 {
	n := c.Node("exclude_rule_ids")
	if n == nil {
		return nil
	}
	if n.Kind != engine.NodeList {
		c.Errorf(n, "wrong_type", "\"exclude_rule_ids\" must be a list, got %s", n.Describe())
		return nil
	}
	if len(n.Items) > maxExcluded {
		c.Errorf(n, "out_of_range", "\"exclude_rule_ids\" may have %d entries, got %d", maxExcluded, len(n.Items))
	}
	out := make([]int64, 0, len(n.Items))
	for _, item := range n.Items {
		id, ok := item.Value.(int64)
		switch {
		case !ok:
			c.Errorf(item, "wrong_type", "each entry of \"exclude_rule_ids\" must be a whole number, got %s", item.Describe())
		case id < minRuleID || id > maxRuleID:
			c.Errorf(item, "out_of_range", "the ids of rules are between %d and %d, got %d", minRuleID, maxRuleID, id)
		case adminRule(id):
			c.Errorf(item, "bad_value", "rule %d finds nothing by itself, without it nothing would be refused: use on_error: continue to try the rules out", id)
		case slices.Contains(out, id):
			c.Errorf(item, "duplicate_value", "rule %d is named twice", id)
		default:
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// adminRule tells the rules that set up, add up and decide.
func adminRule(id int64) bool {
	switch id / 1000 {
	case 900, 901, 949, 959, 980:
		return true
	default:
		return false
	}
}

// crsWalls holds one set of compiled rules, built once for all exchanges and reloads that use the same settings.
type crsWalls struct {
	side     *crsSide
	limit    int
	excluded []int64

	once sync.Once
	waf  coraza.WAF
	err  error
}

func (w *crsWalls) get() (coraza.WAF, error) {
	w.once.Do(func() {
		if w.waf, w.err = coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(w.directives())); w.err != nil {
			w.err = fmt.Errorf("compiling the rules: %w", w.err)
			return
		}
		if closer, ok := w.waf.(io.Closer); ok { // gives up its share of the compiled patterns
			runtime.AddCleanup(w, func(c io.Closer) { _ = c.Close() }, closer) // cannot fail
		}
	})
	return w.waf, w.err
}

// directives is the configuration of the firewall. It keeps bodies in memory only, because none is longer than what it may
// hold there, and it writes no log of its own, because matches quote what they matched.
func (w *crsWalls) directives() string {
	var b strings.Builder
	fmt.Fprintf(&b, `
SecRuleEngine On
SecAuditEngine Off
SecRequestBodyAccess On
SecRequestBodyLimit %[1]d
SecRequestBodyInMemoryLimit %[1]d
SecResponseBodyAccess On
SecResponseBodyLimit %[1]d
SecArgumentsLimit %[2]d
SecRule ARGUMENTS_LIMIT_REACHED "!@eq 0" "id:100,phase:2,deny,status:403,log,severity:'CRITICAL',msg:'More values than the rules look at'"
SecRule REQBODY_ERROR "!@eq 0" "id:101,phase:2,deny,status:403,log,severity:'CRITICAL',msg:'The body is not what its type says'"
Include @crs-setup.conf.example
Include @owasp_crs/REQUEST-901-INITIALIZATION.conf
`, w.limit+1, maxArguments) // a body as long as the limit of the firewall would count as too long
	b.WriteString(w.side.rules)
	for _, id := range w.excluded {
		b.WriteString("\nSecRuleRemoveById " + strconv.FormatInt(id, 10))
	}
	b.WriteByte('\n')
	return b.String()
}

// inspection is one run of the rules over one exchange.
type inspection struct {
	tx    types.Transaction
	state plugintypes.TransactionVariables
}

// inspect begins a run; the caller closes the transaction.
func (a *crs) inspect() (*inspection, error) {
	waf, err := a.walls.get()
	if err != nil {
		return nil, err
	}
	tx := waf.NewTransaction()
	state, ok := tx.(plugintypes.TransactionState)
	if !ok {
		_ = tx.Close() // nothing was put into it
		return nil, fmt.Errorf("the firewall keeps no state: %T", tx)
	}
	return &inspection{tx: tx, state: state.Variables()}, nil
}

// connection tells the rules who asks.
func (i *inspection) connection(x *engine.Exchange) {
	i.tx.ProcessConnection(x.Conn.ClientIP.String(), int(x.Conn.Client.Port()), x.Conn.Server.Addr().String(), int(x.Conn.Server.Port()))
	i.tx.SetServerName(x.Request.Host)
}

// crsPath is the path as it was asked for.
func crsPath(x *engine.Exchange) string {
	if x.Request.RawPath != "" {
		return x.Request.RawPath
	}
	return x.Request.Path
}

// set puts a value into a variable that the firewall otherwise fills by itself.
func set(variable any, value string) error {
	s, ok := variable.(interface{ Set(value string) })
	if !ok {
		return fmt.Errorf("a variable of the firewall cannot be set: %T", variable)
	}
	s.Set(value)
	return nil
}

// finish publishes what the rules found and makes the verdict of it.
func (a *crs) finish(x *engine.Exchange, i *inspection) (engine.Verdict, error) {
	decision := crsAllow
	if i.tx.IsInterrupted() {
		decision = crsDeny
	}
	var score int64
	if values := i.state.TX().Get(a.side.score); len(values) > 0 {
		var err error
		if score, err = strconv.ParseInt(values[0], 10, 64); err != nil {
			return engine.VerdictDeny, fmt.Errorf("reading the score of %s: %w", a.side.action, err)
		}
	}
	if x.WantsResult(a.side.result) {
		x.SetResult(a.side.result, map[string]any{
			"decision": decision, "anomaly_score": score, "anomaly_score_threshold": a.side.threshold, "matched_rules": matchedRules(i.tx),
		})
	}
	if decision == crsAllow {
		return engine.VerdictContinue, nil
	}
	// ids only: what a rule matched may be a password
	x.AddLog(a.side.result, map[string]any{"decision": decision, "anomaly_score": score, "rules": matchedIDs(i.tx)})
	if a.passes {
		return engine.VerdictContinue, nil
	}
	x.Deny(0, engine.CodeContentBlocked, a.side.refusal)
	return engine.VerdictDeny, nil
}

// fail is what happens where the rules could not be applied.
func (a *crs) fail(x *engine.Exchange, err error) (engine.Verdict, error) {
	if x.WantsResult(a.side.result) {
		x.SetResult(a.side.result, map[string]any{
			"anomaly_score_threshold": a.side.threshold,
			"error":                   map[string]any{"code": string(engine.CodePolicyFailed), "message": err.Error()},
		})
	}
	if !a.passes {
		return engine.VerdictDeny, fmt.Errorf("%s: %w", a.side.action, err)
	}
	x.AddLog(a.side.result, map[string]any{"error": err.Error()})
	return engine.VerdictContinue, nil
}

// findings are the matches that count, without the rules that set up, add up and decide.
func findings(tx types.Transaction) []types.MatchedRule {
	var out []types.MatchedRule
	for _, m := range tx.MatchedRules() {
		if m.Message() != "" && !adminRule(int64(m.Rule().ID())) {
			out = append(out, m)
		}
	}
	return out
}

func matchedRules(tx types.Transaction) []any {
	found := findings(tx)
	out := make([]any, len(found))
	for i, m := range found {
		data := m.Data()
		if len(data) > maxMatchData {
			data = strings.ToValidUTF8(data[:maxMatchData], "")
		}
		out[i] = map[string]any{
			"id": int64(m.Rule().ID()), "message": m.Message(), "severity": m.Rule().Severity().String(), "data": data,
		}
	}
	return out
}

func matchedIDs(tx types.Transaction) []any {
	found := findings(tx)
	out := make([]any, len(found))
	for i, m := range found {
		out[i] = int64(m.Rule().ID())
	}
	return out
}
