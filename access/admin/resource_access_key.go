package admin

import (
	"reflect"
	"time"

	"github.com/valyala/fasthttp"

	"weir/access"
)

// The paths of collections.
const (
	pathAccessKeys     = "/access-keys"
	pathConfigurations = "/access-key-configurations"
	pathProviderKeys   = "/provider-keys"
	pathProviders      = "/providers"
	pathAPIKeys        = "/api-keys"
	pathTeams          = "/teams"
	pathBudgets        = "/budgets"
	pathLimits         = "/limits"
	pathGateway        = "/gateway-config"
	pathUsage          = "/usage"
	pathOverview       = "/usage/overview"
	pathAudit          = "/audit"
	pathOpenAPI        = "/openapi.json"
)

type accessKeyIn struct {
	commonIn

	ConfigurationID opt[string]    `json:"accessKeyConfigurationId" api:"max=255" doc:"Configuration that says what the key may use; null allows everything."`
	TeamID          opt[string]    `json:"teamId" api:"max=255" doc:"Team that the key belongs to."`
	Groups          opt[[]string]  `json:"groups" api:"min=1,max=255,items=100" doc:"Names that policies tell callers apart by."`
	ExpiresAt       opt[time.Time] `json:"expiresAt" doc:"From then on the key is refused."`
	NotBefore       opt[time.Time] `json:"notBefore" doc:"Until then the key is refused."`
	Disabled        opt[bool]      `json:"disabled" doc:"The key is refused."`
	AllowedNetworks opt[[]string]  `json:"allowedNetworks" api:"min=1,max=64,items=100" doc:"Addresses and prefixes that the key may be used from; none is anywhere."`
	ProviderKeyIDs  opt[[]string]  `json:"providerKeyIds" api:"min=1,max=255,items=50" doc:"Provider keys that are tried before those of the gateway."`
	Token           opt[string]    `json:"token" api:"create,secret,min=16,max=512" doc:"A token from elsewhere that goes on holding; without it a new one is made."`
}

// linkOut is a configuration as its keys show it.
type linkOut struct {
	ID   string `json:"id"`
	URI  string `json:"uri"`
	Name string `json:"name"`
}

type accessKeyOut struct {
	commonOut

	Configuration   *linkOut    `json:"accessKeyConfiguration" doc:"What the key may use; null is everything."`
	TeamID          *string     `json:"teamId"`
	Groups          []string    `json:"groups"`
	ExpiresAt       *time.Time  `json:"expiresAt"`
	NotBefore       *time.Time  `json:"notBefore"`
	Disabled        bool        `json:"disabled"`
	AllowedNetworks []string    `json:"allowedNetworks"`
	ProviderKeyIDs  []string    `json:"providerKeyIds"`
	Token           string      `json:"token,omitempty" doc:"The whole token. Only the answer that it is made with shows it."`
	KeyRedacted     string      `json:"keyRedacted" doc:"As much of the token as may be shown."`
	LastUsed        **time.Time `json:"lastUsed,omitempty" doc:"When it was used last, null for never. Left out where the store cannot tell now."`
}

type rotateIn struct {
	Overlap opt[int64] `json:"overlapSeconds" api:"min=0,max=7948800" doc:"How long the token before holds beside the new one, at most 92 days; 0, which is the default, ends it at once."`
}

func accessKeys() *collection[*access.AccessKey, accessKeyIn, accessKeyOut] {
	return &collection[*access.AccessKey, accessKeyIn, accessKeyOut]{
		path: pathAccessKeys, list: "aiGatewayAccessKeys", one: "AccessKey", kind: access.KindAccessKey,
		read: rightRead, write: rightWrite,
		all:     func(s *access.Snapshot) map[string]*access.AccessKey { return s.AccessKeys },
		fresh:   func() *access.AccessKey { return &access.AccessKey{} },
		filters: []param{{name: "teamId", doc: "Only keys of this team."}},
		keep: func(q *request, k *access.AccessKey) bool {
			team, given := q.query["teamId"]
			return !given || k.TeamID == team
		},
		prepare: lookUp[*access.AccessKey], view: viewAccessKey, edit: editAccessKey,
		renames: map[string]string{"configuration_id": "accessKeyConfigurationId", "tokens": "token", "overlap": "overlapSeconds"},
		add: func(q *request, in *accessKeyIn, k *access.AccessKey, o access.WriteOptions) (string, error) {
			return q.manager.CreateKey(q.ctx, q.actor(), k, in.Token.Value, o)
		},
		reveal: func(out *accessKeyOut, token string) { out.Token = token },
	}
}

func editAccessKey(_ *request, in *accessKeyIn, k *access.AccessKey) error {
	in.into(&k.Meta)
	in.ConfigurationID.into(&k.ConfigurationID)
	in.TeamID.into(&k.TeamID)
	in.Groups.into(&k.Groups)
	in.ExpiresAt.intoPointer(&k.ExpiresAt)
	in.NotBefore.intoPointer(&k.NotBefore)
	in.Disabled.into(&k.Disabled)
	in.AllowedNetworks.into(&k.AllowedNetworks)
	in.ProviderKeyIDs.into(&k.ProviderKeyIDs)
	return nil
}

func viewAccessKey(q *request, k *access.AccessKey) accessKeyOut {
	out := accessKeyOut{
		commonOut: q.common(pathAccessKeys, &k.Meta), TeamID: nullable(k.TeamID), Groups: list(k.Groups), ExpiresAt: k.ExpiresAt,
		NotBefore: k.NotBefore, Disabled: k.Disabled, AllowedNetworks: list(k.AllowedNetworks),
		ProviderKeyIDs: list(k.ProviderKeyIDs), KeyRedacted: hint(k.Tokens), LastUsed: q.used.of(k.ID),
	}
	if k.ConfigurationID != "" {
		out.Configuration = &linkOut{ID: k.ConfigurationID, URI: q.uri(pathConfigurations + "/" + k.ConfigurationID)}
		if c := q.snapshot.Configurations[k.ConfigurationID]; c != nil {
			out.Configuration.Name = c.Name
		}
	}
	return out
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func hint(tokens []access.TokenHash) string {
	if len(tokens) == 0 {
		return ""
	}
	return tokens[0].Hint
}

// rotation gives the keys of a collection another token.
func rotation[R access.Resource, In, Out any](c *collection[R, In, Out]) *route {
	return &route{
		method: methodPost, pattern: c.path + "/{id}/rotate", right: c.write, name: "rotate" + c.one,
		in: reflect.TypeFor[rotateIn](), out: reflect.TypeFor[Out](), status: fasthttp.StatusOK, once: true, tagged: true,
		doc: "Makes a new token, which the answer shows once; the one before can go on for a while.",
		serve: func(q *request) (*reply, error) {
			in, err := decode[rotateIn](q)
			if err != nil {
				return nil, err
			}
			o, err := c.rotating(q)
			if err != nil {
				return nil, err
			}
			once := q.options(o.IfRevision, c.answer(q))
			r, token, err := q.manager.Rotate(q.ctx, q.actor(), c.kind, q.id, time.Duration(in.Overlap.Value)*time.Second, once)
			if err != nil {
				return nil, c.failure(err)
			}
			return c.answered(q, r.(R), token, fasthttp.StatusOK) //nolint:errcheck // resources of a kind have its type
		},
	}
}
