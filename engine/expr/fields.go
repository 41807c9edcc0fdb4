package expr

import (
	"math"

	"cel.dev/cel-go/cel"

	"weir/engine/catalog"
)

// leaf is one readable field of a Go type: exactly one getter is set. The closures of direct.go use the typed getters,
// CEL programs read the same ones through get.
type leaf[T any] struct {
	str   func(T) string
	strs  func(T) []string
	num   func(T) int64
	dbl   func(T) float64
	flag  func(T) bool
	price func(T) *float64 // nil = unknown, null in CEL
	other func(T) any
	typ   *cel.Type // of other
}

func (l leaf[T]) celType() *cel.Type {
	switch {
	case l.str != nil:
		return cel.StringType
	case l.strs != nil:
		return cel.ListType(cel.StringType)
	case l.num != nil:
		return cel.IntType
	case l.dbl != nil:
		return cel.DoubleType
	case l.flag != nil:
		return cel.BoolType
	case l.price != nil:
		return cel.NullableType(cel.DoubleType)
	default:
		return l.typ
	}
}

func (l leaf[T]) get(v T) any {
	switch {
	case l.str != nil:
		return l.str(v)
	case l.strs != nil:
		return l.strs(v)
	case l.num != nil:
		return l.num(v)
	case l.dbl != nil:
		return l.dbl(v)
	case l.flag != nil:
		return l.flag(v)
	case l.price != nil:
		if p := l.price(v); p != nil {
			return *p
		}
		return nil
	default:
		return l.other(v)
	}
}

// metricsView is one scope's metrics of a model. A model without traffic reads as zero.
type metricsView struct {
	model   *catalog.Model
	metrics *catalog.Metrics
}

// keyMetrics is the sparse map from an access key to its metrics of a model.
type keyMetrics struct{ model *catalog.Model }

// noTraffic is what a model without traffic reads as; nothing changes it.
var noTraffic = &catalog.Metrics{Quota: catalog.Quota{
	RemainingRequests: -1, RemainingTokens: -1, LimitRequests: -1, LimitTokens: -1,
}}

func viewMetrics(m *catalog.Model, scope catalog.Scope, key string) metricsView {
	if m.Live != nil {
		if got := m.Live.Metrics(scope, key); got != nil {
			return metricsView{model: m, metrics: got}
		}
	}
	return metricsView{model: m, metrics: noTraffic}
}

// quota makes an unknown quota read as the largest int, so that "more than n left" holds.
func quota(n int64) int64 {
	if n < 0 {
		return math.MaxInt64
	}
	return n
}

func modelFields() map[string]leaf[*catalog.Model] {
	type model = *catalog.Model
	fields := map[string]leaf[model]{
		"id":           {str: func(m model) string { return m.ID }},
		"id_aliases":   {strs: func(m model) []string { return m.IDAliases }},
		"provider_id":  {str: func(m model) string { return m.ProviderID }},
		"author_id":    {str: func(m model) string { return m.AuthorID }},
		"display_name": {str: func(m model) string { return m.DisplayName }},
		"description":  {str: func(m model) string { return m.Description }},
		"known":        {flag: func(m model) bool { return m.Known }},
		"custom":       {flag: func(m model) bool { return m.Custom }},
		"quantization": {str: func(m model) string { return m.Quantization }},
		"release_date": {str: func(m model) string { return m.ReleaseDate }},

		"provider_id_aliases": {strs: func(m model) []string {
			if m.Provider == nil {
				return nil
			}
			return m.Provider.IDAliases
		}},
		"author_id_aliases": {strs: func(m model) []string {
			if m.Author == nil {
				return nil
			}
			return m.Author.IDAliases
		}},
		"input_modalities":      {strs: func(m model) []string { return m.InputModalities }},
		"output_modalities":     {strs: func(m model) []string { return m.OutputModalities }},
		"supported_features":    {strs: func(m model) []string { return m.SupportedFeatures }},
		"max_context_window":    {num: func(m model) int64 { return m.MaxContextWindow }},
		"max_output_tokens":     {num: func(m model) int64 { return m.MaxOutputTokens }},
		"parameter_count":       {num: func(m model) int64 { return m.ParameterCount }},
		"data_training_policy":  {str: func(m model) string { return m.DataTrainingPolicy }},
		"data_retention_days":   {num: func(m model) int64 { return m.DataRetentionDays }},
		"data_retention_policy": {str: func(m model) string { return m.DataRetentionPolicy }},
		"metadata": {typ: cel.MapType(cel.StringType, cel.DynType), other: func(m model) any {
			return m.Metadata
		}},
		"datacenters": {typ: cel.ListType(datacenterType), other: func(m model) any { return m.Datacenters }},
		"metrics.api_keys": {typ: cel.MapType(cel.StringType, metricsType), other: func(m model) any {
			return keyMetrics{model: m}
		}},
	}
	for name, scope := range metricScopes() {
		fields["metrics."+name] = leaf[model]{typ: metricsType, other: func(m model) any {
			return viewMetrics(m, scope, "")
		}}
	}
	for path, price := range priceFields() {
		fields["pricing."+path] = leaf[model]{price: price}
	}
	return fields
}

