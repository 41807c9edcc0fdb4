package policies

import "weir/engine/vars"

func routeFields() []Field {
	day := int64(maxTimeout.Seconds())
	return []Field{
		{Name: "name", Kind: KindString, Doc: "A label for logs."},
		{Name: "expressions", Kind: KindExpression, List: true, Filled: true, Phase: vars.PhaseRoute, Doc: "Conditions in CEL, all of which must hold for the route to be taken. None means always."},
		{Name: "providers", Kind: KindObject, List: true, Fields: providerFields(), Doc: "Further providers, for this route only."},
		{Name: "only_allow_configured_providers", Kind: KindBool, Default: "false", Doc: "Refuse providers that the policy does not list."},
		{Name: "only_allow_configured_models", Kind: KindBool, Default: "false", Doc: "Refuse models that the policy does not list."},
		{Name: "model_selection", Kind: KindObject, Filled: true, Doc: "Which models may answer.", Fields: []Field{
			{Name: "strategy", Kind: KindModels, List: true, Required: true, Min: 1, Phase: vars.PhaseRoute, Doc: "CEL over `ai.models`; the first that leaves a model decides."},
		}},
		{Name: "api_key_selection", Kind: KindObject, Filled: true, Doc: "Which of a provider's keys are used.", Fields: []Field{
			{Name: "strategy", Kind: KindKeys, List: true, Required: true, Min: 1, Phase: vars.PhaseKeys, Doc: "CEL over `ai.keys`; the first that leaves a key decides."},
		}},
		{Name: "require", Kind: KindModelCondition, Phase: vars.PhaseRoute, Doc: "A condition over the model `m` that every target must meet, whatever chose it."},
		{Name: "max_input_tokens", Kind: KindInt, Min: 1, Max: maxTokens, Doc: "Larger inputs are refused."},
		{Name: "max_output_tokens", Kind: KindInt, Min: 1, Max: maxTokens, Doc: "Larger outputs are cut to this."},
		{Name: "headers", Kind: KindStrings, Templates: true, Max: maxMergedFields, Phase: vars.PhaseRoute, Doc: "Headers added to the request to the provider."},
		{Name: "query_params", Kind: KindStrings, Templates: true, Max: maxMergedFields, Phase: vars.PhaseRoute, Doc: "Query parameters added to the request to the provider."},
		{Name: "body", Kind: KindMapping, Templates: true, Max: maxMergedFields, Phase: vars.PhaseRoute, Doc: "Values put over those of the client at the top of the body."},
		{Name: "total_timeout", Kind: KindDuration, Min: 1, Max: day, Default: "6m", Doc: "How long all attempts may take together, until the answer or the first content of a stream."},
		{Name: "per_request_timeout", Kind: KindDuration, Min: 1, Max: day, Default: "3m", Doc: "How long one attempt may take, on streams until their first content."},
		{Name: "first_token_timeout", Kind: KindDuration, Min: 1, Max: day, Doc: "How long an attempt may take to its first content, on streams."},
		{Name: "stream_idle_timeout", Kind: KindDuration, Min: 1, Max: day, Default: "60s", Doc: "How long a stream may be silent between events."},
		{Name: "on_error", Kind: KindString, Enum: []string{"halt", "continue"}, Default: "halt", Doc: "Of an `ai-gateway` action: `continue` goes on with the next action when every target failed."},
		{Name: "failover", Kind: KindObject, Doc: "When and how often the next target is tried.", Fields: []Field{
			{Name: "on", Kind: KindExpression, Phase: vars.PhaseFailover, Default: "attempt.retryable", Doc: "A condition over `attempt`: whether another target is tried after a failure."},
			{Name: "max_attempts", Kind: KindInt, Min: 1, Max: maxAttempts, Default: "5", Doc: "How many attempts are made at most."},
			{Name: "backoff", Kind: KindDuration, Min: 1, Max: day, Doc: "The wait before the second attempt; it doubles for each further one."},
			{Name: "max_backoff", Kind: KindDuration, Min: 1, Max: day, Doc: "The longest wait between two attempts."},
		}},
		{Name: "balance", Kind: KindString, Enum: []string{"ordered", "weighted", "least_busy", "fastest", "cheapest"}, Default: "ordered", Doc: "How models that the strategies left equal are ordered."},
		{Name: "keys", Kind: KindString, Enum: []string{"configured", "client"}, Doc: "`configured` uses the keys of the policy, `client` the client's own, for the provider it came for."},
	}
}

