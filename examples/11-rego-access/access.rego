# Who may use which models, and when. The gateway asks for the decision with each request.
package access

# The team of the caller, empty for callers of none.
default team := ""

team := name if {
	some name
	input.caller.name in data.teams[name].members
}

# Everything that speaks against the request.
problems contains "you belong to no team" if team == ""

problems contains message if {
	hours := data.teams[team].hours
	not at_work(hours)
	message := sprintf("the team %s works from %d to %d o'clock, Monday to Friday", [team, hours.from, hours.to])
}

problems contains message if {
	limit := data.teams[team].max_input_tokens
	input.ai.request.input_tokens > limit
	message := sprintf("the team %s may send %d tokens at once", [team, limit])
}

at_work(hours) if {
	input.time.weekday in [1, 2, 3, 4, 5]
	input.time.hour >= hours.from
	input.time.hour < hours.to
}

# Where nothing below holds, as for a team without models.
default decision := {"allow": false, "message": "your team has no models"}

decision := {"allow": false, "message": concat("; ", problems)} if count(problems) > 0

decision := {
	"allow": true,
	"vars": {"team": team},
	"models": {"allow": data.teams[team].models},
} if count(problems) == 0
