package admin

import (
	"time"

	"weir/access"
)

type apiKeyIn struct {
	commonIn

	Role opt[string] `json:"role" api:"enum=admin|editor|viewer|auditor" doc:"What it may do; editor where nothing is said."`
}

type apiKeyOut struct {
	commonOut

	Role        string      `json:"role" api:"enum=admin|editor|viewer|auditor"`
	Token       string      `json:"token,omitempty" doc:"The whole token. Only the answer that it is made with shows it."`
	KeyRedacted string      `json:"keyRedacted" doc:"As much of the token as may be shown."`
	LastUsed    **time.Time `json:"lastUsed,omitempty" doc:"When it was used last, null for never. Left out where the store cannot tell now."`
}

func apiKeys() *collection[*access.APIKey, apiKeyIn, apiKeyOut] {
	return &collection[*access.APIKey, apiKeyIn, apiKeyOut]{
		path: pathAPIKeys, list: "aiGatewayApiKeys", one: "ApiKey", kind: access.KindAPIKey, read: rightTokens, write: rightTokens,
		all:     func(s *access.Snapshot) map[string]*access.APIKey { return s.APIKeys },
		fresh:   func() *access.APIKey { return &access.APIKey{Role: access.RoleEditor} },
		prepare: lookUp[*access.APIKey],
		view: func(q *request, k *access.APIKey) apiKeyOut {
			return apiKeyOut{
				commonOut: q.common(pathAPIKeys, &k.Meta), Role: k.Role, KeyRedacted: hint(k.Tokens), LastUsed: q.used.of(k.ID),
			}
		},
		edit: func(_ *request, in *apiKeyIn, k *access.APIKey) error {
			in.into(&k.Meta)
			in.Role.into(&k.Role)
			if k.Role == "" {
				k.Role = access.RoleEditor
			}
			return nil
		},
		renames: map[string]string{"overlap": "overlapSeconds"},
		add: func(q *request, _ *apiKeyIn, k *access.APIKey, o access.WriteOptions) (string, error) {
			return q.manager.CreateKey(q.ctx, q.actor(), k, "", o)
		},
		reveal: func(out *apiKeyOut, token string) { out.Token = token },
	}
}
