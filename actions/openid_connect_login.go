package actions

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"weir/engine"
)

const (
	// loginLife is how long a person may take at the identity provider: long enough for a second factor.
	loginLife = 10 * time.Minute
	// maxLogins is how many logins one browser may have under way: tabs that were restored at once. More cookies would fill
	// the head of every request.
	maxLogins = 3
	// loginTimeout bounds the calls to the identity provider within one request.
	loginTimeout = 10 * time.Second
	// maxReturn bounds the path to go back to, which is kept in a cookie.
	maxReturn = 1024
)

// The paths of logins, ours and those of the model this language mirrors.
const (
	loginPath, loginPathOther   = "/weir/login", "/ngrok/login"
	logoutPath, logoutPathOther = "/weir/logout", "/ngrok/logout"
	callbackPath                = "/weir/callback"
)

// visitor is one exchange in the hands of a login action.
type visitor struct {
	*webLogin

	x      *engine.Exchange
	jar    jar
	config oauth2.Config
	states *sealer // logins under way
	seals  *sealer // sessions
	tag    string  // tells this login from others in cookies and states
	now    time.Time
	result loginResult
}

// loginResult is what of the results concerns this request.
type loginResult struct{ timedOut, tooOld, refreshed bool }

// Do lets in who is logged in, and sends everybody else to the identity provider.
func (l *webLogin) Do(ctx context.Context, x *engine.Exchange) (engine.Verdict, error) {
	if l.preflight && isPreflight(x) {
		return engine.VerdictContinue, nil
	}
	verdict, err := l.do(ctx, x)
	if err == nil {
		return verdict, nil
	}
	err = fmt.Errorf("%s: %w", l.action, err)
	publishFailure(x, l.kind, err)
	return engine.VerdictDeny, err
}

func (l *webLogin) do(ctx context.Context, x *engine.Exchange) (engine.Verdict, error) {
	v, err := l.visit(x)
	if err != nil {
		return engine.VerdictDeny, err
	}
	query, err := url.ParseQuery(x.Request.Query)
	if err != nil {
		query = nil // nothing of it is ours then
	}
	mine := query.Get("auth_id") == "" || query.Get("auth_id") == l.authID
	switch path := x.Request.Path; {
	case mine && (path == loginPath || path == loginPathOther):
		return v.begin(ctx, query.Get("redirect_path"))
	case mine && (path == logoutPath || path == logoutPathOther):
		return v.end()
	case path == l.callback && strings.HasPrefix(query.Get("state"), v.tag+"."):
		return v.finish(ctx, query)
	}
	s := v.session()
	if s == nil {
		return v.turnAway(ctx)
	}
	if v.due(s) {
		if err := v.renew(ctx, s); errors.Is(err, errNotAllowed) {
			v.jar.dropLong(v.sessionName())
			return v.turnAway(ctx)
		} else if err != nil {
			return engine.VerdictDeny, err
		}
	}
	if err := v.keep(s); err != nil {
		return engine.VerdictDeny, err
	}
	return engine.VerdictContinue, v.admit(s)
}

// isPreflight reports whether a browser asks what it may send; it never sends cookies with that.
func isPreflight(x *engine.Exchange) bool {
	h := x.Request.Headers
	return x.Request.Method == http.MethodOptions && h.Has("origin") && h.Has("access-control-request-method")
}

