package admin

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"weir/access/store"
)

// flushTimeout bounds the wait for usage that is queued: what is in the store is worth more than nothing.
const flushTimeout = 2 * time.Second

// usageOut is one attempt of one request.
type usageOut struct {
	ID              string            `json:"id"`
	EventTime       time.Time         `json:"eventTime"`
	RequestID       string            `json:"requestId"`
	AccessKeyID     *string           `json:"accessKeyId" doc:"Null for callers without an access key."`
	Provider        string            `json:"provider"`
	ProviderName    string            `json:"providerDisplayName"`
	Model           string            `json:"model"`
	ModelName       string            `json:"modelDisplayName"`
	Attempt         int               `json:"attemptNumber" doc:"From 1."`
	Final           bool              `json:"isFinalAttempt"`
	Status          *int              `json:"statusCode" doc:"Of the provider; null where there was no answer."`
	TimedOut        bool              `json:"timedOut"`
	IsError         bool              `json:"isError"`
	Streaming       bool              `json:"isStreaming"`
	StopReason      *string           `json:"stopReason"`
	Input           *int64            `json:"inputTokens" doc:"The whole prompt, with what a cache held; null where it is not known."`
	Output          *int64            `json:"outputTokens" doc:"All that was made, thinking included; null where it is not known."`
	CacheRead       *int64            `json:"cacheReadTokens"`
	CacheWrite      *int64            `json:"cacheWriteTokens"`
	Reasoning       *int64            `json:"reasoningTokens"`
	TotalCost       *string           `json:"totalCost" doc:"USD as an exact decimal; null where it is not known, which is not zero."`
	CostKnown       bool              `json:"costKnown"`
	Estimated       bool              `json:"usageEstimated" doc:"The provider did not tell, and the gateway counted."`
	KeySource       string            `json:"keySource" api:"enum=none|gateway|user|client"`
	ProviderKeyID   *string           `json:"providerKeyId"`
	ProviderKeyName *string           `json:"providerKeyDisplayName"`
	LatencyMS       int64             `json:"latencyMs"`
	FirstTokenMS    *int64            `json:"timeToFirstTokenMs" doc:"Null for what is no stream."`
	TeamID          *string           `json:"teamId"`
	CallerID        *string           `json:"callerId" doc:"Who called without an access key."`
	API             string            `json:"api"`
	Tags            map[string]string `json:"tags"`
	Code            *string           `json:"code" doc:"Why it failed, as a word of the gateway."`
}

func usageFilters() []param {
	return []param{
		{name: "startTime", doc: "The first moment that counts.", required: true, format: "date-time"},
		{name: "endTime", doc: "The moment after the last that counts; left out, it is now.", format: "date-time"},
		{name: "accessKeyId", doc: "Only usage of this access key."},
		{name: "teamId", doc: "Only usage of this team."},
		{name: "provider", doc: "Only usage of this provider."},
		{name: "model", doc: "Only usage of this model."},
		{name: "tag", doc: "Only usage with this tag, as name:value or a name alone."},
	}
}

func usageRoutes() []*route {
	return []*route{
		{
			method: methodGet, pattern: pathUsage, right: rightRead, name: "listUsage", list: "aiGatewayUsage", out: reflect.TypeFor[usageOut](),
			status: fasthttp.StatusOK, store: true, serve: listUsage, doc: "Lists attempts, newest first.",
			params: append(usageFilters(),
				param{name: "includeRetries", doc: "Attempts that others followed, too.", format: "boolean", initially: "false"},
				param{name: "cursor", doc: "Where the page before ended, from its nextPageUri."}, paramLimit(usageLimit)),
		},
		{
			method: methodGet, pattern: pathOverview, right: rightRead, name: "getUsageOverview", out: reflect.TypeFor[overviewOut](),
			status: fasthttp.StatusOK, store: true, serve: showOverview, doc: "Adds usage up by UTC day and group.",
			params: append(usageFilters(), param{
				name: "groupBy", doc: "What usage is told apart by.", initially: "provider",
				enum: []string{"provider", "accessKey", "team", "model"}, prefix: "tag:",
			}),
		},
	}
}

