package policies

import (
	"weir/engine/opa"
	"weir/engine/vars"
)

const (
	keyRego = "rego"
	// maxBundleKeys is more keys than are ever in use at once while one is exchanged for another.
	maxBundleKeys = 20
	// defaultPoll is how often servers of bundles are asked that cannot hold a question until there is an answer. It is what
	// such a server bears from every replica.
	defaultPoll = "1m"
)

// regoField describes what a policy says about Rego.
func regoField() Field {
	return Field{
		Name: keyRego, Kind: KindModules, Filled: true,
		Doc: "Rego that the action `rego` may ask: files, folders, modules, data and bundles, compiled with the policy. The lists of all documents of a policy are one.",
		Fields: []Field{
			{Name: "modules", Kind: KindModule, List: true, Fields: moduleFields(), Doc: "Where the Rego is; a list in place of the mapping says the same."},
			{Name: "hosts", Kind: KindString, List: true, Doc: "Hosts that `http.send` may call. Without any there is no `http.send`."},
		},
	}
}

// moduleFields are those of one entry: exactly one of module, data and bundle stands in it.
func moduleFields() []Field {
	day := int64(maxTimeout.Seconds())
	return []Field{
		{Name: "module", Kind: KindRego, Filled: true, Doc: "A module, written here."},
		{Name: "name", Kind: KindString, Doc: "What the module is called in messages."},
		{Name: "data", Kind: KindAny, Filled: true, Doc: "Data that modules read below `data`: a mapping, or the name of a JSON or YAML file."},
		{Name: "at", Kind: KindString, Doc: "Where the data stands below `data`, as in `teams.limits`; without it at the root."},
		{Name: "bundle", Kind: KindFile, Filled: true, Doc: "An OPA bundle: a file, or an http or https URL that is asked for new revisions."},
		{Name: "keys", Kind: KindObject, List: true, Min: 1, Max: maxBundleKeys, Doc: "Keys that the bundle may be signed with. With any, a bundle without a good signature is refused.", Fields: []Field{
			{Name: "id", Kind: KindString, Required: true, Doc: "What signatures call the key."},
			{Name: "algorithm", Kind: KindString, Enum: opa.BundleAlgorithms(), Default: opa.BundleAlgorithms()[0], Doc: "The algorithm of its signatures."},
			{Name: "key", Kind: KindTemplate, Phase: vars.PhaseRoute, Doc: "The public key or certificate in PEM, or the shared secret of an HMAC, as in `${secrets.get('BUNDLE_KEY')}`."},
			{Name: "file", Kind: KindFile, Doc: "The file that the key is in, in place of `key`."},
			{Name: "scope", Kind: KindString, Doc: "What signatures made with the key must give as their scope."},
		}},
		{Name: "scope", Kind: KindString, Doc: "What the signature must give as its scope, in place of that of the key."},
		{Name: "exclude_files", Kind: KindString, List: true, Doc: "Patterns of the files in the bundle that its signature does not cover."},
		{Name: "headers", Kind: KindStrings, Templates: true, Max: maxMergedFields, Phase: vars.PhaseRoute, Doc: "Headers of the requests for the bundle, such as `authorization: Bearer ${secrets.get('BUNDLE_TOKEN')}`."},
		{Name: "poll", Kind: KindDuration, Min: 1, Max: day, Default: defaultPoll, Doc: "How often the server is asked, where it does not answer as soon as there is a new revision."},
		{Name: "persist", Kind: KindFile, Doc: "The folder that the last good bundle is kept in, for a start while the server is down."},
	}
}