// visit evaluates what the configuration gives as expressions.
func (l *webLogin) visit(x *engine.Exchange) (*visitor, error) {
	v := &visitor{webLogin: l, x: x, now: l.now()}
	var secret, previous string
	for _, t := range []struct {
		name string
		from *optional
		to   *string
	}{
		{"client_id", l.clientID, &v.config.ClientID},
		{"client_secret", l.clientSecret, &v.config.ClientSecret},
		{"session_secret", l.sessionSecret, &secret},
		{"previous_session_secret", l.previousSecret, &previous},
	} {
		var err error
		if *t.to, err = t.from.string(x); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if v.config.ClientID == "" {
		return nil, errors.New("client_id is empty")
	}
	if secret == "" {
		secret = v.config.ClientSecret
	}
	purpose := l.kind + "\x00" + l.authID + "\x00" + v.config.ClientID
	sum := sha256.Sum256([]byte(purpose))
	v.tag = base64.RawURLEncoding.EncodeToString(sum[:6])
	var err error
	if v.states, err = newSealer(secret, previous, purpose+"\x00login"); err != nil {
		return nil, err
	}
	if v.seals, err = newSealer(secret, previous, purpose+"\x00session"); err != nil {
		return nil, err
	}
	host := hostWithoutPort(x.Request.Host)
	if l.cookieDomain != "" && host != l.cookieDomain && !strings.HasSuffix(host, "."+l.cookieDomain) {
		return nil, fmt.Errorf("auth_cookie_domain %s does not hold for this host", l.cookieDomain)
	}
	v.jar = jar{x: x, domain: l.cookieDomain, secure: x.Request.Scheme == "https" || !isThisMachine(host)}
	v.config.RedirectURL = l.redirectURL
	if v.config.RedirectURL == "" {
		v.config.RedirectURL = (&url.URL{Scheme: x.Request.Scheme, Host: x.Request.Host, Path: callbackPath}).String()
	}
	v.config.Scopes = l.scopes
	return v, nil
}

// hostWithoutPort is a host without its port, in lower case.
func hostWithoutPort(authority string) string {
	u := url.URL{Host: authority}
	return strings.ToLower(u.Hostname())
}

func (v *visitor) sessionName() string { return v.jar.name("weir_session_" + v.tag) }

func (v *visitor) loginName(state string) string {
	return v.jar.name("weir_login_" + v.tag + "_" + state[:min(8, len(state))])
}

// turnAway asks a person to log in, and tells everything else that nobody did.
func (v *visitor) turnAway(ctx context.Context) (engine.Verdict, error) {
	v.publish(nil)
	if !wantsPage(v.x) {
		v.x.AddReplyHeader("www-authenticate", `Session login="`+loginPath+`"`)
		v.x.Deny(0, engine.CodeUnauthorized, "nobody is logged in; a browser logs in at "+loginPath)
		return engine.VerdictDeny, nil
	}
	to := v.x.Request.RawPath
	if to == "" {
		to = v.x.Request.Path
	}
	if v.x.Request.Query != "" {
		to += "?" + v.x.Request.Query
	}
	if v.x.Request.Path == v.callback {
		to = "/" // a callback that is nobody's leads nowhere twice
	}
	return v.begin(ctx, to)
}

// wantsPage tells a person who opens a page from a program that calls an API: only the former can follow to a login.
func wantsPage(x *engine.Exchange) bool {
	h := x.Request.Headers
	if x.Request.API != 0 || (x.Request.Method != http.MethodGet && x.Request.Method != http.MethodHead) {
		return false
	}
	if mode := h.First("sec-fetch-mode"); mode != "" && mode != "navigate" {
		return false
	}
	if strings.EqualFold(h.First("x-requested-with"), "xmlhttprequest") {
		return false
	}
	accept := strings.ToLower(strings.Join(h.Values("accept"), ","))
	return !strings.Contains(accept, "application/json") || strings.Contains(accept, "text/html")
}

// begin sends the browser to the identity provider, to come back to the path it wanted.
func (v *visitor) begin(ctx context.Context, to string) (engine.Verdict, error) {
	if v.x.Request.Scheme != "https" && v.jar.secure {
		v.x.Deny(http.StatusBadRequest, engine.CodeBadRequest,
			"logins need https: put TLS in front of the gateway, and list what ends it among the trusted proxies")
		return engine.VerdictDeny, nil
	}
	if !isLocalPath(to) || len(to) > maxReturn {
		to = "/"
	}
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	endpoint, err := v.provider.endpoint(ctx, v.now)
	if err != nil {
		return engine.VerdictDeny, err
	}
	v.config.Endpoint = endpoint
	a := loginAttempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Return: to, Created: v.now.Unix()}
	name := v.loginName(a.State)
	value, err := v.states.seal(name, &a)
	if err != nil {
		return engine.VerdictDeny, err
	}
	if others, _ := v.jar.all(v.jar.name("weir_login_" + v.tag + "_")); len(others) >= maxLogins {
		for _, other := range others[maxLogins-1:] {
			v.jar.set(other, "", 0)
		}
	}
	v.jar.set(name, value, loginLife)
	options := append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.Verifier)}, v.params...)
	if v.provider.usesNonce() {
		options = append(options, oauth2.SetAuthURLParam("nonce", a.Nonce))
	}
	return v.redirect(v.config.AuthCodeURL(v.tag+"."+a.State, options...))
}