// usageQuery reads the parameters that both pages have, once what is queued is in the store.
func (q *request) usageQuery() (store.UsageQuery, error) {
	s := store.UsageQuery{
		Start: q.time("startTime"), End: q.time("endTime"), AccessKeyID: q.query["accessKeyId"], TeamID: q.query["teamId"],
		Provider: q.query["provider"], Model: q.query["model"],
	}
	s.Tag, s.TagValue, _ = strings.Cut(q.query["tag"], ":")
	if !s.End.IsZero() && s.End.Before(s.Start) {
		return s, badField("endTime", "is before startTime")
	}
	if q.FlushUsage != nil {
		limit, cancel := context.WithTimeout(q.ctx, flushTimeout)
		defer cancel()
		if err := q.FlushUsage(limit); err != nil {
			q.Log.Warn().Err(err).Msg("usage that is queued is not in the store yet")
		}
	}
	return s, nil
}

func listUsage(q *request) (*reply, error) {
	s, err := q.usageQuery()
	if err != nil {
		return nil, err
	}
	s.FinalOnly, s.Cursor, s.Limit = q.query["includeRetries"] != "true", q.query["cursor"], q.limit()
	rows, next, err := q.Store.Usage(q.ctx, &s)
	if err != nil {
		return nil, err
	}
	names := q.providerNames()
	out := make([]usageOut, 0, len(rows))
	for i := range rows {
		out = append(out, q.usage(&rows[i], names))
	}
	return q.page("aiGatewayUsage", out, "cursor", next)
}

// providerNames is from ids of providers to names for people.
func (q *request) providerNames() map[string]string {
	out := map[string]string{}
	if q.Providers != nil {
		for _, p := range q.Providers() {
			out[p.ID] = p.Name
		}
	}
	for _, p := range q.snapshot.Providers {
		out[p.ProviderID] = p.Name
	}
	return out
}

func (q *request) usage(u *store.Usage, names map[string]string) usageOut {
	out := usageOut{
		ID: u.ID, EventTime: u.Time.UTC(), RequestID: u.RequestID, AccessKeyID: nullable(u.AccessKeyID), Provider: u.Provider,
		ProviderName: u.Provider, Model: u.Model, ModelName: u.Model, Attempt: u.Attempt, Final: u.Final, TimedOut: u.TimedOut,
		IsError: u.Code != "" || u.Status >= fasthttp.StatusBadRequest || u.Status == 0, Streaming: u.Streaming,
		StopReason: nullable(u.StopReason), TotalCost: usd(u.Cost, u.CostKnown), CostKnown: u.CostKnown, Estimated: u.Estimated,
		KeySource: u.KeySource, ProviderKeyID: nullable(u.ProviderKeyID), LatencyMS: u.LatencyMS, TeamID: nullable(u.TeamID),
		CallerID: nullable(u.CallerID), API: u.API, Tags: map[string]string{}, Code: nullable(u.Code),
	}
	if name := names[u.Provider]; name != "" {
		out.ProviderName = name
	}
	if u.Status != 0 {
		out.Status = &u.Status
	}
	if u.UsageKnown {
		out.Input, out.Output, out.CacheRead = &u.Input, &u.Output, &u.CacheRead
		out.CacheWrite, out.Reasoning = &u.CacheWrite, &u.Reasoning
	}
	if u.FirstTokenMS > 0 {
		out.FirstTokenMS = &u.FirstTokenMS
	}
	if k := q.snapshot.ProviderKeys[u.ProviderKeyID]; k != nil {
		out.ProviderKeyName = nullable(k.Name)
	}
	if u.Tags != "" && json.Unmarshal([]byte(u.Tags), &out.Tags) != nil {
		out.Tags = map[string]string{}
	}
	return out
}
