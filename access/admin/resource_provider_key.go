package admin

import (
	"reflect"
	"time"

	"github.com/valyala/fasthttp"

	"weir/access"
)

type providerKeyIn struct {
	namedIn

	ProviderID opt[string] `json:"providerId" api:"required,create,min=1,max=255" doc:"Provider that the key is of."`
	Value      opt[string] `json:"value" api:"required,create,secret,min=1,max=16384" doc:"The key. It is stored sealed and never shown."`
	TeamID     opt[string] `json:"teamId" api:"max=255" doc:"Team that alone may use it; null is any."`
}

type providerKeyOut struct {
	commonOut

	ProviderID  string      `json:"providerId"`
	TeamID      *string     `json:"teamId"`
	KeyRedacted string      `json:"keyRedacted" doc:"As much of the key as may be shown."`
	LastUsed    **time.Time `json:"lastUsed,omitempty" doc:"When it was used last, null for never. Left out where the store cannot tell now."`
}

type rotateKeyIn struct {
	Name  opt[string] `json:"name" api:"min=1,max=255" doc:"Another name; left out, it stays."`
	Value opt[string] `json:"value" api:"required,secret,min=1,max=16384" doc:"The new key."`
}

func providerKeys() *collection[*access.ProviderKey, providerKeyIn, providerKeyOut] {
	return &collection[*access.ProviderKey, providerKeyIn, providerKeyOut]{
		path: pathProviderKeys, list: "aiGatewayProviderKeys", one: "ProviderKey", kind: access.KindProviderKey,
		read: rightRead, write: rightWrite,
		all:   func(s *access.Snapshot) map[string]*access.ProviderKey { return s.ProviderKeys },
		fresh: func() *access.ProviderKey { return &access.ProviderKey{} },
		filters: []param{
			{name: "provider", doc: "Only keys of this provider."},
			{name: "teamId", doc: "Only keys of this team."},
		},
		keep: func(q *request, k *access.ProviderKey) bool {
			provider, byProvider := q.query["provider"]
			team, byTeam := q.query["teamId"]
			return (!byProvider || k.ProviderID == provider) && (!byTeam || k.TeamID == team)
		},
		prepare: lookUp[*access.ProviderKey],
		view: func(q *request, k *access.ProviderKey) providerKeyOut {
			return providerKeyOut{
				commonOut: q.common(pathProviderKeys, &k.Meta), ProviderID: k.ProviderID, TeamID: nullable(k.TeamID),
				KeyRedacted: k.Hint, LastUsed: q.used.of(k.ID),
			}
		},
		edit: func(_ *request, in *providerKeyIn, k *access.ProviderKey) error {
			in.into(&k.Meta)
			in.ProviderID.into(&k.ProviderID)
			in.TeamID.into(&k.TeamID)
			return nil
		},
		renames: map[string]string{"sealed": "value", "hint": "value"},
		add: func(q *request, in *providerKeyIn, k *access.ProviderKey, o access.WriteOptions) (string, error) {
			q.manager.SealKey(k, in.Value.Value)
			return "", q.manager.Create(q.ctx, q.actor(), access.KindProviderKey, k, o)
		},
	}
}

// rotateProviderKey puts another value in the place of a provider key's; it is used from the next call on.
func rotateProviderKey(c *collection[*access.ProviderKey, providerKeyIn, providerKeyOut]) *route {
	return &route{
		method: methodPost, pattern: c.path + "/{id}/rotate", right: c.write, name: "rotateProviderKey",
		in: reflect.TypeFor[rotateKeyIn](), out: reflect.TypeFor[providerKeyOut](), status: fasthttp.StatusOK, once: true, tagged: true,
		doc: "Puts a new value in the place of the one before.",
		serve: func(q *request) (*reply, error) {
			in, err := decode[rotateKeyIn](q)
			if err != nil {
				return nil, err
			}
			o, err := c.rotating(q)
			if err != nil {
				return nil, err
			}
			r, err := q.manager.Update(q.ctx, q.actor(), c.kind, q.id, q.options(o.IfRevision, c.answer(q)), func(r access.Resource) error {
				k := r.(*access.ProviderKey) //nolint:errcheck // resources of a kind have its type
				if in.Name.given() {
					k.Name = in.Name.Value
				}
				q.manager.SealKey(k, in.Value.Value)
				return nil
			})
			if err != nil {
				return nil, c.failure(err)
			}
			return c.answered(q, r.(*access.ProviderKey), "", fasthttp.StatusOK) //nolint:errcheck // the same
		},
	}
}
