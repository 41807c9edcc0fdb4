package admin

import (
	"weir/access"
)

type teamIn struct {
	namedIn

	Disabled       opt[bool]     `json:"disabled" doc:"Its keys are refused."`
	ProviderKeyIDs opt[[]string] `json:"provider_key_ids" api:"min=1,max=255,items=50" doc:"Provider keys that are tried before those of the gateway."`
}

type teamOut struct {
	plainOut

	Disabled       bool     `json:"disabled"`
	ProviderKeyIDs []string `json:"provider_key_ids"`
}

func teams() *collection[*access.Team, teamIn, teamOut] {
	return &collection[*access.Team, teamIn, teamOut]{
		path: pathTeams, list: "teams", one: "Team", kind: access.KindTeam, read: rightRead, write: rightWrite,
		all:   func(s *access.Snapshot) map[string]*access.Team { return s.Teams },
		fresh: func() *access.Team { return &access.Team{} },
		view: func(q *request, t *access.Team) teamOut {
			return teamOut{plainOut: q.plain(pathTeams, &t.Meta), Disabled: t.Disabled, ProviderKeyIDs: list(t.ProviderKeyIDs)}
		},
		edit: func(_ *request, in *teamIn, t *access.Team) error {
			in.into(&t.Meta)
			in.Disabled.into(&t.Disabled)
			in.ProviderKeyIDs.into(&t.ProviderKeyIDs)
			return nil
		},
	}
}
