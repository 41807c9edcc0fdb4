package actions

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	"strings"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed basic_auth.md
var basicAuthDoc string

const (
	// maxCredentials, minPassword, maxPassword and maxRealm are those of the model this language mirrors.
	maxCredentials = 10
	minPassword    = 8
	maxPassword    = 128
	maxRealm       = 128
	// maxUser is the longest name of a user; that model gives none, and this is the longest of an account in mail.
	maxUser = 254
	// maxPresented is the longest that can be right, so longer ones are not decoded.
	maxPresented = maxUser + 1 + maxPassword
)

func init() {
	register(engine.ActionSpec{
		Name: "basic-auth", Phases: vars.PhaseRequest, Guards: true, Authenticates: true, Doc: basicAuthDoc, New: newBasicAuth,
		Fields: []engine.Field{
			{Name: "credentials", Type: engine.FieldStrings, Required: true, Template: true, Secret: true, Min: 1, Max: maxCredentials, Doc: "Who may come in, each as `user:password`; the first colon divides them. Passwords have 8 to 128 characters."},
			{Name: "realm", Type: engine.FieldString, Default: "ngrok", Doc: "What is protected, for the dialog of a browser; at most 128 characters of ASCII."},
			{Name: "enforce", Type: engine.FieldBool, Default: "true", Doc: "Without it the results can be read and nobody is refused."},
		},
	})
}

type basicAuth struct {
	fixed     []login
	dynamic   []loginTemplate
	challenge string
	enforce   bool
}

// login is a credential of which only the user's name is kept as text.
type login struct {
	user string
	sum  [sha256.Size]byte
}

func newLogin(user, password string) login {
	return login{user: user, sum: sha256.Sum256([]byte(user + ":" + password))}
}

func newBasicAuth(c *engine.Config) engine.Action {
	a := &basicAuth{enforce: c.Bool("enforce")}
	realm := c.String("realm")
	if n := c.Node("realm"); n != nil && (realm == "" || len(realm) > maxRealm || !isPrintable(realm)) {
		c.Errorf(n, "out_of_range", "\"realm\" must have between 1 and %d printable characters of ASCII", maxRealm)
	}
	a.challenge = `Basic realm="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(realm) + `", charset="UTF-8"`
	if n := c.Node("credentials"); n != nil && n.Kind == engine.NodeList {
		for _, item := range n.Items {
			a.add(c, item)
		}
	}
	if c.Diagnostics().HasErrors() {
		return nil
	}
	return a
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// add compiles one credential. Its text is never shown.
func (a *basicAuth) add(c *engine.Config, n *engine.Node) {
	t := newLoginTemplate(c, n)
	if t == nil {
		return
	}
	if text, ok := t.whole.Literal(); ok {
		user, password, found := strings.Cut(text, ":")
		if !found {
			c.Errorf(n, "bad_value", "a credential is written user:password")
			return
		}
		if err := checkLogin(user, password); err != nil {
			c.Errorf(n, "bad_value", "%v", err)
			return
		}
		a.fixed = append(a.fixed, newLogin(user, password))
		return
	}
	a.dynamic = append(a.dynamic, *t)
}

// Do lets in who presents one of the credentials, and makes them the caller.
func (a *basicAuth) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	logins, err := a.logins(x)
	if err != nil {
		publishFailure(x, "basic_auth", err)
		return engine.VerdictDeny, fmt.Errorf("basic-auth: %w", err)
	}
	var space [maxPresented]byte
	text, presented := presentedLogin(x.Request.Headers, space[:])
	user, authorized := match(logins, text)
	authorized = authorized && presented
	if x.WantsResult("basic_auth") {
		name, _, _ := strings.Cut(string(text), ":")
		x.SetResult("basic_auth", map[string]any{
			"credentials": map[string]any{"presented": presented, "authorized": authorized, "username": name},
		})
	}
	if authorized {
		x.Caller = engine.Caller{ID: user, Name: user, Kind: "basic"}
		return engine.VerdictContinue, nil
	}
	if !a.enforce {
		return engine.VerdictContinue, nil
	}
	x.AddReplyHeader("www-authenticate", a.challenge)
	message := "this endpoint wants a user and password"
	if presented {
		message = "the user or password is wrong"
	}
	x.Deny(0, engine.CodeUnauthorized, message)
	return engine.VerdictDeny, nil
}

// logins are the credentials of this moment.
func (a *basicAuth) logins(x *engine.Exchange) ([]login, error) {
	if len(a.dynamic) == 0 {
		return a.fixed, nil
	}
	all := append(make([]login, 0, len(a.fixed)+len(a.dynamic)), a.fixed...)
	for i := range a.dynamic {
		l, err := a.dynamic[i].eval(x)
		if err != nil {
			return nil, fmt.Errorf("credential %d: %w", len(all)+1, err)
		}
		all = append(all, l)
	}
	return all, nil
}

// match compares what was presented with every credential, in a time that depends on neither.
func match(logins []login, presented []byte) (user string, ok bool) {
	sum := sha256.Sum256(presented)
	found := -1
	for i := range logins {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], logins[i].sum[:]), i, found)
	}
	if found < 0 {
		return "", false
	}
	return logins[found].user, true
}

// presentedLogin reads the user and password of the request into space. Two credentials are none: who is meant is open.
func presentedLogin(h engine.Headers, space []byte) (text []byte, ok bool) {
	value := ""
	for i := range h {
		if !strings.EqualFold(h[i].Name, "authorization") {
			continue
		}
		if value != "" {
			return nil, false
		}
		value = h[i].Value
	}
	const scheme = "basic "
	if len(value) <= len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return nil, false
	}
	value = strings.TrimSpace(value[len(scheme):])
	if base64.StdEncoding.DecodedLen(len(value)) > len(space)+2 { // two may be padding
		return nil, false
	}
	decoded, err := base64.StdEncoding.AppendDecode(space[:0], []byte(value))
	if err != nil || len(decoded) > maxPresented || !strings.Contains(string(decoded), ":") {
		return nil, false
	}
	return decoded, true
}