func (v *visitor) redirect(to string) (engine.Verdict, error) {
	v.x.Respond(http.StatusFound, engine.Headers{{Name: "location", Value: to}, {Name: "cache-control", Value: "no-store"}}, nil)
	return engine.VerdictRespond, nil
}

// isLocalPath reports whether a browser that is sent there stays on this host, whatever it makes of slashes.
func isLocalPath(path string) bool {
	if path == "" || path[0] != '/' || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\#") {
		return false
	}
	for i := range len(path) {
		if path[i] <= ' ' || path[i] >= 0x7f {
			return false
		}
	}
	u, err := url.Parse(path)
	return err == nil && u.Host == "" && u.Scheme == "" && !strings.HasPrefix(u.Path, "//") && !slices.Contains(
		[]string{loginPath, loginPathOther, logoutPath, logoutPathOther, callbackPath}, u.Path)
}

// end logs out: the cookies go. The identity provider still knows the person.
func (v *visitor) end() (engine.Verdict, error) {
	v.jar.dropLong(v.sessionName())
	v.x.Respond(http.StatusOK, engine.Headers{
		{Name: "content-type", Value: "text/plain; charset=utf-8"}, {Name: "cache-control", Value: "no-store"},
	}, []byte("You are logged out.\n"))
	return engine.VerdictRespond, nil
}

// finish takes the answer of the identity provider and makes a session of it.
func (v *visitor) finish(ctx context.Context, query url.Values) (engine.Verdict, error) {
	state := strings.TrimPrefix(query.Get("state"), v.tag+".")
	name := v.loginName(state)
	var a loginAttempt
	begun := v.states.open(name, v.jar.get(name), &a) &&
		subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) == 1 &&
		v.now.Sub(time.Unix(a.Created, 0)) < loginLife
	if !begun {
		return v.refuse(http.StatusBadRequest, engine.CodeBadRequest, "this login was not begun in this browser, or took too long; begin again at "+loginPath)
	}
	v.jar.set(name, "", 0)
	if query.Has("error") {
		return v.refuse(0, engine.CodeUnauthorized, "the identity provider did not log anybody in: "+errorWord(query.Get("error")))
	}
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	if err := v.provider.checkAnswer(query); err != nil {
		return v.refuse(0, engine.CodeUnauthorized, err.Error())
	}
	endpoint, err := v.provider.endpoint(ctx, v.now)
	if err != nil {
		return engine.VerdictDeny, err
	}
	v.config.Endpoint = endpoint
	ctx = context.WithValue(ctx, oauth2.HTTPClient, v.provider.client(endpoint.TokenURL))
	token, err := v.config.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(a.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError:
		return v.refuse(0, engine.CodeUnauthorized, "the identity provider did not take the code of the login")
	case err != nil:
		return engine.VerdictDeny, errExchange
	}
	who, err := v.provider.identify(ctx, v.now, v.config.ClientID, token, a.Nonce)
	if problem, ok := errors.AsType[*tokenProblem](err); ok {
		return v.refuse(0, engine.CodeUnauthorized, "the login does not count: "+problem.text)
	} else if err != nil {
		return engine.VerdictDeny, err
	}
	if err := v.save(v.newSession(who, token)); err != nil {
		return engine.VerdictDeny, err
	}
	return v.redirect(a.Return)
}

// errExchange hides its cause, in which the code and the client's secret may stand.
var errExchange = errors.New("the identity provider could not be asked for tokens")

func (v *visitor) refuse(status int, code engine.Code, message string) (engine.Verdict, error) {
	v.publish(nil)
	if code == engine.CodeUnauthorized {
		v.x.AddReplyHeader("www-authenticate", `Session login="`+loginPath+`"`)
	}
	v.x.Deny(status, code, message)
	return engine.VerdictDeny, nil
}

// errorWord is an error code of OAuth, and nothing else that somebody might put in its place.
func errorWord(s string) string {
	const longest = 64 // the longest registered code has 34 characters
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' {
			return "unknown_error"
		}
	}
	if s == "" || len(s) > longest {
		return "unknown_error"
	}
	return s
}
