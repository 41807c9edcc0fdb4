package policies

import (
	"fmt"
	"strings"

	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/vars"
)

// exprOptions is what the expressions of the document may refer to, asked as they are compiled, in the order they run.
func (c *compiler) exprOptions() expr.Options {
	return expr.Options{
		Secret:    c.secret,
		Location:  c.out.cfg.Location,
		HasVar:    func(name string, _ vars.Phase) bool { return c.flow.hasVar(name) },
		HasResult: c.flow.hasResult,
	}
}

// secret finds a secret for an expression. What is not found is also noted, since in the keys of a provider that is no
// error.
func (c *compiler) secret(name string) (string, bool) {
	s := c.out.secrets.get(name)
	if s.err != nil || s.found && strings.TrimSpace(s.value) == "" {
		return "", false
	}
	if !s.found {
		c.missing = append(c.missing, name)
	}
	return s.value, s.found
}

const codeSecretMissing = "secret_missing"

// explain says more about a diagnostic of an expression than package expr can know.
func (c *compiler) explain(d diag.Diagnostic) diag.Diagnostic {
	switch d.Code {
	case codeSecretMissing:
		_, rest, _ := strings.Cut(d.Message, `"`)
		full, _, _ := strings.Cut(rest, `"`)
		d.Hint = "set " + envName(full) + " in the environment, or give weir.yaml another source"
		for _, name := range []string{full, full[strings.LastIndexByte(full, '/')+1:]} {
			s := c.out.secrets.asked[name]
			if s.err != nil {
				d.Code, d.Message, d.Hint = "secret_unreadable", s.err.Error(), ""
			} else if s.found {
				d.Code, d.Message, d.Hint = "empty_secret", fmt.Sprintf("the secret %q is empty", full), ""
			}
		}
	case "unset_variable":
		for name := range c.flow.inactive {
			if strings.HasSuffix(d.Message, "vars."+name) {
				d.Hint = "only a rule in shadow mode sets it"
			}
		}
	}
	return d
}
