package admin

import (
	"reflect"
	"slices"

	"github.com/valyala/fasthttp"

	"weir/access"
)

// routes is all that the API serves, and where its document comes from.
func routes() []*route {
	keys, tokens, provider := accessKeys(), apiKeys(), providerKeys()
	return slices.Concat(
		keys.routes(), []*route{rotation(keys)},
		configurations().routes(),
		provider.routes(), []*route{rotateProviderKey(provider)},
		customProviders().routes(),
		gatewayRoutes(),
		usageRoutes(),
		tokens.routes(), []*route{rotation(tokens)},
		teams().routes(),
		quotas(pathBudgets, "Budget", access.KindBudget, func(s *access.Snapshot) map[string]*access.Quota { return s.Budgets }).routes(),
		quotas(pathLimits, "Limit", access.KindLimit, func(s *access.Snapshot) map[string]*access.Quota { return s.Limits }).routes(),
		[]*route{auditRoute(), {
			method: methodGet, pattern: pathOpenAPI, right: rightAny, name: "getOpenAPI", status: fasthttp.StatusOK,
			out: reflect.TypeFor[map[string]any](), doc: "Shows this document.", serve: func(q *request) (*reply, error) {
				return &reply{status: fasthttp.StatusOK, body: q.openAPI, revision: -1}, nil
			},
		}},
	)
}
