package meter

import (
	"errors"
	"fmt"
	"strings"

	"weir/access"
	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/vars"
)

// NewEnv makes the environment that the expressions of quotas are compiled in. They read what route rules read, but for
// secrets.
func NewEnv() (*expr.Env, error) {
	env, err := expr.New(expr.Options{})
	if err != nil {
		return nil, fmt.Errorf("making the expressions of budgets: %w", err)
	}
	return env, nil
}

// CheckWhen says what is wrong with the when of a quota, nil where nothing is.
func CheckWhen(env *expr.Env, text string) error {
	_, err := (&compiler{env: env}).when(text)
	return err
}

// CheckPer says what is wrong with an entry of the per of a quota, nil where nothing is.
func CheckPer(env *expr.Env, text string) error {
	_, err := (&compiler{env: env}).part(text)
	return err
}

// compiler makes quotas of resources.
type compiler struct{ env *expr.Env }

// when compiles a selector. One that does not name the model holds for a whole exchange or for none of it.
func (c *compiler) when(text string) (condition, error) {
	if strings.TrimSpace(text) == "" {
		return condition{}, nil
	}
	var out condition
	given := expr.Text{Value: text}
	if p, diags := c.env.Predicate(vars.PhaseRoute, []expr.Text{given}); !diags.HasErrors() {
		if err := checkReads(p.Reads()); err != nil {
			return out, err
		}
		out.request = p
	} else {
		p, diags := c.env.ModelPredicate(given)
		if diags.HasErrors() {
			return out, problem(diags)
		}
		if err := checkReads(p.Reads()); err != nil {
			return out, err
		}
		out.model = p
	}
	return out, nil
}

// checkReads refuses expressions that would ask for what they decide.
func checkReads(reads vars.Set) error {
	for _, v := range vars.All() {
		if reads.Has(v.ID) && (strings.HasPrefix(v.Path, "caller.budget") || strings.HasPrefix(v.Path, "caller.limits")) {
			return fmt.Errorf("%s depends on budgets and limits and cannot be read by one", v.Path)
		}
	}
	return nil
}

// problem is the first error of a list.
func problem(diags diag.List) error {
	for i := range diags {
		if d := &diags[i]; d.Severity == diag.Error {
			if d.Hint != "" {
				return errors.New(d.Message + " (" + d.Hint + ")")
			}
			return errors.New(d.Message)
		}
	}
	return errors.New("the expression cannot be compiled")
}

// partKind is what a part of a counter's name is.
type partKind uint8

const (
	perAccessKey partKind = iota
	perTeam
	perModel
	perProvider
	perExpression
)

// part is one entry of per.
type part struct {
	kind  partKind
	value *expr.Template // of perExpression
}

func (c *compiler) parts(texts []string) ([]part, error) {
	out := make([]part, 0, len(texts))
	for i, text := range texts {
		p, err := c.part(text)
		if err != nil {
			return nil, fmt.Errorf("per[%d]: %w", i, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func (c *compiler) part(text string) (part, error) {
	switch strings.TrimSpace(text) {
	case "":
		return part{}, errors.New("an entry is access_key, team, model, provider or an expression, and not empty")
	case access.PerAccessKey:
		return part{kind: perAccessKey}, nil
	case access.PerTeam:
		return part{kind: perTeam}, nil
	case access.PerModel:
		return part{kind: perModel}, nil
	case access.PerProvider:
		return part{kind: perProvider}, nil
	}
	if _, diags := c.env.Value(vars.PhaseRoute, expr.Text{Value: text}); diags.HasErrors() {
		return part{}, problem(diags)
	}
	// The expression alone compiles, so that the braces in it are closed; the line break ends a comment.
	t, diags := c.env.Template(vars.PhaseRoute, expr.Text{Value: "${" + text + "\n}"})
	if diags.HasErrors() {
		return part{}, problem(diags)
	}
	if err := checkReads(t.Reads()); err != nil {
		return part{}, err
	}
	return part{kind: perExpression, value: t}, nil
}