func metricScopes() map[string]catalog.Scope {
	return map[string]catalog.Scope{
		"global": catalog.ScopeGateway, "region": catalog.ScopeGateway, "account": catalog.ScopeGateway,
		"endpoint": catalog.ScopeEndpoint,
	}
}

// priceFields are the paths below m.pricing; they are the price types of underCost too.
func priceFields() map[string]func(*catalog.Model) *float64 {
	type model = *catalog.Model
	input := func(m model) *float64 { return m.Pricing.Input }
	output := func(m model) *float64 { return m.Pricing.Output }
	cacheRead := func(m model) *float64 { return m.Pricing.CacheRead }
	cacheWrite := func(m model) *float64 { return m.Pricing.CacheWrite }
	return map[string]func(model) *float64{
		"input": input, "output": output, "cache_read": cacheRead, "cache_write": cacheWrite,
		"text.input": input, "text.output": output,
		"text.input_cache_read": cacheRead, "text.input_cache_write": cacheWrite,
		"text.input_batch":  func(m model) *float64 { return m.Pricing.InputBatch },
		"text.output_batch": func(m model) *float64 { return m.Pricing.OutputBatch },
		"audio.input":       func(m model) *float64 { return m.Pricing.InputAudio },
		"audio.output":      func(m model) *float64 { return m.Pricing.OutputAudio },

		"tools.web_search.per_search_call": func(m model) *float64 { return m.Pricing.WebSearchPerCall },

		"tools.code_interpreter.per_execution_call": func(m model) *float64 {
			return m.Pricing.CodeExecutionPerCall
		},
		"tools.file_search.per_storage_gb": func(m model) *float64 { return m.Pricing.FileSearchPerGB },

		"tools.image_generation.per_image_generation": func(m model) *float64 {
			return m.Pricing.ImageGenerationPerImage
		},
	}
}

func metricsFields() map[string]leaf[metricsView] {
	fields := map[string]leaf[metricsView]{
		"provider": {str: func(v metricsView) string { return v.model.ProviderID }},
		"model":    {str: func(v metricsView) string { return v.model.ID }},
	}
	ints := map[string]func(*catalog.Metrics) int64{
		"request_count": func(m *catalog.Metrics) int64 { return m.RequestCount },
		"start_time":    func(m *catalog.Metrics) int64 { return m.StartTime },
		"end_time":      func(m *catalog.Metrics) int64 { return m.EndTime },

		"latency.gateway_ms_avg":  func(m *catalog.Metrics) int64 { return m.Latency.GatewayAvg },
		"latency.gateway_ms_p95":  func(m *catalog.Metrics) int64 { return m.Latency.GatewayP95 },
		"latency.upstream_ms_avg": func(m *catalog.Metrics) int64 { return m.Latency.UpstreamAvg },
		"latency.upstream_ms_p95": func(m *catalog.Metrics) int64 { return m.Latency.UpstreamP95 },

		"latency.time_to_first_token_ms_avg":   func(m *catalog.Metrics) int64 { return m.Latency.TimeToFirstTokenAvg },
		"latency.time_to_first_token_ms_p95":   func(m *catalog.Metrics) int64 { return m.Latency.TimeToFirstTokenP95 },
		"latency.time_per_output_token_ms_avg": func(m *catalog.Metrics) int64 { return m.Latency.TimePerOutputTokenAvg },
		"latency.time_per_output_token_ms_p95": func(m *catalog.Metrics) int64 { return m.Latency.TimePerOutputTokenP95 },

		"token.provider_input":   func(m *catalog.Metrics) int64 { return m.Token.ProviderInput },
		"token.provider_output":  func(m *catalog.Metrics) int64 { return m.Token.ProviderOutput },
		"token.estimated_input":  func(m *catalog.Metrics) int64 { return m.Token.EstimatedInput },
		"token.estimated_output": func(m *catalog.Metrics) int64 { return m.Token.EstimatedOutput },

		"quota.remaining_requests": func(m *catalog.Metrics) int64 { return quota(m.Quota.RemainingRequests) },
		"quota.remaining_tokens":   func(m *catalog.Metrics) int64 { return quota(m.Quota.RemainingTokens) },
		"quota.limit_requests":     func(m *catalog.Metrics) int64 { return quota(m.Quota.LimitRequests) },
		"quota.limit_tokens":       func(m *catalog.Metrics) int64 { return quota(m.Quota.LimitTokens) },
	}
	for path, get := range ints {
		fields[path] = leaf[metricsView]{num: func(v metricsView) int64 { return get(v.metrics) }}
	}
	for name, get := range errorRates() {
		fields["error_rate."+name] = leaf[metricsView]{dbl: func(v metricsView) float64 { return get(&v.metrics.ErrorRate) }}
	}
	return fields
}

