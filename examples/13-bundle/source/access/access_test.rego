package access.test

import data.access

teams := {"research": {"members": ["alice"], "models": ["openai:gpt-5"]}}

test_member if {
	result := access.decision with input as {"caller": {"name": "alice"}} with data.access.teams as teams
	result.allow
	result.models.allow == ["openai:gpt-5"]
}

test_stranger if {
	not access.decision.allow with input as {"caller": {"name": "mallory"}} with data.access.teams as teams
}
