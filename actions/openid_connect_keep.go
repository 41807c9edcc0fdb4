package actions

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/oauth2"

	"weir/engine"
	"weir/engine/wire"
)

// identity is who somebody is, as the identity provider says.
type identity struct {
	subject string
	email   string // "" where the provider does not vouch for it
	name    string
	claims  json.RawMessage // an object
	token   string          // the ID token; "" = none
}

func (v *visitor) newSession(who *identity, token *oauth2.Token) *session {
	s := &session{
		ID: rand.Text(), Created: v.now.Unix(), Seen: v.now.Unix(), Refreshed: v.now.Unix(),
		Subject: who.subject, Email: who.email, Name: who.name, Claims: who.claims, Identity: who.token,
	}
	s.take(token, v.now)
	return s
}

func (s *session) take(token *oauth2.Token, now time.Time) {
	s.Access, s.Expires = token.AccessToken, 0
	if token.RefreshToken != "" {
		s.Refresh = token.RefreshToken
	}
	if token.ExpiresIn > 0 {
		s.Expires = now.Unix() + token.ExpiresIn
	}
}

// save sends a session to the browser. Tokens go with it only where something will read them, and only where they fit.
func (v *visitor) save(s *session) error {
	out := *s
	if !v.x.WantsResult(v.kind) {
		out.Identity = ""
		if v.refreshEvery == 0 {
			out.Access, out.Refresh = "", ""
		}
	}
	name := v.sessionName()
	life := v.maxSession - v.now.Sub(time.Unix(s.Created, 0))
	for _, drop := range []func(){func() {}, func() { out.Identity = "" }, func() { out.Access, out.Refresh = "", "" }} {
		drop()
		value, err := v.seals.seal(name, &out)
		if err != nil {
			return err
		}
		if err := v.jar.setLong(name, value, life); !errors.Is(err, errTooLong) {
			return err
		}
	}
	return errTooLong
}

// session is the session of the request, nil where there is none that holds.
func (v *visitor) session() *session {
	name := v.sessionName()
	s := &session{}
	if !v.seals.open(name, v.jar.getLong(name), s) {
		return nil
	}
	if v.now.Sub(time.Unix(s.Created, 0)) >= v.maxSession {
		v.result.tooOld = true
		return nil
	}
	if v.idle > 0 && v.now.Sub(time.Unix(s.Seen, 0)) >= v.idle {
		v.result.timedOut = true
		return nil
	}
	return s
}

// due reports whether it is time to ask again who the person is.
func (v *visitor) due(s *session) bool {
	return v.refreshEvery > 0 && v.now.Sub(time.Unix(s.Refreshed, 0)) >= v.refreshEvery
}

// renew asks the identity provider again. A person it no longer knows is errNotAllowed.
func (v *visitor) renew(ctx context.Context, s *session) error {
	if s.Access == "" {
		return errNotAllowed
	}
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	if s.Expires != 0 && s.Expires <= v.now.Unix() {
		if err := v.renewToken(ctx, s); err != nil {
			return err
		}
	}
	who, err := v.provider.again(ctx, v.now, s)
	if err != nil {
		return err
	}
	if who != nil {
		s.Email, s.Name, s.Claims = who.email, who.name, who.claims
	}
	s.Refreshed = v.now.Unix()
	v.result.refreshed = true
	return nil
}

// renewToken gets a new access token with the refresh token.
func (v *visitor) renewToken(ctx context.Context, s *session) error {
	if s.Refresh == "" {
		return errNotAllowed
	}
	endpoint, err := v.provider.endpoint(ctx, v.now)
	if err != nil {
		return err
	}
	v.config.Endpoint = endpoint
	ctx = context.WithValue(ctx, oauth2.HTTPClient, v.provider.client(endpoint.TokenURL))
	token, err := v.config.TokenSource(ctx, &oauth2.Token{RefreshToken: s.Refresh}).Token()
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode != "":
		return errNotAllowed
	case err != nil:
		return errExchange
	}
	s.take(token, v.now)
	return nil
}

// keep notes that the session was used, where that decides how long it lives: not at every request, so that not every
// answer sets a cookie.
func (v *visitor) keep(s *session) error {
	const share = 10 // of the idle time: a session may end that much too early
	seen := v.now.Sub(time.Unix(s.Seen, 0))
	if !v.result.refreshed && (v.idle == 0 || seen < v.idle/share) {
		return nil
	}
	s.Seen = v.now.Unix()
	return v.save(s)
}

// admit makes the person the caller.
func (v *visitor) admit(s *session) error {
	claims, problem := wire.DecodeJSON(s.Claims)
	if problem != nil {
		return fmt.Errorf("the session: %w", problem)
	}
	v.x.Caller = v.claims.caller(claims)
	if v.x.Caller.ID == "" {
		v.x.Caller.ID = s.Subject
	}
	if v.x.Caller.Name == "" {
		v.x.Caller.Name = s.Name
	}
	v.publish(s)
	return nil
}

// publish sets what expressions read as actions.oidc and actions.oauth; nil = nobody is logged in.
func (v *visitor) publish(s *session) {
	if !v.x.WantsResult(v.kind) {
		return
	}
	result := map[string]any{
		"session_timed_out": v.result.timedOut, "session_max_duration_reached": v.result.tooOld,
		"userinfo_refreshed": v.result.refreshed, "user_info_refreshed": v.result.refreshed,
	}
	if s != nil {
		result["identity"] = map[string]any{
			"id": v.provider.identityID(s.Subject), "email": s.Email, "name": s.Name, "provider_user_id": s.Subject,
			"current_session_id": s.ID, "current_provider_session_id": s.ID,
		}
		result["access_token"], result["refresh_token"], result["identity_token"] = s.Access, s.Refresh, s.Identity
		result["expires_at"] = ""
		if s.Expires != 0 {
			result["expires_at"] = time.Unix(s.Expires, 0).UTC().Format(time.RFC3339)
		}
	}
	v.x.SetResult(v.kind, result)
}

var _ engine.Action = (*webLogin)(nil)
