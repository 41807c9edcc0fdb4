package actions

import (
	_ "embed" // the page
	"net/url"
	"regexp"
	"strings"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed oauth.md
var oauthDoc string

func init() {
	register(engine.ActionSpec{
		Name: "oauth", Phases: vars.PhaseRequest, Guards: true, Authenticates: true, Doc: oauthDoc, New: newOAuth,
		Fields: append(append([]engine.Field{
			{Name: "provider", Type: engine.FieldEnum, Required: true, Enum: []string{"amazon", "facebook", "github", "gitlab", "google", "linkedin", "microsoft", "twitch"}, Doc: "Where people log in."},
		}, loginFields("idle_session_timeout", "idle_session_duration", "what tells who somebody is")...),
			engine.Field{Name: "base_url", Type: engine.FieldString, Doc: "Where a github or gitlab of one's own is."},
			engine.Field{Name: "tenant", Type: engine.FieldString, Doc: "The directory of microsoft whose people may log in: its id or a domain; anybody's without it."}),
	})
}

func newOAuth(c *engine.Config) engine.Action {
	name := c.String("provider")
	v := vendorOf(name, "", "")
	if v == nil {
		v = &vendor{} // reported by the check of fields
	}
	l := newWebLogin(c, "oauth", "idle_session_timeout", "idle_session_duration", v.scopes)
	base, tenant := c.String("base_url"), c.String("tenant")
	if n := c.Node("base_url"); n != nil {
		u, err := checkServiceURL(base)
		switch {
		case name != "github" && name != "gitlab":
			c.Errorf(n, "bad_value", "only github and gitlab take \"base_url\"")
		case err != nil:
			c.Errorf(n, "bad_url", "\"base_url\" %v", err)
		case u.RawQuery != "":
			c.Errorf(n, "bad_url", "\"base_url\" must not hold a query")
		}
	}
	if n := c.Node("tenant"); n != nil {
		switch {
		case name != "microsoft":
			c.Errorf(n, "bad_value", "only microsoft takes \"tenant\"")
		case !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$`).MatchString(tenant):
			c.Errorf(n, "bad_value", "\"tenant\" is an id or a domain, got %q", tenant)
		}
	}
	if id, fixed := l.clientID.literal(); fixed && id == "" {
		c.Errorf(c.Node("client_id"), "missing_field",
			"oauth needs \"client_id\" and \"client_secret\" of an application that you registered at %s; there is no managed one here", name)
	}
	if c.Diagnostics().HasErrors() {
		return nil
	}
	v = vendorOf(name, strings.TrimSuffix(base, "/"), tenant)
	v.http = c.Services.HTTP(nil)
	l.provider = v
	return l
}

// checkAnswer has nothing to look at: answers do not say whose they are.
func (v *vendor) checkAnswer(url.Values) error { return nil }
