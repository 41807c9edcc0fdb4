package actions

import (
	_ "embed" // the page
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

//go:embed openid_connect.md
var openIDConnectDoc string

func init() {
	register(engine.ActionSpec{
		Name: "openid-connect", Phases: vars.PhaseRequest, Guards: true, Authenticates: true, Doc: openIDConnectDoc, New: newOpenIDConnect,
		Fields: append([]engine.Field{
			{Name: "issuer_url", Type: engine.FieldString, Required: true, Doc: "The identity provider: the address below which it describes itself."},
		}, loginFields("idle_session_duration", "idle_session_timeout", "openid, profile, email")...),
	})
}

// loginFields are what both kinds of logins have: idle and otherwise are the two names of one field.
func loginFields(idle, otherwise, scopes string) []engine.Field {
	return []engine.Field{
		{Name: "client_id", Type: engine.FieldString, Template: true, Doc: "The client that the identity provider knows the gateway as."},
		{Name: "client_secret", Type: engine.FieldString, Template: true, Secret: true, Doc: "The secret of that client."},
		{Name: "auth_id", Type: engine.FieldString, Doc: "A name for this login, where a policy has several: letters, digits, hyphens and underscores."},
		{Name: "scopes", Type: engine.FieldStrings, Min: 1, Max: maxScopes, Doc: "What is asked for; " + scopes + " without it."},
		{Name: "authz_url_params", Type: engine.FieldStringMap, Max: maxScopes, Doc: "More parameters for the address at which people log in."},
		{Name: "max_session_duration", Type: engine.FieldDuration, Default: "24h", Doc: "How long a session lives at most."},
		{Name: idle, Type: engine.FieldDuration, Doc: "How long a session lives without a request."},
		{Name: otherwise, Type: engine.FieldDuration, Doc: "Another name of " + idle + "."},
		{Name: "userinfo_refresh_interval", Type: engine.FieldDuration, Doc: "How often the identity provider is asked again who the person is; never without it."},
		{Name: "allow_cors_preflight", Type: engine.FieldBool, Default: "false", Doc: "Lets browsers ask what they may send, which they do without cookies."},
		{Name: "auth_cookie_domain", Type: engine.FieldString, Doc: "The domain whose hosts share the session; this host only without it."},
		{Name: "session_secret", Type: engine.FieldString, Template: true, Secret: true, Doc: "What sessions are sealed with, at least 16 bytes; the client's secret without it."},
		{Name: "previous_session_secret", Type: engine.FieldString, Template: true, Secret: true, Doc: "The secret before this one, whose sessions go on."},
		{Name: "redirect_url", Type: engine.FieldString, Doc: "The address to come back to from the identity provider; /weir/callback at the host that was asked without it."},
		{Name: "claims", Type: engine.FieldObject, Doc: "`id`, `name` and `groups`: the claims that become those of `caller`.", Fields: claimFields()},
	}
}

const (
	// maxScopes bounds what is put into one address: browsers and providers take some thousand characters.
	maxScopes = 50
	// maxSessionLife is what one can still call a session; browsers keep no cookie longer than 400 days.
	maxSessionLife = 400 * 24 * time.Hour
	// minRefresh keeps an identity provider from being asked with every click.
	minRefresh = 10 * time.Second
)

// webLogin lets in people who logged in at an identity provider.
type webLogin struct {
	action string // for messages
	kind   string // of the results: oidc or oauth
	authID string

	clientID, clientSecret        *optional
	sessionSecret, previousSecret *optional

	provider     loginProvider
	scopes       []string
	params       []oauth2.AuthCodeOption
	maxSession   time.Duration
	idle         time.Duration // 0 = no end
	refreshEvery time.Duration // 0 = never
	preflight    bool
	cookieDomain string
	redirectURL  string
	callback     string // the path of redirectURL
	claims       claimNames
	now          func() time.Time
}

// optional is a template that may be missing, which reads as empty.
type optional struct{ template *expr.Template }

func (o *optional) string(src expr.Source) (string, error) {
	if o.template == nil {
		return "", nil
	}
	return o.template.String(src) //nolint:wrapcheck // the caller names the field
}

// literal is the text where it is known at load.
func (o *optional) literal() (text string, ok bool) {
	if o.template == nil {
		return "", true
	}
	return o.template.Literal()
}

func newOpenIDConnect(c *engine.Config) engine.Action {
	l := newWebLogin(c, "oidc", "idle_session_duration", "idle_session_timeout", []string{"openid", "profile", "email"})
	issuer := c.String("issuer_url")
	if n := c.Node("issuer_url"); n != nil {
		if _, err := checkServiceURL(issuer); err != nil {
			c.Errorf(n, "bad_url", "\"issuer_url\" %v", err)
		}
	}
	if n := c.Node("scopes"); n != nil && !slices.Contains(l.scopes, "openid") {
		c.Errorf(n, "bad_value", "\"scopes\" must have openid, without which there is no identity")
	}
	if text, fixed := l.clientID.literal(); fixed && text == "" {
		c.Errorf(c.Node("client_id"), "missing_field", "openid-connect needs \"client_id\"")
	}
	if c.Diagnostics().HasErrors() {
		return nil
	}
	l.provider = newIssuer(c.Services, issuer)
	return l
}

// newWebLogin reads what both kinds of logins have.
func newWebLogin(c *engine.Config, kind, idle, otherwise string, scopes []string) *webLogin {
	l := &webLogin{
		action: c.Spec.Name, kind: kind, authID: c.String("auth_id"), scopes: scopes, now: c.Services.Clock(),
		clientID: &optional{c.Template("client_id")}, clientSecret: &optional{c.Template("client_secret")},
		sessionSecret: &optional{c.Template("session_secret")}, previousSecret: &optional{c.Template("previous_session_secret")},
		maxSession: c.Duration("max_session_duration"), idle: c.Duration(idle), refreshEvery: c.Duration("userinfo_refresh_interval"),
		preflight: c.Bool("allow_cors_preflight"), claims: newClaimNames(c.Node("claims")), callback: callbackPath,
	}
	if n := c.Node(otherwise); n != nil {
		if c.Node(idle) != nil {
			c.Errorf(n, "duplicate_key", "%s and %s are the same field", idle, otherwise)
		}
		l.idle = c.Duration(otherwise)
	}
	if given := c.Strings("scopes"); given != nil {
		l.scopes = given
	}
	l.checkTimes(c, idle, otherwise)
	l.readParams(c)
	l.readHosts(c)
	l.checkSecrets(c)
	return l
}

func (l *webLogin) checkTimes(c *engine.Config, idle, otherwise string) {
	check := func(field string, d, least time.Duration) {
		if n := c.Node(field); n != nil && (d < least || d > maxSessionLife) {
			c.Errorf(n, "out_of_range", "%q must be between %s and %s, got %s", field, least, maxSessionLife, n.Text.Value)
		}
	}
	check("max_session_duration", l.maxSession, time.Minute)
	check(idle, l.idle, time.Minute)
	check(otherwise, l.idle, time.Minute)
	check("userinfo_refresh_interval", l.refreshEvery, minRefresh)
}

func (l *webLogin) readParams(c *engine.Config) {
	n := c.Node("authz_url_params")
	if n == nil || n.Kind != engine.NodeMap {
		return
	}
	for i, key := range n.Keys {
		switch name := key.Text.Value; name {
		case "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge", "code_challenge_method":
			c.Errorf(key, "bad_value", "%s is written by the gateway", name)
		default:
			l.params = append(l.params, oauth2.SetAuthURLParam(name, n.Items[i].Text.Value))
		}
	}
}

// readHosts reads what concerns names of hosts, and the name of the login.
func (l *webLogin) readHosts(c *engine.Config) {
	if n := c.Node("auth_id"); n != nil && strings.ContainsFunc(l.authID, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	}) {
		c.Errorf(n, "bad_name", "\"auth_id\" may have letters, digits, hyphens and underscores, got %q", l.authID)
	}
	if n := c.Node("auth_cookie_domain"); n != nil {
		domain := strings.ToLower(strings.TrimPrefix(n.Text.Value, "."))
		if !regexp.MustCompile(`^([a-z0-9-]+\.)+[a-z0-9-]+$`).MatchString(domain) {
			c.Errorf(n, "bad_value", "\"auth_cookie_domain\" must be a domain such as example.com, got %q", n.Text.Value)
		}
		l.cookieDomain = domain
	}
	if n := c.Node("redirect_url"); n != nil {
		l.redirectURL = n.Text.Value
		u, err := checkServiceURL(l.redirectURL)
		if err != nil {
			c.Errorf(n, "bad_url", "\"redirect_url\" %v", err)
			return
		}
		l.callback = u.Path
	}
}

func (l *webLogin) checkSecrets(c *engine.Config) {
	secret, fixed := l.sessionSecret.literal()
	field := "session_secret"
	if fixed && secret == "" {
		field = "client_secret"
		secret, fixed = l.clientSecret.literal()
	}
	if fixed && len(secret) < minLoginSecret {
		c.Errorf(c.Node(field), "missing_field", "sessions are sealed with \"session_secret\", or else \"client_secret\", which needs at least %d bytes", minLoginSecret)
	}
	if previous, fixed := l.previousSecret.literal(); fixed && previous != "" && len(previous) < minLoginSecret {
		c.Errorf(c.Node("previous_session_secret"), "bad_value", "\"previous_session_secret\" needs at least %d bytes", minLoginSecret)
	}
}

// errService says what an identity provider is needed for, without what it answered.
func errService(what string, err error) error {
	return fmt.Errorf("the identity provider could not be asked %s: %w", what, err)
}
