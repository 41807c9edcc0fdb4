package engine

import "context"

// accessKeyAction is the name of the action that asks for an access key.
const accessKeyAction = "access-key"

// AccessRule is the rule that goes before a policy that authenticates nobody itself: callers need an access key.
func AccessRule() Rule {
	return Rule{
		Name: accessKeyAction, OnError: OnErrorHalt,
		Actions: []RuleAction{{Name: accessKeyAction, Action: NewAccessAction(ModeEnforce)}},
	}
}

// NewAccessAction makes the action that proves callers by their access keys; in ModeShadow nobody is refused who has none,
// and goes on unproven.
func NewAccessAction(m Mode) Action { return &accessAction{mode: m} }

type accessAction struct{ mode Mode }

// Do proves the caller, or refuses.
func (a *accessAction) Do(_ context.Context, x *Exchange) (Verdict, error) {
	err := x.AuthenticateKey()
	if x.WantsResult("access_key") {
		result := map[string]any{"authorized": err == nil, "key_id": "", "key_name": ""}
		if err == nil {
			result["key_id"], result["key_name"] = x.Caller.ID, x.Caller.Name
		} else {
			e := AsError(err)
			result["error"] = map[string]any{"code": string(e.Code), "message": e.Message}
		}
		x.SetResult("access_key", result)
	}
	if err == nil || a.mode == ModeShadow { // rules behind it see whether the key was good
		return VerdictContinue, nil
	}
	if AsError(err).Code == CodeUnauthorized {
		x.AddReplyHeader("www-authenticate", `Bearer realm="weir"`)
	}
	x.denied = AsError(err)
	return VerdictDeny, nil
}
