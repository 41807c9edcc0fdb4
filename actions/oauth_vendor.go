package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/endpoints"
)

// vendor is an identity provider that tells who an access token is of in a way of its own. Its addresses are fixed, or the
// operator's.
type vendor struct {
	name   string
	base   string // what identities are counted by
	at     oauth2.Endpoint
	user   string // the address that tells who somebody is
	mails  string // the address that lists somebody's mail addresses, "" = none
	scopes []string
	// id, mail and called are the members with the id, the mail address and the name; mail is "" where the provider does not
	// vouch for it.
	id, mail, called string
	list             bool // the answer is {"data": [person]}
	http             *http.Client
}

// vendorOf describes a provider; nil where it is not known.
func vendorOf(name, base, tenant string) *vendor {
	standard := []string{"openid", "profile", "email"}
	switch name {
	case "amazon":
		return &vendor{name: name, base: name, at: endpoints.Amazon, user: "https://api.amazon.com/user/profile", scopes: []string{"profile"}, id: "user_id", mail: "email", called: "name"}
	case "facebook":
		return &vendor{name: name, base: name, at: endpoints.Facebook, user: "https://graph.facebook.com/me?fields=id,name,email", scopes: []string{"public_profile", "email"}, id: "id", mail: "email", called: "name"}
	case "github":
		return github(base)
	case "gitlab":
		at, host := endpoints.GitLab, "https://gitlab.com"
		if base != "" {
			host = base
			at = oauth2.Endpoint{AuthURL: base + "/oauth/authorize", TokenURL: base + "/oauth/token"}
		}
		return &vendor{name: name, base: host, at: at, user: host + "/oauth/userinfo", scopes: standard, id: "sub", mail: "email", called: "name"}
	case "google":
		return &vendor{name: name, base: name, at: endpoints.Google, user: "https://openidconnect.googleapis.com/v1/userinfo", scopes: standard, id: "sub", mail: "email", called: "name"}
	case "linkedin":
		return &vendor{name: name, base: name, at: endpoints.LinkedIn, user: "https://api.linkedin.com/v2/userinfo", scopes: standard, id: "sub", mail: "email", called: "name"}
	case "microsoft":
		// In a directory of anybody's an administrator can write any mail address, so it counts only in a known one.
		v := &vendor{name: name, base: name, at: endpoints.AzureAD(tenant), user: "https://graph.microsoft.com/oidc/userinfo", scopes: standard, id: "sub", called: "name"}
		if tenant != "" {
			v.mail = "email"
		}
		return v
	case "twitch":
		return &vendor{name: name, base: name, at: endpoints.Twitch, user: "https://api.twitch.tv/helix/users", scopes: []string{"user:read:email"}, id: "id", mail: "email", called: "display_name", list: true}
	default:
		return nil
	}
}

func github(base string) *vendor {
	v := &vendor{
		name: "github", base: "github", at: endpoints.GitHub, user: "https://api.github.com/user", mails: "https://api.github.com/user/emails",
		scopes: []string{"read:user", "user:email"}, id: "id", mail: "email", called: "name",
	}
	if base != "" {
		v.base = base
		v.at = oauth2.Endpoint{AuthURL: base + "/login/oauth/authorize", TokenURL: base + "/login/oauth/access_token"}
		v.user, v.mails = base+"/api/v3/user", base+"/api/v3/user/emails"
	}
	return v
}

func (v *vendor) endpoint(context.Context, time.Time) (oauth2.Endpoint, error) {
	at := v.at
	if at.AuthStyle == oauth2.AuthStyleAutoDetect {
		at.AuthStyle = oauth2.AuthStyleInParams // all of them take it; trying the other first would spend the code
	}
	return at, nil
}

func (v *vendor) client(string) *http.Client { return v.http }

func (v *vendor) usesNonce() bool { return false }

func (v *vendor) identify(ctx context.Context, _ time.Time, clientID string, token *oauth2.Token, _ string) (*identity, error) {
	who, err := v.ask(ctx, clientID, token.AccessToken)
	if err != nil {
		return nil, errService("who logged in", err)
	}
	return who, nil
}

func (v *vendor) again(ctx context.Context, _ time.Time, s *session) (*identity, error) {
	who, err := v.ask(ctx, "", s.Access)
	if err != nil {
		return nil, errService("who is logged in", err)
	}
	if who.subject != s.Subject {
		return nil, errNotAllowed
	}
	return who, nil
}

// ask reads who an access token is of.
func (v *vendor) ask(ctx context.Context, clientID, access string) (*identity, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.user, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+access)
	if v.name == "twitch" {
		req.Header.Set("Client-Id", clientID)
	}
	body, err := readDocument(v.http, req, maxUserInfo)
	if err != nil {
		return nil, err
	}
	var person map[string]any
	if v.list {
		var all struct {
			Data []map[string]any `json:"data"`
		}
		if err := json.Unmarshal(body, &all); err != nil || len(all.Data) != 1 {
			return nil, fmt.Errorf("%s did not answer with one person", v.name)
		}
		person = all.Data[0]
	} else if err := json.Unmarshal(body, &person); err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", v.name, err)
	}
	return v.describe(ctx, person, access)
}

// describe makes an identity of what the provider says about a person.
func (v *vendor) describe(ctx context.Context, person map[string]any, access string) (*identity, error) {
	subject := numberText(person[v.id])
	if subject == "" {
		return nil, fmt.Errorf("%s did not say who it is", v.name)
	}
	claims := map[string]any{"sub": v.name + ":" + subject, "provider": v.name}
	who := &identity{subject: subject, name: claimText(person, v.called)}
	if v.mail != "" {
		if verified, said := person["email_verified"]; !said || verified == true {
			who.email = claimText(person, v.mail)
		}
	}
	if who.email == "" && v.mails != "" {
		who.email = v.primaryMail(ctx, access)
	}
	for name, value := range map[string]string{"name": who.name, "email": who.email, "login": claimText(person, "login")} {
		if value != "" {
			claims[name] = value
		}
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("keeping claims: %w", err)
	}
	who.claims = text
	return who, nil
}

// primaryMail is the mail address that github checked, "" where the scopes do not reach it.
func (v *vendor) primaryMail(ctx context.Context, access string) string {
	body, err := bearerGet(ctx, v.http, v.mails, access)
	if err != nil {
		return "" // nobody is let in by it: a rule about the address does not match
	}
	var all []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	if json.Unmarshal(body, &all) != nil {
		return ""
	}
	for _, m := range all {
		if m.Primary && m.Verified {
			return m.Email
		}
	}
	return ""
}

// numberText is an id, which some providers write as a number.
func numberText(v any) string {
	switch n := v.(type) {
	case string:
		return n
	case float64:
		if n == float64(int64(n)) {
			return strconv.FormatInt(int64(n), 10)
		}
	}
	return ""
}

func (v *vendor) identityID(subject string) string { return identityID(v.base, subject) }