func providerFields() []Field {
	return []Field{
		{Name: "id", Kind: KindString, Required: true, Doc: "What clients write in front of the model, as in `azure-eu:gpt-4o`. The id of a built-in provider configures that one."},
		{Name: "id_aliases", Kind: KindString, List: true, Doc: "Other names of the provider."},
		{Name: "base_url", Kind: KindURL, Doc: "Its address. With a path it stands in place of `/v1`; a bare host keeps `/v1`."},
		{Name: "api_keys", Kind: KindObject, List: true, Doc: "Its keys, tried in this order unless the route says otherwise.", Fields: []Field{
			{Name: "value", Kind: KindTemplate, Required: true, Phase: vars.PhaseRoute, Doc: "The key, as in `${secrets.get('OPENAI_API_KEY')}`."},
			{Name: "weight", Kind: KindInt, Min: 1, Max: maxWeight, Default: "1", Doc: "Its share among the keys."},
		}},
		{Name: "auth", Kind: KindString, Enum: []string{"bearer", "x-api-key", "x-goog-api-key", "api-key", "none"}, Doc: "How a key is sent; without it, as the API has it."},
		{Name: "models", Kind: KindObject, List: true, Fields: modelFields(), Doc: "Models of the provider, new ones or changes to those of the catalog."},
		{Name: "supported_api_surfaces", Kind: KindObject, List: true, Doc: "The APIs it speaks; without it every OpenAI API.", Fields: []Field{
			{Name: "format", Kind: KindString, Required: true, Enum: []string{"openai", "anthropic", "gemini"}, Doc: "Whose API it is."},
			{Name: "surface", Kind: KindString, Doc: "One API of the format; without it all of them.", Enum: []string{
				"chat-completions", "completions", "embeddings", "responses", "images", "speech", "transcriptions", "moderations", "rerank",
				"messages", "count-tokens", "generate", "embed",
			}},
			{Name: "base_url", Kind: KindURL, Doc: "Its address where it differs from the provider's."},
			{Name: "supported_params", Kind: KindName, List: true, Doc: "The body keys it takes; all others are taken out. It needs `surface`."},
		}},
		{Name: "metadata", Kind: KindMapping, Doc: "Anything, for `m.metadata` in expressions; never sent."},
		{Name: "pass_headers", Kind: KindString, List: true, Doc: "Headers about vendor accounts that this provider gets although others do not."},
		{Name: "tls", Kind: KindObject, Doc: "How its certificate is checked, and the one to show.", Fields: []Field{
			{Name: "ca_file", Kind: KindFile, Doc: "Certificates of the authorities to trust, in place of the system's."},
			{Name: "cert_file", Kind: KindFile, Doc: "The certificate to show; it needs `key_file`."},
			{Name: "key_file", Kind: KindFile, Doc: "The key of `cert_file`."},
			{Name: "server_name", Kind: KindString, Doc: "The name that its certificate must be for."},
			{Name: "min_version", Kind: KindString, Enum: []string{"1.2", "1.3"}, Default: "1.2", Doc: "The oldest version of TLS to speak."},
		}},
		{Name: "proxy", Kind: KindURL, Doc: "A proxy to reach it through."},
		{Name: "max_connections", Kind: KindInt, Min: 1, Max: maxProviderConns, Doc: "How many connections are open to it at most."},
		{Name: "disabled", Kind: KindBool, Default: "false", Doc: "Switch the provider off."},
		{Name: "display_name", Kind: KindString, Doc: "A name for people."},
		{Name: "description", Kind: KindString, Doc: "A description for people."},
		{Name: "website", Kind: KindString, Doc: "Where people find more."},
	}
}

func modelFields() []Field {
	price := func(name, doc string) Field { return Field{Name: name, Kind: KindPrice, Doc: doc} }
	return []Field{
		{Name: "id", Kind: KindString, Required: true, Doc: "The name of the model at its provider."},
		{Name: "id_aliases", Kind: KindString, List: true, Doc: "Other names that clients may use."},
		{Name: "author_id", Kind: KindString, Doc: "Who made it, for `m.author_id`."},
		{Name: "display_name", Kind: KindString, Doc: "A name for people."},
		{Name: "description", Kind: KindString, Doc: "A description for people."},
		{Name: "disabled", Kind: KindBool, Default: "false", Doc: "Switch the model off."},
		{Name: "metadata", Kind: KindMapping, Doc: "Anything, for `m.metadata` in expressions; it goes over its provider's."},
		{Name: "input_modalities", Kind: KindString, List: true, Doc: "What it reads, such as `text` and `image`."},
		{Name: "output_modalities", Kind: KindString, List: true, Doc: "What it writes."},
		{Name: "supported_features", Kind: KindString, List: true, Doc: "What it can do, such as `tool-calling`."},
		{Name: "unsupported_params", Kind: KindName, List: true, Doc: "Body keys that it does not take; they are taken out."},
		{Name: "max_context_window", Kind: KindInt, Min: 1, Max: maxWindow, Doc: "How many tokens fit into it."},
		{Name: "max_output_tokens", Kind: KindInt, Min: 1, Max: maxWindow, Doc: "How many tokens it writes at most."},
		{Name: "pricing", Kind: KindObject, Doc: "Prices in USD for a million tokens.", Fields: []Field{
			price("input", "Of input tokens."), price("output", "Of output tokens."),
			price("cache_read", "Of input tokens read from the provider's cache."),
			price("cache_write", "Of input tokens written to the provider's cache."),
		}},
		{Name: "weight", Kind: KindInt, Min: 1, Max: maxWeight, Default: "1", Doc: "Its share where `balance` is `weighted`."},
	}
}
