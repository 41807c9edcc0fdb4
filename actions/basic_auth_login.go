package actions

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/expr"
)

var (
	errLoginColon    = errors.New("the user of a credential holds a colon, which divides it from the password")
	errLoginShape    = errors.New("a credential does not read user:password")
	errLoginUser     = fmt.Errorf("the user of a credential must have between 1 and %d characters", maxUser)
	errLoginPassword = fmt.Errorf("the password of a credential must have between %d and %d characters", minPassword, maxPassword)
	errLoginControl  = errors.New("a credential cannot hold control characters")
)

// checkLogin reports what RFC 7617 and the limits of the action do not allow. It never tells the password.
func checkLogin(user, password string) error {
	switch n := utf8.RuneCountInString(password); {
	case user == "" || len(user) > maxUser:
		return errLoginUser
	case strings.Contains(user, ":"):
		return errLoginColon
	case n < minPassword || len(password) > maxPassword:
		return errLoginPassword
	}
	for _, r := range user + password {
		if r < 0x20 || r == 0x7f {
			return errLoginControl
		}
	}
	return nil
}

// loginTemplate is a credential with ${...} in it. Where its own text has the dividing colon, what is filled in on the
// left of it cannot move it.
type loginTemplate struct {
	whole          *expr.Template
	user, password *expr.Template // nil where the colon comes out of an expression
}

// newLoginTemplate returns nil where the credential does not compile, which is reported.
func newLoginTemplate(c *engine.Config, n *engine.Node) *loginTemplate {
	t := &loginTemplate{whole: c.CompileTemplate(n)}
	if t.whole == nil {
		return nil
	}
	if _, fixed := t.whole.Literal(); fixed {
		return t
	}
	text := []rune(n.Text.Value)
	for at, r := range text {
		if r != ':' {
			continue
		}
		// A colon inside an expression leaves a half that does not compile.
		user, problems := c.Env.Template(c.Phase, expr.Text{Value: string(text[:at])})
		password, more := c.Env.Template(c.Phase, expr.Text{Value: string(text[at+1:]), At: shifted(n.Text.At, at+1)})
		if problems.HasErrors() || more.HasErrors() {
			continue
		}
		t.user, t.password = user, password
		return t
	}
	return t
}

func shifted(at func(int) diag.Pos, by int) func(int) diag.Pos {
	if at == nil {
		return nil
	}
	return func(offset int) diag.Pos { return at(offset + by) }
}

// eval gives the credential of this moment.
func (t *loginTemplate) eval(x *engine.Exchange) (login, error) {
	var user, password string
	if t.user == nil {
		text, err := t.whole.String(x)
		if err != nil {
			return login{}, err //nolint:wrapcheck // it names its place in the policy
		}
		found := false
		if user, password, found = strings.Cut(text, ":"); !found {
			return login{}, errLoginShape
		}
	} else {
		var err error
		if user, err = t.user.String(x); err != nil {
			return login{}, err //nolint:wrapcheck // the same
		}
		if password, err = t.password.String(x); err != nil {
			return login{}, err //nolint:wrapcheck // the same
		}
	}
	if err := checkLogin(user, password); err != nil {
		return login{}, err
	}
	return newLogin(user, password), nil
}