func errorRates() map[string]func(*catalog.ErrorRate) float64 {
	return map[string]func(*catalog.ErrorRate) float64{
		"total":      func(r *catalog.ErrorRate) float64 { return r.Total },
		"timeout":    func(r *catalog.ErrorRate) float64 { return r.Timeout },
		"rate_limit": func(r *catalog.ErrorRate) float64 { return r.RateLimit },
		"client":     func(r *catalog.ErrorRate) float64 { return r.Client },
		"server":     func(r *catalog.ErrorRate) float64 { return r.Server },
	}
}

func keyFields() map[string]leaf[*Key] {
	fields := map[string]leaf[*Key]{
		"id":                       {str: func(k *Key) string { return k.ID }},
		"value":                    {str: func(k *Key) string { return k.Value }},
		"quota.remaining_requests": {num: func(k *Key) int64 { return quota(k.Quota.RemainingRequests) }},
		"quota.remaining_tokens":   {num: func(k *Key) int64 { return quota(k.Quota.RemainingTokens) }},
		"quota.limit_requests":     {num: func(k *Key) int64 { return quota(k.Quota.LimitRequests) }},
		"quota.limit_tokens":       {num: func(k *Key) int64 { return quota(k.Quota.LimitTokens) }},
	}
	for name, get := range errorRates() {
		fields["error_rate."+name] = leaf[*Key]{dbl: func(k *Key) float64 { return get(&k.ErrorRate) }}
	}
	return fields
}

// providerView is a provider with those of its models that the evaluation is about.
type providerView struct {
	*catalog.Provider

	models []*catalog.Model
}

func providerFields() map[string]leaf[*providerView] {
	type provider = *providerView
	return map[string]leaf[provider]{
		"id":           {str: func(p provider) string { return p.ID }},
		"id_aliases":   {strs: func(p provider) []string { return p.IDAliases }},
		"display_name": {str: func(p provider) string { return p.DisplayName }},
		"description":  {str: func(p provider) string { return p.Description }},
		"website":      {str: func(p provider) string { return p.Website }},
		"metadata": {typ: cel.MapType(cel.StringType, cel.DynType), other: func(p provider) any {
			return p.Metadata
		}},
	}
}

func authorFields() map[string]leaf[*catalog.Author] {
	return map[string]leaf[*catalog.Author]{
		"id":           {str: func(a *catalog.Author) string { return a.ID }},
		"id_aliases":   {strs: func(a *catalog.Author) []string { return a.IDAliases }},
		"display_name": {str: func(a *catalog.Author) string { return a.DisplayName }},
	}
}

func datacenterFields() map[string]leaf[catalog.Datacenter] {
	return map[string]leaf[catalog.Datacenter]{
		"country_code": {str: func(d catalog.Datacenter) string { return d.CountryCode }},
		"region":       {str: func(d catalog.Datacenter) string { return d.Region }},
	}
}

func cookieFields() map[string]leaf[cookie] {
	return map[string]leaf[cookie]{
		"name":  {str: func(c cookie) string { return c.name }},
		"value": {str: func(c cookie) string { return c.value }},
	}
}

// cookie is one cookie as expressions see it.
type cookie struct{ name, value string }
