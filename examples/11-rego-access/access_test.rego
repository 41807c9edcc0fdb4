# Run by "weir test", and by "opa test access.rego access_test.rego" alike.
package access_test

import data.access

teams := {
	"research": {"members": ["alice"], "models": ["openai:*"], "max_input_tokens": 1000},
	"support": {"members": ["bob"], "models": ["openai:gpt-5-mini"], "max_input_tokens": 10, "hours": {"from": 8, "to": 18}},
}

# A request of bob's, within his hours.
request := {
	"caller": {"name": "bob"},
	"time": {"weekday": 1, "hour": 9},
	"ai": {"request": {"input_tokens": 5}},
}

test_allows_at_work if {
	access.decision == {
		"allow": true,
		"vars": {"team": "support"},
		"models": {"allow": ["openai:gpt-5-mini"]},
	} with input as request
		with data.teams as teams
}

test_refuses_at_night if {
	at_night := object.union(request, {"time": {"weekday": 1, "hour": 18}})
	access.decision == {
		"allow": false,
		"message": "the team support works from 8 to 18 o'clock, Monday to Friday",
	} with input as at_night
		with data.teams as teams
}

test_refuses_on_sunday if {
	on_sunday := object.union(request, {"time": {"weekday": 0, "hour": 9}})
	not access.decision.allow with input as on_sunday
		with data.teams as teams
}

test_refuses_long_prompts if {
	long := object.union(request, {"ai": {"request": {"input_tokens": 11}}})
	access.decision.message == "the team support may send 10 tokens at once" with input as long
		with data.teams as teams
}

test_research_has_no_hours if {
	at_night := object.union(request, {"caller": {"name": "alice"}, "time": {"weekday": 0, "hour": 3}})
	access.decision.allow with input as at_night
		with data.teams as teams
}

test_refuses_strangers if {
	stranger := object.union(request, {"caller": {"name": "mallory"}})
	access.decision == {"allow": false, "message": "you belong to no team"} with input as stranger
		with data.teams as teams
}

# Who is nobody has no name at all.
test_refuses_nobody if {
	nobody := object.remove(request, ["caller"])
	not access.decision.allow with input as nobody
		with data.teams as teams
}
