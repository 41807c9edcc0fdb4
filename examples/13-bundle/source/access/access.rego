# Who may use which models. The security team owns this, builds it into a bundle and signs it; gateways fetch it.
package access

# The team of the caller, empty for callers of none.
default team := ""

team := name if {
	some name
	input.caller.name in data.access.teams[name].members
}

default decision := {"allow": false, "message": "you belong to no team"}

decision := {
	"allow": true,
	"vars": {"team": team},
	"models": {"allow": data.access.teams[team].models},
} if {
	team != ""
}
